"""What is fetched when: Faust's consumer, as far as it decides that (`faust.transport.consumer.Consumer`)."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from random import Random
from typing import Any, Final, TypeAlias

from streamproc.adapters.kafka.log import CommitFailedError, Consumer, ConsumerRecord, TopicPartition

Fault: TypeAlias = Callable[[str], Random | None]
"""Whether a fault of this kind happens now; if so, chance for how."""
MOST: Final = 1_000
"""Records of one fetch (`broker_max_poll_records`)."""
IDLE: Final = 1.0
"""Seconds between two looks for something to fetch, where no partition may be."""


class Flow:
    """Of one worker. `kafka` is a member of the group; it isn't started here. `changelogs`: topics of tables."""

    def __init__(self, kafka: Consumer, changelogs: Collection[str], fault: Fault) -> None:
        self.kafka = kafka
        self.active: set[TopicPartition] = set()
        """What is fetched, while `flow_active`."""
        self.flow_active = True
        self.suspend_flow = asyncio.Event()
        self.should_stop = False
        self._can_resume = asyncio.Event()
        self._paused: set[TopicPartition] = set()
        self._acked: defaultdict[TopicPartition, list[int]] = defaultdict(list)
        """Partitions that have something to commit."""
        self._changelogs = changelogs
        self._fault = fault

    # For the bridge's batches and marks

    async def _getmany(
        self,
        active_partitions: set[TopicPartition],
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        places = sorted(active_partitions)
        fetched = await self.kafka.getmany(*places, timeout_ms=int(timeout * 1000), max_records=MOST)
        if fetched and (chance := self._fault("faust.held_batch")):
            await asyncio.sleep(chance.expovariate(0.5))
        inputs = [place for place in fetched if place.topic not in self._changelogs]
        if inputs and (chance := self._fault("faust.dropped_batch")):
            dropped = chance.choice(inputs)
            return {place: records for place, records in fetched.items() if place != dropped}
        return fetched

    async def wait_first(self, *waiting: Awaitable[object]) -> None:
        """Wait for the first of them."""
        tasks = [asyncio.ensure_future(each) for each in waiting]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def assignment(self) -> set[TopicPartition]:
        """The partitions that are here."""
        return self.kafka.assignment()

    def highwater(self, place: TopicPartition) -> int | None:
        """The offset at which the partition ends."""
        return self.kafka.highwater(place)

    async def position(self, place: TopicPartition) -> int:
        """The offset that is fetched next."""
        return await self.kafka.position(place)

    # For the app

    def stop_flow(self) -> None:
        """Nothing more is handed out."""
        self.flow_active = False
        self._can_resume.clear()
        self.suspend_flow.set()

    def resume_flow(self) -> None:
        """What comes is handed out."""
        self.flow_active = True
        self._can_resume.set()
        self.suspend_flow.clear()

    def pause(self, places: Iterable[TopicPartition]) -> None:
        """Fetch nothing of these."""
        self.active.difference_update(places)
        self._paused.update(places)

    def resume(self, places: Iterable[TopicPartition]) -> None:
        """Fetch these again."""
        self.active.update(places)
        self._paused.difference_update(places)

    def leave(self, revoked: Iterable[TopicPartition]) -> None:
        """Partitions go."""
        for place in revoked:
            self.active.discard(place)
            self._paused.discard(place)
            self._acked.pop(place, None)

    def come(self, assigned: set[TopicPartition]) -> None:
        """These are here from now on."""
        self._paused &= assigned
        self.active.clear()
        self.active.update(assigned - self._paused)

    async def drain(
        self,
        getmany: Callable[[set[TopicPartition], float], Awaitable[Mapping[TopicPartition, Any]]],
        rest: Callable[[Sequence[ConsumerRecord]], None],
        generation: Callable[[], int],
    ) -> None:
        """Fetch until cancelled. `getmany` hands batches to agents; `rest` takes what it leaves."""
        while True:
            if not self.flow_active:
                await self._can_resume.wait()
            if chance := self._fault("faust.stall"):
                await asyncio.sleep(chance.expovariate(0.2))
            if not self.active:
                await asyncio.sleep(IDLE)
                continue
            fetched = await getmany(self.active, IDLE)
            if not self.flow_active:
                await self.seek_to_committed()
                continue
            begun = generation()
            for place, records in fetched.items():
                if self.flow_active and generation() == begun and place in self.active:
                    rest(records)
            await asyncio.sleep(0)

    async def seek_to_committed(self) -> None:
        """Where nothing was committed, or 0, it goes on where it is. Raises IllegalStateError, KafkaError."""
        for place in sorted(self.kafka.assignment()):
            committed = await self.kafka.committed(place)
            if committed:
                self.kafka.seek(place, committed)

    async def commit(self, committable: Callable[[TopicPartition], int | None]) -> None:
        """What has moved on. Raises KafkaError."""
        here, offsets = self.kafka.assignment(), dict[TopicPartition, int]()
        for place in list(self._acked):
            offset = committable(place)
            if offset is not None and place in here and self._should_commit(place, offset):
                offsets[place] = offset
        if offsets:
            await self._commit(offsets)

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        try:
            await self.kafka.commit(offsets)
        except CommitFailedError:
            return False
        return True

    def _should_commit(self, place: TopicPartition, offset: int) -> bool:
        raise NotImplementedError("the bridge decides it")

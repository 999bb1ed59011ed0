"""Hydrator: fetches whom notifications name, and appends what the directories say to `events.<source>`.

A notification's offset is committed when the brokers have the answer, or a rejection, for everybody whom it names:
killed in between, it is fetched again. Beside that each source is synchronised on a schedule, and Graph's subscription
is kept.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, RebalanceInProgressError

from streamproc.core.flow.offset_tracker import OffsetTracker
from streamproc.core.parsed_payload import FetchRequest
from streamproc.hydrator.directories.api import DirectoryError
from streamproc.hydrator.fetcher import Fetcher, Ticket, rejection
from streamproc.hydrator.sync import Sync
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions
from streamproc.sources.raw_record import parse_record

log = structlog.get_logger("streamproc.hydrator")

READ_AHEAD = 20_000
"""Subjects with work ahead before reading waits."""
TOPIC = "notifications."


class Hydrator(ConsumerRebalanceListener):  # type: ignore[misc]
    """See above. `consumer` isn't started yet. `syncs`: what to run every so many seconds, and for everybody every
    `whole_every`. `beside`: runs as long as the hydrator does.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        fetchings: Mapping[str, Fetcher],
        options: Mapping[str, SourceOptions],
        syncs: Iterable[tuple[Sync, float]] = (),
        beside: Iterable[Coroutine[Any, Any, None]] = (),
        whole_every: float = 0.0,
    ) -> None:
        self._consumer = consumer
        self._fetchings = fetchings
        self._options = options
        self._syncs = list(syncs)
        self._beside = list(beside)
        self._whole_every = whole_every
        self._offsets: dict[TopicPartition, OffsetTracker] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._places: dict[Ticket, TopicPartition] = {}
        self._rejecting: set[asyncio.Task[None]] = set()

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Hydrate until cancelled. Raises what the producer couldn't overcome: a restart begins where it ended."""
        await self._consumer.start()
        self._consumer.subscribe([TOPIC + source for source in self._fetchings], listener=self)
        tasks = [
            asyncio.create_task(self._read(ready)),
            *(asyncio.create_task(fetching.run()) for fetching in self._fetchings.values()),
            *(asyncio.create_task(self._scheduled(sync, every)) for sync, every in self._syncs),
            *map(asyncio.ensure_future, self._beside),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for done in tasks:
                if done.done():
                    done.result()
        finally:
            for task in (*tasks, *self._rejecting):
                task.cancel()
            await asyncio.gather(*tasks, *self._rejecting, return_exceptions=True)
            await self._commit()
            await self._consumer.stop()

    def measure(self) -> None:
        """Set the gauges."""
        for fetching in self._fetchings.values():
            fetching.measure()

    async def _read(self, ready: Callable[[], None]) -> None:
        announced = False
        while True:
            batches = await self._consumer.getmany(timeout_ms=100, max_records=500)
            for place, records in batches.items():
                for record in records:
                    self._take_in(place, record)
            for task in [task for task in self._rejecting if task.done()]:
                self._rejecting.discard(task)
                task.result()
            await self._commit()
            self._bound()
            if not announced and self._consumer.assignment():
                announced = True
                ready()

    def _take_in(self, place: TopicPartition, record: ConsumerRecord) -> None:
        offsets = self._offsets.setdefault(place, OffsetTracker())
        if not offsets.start(record.offset):
            return  # read twice
        source = place.topic.removeprefix(TOPIC)
        notices = self._notices(source, record)
        if not notices:
            log.warning("notification names nobody", source=source, partition=place.partition, offset=record.offset)
            offsets.finish(record.offset)
            return
        ticket = Ticket(lambda _: None)
        ticket.ended = partial(self._ended, ticket, place, record)
        self._places[ticket] = place
        self._fetchings[source].offer(ticket, notices)

    def _notices(self, source: str, record: ConsumerRecord) -> tuple[FetchRequest, ...]:
        said = parse_record(
            SOURCES[source].read, self._options[source], record.value, dict(record.headers), record.timestamp
        )
        return said.notifications

    def _ended(self, ticket: Ticket, place: TopicPartition, record: ConsumerRecord, failed: str | None) -> None:
        self._places.pop(ticket, None)
        if failed is None:
            self._finish(place, record.offset)
        else:
            self._rejecting.add(asyncio.ensure_future(self._reject(place, record, failed)))

    async def _reject(self, place: TopicPartition, record: ConsumerRecord, reason: str) -> None:
        where = (place.partition, record.offset)
        rejected = rejection(place.topic, where, reason, record.timestamp, record.key or b"", record.value or b"")
        await self._fetchings[place.topic.removeprefix(TOPIC)].append(rejected)
        self._finish(place, record.offset)

    def _finish(self, place: TopicPartition, offset: int) -> None:
        if place in self._offsets:
            self._offsets[place].finish(offset)

    async def _commit(self) -> None:
        found = {place: offset for place, each in self._offsets.items() if (offset := each.committable()) is not None}
        new = {place: offset for place, offset in found.items() if self._committed.get(place) != offset}
        if not new:
            return
        try:
            await self._consumer.commit(new)
        except (CommitFailedError, IllegalStateError, RebalanceInProgressError):
            return  # partitions are moving: what isn't committed is read again
        self._committed |= new

    def _bound(self) -> None:
        """A consumer that is full goes on polling, to stay in its group."""
        full = {TOPIC + source for source, each in self._fetchings.items() if len(each) >= READ_AHEAD}
        places = self._consumer.assignment()
        paused = self._consumer.paused()
        if stop := {place for place in places - paused if place.topic in full}:
            self._consumer.pause(*stop)
        if go := {place for place in paused if place.topic not in full}:
            self._consumer.resume(*go)

    async def _scheduled(self, sync: Sync, every: float) -> None:
        while True:
            try:
                counts: Any = await sync.run(whole_every=self._whole_every)
                log.info("synchronised", source=sync.source, counts=str(counts))
            except DirectoryError as error:
                log.error("not synchronised", source=sync.source, reason=str(error))  # noqa: TRY400 - it says all
            await sync.times.sleep(every)

    # The consumer group

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._commit()
        gone = set(revoked)
        for fetching in self._fetchings.values():
            fetching.forget(lambda ticket: self._places.get(ticket) in gone)
        self._places = {ticket: place for ticket, place in self._places.items() if place not in gone}
        for place in gone:
            self._offsets.pop(place, None)
            self._committed.pop(place, None)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        log.info("partitions assigned", topics=sorted({place.topic for place in assigned}))

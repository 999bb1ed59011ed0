"""The consumer, alone or as a member of a group."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from streamproc.adapters.kafka.log import (
    ConsumerRebalanceListener,
    ConsumerStoppedError,
    IllegalOperation,
    IllegalStateError,
    KafkaConnectionError,
    OffsetAndTimestamp,
    TopicPartition,
)
from streamproc.testing.memory_log.broker import MemoryBroker
from streamproc.testing.memory_log.group import Group
from streamproc.testing.memory_log.link import Link
from streamproc.testing.memory_log.membership import Membership
from streamproc.testing.memory_log.partition import MemoryRecord
from streamproc.testing.memory_log.positions import Positions

MOST = 500
"""Records that `getmany` gives at once, if it isn't told otherwise (aiokafka's `max_poll_records`)."""


class MemoryConsumer:
    """`adapters/kafka/log.py: Consumer`."""

    def __init__(self, broker: MemoryBroker, link: Link, group: str | None, *, committed_only: bool) -> None:
        self._broker = broker
        self._link = link
        self._group = None if group is None else broker.group(group)
        self._positions = Positions(broker, self._group, committed_only=committed_only)
        self._membership: Membership | None = None
        self._stopped = False

    async def start(self) -> None:
        await self._link.pass_by("start")

    async def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        self._positions.leave()
        self._positions.wake()
        if self._membership is not None:
            await self._membership.stop()

    def kill(self) -> None:
        """The process is gone; its session isn't, yet."""
        if self._membership is not None:
            self._membership.kill()

    def expire(self) -> None:
        """The group goes on without it. If it is only slow, it joins again."""
        if self._membership is not None:
            self._membership.expire()

    # Which partitions

    def subscribe(self, topics: Sequence[str], *, listener: ConsumerRebalanceListener | None = None) -> None:
        if self._group is None or self._positions.assigned() or self._membership is not None:
            raise IllegalStateError("it has no group, or has partitions by other means")
        self._membership = Membership(self._link, self._group, self._positions, frozenset(topics), listener)

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        if self._membership is not None:
            raise IllegalStateError("it shares its topics with others")
        self._positions.assign(partitions)

    def assignment(self) -> set[TopicPartition]:
        return self._positions.assigned()

    def pause(self, *partitions: TopicPartition) -> None:
        self._positions.paused.update(map(self._positions.own, partitions))

    def resume(self, *partitions: TopicPartition) -> None:
        self._positions.paused.difference_update(map(self._positions.own, partitions))
        self._positions.wake()

    def paused(self) -> set[TopicPartition]:
        return set(self._positions.paused)

    # Records

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Mapping[TopicPartition, Sequence[MemoryRecord]]:
        clock = asyncio.get_running_loop().time
        idle = 1.0 if self._membership is None else self._broker.idle
        deadline = clock() + timeout_ms / 1000 * idle
        while not self._stopped:
            if self._link.cut:
                raise KafkaConnectionError("fetch")
            if self._membership is not None:
                await self._membership.settled.wait()
            if self._positions.anything(partitions):
                await self._link.pass_by("fetch")
                if self._membership is not None:
                    await self._membership.settled.wait()
                if self._stopped:
                    break
                if records := self._positions.take(partitions, max_records or MOST):
                    return records
            elif not await self._positions.more(deadline - clock()) and not self._stopped:
                return {}
        raise ConsumerStoppedError

    # Offsets

    async def position(self, partition: TopicPartition) -> int:
        if not self._positions.known(self._positions.own(partition)):
            await self._link.pass_by("offsets")
        return self._positions.position(self._positions.own(partition))

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions.seek(partition, offset)

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        for place, offset in (await self.beginning_offsets([*partitions] or [*self.assignment()])).items():
            self.seek(place, offset)

    async def seek_to_end(self, *partitions: TopicPartition) -> None:
        for place, offset in (await self.end_offsets([*partitions] or [*self.assignment()])).items():
            self.seek(place, offset)

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return await self._link.request(
            "offsets", lambda: {place: self._broker.partition(place).start for place in partitions}
        )

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return await self._link.request("offsets", lambda: {place: self._positions.end(place) for place in partitions})

    async def offsets_for_times(
        self, timestamps: dict[TopicPartition, int]
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        return await self._link.request(
            "offsets", lambda: {place: self._positions.first_at(place, at) for place, at in timestamps.items()}
        )

    def highwater(self, partition: TopicPartition) -> int | None:
        return self._positions.highwater.get(partition)

    def last_stable_offset(self, partition: TopicPartition) -> int | None:
        return self._positions.stable.get(partition)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        group = self._grouped()
        for place in offsets:
            self._positions.own(place)
        member = None if self._membership is None else self._membership.member
        await self._link.request("commit", partial(group.commit, self._link.name, member, dict(offsets)))

    async def committed(self, partition: TopicPartition) -> int | None:
        group = self._grouped()
        return await self._link.request("committed", lambda: group.offsets.get(partition))

    def _grouped(self) -> Group:
        if self._group is None:
            raise IllegalOperation("it has no group")
        return self._group

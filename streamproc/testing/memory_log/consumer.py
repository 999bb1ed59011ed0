"""The consumer, alone or as a member of a group."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import structlog

from streamproc.adapters.kafka.log import (
    ConsumerRebalanceListener,
    ConsumerStoppedError,
    IllegalOperation,
    IllegalStateError,
    OffsetAndTimestamp,
    TopicPartition,
)
from streamproc.adapters.kafka.unreadable import GONE, beyond, told
from streamproc.core.records.headers import UNREADABLE, Unread
from streamproc.core.records.units import Millis
from streamproc.testing.memory_log.broker import MemoryBroker
from streamproc.testing.memory_log.group import Member
from streamproc.testing.memory_log.link import Link
from streamproc.testing.memory_log.partition import MemoryRecord, Partition

log = structlog.get_logger("streamproc.testing")

MOST = 500
"""Records that `getmany` gives at once, if it isn't told otherwise (aiokafka's `max_poll_records`)."""


class MemoryConsumer:
    """`adapters/kafka/log.py: Consumer`."""

    def __init__(self, broker: MemoryBroker, link: Link, group: str | None, *, committed_only: bool) -> None:
        self._broker = broker
        self._link = link
        self._group = None if group is None else broker.group(group)
        self._committed_only = committed_only
        self._member: Member | None = None
        self._listener: ConsumerRebalanceListener | None = None
        self._follower: asyncio.Task[None] | None = None
        self._closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settled = asyncio.Event()
        """Whether partitions were assigned, and none are moving."""
        self._positions: dict[TopicPartition, int | None] = {}
        """Those assigned, next the one whose turn it is. None: wherever reading begins."""
        self._paused: set[TopicPartition] = set()
        self._highwater: dict[TopicPartition, int] = {}
        self._stable: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        await self._link("start")

    async def stop(self) -> None:
        if self._closing.done():
            return
        self._closing.set_result(None)
        self._broker.notify()
        if self._follower is not None:
            await asyncio.wait([self._follower])
        if not self._link.cut:
            self.expire()

    def kill(self) -> None:
        """The process is gone; its session isn't, yet."""
        if self._follower is not None:
            self._follower.cancel()

    def expire(self) -> None:
        """The group goes on without it. If it is only slow, it joins again."""
        if self._group is not None and self._member is not None:
            self._group.leave(self._member)

    # Which partitions

    def subscribe(self, topics: Sequence[str], *, listener: ConsumerRebalanceListener | None = None) -> None:
        if self._group is None or self._positions or self._member is not None:
            raise IllegalStateError("it has no group, or has partitions by other means")
        self._member = Member(frozenset(topics))
        self._listener = listener
        self._follower = asyncio.create_task(self._follow(self._member), name="consumer group")

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        if self._member is not None:
            raise IllegalStateError("it shares its topics with others")
        self._receive(partitions)

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    def pause(self, *partitions: TopicPartition) -> None:
        self._paused.update(map(self._own, partitions))

    def resume(self, *partitions: TopicPartition) -> None:
        self._paused.difference_update(map(self._own, partitions))
        self._broker.notify()

    def paused(self) -> set[TopicPartition]:
        return set(self._paused)

    # Records

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Mapping[TopicPartition, Sequence[MemoryRecord]]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_ms / 1000
        await self._link("fetch")
        while not self._closing.done():
            await self._settled.wait()
            records = self._take(partitions, max_records or MOST)
            if records or clock() >= deadline or not await self._broker.more(deadline - clock()):
                return records
        raise ConsumerStoppedError

    def _take(self, asked: Sequence[TopicPartition], most: int) -> dict[TopicPartition, Sequence[MemoryRecord]]:
        taken: dict[TopicPartition, Sequence[MemoryRecord]] = {}
        for place in [
            place for place in self._positions if place not in self._paused and (place in asked or not asked)
        ]:
            partition, first = self._broker.partition(place), self._position(place)
            gone = self._gone(partition, first)
            records = [*gone, *islice(partition.read(first, committed_only=self._committed_only), most - len(gone))]
            end = partition.readable_end(committed_only=self._committed_only)
            self._highwater[place] = partition.end
            self._stable[place] = partition.readable_end(committed_only=True)
            del self._positions[place]  # its next turn is after the others
            self._positions[place] = records[-1].offset + 1 if len(records) == most else max(first, end)
            if records:
                taken[place] = records
                most -= len(records)
            if most == 0:
                break
        return taken

    def _gone(self, partition: Partition, first: int) -> list[MemoryRecord]:
        """What stands in the place of records that were removed before they were read. Raises HistoryError."""
        topic, number, start = partition.topic, partition.number, partition.start
        if first > partition.end:
            raise beyond(topic, number, first)
        if first >= start:
            return []
        words = told(topic, number, first, start, GONE)
        headers = ((UNREADABLE, Unread(words.encode())),)
        return [MemoryRecord(topic, number, start - 1, Millis(self._broker.clock()), None, None, headers)]

    # Offsets

    async def position(self, partition: TopicPartition) -> int:
        await self._link("offsets")
        return self._position(self._own(partition))

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[self._own(partition)] = offset
        self._broker.notify()

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        for place, offset in (await self.beginning_offsets(partitions or list(self._positions))).items():
            self.seek(place, offset)

    async def seek_to_end(self, *partitions: TopicPartition) -> None:
        for place, offset in (await self.end_offsets(partitions or list(self._positions))).items():
            self.seek(place, offset)

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        await self._link("offsets")
        offsets = {place: self._broker.partition(place).start for place in partitions}
        await self._link("offsets")
        return offsets

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        await self._link("offsets")
        offsets = {place: self._end(self._broker.partition(place)) for place in partitions}
        await self._link("offsets")
        return offsets

    async def offsets_for_times(
        self, timestamps: dict[TopicPartition, int]
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        await self._link("offsets")
        found = {place: self._broker.partition(place).first_at(at) for place, at in timestamps.items()}
        await self._link("offsets")
        return {
            place: None if record is None else OffsetAndTimestamp(record.offset, record.timestamp)
            for place, record in found.items()
        }

    def highwater(self, partition: TopicPartition) -> int | None:
        return self._highwater.get(partition)

    def last_stable_offset(self, partition: TopicPartition) -> int | None:
        return self._stable.get(partition)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self._group is None:
            raise IllegalOperation("it has no group")
        for place in offsets:
            self._own(place)
        await self._link("commit")
        self._group.commit(self._member, offsets)
        await self._link("commit")

    async def committed(self, partition: TopicPartition) -> int | None:
        if self._group is None:
            raise IllegalOperation("it has no group")
        await self._link("committed")
        offset = self._group.offsets.get(partition)
        await self._link("committed")
        return offset

    def _own(self, partition: TopicPartition) -> TopicPartition:
        if partition not in self._positions:
            raise IllegalStateError(f"{partition} isn't assigned")
        return partition

    def _position(self, place: TopicPartition) -> int:
        position = self._positions[place]
        if position is None and self._group is not None:
            position = self._group.offsets.get(place)
        if position is None:
            position = self._broker.partition(place).start
        self._positions[place] = position
        return position

    def _end(self, partition: Partition) -> int:
        return partition.readable_end(committed_only=self._committed_only)

    # The group

    async def _follow(self, member: Member) -> None:
        """Join, and join again whenever the group says so."""
        assert self._group is not None
        while not self._closing.done():
            self._settled.clear()
            await self._tell("on_partitions_revoked")
            await self._link("join")
            joining = self._group.join(member)
            await self._either(joining)
            if not joining.done():
                return
            self._receive(joining.result())
            await self._tell("on_partitions_assigned")
            await self._either(member.summons)

    async def _either(self, future: asyncio.Future[Any]) -> None:
        """Wait for it, or for `stop`."""
        await asyncio.wait([future, self._closing], return_when=asyncio.FIRST_COMPLETED)

    def _receive(self, partitions: Sequence[TopicPartition]) -> None:
        self._positions = dict.fromkeys(partitions)
        self._paused.clear()
        self._settled.set()
        self._broker.notify()

    async def _tell(self, callback: str) -> None:
        """What a listener raises is only logged, as aiokafka does."""
        if self._listener is not None:
            try:
                await getattr(self._listener, callback)(self.assignment())
            except Exception:
                log.exception("listener failed", callback=callback)

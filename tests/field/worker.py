"""The worker without Faust: resolver and fold on a log in memory, each record handled as soon as it is appended."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, cast

from streamproc.adapters.kafka.connections_in_force import ConnectionsInForce
from streamproc.adapters.kafka.log import started
from streamproc.core.errors import RejectedInputError
from streamproc.core.fold.refold import Refold
from streamproc.core.records import partitioner
from streamproc.core.records.change_event import Origin, encode_event
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.producer_record import Headers
from streamproc.core.records.rejected import Problem
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, OPERATIONS, PUSHED
from streamproc.core.records.units import Millis
from streamproc.sources.mapping_authority import usable
from streamproc.sources.options import SourceOptions
from streamproc.testing.memory_log import MemoryLog
from streamproc.topics import RESOLVED
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.decide.due_dates import due
from streamproc.worker.decide.held_claims import held_claims
from streamproc.worker.decide.replay import ordered_replay
from streamproc.worker.faust_bridge.state_table import StateTable
from streamproc.worker.pushes import Pushes
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.rejections import Rejections
from streamproc.worker.replays import Replays
from streamproc.worker.resolve import Resolver


class _Outbox:
    """A BatchingProducer that counts everything as acknowledged at once."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.waiting: deque[tuple[str, int, bytes, bytes, Headers]] = deque()

    def partition(self, key: bytes) -> int:
        return partitioner.partition_of(key, self.partitions)

    def put(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        acknowledged: Callable[[], None] = lambda: None,
        partition: int | None = None,
        headers: Headers | None = None,
    ) -> None:
        place = self.partition(key) if partition is None else partition
        self.waiting.append((topic, place, key, value, headers or []))
        acknowledged()

    def then(self, *steps: Callable[[], None]) -> None:
        for step in steps:
            step()


class _Table:
    """One of the worker's."""

    def __init__(self) -> None:
        self._kept: dict[tuple[bytes, int], bytes] = {}

    def read(self, key: bytes, partition: int) -> bytes | None:
        return self._kept.get((key, partition))

    def keep(self, key: bytes, value: bytes, partition: int) -> None:
        self._kept[key, partition] = value

    def records(self) -> Iterator[tuple[bytes, bytes, int]]:
        yield from ((key, value, partition) for (key, partition), value in self._kept.items())


class _NoConnections:
    """None is defined here: what matters of it is in each record."""

    def __init__(self) -> None:
        self.connections: dict[str, ConnectionDefinition] = {}

    async def definition(self, _: str) -> None:
        """Nobody knows."""


class FieldWorker:
    """`appended`: everything that was appended to the log, in order."""

    def __init__(self, log: MemoryLog, options: dict[str, SourceOptions], mapping: str, now: Millis) -> None:
        self.appended: list[RawRecord] = []
        self._log = log
        self._sending = False
        self._producer = log.producer()
        outbox = self._outbox = _Outbox(log.partitions)
        self.options = options
        self.rejections = Rejections(cast("BatchingProducer", outbox), options)
        self._replays = Replays(log, cast("BatchingProducer", outbox), self.rejections, _nothing)
        self._resolver = Resolver(
            cast("StateTable", _Table()), options, cast("BatchingProducer", outbox), self.rejections
        )
        self._pushes = Pushes(
            cast("StateTable", _Table()),
            cast("ConnectionsInForce", _NoConnections()),
            options["scim"],
            cast("BatchingProducer", outbox),
            self.rejections,
            self._resolver.ignored,
            _nothing,
        )
        rules = MappingInForce(-1, usable(mapping, "mapping").digest, mapping, "", "", Origin("", 0, -1, now), now)
        self.folds = [Refold(self._changes_of(number), rules) for number in range(log.partitions)]

    @property
    def ignored(self) -> dict[tuple[str, str], int]:
        """Source and code → how often something meant nothing here."""
        return dict(self._resolver.ignored)

    def _changes_of(self, partition: int) -> Callable[[int], list[StoredRecord]]:
        return lambda end: [
            _stored(raw)
            for raw in self.appended
            if (raw.topic, raw.partition) == (CHANGES, partition) and raw.offset < end
        ]

    async def append(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int | None = None
    ) -> None:
        """Append a record, and all that it leads to."""
        metadata = await self._producer.send_and_wait(topic, value, key, partition, headers=headers)
        place = (metadata.topic, metadata.partition, metadata.offset, Millis(metadata.timestamp))
        await self.take(RawRecord(*place, key, value, dict(headers)))

    async def take(self, raw: RawRecord) -> None:
        """A record that is in the log."""
        self.appended.append(raw)
        if raw.topic == CONTROLS and (order := ordered_replay(raw.value)) is not None:
            async with started(self._log.consumer()) as consumer:
                await self._replays.carry_out(consumer, raw, order)
        elif raw.topic == PUSHED:
            if (waiting := self._pushes.take(raw)) is not None:
                await waiting
        else:
            self._take(raw)
        if self._sending:
            return  # whoever began goes on with what this has led to
        self._sending = True
        while self._outbox.waiting:
            sent, number, name, content, beside = self._outbox.waiting.popleft()
            await self.append(sent, name, content, beside, number)
        self._sending = False

    async def dates(self, now: Millis) -> None:
        """Say which dates have come by now (ms since 1970), as the worker's timer does."""
        for partition, fold in enumerate(self.folds):
            for value in list(fold.records.values()):
                if (come := due(value, partition, now)) is not None:
                    await self.append(CHANGES, come.event.user.encode(), encode_event(come.event), [])
                    for each in come.refetches:
                        await self.append(each.topic, each.key, each.value, each.headers)

    def _take(self, raw: RawRecord) -> None:
        if raw.topic == CHANGES:
            known = self.folds[raw.partition].records.get((raw.key or b"").decode("utf-8", "replace"))
            step = self.folds[raw.partition].take(_stored(raw))
            for user, value in step.records.items():
                rules = self.folds[raw.partition].mapping
                if step.event is not None and step.event.kind != "mapping" and rules is not None:
                    problems, denies = held_claims(known, value, step.event, rules.file.attributes.active)
                    self.rejections.tell(raw, problems, denies=denies)
                self._outbox.put(OPERATIONS, user.encode(), value, partition=raw.partition)
            if step.left_out is not None:
                self.rejections.tell(raw, [Problem(step.left_out, "it doesn't fit")])
            if step.rejected is not None:
                self.rejections.reject(raw, RejectedInputError(step.rejected, "it can't be folded"), _nothing)
        elif raw.topic in RESOLVED:
            try:
                self._resolver.take(raw, _nothing)
            except RejectedInputError as error:
                self.rejections.reject(raw, error, _nothing)


def _stored(raw: RawRecord) -> StoredRecord:
    return StoredRecord(raw.topic, raw.partition, raw.offset, raw.timestamp, raw.key, raw.value)


def _nothing(*_: Any) -> None:
    pass

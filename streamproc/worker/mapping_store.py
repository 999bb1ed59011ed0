"""Mappings in force: by which mapping each partition of `identity.changes` is folded, as the log says.

Rule 1: the table knows a mapping only when all that it led to is acknowledged: it may be behind, never ahead. What is
read again after a crash is folded by what the table knows, and users who are past a change of the mapping skip it.
Rule 2: a partition that has no mapping yet gets the settings' file as its first, in the log. What lies before that was
folded by it too.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import orjson
import structlog

from streamproc import telemetry
from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import ConsumerRecord, Log, TopicPartition
from streamproc.adapters.kafka.mappings_in_force import CHANGED, USERS
from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.mapping_switch import compiled, facts_heard, readable_events
from streamproc.core.fold.refold import first_mapping
from streamproc.core.records.change_event import ChangeEvent, NewMapping, Origin, SourceFacts, encode_event
from streamproc.core.records.mapping_in_force import MAPPING_IN_FORCE, MARK, SOURCE, MappingInForce
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES, MAPPINGS
from streamproc.core.records.units import Millis, micros_of
from streamproc.sources.mapping_authority import usable
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.stream_app import StateTable

log = structlog.get_logger("streamproc.worker")

TURN: Final = 200
"""Events that are heard before others have their turn."""


class MappingStore:
    """For one worker. `file`: text and name of the settings' mapping, `chosen`: it isn't the one that is shipped.

    Raises MappingError where that file can't be used.
    """

    def __init__(
        self,
        kafka: Log,
        table: StateTable,
        file: tuple[str, str],
        clock: Callable[[], Millis],
        producer: BatchingProducer,
        *,
        chosen: bool,
    ) -> None:
        self._kafka = kafka
        self._chosen = chosen
        self._table = table
        self._text = file[0]
        self._own = usable(*file)
        self._clock = clock
        self._producer = producer
        self._mappings: dict[int, Mapping] = {}
        """By which each partition's next record is folded."""
        self._since: dict[int, int] = {}
        self._pending: dict[int, MappingInForce] = {}
        """On their way to the brokers: they are in force until the table has them."""
        self._first: dict[int, MappingInForce] = {}
        """What the partitions' logs begin with. That never changes, wherever the partitions go."""
        self._finding = asyncio.Lock()
        self._warned = False

    def mapping(self, partition: int) -> Mapping | None:
        """The one by which the partition's next record is folded; None: `find` its first."""
        known = self._mappings.get(partition)
        if known is None:
            in_force = self.in_force(partition)
            self._since[partition] = 0 if in_force is None else in_force.seq
            in_force = in_force or self._first.get(partition)
            if in_force is None:
                return None
            known = self._mappings[partition] = compiled(in_force.digest, in_force.text)
            if self._chosen and known.digest != self._own.digest and not self._warned:
                self._warned = True
                log.warning(
                    "the mapping in the settings isn't the one in force: `streamproc mapping apply` would change that",
                    settings=self._own.digest,
                    in_force=known.digest,
                )
        return known

    def in_force(self, partition: int) -> MappingInForce | None:
        """What has come into force there; None: the partition's first mapping wasn't reached yet."""
        pending = self._pending.get(partition)
        if pending is not None:
            return pending
        value = self._table.read(_key(partition), partition)
        return None if value is None else MAPPING_IN_FORCE.validate_json(value)

    def since(self, partition: int) -> int:
        """Below this offset all is folded, and isn't to be folded again by what came into force there."""
        return self._since.get(partition, 0)

    async def find(self, partition: int) -> None:
        """Look for the partition's first mapping from the log's beginning on; if there is none, append it (rule 2)."""
        async with self._finding:
            if partition in self._first:
                return
            address, appended = TopicPartition(CHANGES, partition), False
            async with reading.assigned(self._kafka, [address]) as reader:
                await reader.seek_to_beginning(address)
                while True:
                    ends = await reader.end_offsets([address])
                    async for records in reading.read_to(reader, ends):
                        first = first_mapping(_stored(each) for each in records if MARK in (each.value or b""))
                        if first is not None:
                            self._first[partition] = first
                            return
                        await asyncio.sleep(0)
                    if appended:
                        raise MappingError(f"the first mapping of {CHANGES}/{partition} was appended, and isn't there")
                    await self._append_first(partition, ends[address])
                    appended = True

    async def find_all(self) -> None:
        """See to it that each partition has its first mapping, so that a new one isn't taken for that."""
        for partition in range(self._kafka.partitions):
            await self.find(partition)

    async def facts_heard(self, partition: int, end: int, mapping: Mapping) -> dict[str, dict[str, SourceFacts]] | None:
        """What the partition's events below an offset have said of the mapping's facts; None: the first are gone."""
        facts: dict[str, dict[str, SourceFacts]] = {}
        if (await reading.beginning_offsets(self._kafka, CHANGES))[partition] > 0:
            return None
        async for records in reading.read_range(self._kafka, CHANGES, partition, 0, end):
            for start in range(0, len(records), TURN):
                facts_heard(readable_events(each.value for each in records[start : start + TURN]), mapping.facts, facts)
                await asyncio.sleep(0)
        return facts

    def enter(
        self,
        partition: int,
        in_force: MappingInForce,
        counts: tuple[int, int],
        done: Callable[[], None],
    ) -> None:
        """From now on this is in force. The table is told after all that was put before (rule 1), then `done`.

        `counts`: users, and how many of them got another desired state.
        """
        self._pending[partition] = in_force
        self._mappings[partition] = compiled(in_force.digest, in_force.text)
        key, value = _key(partition), orjson.dumps(in_force)
        users, changed = counts
        headers = [(USERS, str(users).encode()), (CHANGED, str(changed).encode())]

        def keep() -> None:
            self._table.keep(key, value, partition)
            if self._pending.get(partition) is in_force:
                del self._pending[partition]
            done()

        # In a later round than what went before, even where that is under way: rounds follow each other.
        send = partial(self._producer.put, MAPPINGS, key, value, partition=partition, headers=headers)
        self._producer.then(send, keep)

    def forget(self) -> None:
        """Partitions have moved."""
        self._mappings.clear()
        self._since.clear()
        self._pending.clear()

    def measure(self) -> None:
        """Set the gauges."""
        telemetry.MAPPING.clear()
        for partition in self._mappings:
            in_force = self.in_force(partition) or self._first[partition]
            telemetry.MAPPING.labels(str(partition), in_force.digest).set(in_force.seq)

    async def _append_first(self, partition: int, end: int) -> None:
        digest, now = self._own.digest, self._clock()
        origin = Origin(CHANGES, partition, end, now)
        new = NewMapping(self._text, "worker", first=True)
        event = ChangeEvent(
            "", SOURCE, "", digest, "mapping", (micros_of(now), end, digest), {}, origin, "first mapping", mapping=new
        )
        acknowledged = asyncio.Event()
        self._producer.put(CHANGES, digest.encode(), encode_event(event), acknowledged.set, partition)
        log.info("a partition's first mapping", partition=partition, digest=digest)
        await acknowledged.wait()


def _key(partition: int) -> bytes:
    return str(partition).encode()


def _stored(record: ConsumerRecord) -> StoredRecord:
    return StoredRecord(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value)

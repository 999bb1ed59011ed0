"""Mappings from outside the worker: which is in force where, orders for another, and whether it has come into force."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import ValidationError

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Consumer, ConsumerRecord, Log
from streamproc.adapters.kafka.mappings_in_force import CHANGED, USERS
from streamproc.core.errors import MappingError
from streamproc.core.records import partitioner
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import CONTROL, MAPPING
from streamproc.core.records.mapping_in_force import MAPPING_IN_FORCE, MappingInForce
from streamproc.core.records.topic_names import CONTROLS, MAPPINGS, REJECTIONS
from streamproc.sources.mapping_authority import usable

FEW: Final = 20
"""Users who may enter or leave the scope, or be suspended, by an order that doesn't name how many."""


@dataclass(frozen=True, slots=True)
class Switch:
    """What is in force in a partition. `users` were planned anew by it, and `changed` of them are to be otherwise."""

    partition: int
    rules: MappingInForce
    users: int
    changed: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A worker has rejected the order."""

    reason: str


def objection(counts: Mapping[str, int], named: Mapping[str, int | None]) -> str | None:
    """Why an order isn't given: more users than a few come and go by it, and nobody has said that so many are meant.

    `counts`: users by `enter`, `leave` and `suspend`; `named`: what the operator said of each, which has to be so.
    """
    if all(counts[name] <= FEW if said is None else counts[name] == said for name, said in named.items()):
        return None
    said = " ".join(f"--{name}s {counts[name]}" for name in named if counts[name] > FEW or named[name] is not None)
    return (
        f"by this mapping {counts['enter']} users would enter the scope or be suspended no longer, {counts['leave']} "
        f"would leave it and {counts['suspend']} would be suspended. If that is meant, say so: {said}"
    )


async def ordered(kafka: Log) -> list[tuple[int, str]]:
    """Offset and digest of each order of a mapping that a worker can obey, as they came. Raises KafkaError."""
    partition = partitioner.partition_of(MAPPING.encode(), kafka.partitions)
    found: list[tuple[int, str]] = []
    begin = (await reading.beginning_offsets(kafka, CONTROLS))[partition]
    end = (await reading.end_offsets(kafka, CONTROLS))[partition]
    async for records in reading.read_range(kafka, CONTROLS, partition, begin, end):
        for record in records:
            try:
                control = CONTROL.validate_json(record.value or b"")
                if control.action == "mapping" and control.mapping is not None:
                    found.append((record.offset, usable(control.mapping, "mapping").digest))
            except (ValidationError, MappingError):
                continue
    return found


class Watch:
    """Sees what becomes of an order. Made before the order is given, so that nothing is missed."""

    def __init__(self, reader: Consumer, partitions: int) -> None:
        self._reader = reader
        self._partitions = partitions

    async def switches(
        self, order: Origin, digest: str, before: list[tuple[int, str]], patience: float
    ) -> AsyncIterator[Switch | Refused]:
        """Each partition, as soon as the order counts there. `before`: see `ordered`.

        Raises TimeoutError where nothing has happened for `patience` seconds, KafkaError.
        """
        other = max((offset for offset, named in before if named != digest), default=-1)
        done: set[int] = set()
        while len(done) < self._partitions:
            async with asyncio.timeout(patience):
                found = await self._next(order, digest, other)
            for each in found:
                if isinstance(each, Refused):
                    yield each
                    return
                if each.partition not in done:
                    done.add(each.partition)
                    yield each

    async def _next(self, order: Origin, digest: str, other: int) -> list[Switch | Refused]:
        """What was read and is about the order; waits until there is something."""
        while True:
            found: list[Switch | Refused] = []
            for records in (await self._reader.getmany(timeout_ms=1000)).values():
                for record in records:
                    each = _refused(record, order) if record.topic == REJECTIONS else _switch(record)
                    if isinstance(each, Refused) or (each is not None and _counts(each.rules, order, digest, other)):
                        found.append(each)
            if found:
                return found


@asynccontextmanager
async def watch(kafka: Log) -> AsyncIterator[Watch]:
    """Open while an order is given and followed. Raises KafkaError."""
    mappings, rejections = (reading.partitions_of(kafka, topic) for topic in (MAPPINGS, REJECTIONS))
    async with reading.assigned(kafka, [*mappings, *rejections]) as reader:
        await reader.seek_to_beginning(*mappings)
        for place, end in (await reader.end_offsets(rejections)).items():
            reader.seek(place, end)
        yield Watch(reader, kafka.partitions)


def _switch(record: ConsumerRecord) -> Switch:
    headers = dict(record.headers)
    rules = MAPPING_IN_FORCE.validate_json(record.value)
    return Switch(record.partition, rules, int(headers.get(USERS, 0)), int(headers.get(CHANGED, 0)))


def _refused(record: ConsumerRecord, order: Origin) -> Refused | None:
    if record.key != f"{order.topic}/{order.partition}/{order.offset}".encode():
        return None
    said = orjson.loads(record.value)
    return Refused(f"{said['code']}: {said['reason']}")


def _counts(rules: MappingInForce, order: Origin, digest: str, other: int) -> bool:
    """Whether an order has come into force by these rules, or by others after it, or changes nothing."""
    obeyed = rules.origin.topic == order.topic
    if obeyed and rules.origin.offset >= order.offset:
        return True
    return rules.digest == digest and (other < 0 or (obeyed and rules.origin.offset > other))

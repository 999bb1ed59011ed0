"""A log that was written as the worker and the sink write it, but in memory: for whoever reads it afterwards."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.refold import Refold
from streamproc.core.records.change_event import ChangeEvent, Fact, NewMapping, Origin
from streamproc.core.records.control import Control
from streamproc.core.records.mapping_in_force import SOURCE, MappingInForce
from streamproc.core.records.outcome import Outcome, Request
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, OPERATIONS, OUTCOMES
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import FIRST, Cause, decode

BEGAN = 1_772_500_000_000
"""ms since 1970; when the first record is appended. Each one comes a second later."""
PARTITIONS = 2


class Log:
    """Topics in memory. What an event leads to is folded at once; what becomes of it is said by `tell`."""

    def __init__(self, mapping: str) -> None:
        self.records: list[StoredRecord] = []
        self.clock = BEGAN
        self._ends: dict[tuple[str, int], int] = {}
        self._raw = 0
        self._refolds = [Refold(lambda until, p=p: self._below(p, until), None) for p in range(PARTITIONS)]  # type: ignore[misc]
        for partition in range(PARTITIONS):
            origin = Origin(CHANGES, partition, FIRST, Millis(self.clock))
            self._fold(self._bring(partition, mapping, origin, "worker", "first mapping"))

    def history(self, *, without: Sequence[StoredRecord] = ()) -> InMemoryHistory:
        """All of it, but for some records."""
        return InMemoryHistory([each for each in self.records if each not in without], PARTITIONS)

    def say(self, user: str, attributes: dict[str, Fact], **more: Any) -> int:
        """One event of a user; returns its seq. Its further fields by name; `time` in s since the beginning."""
        self._raw += 1
        source = more.pop("source", "hris")
        time = BEGAN * 1000 + more.pop("time", self._raw) * 1_000_000
        name = more.pop("event", f"{user}-e{self._raw}")
        event = ChangeEvent(
            user=user,
            source=source,
            subject=more.pop("subject", user),
            event=name,
            kind=more.pop("kind", "change"),
            order=(time, 0, name),
            attributes=attributes,
            origin=Origin(f"events.{source}", 0, self._raw, Millis(self.clock + 1000), Millis(self.clock + 990)),
        )
        return self.put(replace(event, **more))

    def put(self, event: ChangeEvent) -> int:
        """The event as it is; returns its seq."""
        key = event.user.encode()
        return self._fold(self.append(CHANGES, partition_of(key, PARTITIONS), key, orjson.dumps(event)))

    def bring(self, text: str, by: str, reason: str) -> str:
        """A mapping by an operator's order, in every partition; returns its digest."""
        digest = parse_mapping(text).digest
        control = Control(f"mapping-{digest}", "mapping", None, None, by, reason, Millis(self.clock), None, text)
        placed = self.order(control)
        brought = [self._bring(partition, text, placed, by, reason, control) for partition in range(PARTITIONS)]
        for logged in brought:
            self._fold(logged)
        return digest

    def order(self, control: Control) -> Origin:
        """An operator's order."""
        logged = self.append(CONTROLS, 0, control.key.encode(), orjson.dumps(control))
        return Origin(CONTROLS, 0, logged.offset, logged.timestamp)

    def tell(self, user: str, seq: int, verdict: str, *, final: bool = True, **more: Any) -> StoredRecord:
        """An outcome about the record at `seq`."""
        record = self.folded(user, seq)
        outcome = Outcome(
            user=user,
            seq=seq,
            verdict=verdict,  # type: ignore[arg-type]  # as the caller has it
            final=final,
            at=Millis(self.clock),
            effect=record.effect,
            cause=record.cause,
            operations=more.pop("operations", [each.op for each in record.operations]),
            requests=more.pop("requests", []),
        )
        value = orjson.dumps(replace(outcome, **more))
        return self.append(OUTCOMES, partition_of(user.encode(), PARTITIONS), user.encode(), value)

    def request(self, method: str, path: str, body: dict[str, Any] | None, status: int | None, **more: Any) -> Request:
        """One of an outcome's."""
        return Request(
            "0-1-abc", method, path, body, Millis(self.clock), Millis(self.clock + 50), status, "corr-1", **more
        )

    def by_order(self, control: Control, origin: Origin) -> Cause:
        """The cause of what is done once more because an operator wants it."""
        return Cause("streamproc", control.id, origin, f"{control.by}: {control.reason}")

    def folded(self, user: str, seq: int) -> Any:
        """The user's record at `seq`."""
        return decode(
            next(each.value for each in self.written(user) if each.value and b'"seq":%d,' % seq in each.value)
        )

    def newest(self, user: str) -> Any:
        """The user's last record."""
        return decode(self.written(user)[-1].value or b"")

    def written(self, user: str) -> list[StoredRecord]:
        """The user's records, in the topic's order."""
        return [each for each in self.records if each.topic == OPERATIONS and each.key == user.encode()]

    def append(self, topic: str, partition: int, key: bytes, value: bytes | None) -> StoredRecord:
        """Any record."""
        self.clock += 1000
        offset = self._ends.get((topic, partition), 0)
        self._ends[topic, partition] = offset + 1 + (topic == OUTCOMES)  # transactions leave a marker
        logged = StoredRecord(topic, partition, offset, Millis(self.clock), key, value)
        self.records.append(logged)
        return logged

    def _bring(
        self, partition: int, text: str, origin: Origin, by: str, reason: str, control: Control | None = None
    ) -> StoredRecord:
        digest, first = parse_mapping(text).digest, control is None
        place = (Micros(self.clock * 1000), 0, digest)
        if control is not None:
            place = (Micros(control.at * 1000), origin.offset, control.id)
        mapping = NewMapping(text, by, first)
        event = ChangeEvent("", SOURCE, "", digest, "mapping", place, {}, origin, reason, mapping=mapping)
        if first:
            rules = MappingInForce(0, digest, text, by, reason, origin, Millis(self.clock))
            self._refolds[partition] = Refold(lambda until: self._below(partition, until), rules)
        return self.append(CHANGES, partition, digest.encode(), orjson.dumps(event))

    def _fold(self, logged: StoredRecord) -> int:
        for user, value in self._refolds[logged.partition].take(logged).records.items():
            self.append(OPERATIONS, logged.partition, user.encode(), value)
        return logged.offset

    def _below(self, partition: int, until: int) -> list[StoredRecord]:
        place = (CHANGES, partition)
        return [each for each in self.records if (each.topic, each.partition) == place and each.offset < until]

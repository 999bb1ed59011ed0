"""Refold: one partition of `identity.changes`, folded anew, as the worker did it.

It gives the very bytes that the worker wrote, or it is found out: what was rejected then is rejected here, and each
mapping is in force from the offset at which it was then.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import orjson
from pydantic import ValidationError

from streamproc.core.errors import MappingError
from streamproc.core.fold.headroom import Folded, fold_within
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.mapping_switch import compiled, facts_heard, readable_events, switched
from streamproc.core.records.change_event import ChangeEvent, SourceFacts, decode_event
from streamproc.core.records.mapping_in_force import MappingInForce, mapping_event
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.value import Value


class Step(Value, frozen=True):
    """What one record of `identity.changes` led to."""

    logged: StoredRecord
    event: ChangeEvent | None
    """None: the record is no event."""
    records: dict[str, bytes]
    """User → their next record, as a Kafka value."""
    rejected: str | None = None
    """Why it led to none: the code with which a worker rejects it."""
    left_out: str | None = None
    """Code of what of the event isn't in its record."""


class Refold:
    """Folds a partition's records one by one, in the order of their offsets."""

    def __init__(
        self,
        before: Callable[[int], Iterable[StoredRecord]],
        rules: MappingInForce | None,
        records: dict[str, bytes] | None = None,
    ) -> None:
        """`before(offset)` reads the partition's records below an offset, from its beginning; called at each switch.

        `rules`, `records`: the mapping in force, and user → Kafka value, where the fold doesn't start at the beginning.
        """
        self.records = {} if records is None else records
        """User → their newest record, as a Kafka value."""
        self.rules = rules
        """The mapping in force after the last record."""
        self.mapping: Mapping | None = None if rules is None else compiled(rules.digest, rules.text)
        self._before = before

    def take(self, logged: StoredRecord) -> Step:
        """Fold the next record."""
        try:
            event = decode_event(logged.value or b"")
        except ValidationError:
            return Step(logged, None, {}, "invalid")
        if event.kind == "mapping":
            return self._switch(logged, event)
        assert self.mapping is not None
        try:
            folded = fold_within(self.records.get(event.user), logged.offset, event, self.mapping)
        except orjson.JSONEncodeError:  # no worker could write it either
            return Step(logged, event, {}, "invalid")
        if folded.value is None:
            return Step(logged, event, {}, folded.rejected)
        self.records[event.user] = folded.value
        return Step(logged, event, {event.user: folded.value}, left_out=folded.left_out)

    def _switch(self, logged: StoredRecord, event: ChangeEvent) -> Step:
        try:
            rules = switched(self.rules, logged.offset, logged.timestamp, event)
        except MappingError:
            return Step(logged, event, {}, "mapping")
        if rules is None:
            return Step(logged, event, {})
        old, new = self.mapping, compiled(rules.digest, rules.text)
        self.rules, self.mapping = rules, new
        if old is None or old.digest == new.digest:
            return Step(logged, event, {})
        facts = (
            None
            if old.facts == new.facts
            else facts_heard(readable_events(each.value for each in self._before(logged.offset)), new.facts)
        )
        records: dict[str, bytes] = {}
        for user, known in self.records.items():
            heard = None if facts is None else facts.get(user, {})
            value = replanned(user, known, logged.offset, event, new, heard).value
            if value is not None:
                records[user] = value
        self.records |= records
        return Step(logged, event, records)


def replanned(
    user: str, known: bytes, seq: int, event: ChangeEvent, mapping: Mapping, facts: dict[str, SourceFacts] | None
) -> Folded:
    """A user's record after a mapping event. Rejected: it would be too large, and stays as it is."""
    return fold_within(known, seq, replace(event, user=user, mapping=None), mapping, facts)


def first_mapping(changes: Iterable[StoredRecord]) -> MappingInForce | None:
    """The rules that a partition's log begins with: those of its first mapping event. None: it has none."""
    for logged in changes:
        event = mapping_event(logged)
        if event is not None:
            try:
                return switched(None, logged.offset, logged.timestamp, event)
            except MappingError:
                continue
    return None

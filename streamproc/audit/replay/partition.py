"""Verify: one partition, folded anew and compared with what was recorded. Topics are read side by side, as streams.

What is kept in memory grows with the users, and by some forty bytes with each event.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final, Generic, TypeAlias, TypeVar

import orjson
from pydantic import ValidationError

from streamproc.audit.replay.outcome_check import OutcomeCheck
from streamproc.audit.replay.outcome_codec import parse_outcome
from streamproc.audit.replay.record_check import LAST, Finding, Findings, RecordCheck, said_of
from streamproc.core.errors import HistoryError, MappingError
from streamproc.core.fold.mapping_switch import switched
from streamproc.core.fold.refold import Refold
from streamproc.core.records.change_event import ChangeEvent, decode_event
from streamproc.core.records.mapping_in_force import MARK, MappingInForce, mapping_event
from streamproc.core.records.stored_record import History, StoredRecord, below
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DAY, DELIVERIES, OPERATIONS, OUTCOMES
from streamproc.core.records.user_record import FIRST, sealed

LAG: Final = 7 * DAY
"""ms; nothing younger is compacted (see `topics`)."""

One = TypeVar("One")

Ordered: TypeAlias = tuple[str, str, str | None, int]
"""What an order of a mapping says: by whom, why, the file's text; and when it was appended (ms since 1970)."""

ROW: Final = 128
"""Outcomes that are read in a row."""

_SEQ: Final = re.compile(rb'"seq":(\d+)')


@dataclass(frozen=True, slots=True)
class PartitionRequest:
    """What is to be verified.

    `since`: ms since 1970; the records of before are taken as they are recorded. `mapping`: for partitions that name
    none. `rejected`: partition and offset of the changes that are in `events.rejected`; None: that isn't known.
    `orders`: partition and offset in `streamproc.controls` → order of a mapping, None where it can't be read; None:
    that topic isn't there.
    """

    since: int | None = None
    mapping: MappingInForce | None = None
    rejected: frozenset[tuple[int, int]] | None = None
    orders: Mapping[tuple[int, int], Ordered | None] | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """Where it begins. `start`: the first offset; `trusted`: user → record as recorded."""

    start: int
    rules: MappingInForce | None
    trusted: dict[str, bytes]


@dataclass(slots=True)
class PartitionCheck:
    """A partition that was gone through."""

    asked: PartitionRequest
    begin: Begin
    audit: RecordCheck

    @property
    def first(self) -> Finding | None:
        """What is wrong first."""
        return self.audit.findings.first[0] if self.audit.findings.first else None


def check_partition(history: History, partition: int, asked: PartitionRequest) -> PartitionCheck:
    """Go through a partition. Raises HistoryError where no mapping is known."""
    findings = Findings()
    begin = _begin(history, partition, asked, findings)
    audit = RecordCheck(begin.start, begin.trusted, _intact(history, partition))
    audit.findings = findings
    if begin.rules is not None or not findings.first:  # without events, what else is recorded came of nothing
        _follow(history, partition, asked, begin, audit)
    return PartitionCheck(asked, begin, audit)


def refold(history: History, partition: int, begin: Begin) -> Refold:
    """The fold, at its beginning."""
    return Refold(partial(below, history, CHANGES, partition), begin.rules, dict(begin.trusted))


def _follow(history: History, partition: int, asked: PartitionRequest, begin: Begin, audit: RecordCheck) -> None:
    again = refold(history, partition, begin)
    fates = OutcomeCheck(audit, _deliveries(history, partition, audit))
    records = _Head(history.read(OPERATIONS, partition))
    outcomes = _Head(
        _ahead((logged, parse_outcome(logged.value or b"")) for logged in history.read(OUTCOMES, partition))
    )
    expected = begin.start
    for logged in history.read(CHANGES, partition, first=begin.start):
        if logged.offset != expected:
            audit.findings.add(Finding(expected, "gap", "", offset=expected))
        expected = logged.offset + 1
        step = again.take(logged)
        audit.folded(step)
        if step.rejected is not None:
            audit.counts.rejected += 1
        elif step.event is not None:
            audit.counts.mappings += step.event.kind == "mapping"
            _check_key_and_order(asked, audit, logged, step.event)
        if asked.rejected is not None and (step.rejected is not None) != ((partition, logged.offset) in asked.rejected):
            audit.disputed(logged, step.rejected)
        while audit.awaits and records.head is not None and audit.recorded(records.head):
            records.go_on()
        while outcomes.head is not None and fates.recorded(*outcomes.head, logged.offset):
            outcomes.go_on()
    while records.head is not None:
        audit.recorded(records.head, last=True)
        records.go_on()
    while outcomes.head is not None:
        fates.recorded(*outcomes.head, expected - 1, last=True)
        outcomes.go_on()
    fates.close()


def _check_key_and_order(asked: PartitionRequest, audit: RecordCheck, logged: StoredRecord, event: ChangeEvent) -> None:
    """What no record is made of: the event's key, and what a mapping's order says."""
    mapping, origin = event.mapping, event.origin
    if logged.key != (event.user if mapping is None else event.event).encode():
        audit.findings.add(Finding(logged.offset, "key", event.user, logged))
    if mapping is None or asked.orders is None or origin.topic != CONTROLS:
        return
    said = mapping.by, event.reason, mapping.text, origin.appended
    place = origin.partition, origin.offset
    if place not in asked.orders:
        audit.findings.add(Finding(logged.offset, "no order", "", logged, origin))
    elif asked.orders[place] != said:
        audit.findings.add(Finding(logged.offset, "order differs", "", logged, (origin, said, asked.orders[place])))


def _ahead(stream: Iterator[One]) -> Iterator[One]:
    """The same, but what it takes to make each is done for some in a row: turn about with other work takes longer."""
    while some := list(islice(stream, ROW)):
        yield from some


class _Head(Generic[One]):
    """A stream of which the next one is seen."""

    __slots__ = ("_rest", "head")

    def __init__(self, rest: Iterator[One]) -> None:
        self._rest = rest
        self.head = next(rest, None)

    def go_on(self) -> None:
        """To the next one."""
        self.head = next(self._rest, None)


def _begin(history: History, partition: int, asked: PartitionRequest, findings: Findings) -> Begin:
    start, rules = 0, None
    if asked.since is not None:
        for logged in history.read(CHANGES, partition, until=asked.since):
            start = logged.offset + 1
            rules = _ruled(rules, logged)
        if start == 0 and (oldest := next(history.read(CHANGES, partition), None)) is not None:
            start = oldest.offset
    if rules is None:
        rules = _first(history, partition, start, asked, findings)
    if rules is None:
        return Begin(start, None, {})
    trusted = {} if start == 0 else _trusted(history, partition, start, findings)
    return Begin(start, rules, trusted)


def _ruled(known: MappingInForce | None, logged: StoredRecord) -> MappingInForce | None:
    event = mapping_event(logged)
    if event is None:
        return known
    try:
        return switched(known, logged.offset, logged.timestamp, event) or known
    except MappingError:
        return known


def _first(
    history: History, partition: int, start: int, asked: PartitionRequest, findings: Findings
) -> MappingInForce | None:
    """The first mapping, which holds for what lies before it too. None: it isn't what it says; that was found."""
    events = 0
    for logged in history.read(CHANGES, partition, first=start):
        events += 1
        if MARK not in (logged.value or b""):
            continue
        rules = _ruled(None, logged)
        if rules is not None:
            return rules
        if asked.rejected is None or (partition, logged.offset) not in asked.rejected:
            findings.add(Finding(logged.offset, "mapping", "", logged))
            return None
    if asked.mapping is None and events:
        if (unreadable := _unreadable(history, partition, start, asked)) is not None:
            findings.add(Finding(unreadable.offset, "unreadable", "", unreadable))
            return None
        raise HistoryError(
            f"{CHANGES} partition {partition} doesn't say which mapping was in force. Give the file: --mapping FILE"
        )
    return asked.mapping


def _unreadable(history: History, partition: int, start: int, asked: PartitionRequest) -> StoredRecord | None:
    """The first record that is no event, and wasn't rejected: it may have been the mapping's."""
    for logged in history.read(CHANGES, partition, first=start):
        if asked.rejected is None or (partition, logged.offset) not in asked.rejected:
            try:
                decode_event(logged.value or b"")
            except ValidationError:
                return logged
    return None


def _trusted(history: History, partition: int, start: int, findings: Findings) -> dict[str, bytes]:
    """The newest record of each user before an offset; where compaction has removed that, the first one after it.

    Each must fit its own hash, and follow the one before it, as far as that is there.
    """
    found: dict[str, dict[str, Any]] = {}
    values: dict[str, bytes] = {}
    settled: set[str] = set()
    """Users of whom a record was seen that isn't before the offset."""
    for logged in history.read(OPERATIONS, partition):
        value = logged.value or b""
        try:
            user, seq = said_of(value)
        except (KeyError, TypeError, ValueError):
            continue  # found later
        known = found.get(user)
        if user in settled or (known is not None and seq <= known["seq"]):
            continue
        raw = orjson.loads(value)
        adjacent = raw.get("prev") == (FIRST if known is None else known["seq"])
        if seq >= start:
            settled.add(user)
            if adjacent:
                continue
        if not sealed(value) or (known is not None and adjacent and raw.get("before") != known["hash"]):
            findings.add(Finding(seq, "unsealed", user, logged))
        found[user], values[user] = {name: raw.get(name) for name in ("seq", "hash")}, value
    return values


def _deliveries(history: History, partition: int, audit: RecordCheck) -> dict[str, tuple[int, StoredRecord]]:
    """User → the delivery of the highest seq. Only that is read in whole."""
    found: dict[bytes | None, tuple[int, StoredRecord]] = {}
    for logged in history.read(DELIVERIES, partition):
        said = _SEQ.search(logged.value or b"")
        seq = LAST if said is None else int(said[1])
        if logged.key not in found or found[logged.key][0] <= seq:
            found[logged.key] = seq, logged
    checked: dict[str, tuple[int, StoredRecord]] = {}
    for key, (_, logged) in found.items():
        user = (key or b"").decode(errors="replace")
        try:
            said_by, seq = said_of(logged.value or b"")
        except (KeyError, TypeError, ValueError):
            said_by, seq = "", LAST
        if said_by == user:
            checked[user] = seq, logged
        else:
            audit.findings.add(Finding(LAST, "delivery broken", user, logged))
    return checked


def _intact(history: History, partition: int) -> Callable[[int, int], bool]:
    """Whether compaction can't have touched a record, by its place and age, when it was read from Kafka."""
    written: Callable[[str, int, int], int | None] | None = getattr(history, "written", None)

    def intact(offset: int, appended: int) -> bool:
        at = None if written is None else written(OPERATIONS, partition, offset)
        return at is not None and appended >= at - LAG

    return intact

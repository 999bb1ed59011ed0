"""Item partition, folded anew and compared with what was recorded. Its topics are read side by side, as streams.

Memory grows with the users, and by some forty bytes with each event.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final, Generic, TypeVar

import orjson
from pydantic import ValidationError

from streamproc.audit.orders import Orders, mapping_done, mapping_ordered
from streamproc.audit.replay.outcome_check import OutcomeCheck
from streamproc.audit.replay.outcome_codec import parse_outcome
from streamproc.audit.replay.record_check import LAST, Finding, Findings, RecordCheck, user_and_seq
from streamproc.core.errors import HistoryError, MappingError
from streamproc.core.fold.mapping_switch import switched
from streamproc.core.fold.refold import Refold
from streamproc.core.records.change_event import ChangeEvent, decode_event
from streamproc.core.records.mapping_in_force import MARK, MappingInForce, mapping_event
from streamproc.core.records.stored_record import History, StoredRecord, below
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DAY, DELIVERIES, OPERATIONS, OUTCOMES
from streamproc.core.records.user_record import FIRST, sealed

LAG: Final = 7 * DAY
"""Milliseconds; nothing younger is compacted, as `topics` configures it."""

Item = TypeVar("Item")

BATCH: Final = 128
"""Outcomes that are read at a time."""

_SEQ: Final = re.compile(rb'"seq":(\d+)')


@dataclass(frozen=True, slots=True)
class PartitionRequest:
    """What is to be verified."""

    trusted_before: int | None = None
    """In ms since 1970: the records of before are taken as they are recorded."""
    mapping: MappingInForce | None = None
    """For partitions that name none."""
    rejected: frozenset[tuple[int, int]] | None = None
    """Partition and offset of the changes in `events.rejected`; None: the topic isn't there."""
    orders: Orders | None = None
    """None: `streamproc.controls` isn't there."""


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """Where the comparison begins."""

    offset: int
    """Of the first event that is folded."""
    rules: MappingInForce | None
    """The mapping in force there; None: it isn't what it says, which is a finding."""
    trusted: dict[str, bytes]
    """User → the record before the offset, as it was recorded."""


@dataclass(slots=True)
class PartitionCheck:
    """A partition that was compared."""

    request: PartitionRequest
    start: StartingPoint
    records: RecordCheck

    @property
    def first(self) -> Finding | None:
        """The first finding."""
        return self.records.findings.first[0] if self.records.findings.first else None


def check_partition(history: History, partition: int, request: PartitionRequest) -> PartitionCheck:
    """Compare a partition. Raises HistoryError where no mapping is known."""
    findings = Findings()
    start = _starting_point(history, partition, request, findings)
    check = RecordCheck(start.offset, start.trusted, _intact(history, partition))
    check.findings = findings
    if start.rules is not None or not findings.first:  # without events, what else is recorded came of nothing
        _follow(history, partition, request, start, check)
    return PartitionCheck(request, start, check)


def refold(history: History, partition: int, start: StartingPoint) -> Refold:
    """The fold at its starting point."""
    return Refold(partial(below, history, CHANGES, partition), start.rules, dict(start.trusted))


def _follow(
    history: History, partition: int, request: PartitionRequest, start: StartingPoint, check: RecordCheck
) -> None:
    again = refold(history, partition, start)
    outcome_check = OutcomeCheck(check, _deliveries(history, partition, check), request.orders)
    records = _Head(history.read(OPERATIONS, partition))
    outcomes = _Head(
        _ahead((logged, parse_outcome(logged.value or b"")) for logged in history.read(OUTCOMES, partition))
    )
    expected = start.offset
    for logged in history.read(CHANGES, partition, first=start.offset):
        if logged.offset != expected:
            check.findings.add(Finding(expected, "gap", "", offset=expected))
        expected = logged.offset + 1
        step = again.take(logged)
        check.take_step(step)
        if step.rejected is not None:
            check.counts.rejected += 1
        elif step.event is not None:
            check.counts.mappings += step.event.kind == "mapping"
            _check_key_and_order(request, check, logged, step.event)
        if request.rejected is not None and (step.rejected is not None) != (
            (partition, logged.offset) in request.rejected
        ):
            check.dispute(logged, step.rejected)
        while check.awaits_record and records.head is not None and check.take_record(records.head):
            records.go_on()
        while outcomes.head is not None and outcome_check.take_outcome(*outcomes.head, logged.offset):
            outcomes.go_on()
    while records.head is not None:
        check.take_record(records.head, last=True)
        records.go_on()
    while outcomes.head is not None:
        outcome_check.take_outcome(*outcomes.head, expected - 1, last=True)
        outcomes.go_on()
    outcome_check.close()


def _check_key_and_order(
    request: PartitionRequest, check: RecordCheck, logged: StoredRecord, event: ChangeEvent
) -> None:
    """What no record is made of: the event's key, and what the order behind a mapping or a move says."""
    mapping, origin = event.mapping, event.origin
    if logged.key != (event.user if mapping is None else event.event).encode():
        check.findings.add(Finding(logged.offset, "key", event.user, logged))
    if request.orders is None:
        return
    if request.orders.unlike_move(event) is not None:
        check.findings.add(Finding(logged.offset, "move not ordered", event.user, logged))
    if mapping is None or origin.topic != CONTROLS:
        return
    place = origin.partition, origin.offset
    if place not in request.orders.by_place:
        check.findings.add(Finding(logged.offset, "no order", "", logged, origin))
        return
    placed, done = request.orders.by_place[place], mapping_done(event)
    ordered = None if placed is None else mapping_ordered(placed, place)
    if done != ordered:
        check.findings.add(Finding(logged.offset, "order differs", "", logged, (origin, done, ordered)))


def _ahead(stream: Iterator[Item]) -> Iterator[Item]:
    """The stream, made some items ahead: that is faster than making each in turn with other work."""
    while batch := list(islice(stream, BATCH)):
        yield from batch


class _Head(Generic[Item]):
    """A stream whose next item can be looked at."""

    __slots__ = ("_rest", "head")

    def __init__(self, rest: Iterator[Item]) -> None:
        self._rest = rest
        self.head = next(rest, None)

    def go_on(self) -> None:
        """Go on to the next item."""
        self.head = next(self._rest, None)


def _starting_point(history: History, partition: int, request: PartitionRequest, findings: Findings) -> StartingPoint:
    start, rules = 0, None
    if request.trusted_before is not None:
        for logged in history.read(CHANGES, partition, until=request.trusted_before):
            start = logged.offset + 1
            rules = _ruled(rules, logged)
        if start == 0 and (oldest := next(history.read(CHANGES, partition), None)) is not None:
            start = oldest.offset
    if rules is None:
        rules = _first(history, partition, start, request, findings)
    if rules is None:
        return StartingPoint(start, None, {})
    trusted = {} if start == 0 else _trusted(history, partition, start, findings)
    return StartingPoint(start, rules, trusted)


def _ruled(known: MappingInForce | None, logged: StoredRecord) -> MappingInForce | None:
    event = mapping_event(logged)
    if event is None:
        return known
    try:
        return switched(known, logged.offset, logged.timestamp, event) or known
    except MappingError:
        return known


def _first(
    history: History, partition: int, start: int, request: PartitionRequest, findings: Findings
) -> MappingInForce | None:
    """The first mapping, which holds for what lies before it too. None: it isn't what it says, which is a finding."""
    events = 0
    for logged in history.read(CHANGES, partition, first=start):
        events += 1
        if MARK not in (logged.value or b""):
            continue
        rules = _ruled(None, logged)
        if rules is not None:
            return rules
        if request.rejected is None or (partition, logged.offset) not in request.rejected:
            findings.add(Finding(logged.offset, "mapping", "", logged))
            return None
    if request.mapping is None and events:
        if (unreadable := _unreadable(history, partition, start, request)) is not None:
            findings.add(Finding(unreadable.offset, "unreadable", "", unreadable))
            return None
        raise HistoryError(
            f"{CHANGES} partition {partition} doesn't say which mapping was in force. Give the file: --mapping FILE"
        )
    return request.mapping


def _unreadable(history: History, partition: int, start: int, request: PartitionRequest) -> StoredRecord | None:
    """The first record that is no event and wasn't rejected: it may have been the mapping's."""
    for logged in history.read(CHANGES, partition, first=start):
        if request.rejected is None or (partition, logged.offset) not in request.rejected:
            try:
                decode_event(logged.value or b"")
            except ValidationError:
                return logged
    return None


def _trusted(history: History, partition: int, start: int, findings: Findings) -> dict[str, bytes]:
    """The newest record of each user before an offset; where compaction has removed it, the first one after it.

    A record must fit its own hash and, where the one before it is there, follow that.
    """
    newest: dict[str, dict[str, Any]] = {}
    values: dict[str, bytes] = {}
    beyond: set[str] = set()
    """Users of whom a record was seen that isn't before the offset."""
    for logged in history.read(OPERATIONS, partition):
        value = logged.value or b""
        try:
            user, seq = user_and_seq(value)
        except (KeyError, TypeError, ValueError):
            continue  # the comparison finds it
        known = newest.get(user)
        if user in beyond or (known is not None and seq <= known["seq"]):
            continue
        raw = orjson.loads(value)
        adjacent = raw.get("prev") == (FIRST if known is None else known["seq"])
        if seq >= start:
            beyond.add(user)
            if adjacent:
                continue
        if not sealed(value) or (known is not None and adjacent and raw.get("before") != known["hash"]):
            findings.add(Finding(seq, "unsealed", user, logged))
        newest[user], values[user] = {name: raw.get(name) for name in ("seq", "hash")}, value
    return values


def _deliveries(history: History, partition: int, check: RecordCheck) -> dict[str, tuple[int, StoredRecord]]:
    """User → the delivery of the highest seq. Only that one is decoded."""
    newest: dict[bytes | None, tuple[int, StoredRecord]] = {}
    for logged in history.read(DELIVERIES, partition):
        match = _SEQ.search(logged.value or b"")
        seq = LAST if match is None else int(match[1])
        if logged.key not in newest or newest[logged.key][0] <= seq:
            newest[logged.key] = seq, logged
    by_user: dict[str, tuple[int, StoredRecord]] = {}
    for key, (_, logged) in newest.items():
        user = (key or b"").decode(errors="replace")
        try:
            named_user, seq = user_and_seq(logged.value or b"")
        except (KeyError, TypeError, ValueError):
            named_user, seq = "", LAST
        if named_user == user:
            by_user[user] = seq, logged
        else:
            check.findings.add(Finding(LAST, "delivery broken", user, logged))
    return by_user


def _intact(history: History, partition: int) -> Callable[[int, int], bool]:
    """Whether a record was too young for compaction when it was read from Kafka, by its offset and its event's time."""
    written: Callable[[str, int, int], int | None] | None = getattr(history, "written", None)

    def intact(offset: int, appended: int) -> bool:
        at = None if written is None else written(OPERATIONS, partition, offset)
        return at is not None and appended >= at - LAG

    return intact

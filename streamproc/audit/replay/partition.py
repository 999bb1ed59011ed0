"""Item partition, folded anew and compared with what was recorded. Its topics are read side by side, as streams.

Memory grows with the users, and by some forty bytes with each event.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final, Generic, TypeVar

from streamproc.audit.orders import mapping_done, mapping_ordered
from streamproc.audit.replay.outcome_check import OutcomeCheck
from streamproc.audit.replay.outcome_codec import parse_outcome
from streamproc.audit.replay.record_check import LAST, Finding, Findings, RecordCheck, user_and_seq
from streamproc.audit.replay.starting_point import PartitionRequest, StartingPoint, starting_point
from streamproc.core.fold.refold import Refold
from streamproc.core.records.change_event import ChangeEvent
from streamproc.core.records.stored_record import History, StoredRecord, below
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DAY, DELIVERIES, OPERATIONS, OUTCOMES

LAG: Final = 7 * DAY
"""Milliseconds; nothing younger is compacted, as `topics` configures it."""

Item = TypeVar("Item")

BATCH: Final = 128
"""Outcomes that are read at a time."""

_SEQ: Final = re.compile(rb'"seq":(\d{1,18})')


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
    start = starting_point(history, partition, request, findings)
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
        known = request.rejected is not None and logged.timestamp >= request.rejected_since
        if known and (step.rejected is not None) != ((partition, logged.offset) in (request.rejected or ())):
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

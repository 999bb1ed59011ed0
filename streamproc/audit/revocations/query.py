"""Who left, and what became of it: read from a history, partition by partition.

The records are folded anew from `identity.changes`, since a live cluster keeps only each user's newest record. Memory
holds one partition's users, and all leavers.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from streamproc.audit.revocations.latency import Leaver
from streamproc.audit.revocations.leavers import LeaverTracker
from streamproc.audit.revocations.reactivations import Reactivations
from streamproc.audit.revocations.rejected_denials import RejectedDenials
from streamproc.audit.words import count
from streamproc.core.errors import HistoryError
from streamproc.core.fold.refold import Refold, first_mapping
from streamproc.core.records.control import APPLIES, CONTROL, SINK, Control
from streamproc.core.records.delivery import DELIVERED_STATE
from streamproc.core.records.mapping_in_force import MARK
from streamproc.core.records.outcome import OUTCOME
from streamproc.core.records.stored_record import History, StoredRecord, below
from streamproc.core.records.topic_names import (
    CHANGES,
    CONTROLS,
    DELIVERIES,
    FINDINGS,
    OPERATIONS,
    OUTCOMES,
    REJECTIONS,
)
from streamproc.core.records.user_record import due_of

NEEDED: Final = (CHANGES, OPERATIONS, OUTCOMES, DELIVERIES, CONTROLS, REJECTIONS, FINDINGS)
"""Topics that the report is made from."""
BESIDE: Final = (REJECTIONS, FINDINGS)
"""Of these, what an older archive may not have."""
SKEW: Final = 3_600_000
"""Milliseconds by which one sink's clock may be ahead of another's: outcomes have their writer's time."""
TELL_EVERY: Final = 100_000
"""Changes between two lines about progress."""

Value = TypeVar("Value")


def leavers(history: History, end: int, say: Callable[[str], None] = lambda _: None) -> list[Leaver]:
    """Everybody who left up to `end` (ms since 1970), as it stood then. Raises HistoryError."""
    orders = [order for partition in range(history.partitions) for order in _orders(history, partition, end)]
    orders.sort(key=lambda order: order[0])
    last = next((control for _, control in reversed(orders) if control.action in {"pause", "resume"}), None)
    paused = last if last is not None and last.action == "pause" else None
    rejected = RejectedDenials(history, end)
    everybody: list[Leaver] = []
    for partition in range(history.partitions):
        tracker = _refolded(history, partition, end, say, rejected)
        reactivations = _found(history, partition, end)
        if tracker.cases or reactivations.users:
            _follow_up(history, tracker, reactivations, partition, end, orders)
        everybody += [*tracker.leavers(paused), *reactivations.leavers()]
        say(f"partition {partition + 1} of {history.partitions}: {count(len(tracker.cases), 'leaver')}")
    return everybody + rejected.leavers(control for _, control in orders)


def _refolded(
    history: History, partition: int, end: int, say: Callable[[str], None], rejected: RejectedDenials
) -> LeaverTracker:
    tracker = LeaverTracker(partition)
    rules = first_mapping(history.read(CHANGES, partition))
    refold = Refold(partial(below, history, CHANGES, partition), rules)
    for number, logged in enumerate(history.read(CHANGES, partition, until=end), 1):
        if refold.mapping is None:
            raise HistoryError(
                f"{CHANGES}, partition {partition}: no mapping is named from offset {logged.offset} on, so nothing can "
                "be folded anew. Start a worker of this version: it appends the one it uses."
            )
        _step(tracker, refold, logged, rejected)
        if number % TELL_EVERY == 0:
            say(f"partition {partition + 1} of {history.partitions}: {number:,} changes")
    if refold.mapping is not None:
        fact = refold.mapping.file.attributes.active
        for value in refold.records.values():
            due = due_of(value)
            if due is not None and due <= end * 1000:
                tracker.take_overdue(value, fact, end)
    return tracker


def _step(tracker: LeaverTracker, refold: Refold, logged: StoredRecord, rejected: RejectedDenials) -> None:
    user = (logged.key or b"").decode("utf-8", "replace")
    everybody = logged.value is not None and MARK in logged.value
    before = dict(refold.records) if everybody else {user: refold.records[user]} if user in refold.records else {}
    step = refold.take(logged)
    if step.event is None or refold.mapping is None:
        return
    fact = refold.mapping.file.attributes.active
    rejected.take_change(step.event, logged)
    tracker.take_announcement(step.event, fact)
    for user_id, value in step.records.items():
        tracker.take_change(step.event, logged.timestamp, value, before.get(user_id), fact)


def _found(history: History, partition: int, end: int) -> Reactivations:
    reactivations = Reactivations(partition)
    for logged in history.read(FINDINGS, partition, until=end):
        reactivations.take_finding(logged)
    return reactivations


def _follow_up(
    history: History,
    tracker: LeaverTracker,
    reactivations: Reactivations,
    partition: int,
    end: int,
    orders: list[tuple[int, Control]],
) -> None:
    """What became of those who left."""
    for logged in _of(history, tracker.cases, OPERATIONS, partition, end):
        tracker.take_record(_key(logged), logged.value or b"", logged.timestamp)
    users = tracker.cases.keys() | reactivations.users
    for logged in _of(history, users, OUTCOMES, partition, end + SKEW):
        outcome, before_end = _read(OUTCOME, logged), logged.timestamp < end
        tracker.take_outcome(outcome, before_end=before_end)
        if before_end:
            reactivations.take_outcome(outcome)
    newest = {_key(logged): logged for logged in _of(history, tracker.cases, DELIVERIES, partition, end)}
    for logged in newest.values():
        tracker.take_delivery(_read(DELIVERED_STATE, logged))
    last = {
        control.user: (at, control)
        for at, control in orders
        if control.user in tracker.cases and control.action in APPLIES
    }
    for at, control in last.values():
        tracker.take_order(control, at)


def _of(history: History, chosen: Iterable[str], topic: str, partition: int, end: int) -> Iterator[StoredRecord]:
    """Records of those who were chosen; a topic's other users aren't even decoded."""
    users = {user.encode() for user in chosen}
    for logged in history.read(topic, partition, until=end):
        if logged.value is not None and logged.key in users:
            yield logged


def _orders(history: History, partition: int, end: int) -> Iterator[tuple[int, Control]]:
    for logged in history.read(CONTROLS, partition, until=end):
        try:
            control = CONTROL.validate_json(logged.value or b"")
        except ValidationError:
            continue  # the sinks ignored it, too
        if control.user is not None or control.input is not None or logged.key == SINK.encode():
            yield logged.timestamp, control


def _key(logged: StoredRecord) -> str:
    return (logged.key or b"").decode()


def _read(kind: TypeAdapter[Value], logged: StoredRecord) -> Value:
    try:
        return kind.validate_json(logged.value or b"")
    except ValidationError as error:
        where = f"{logged.topic}, partition {logged.partition}, offset {logged.offset}"
        raise HistoryError(f"{where}: this isn't what the sink writes; see streamproc replay --verify") from error

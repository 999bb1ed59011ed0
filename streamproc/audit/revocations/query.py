"""Revocations: reads a history, partition by partition, and gives who left and what became of it.

The records are folded anew from `identity.changes`, since a live cluster keeps only each user's newest one. In memory
are one partition's users, and all leavers.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from streamproc.audit.revocations.latency import Leaver
from streamproc.audit.revocations.leavers import LeaverTracker
from streamproc.core.errors import HistoryError
from streamproc.core.fold.refold import Refold, first_mapping
from streamproc.core.records.control import CONTROL, SINK, Control
from streamproc.core.records.delivery import DELIVERED_STATE
from streamproc.core.records.mapping_in_force import MARK
from streamproc.core.records.outcome import OUTCOME
from streamproc.core.records.stored_record import History, StoredRecord, below
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DELIVERIES, OPERATIONS, OUTCOMES
from streamproc.core.records.user_record import due_of

NEEDED: Final = (CHANGES, OPERATIONS, OUTCOMES, DELIVERIES, CONTROLS)
"""Topics."""
SKEW: Final = 3_600_000
"""ms by which one sink's clock may be ahead of another's: outcomes have the time of whoever wrote them."""
TELL_EVERY: Final = 100_000
"""Changes between two words about how far it is."""

Value = TypeVar("Value")


def leavers(history: History, end: int, say: Callable[[str], None] = lambda _: None) -> list[Leaver]:
    """Everybody who left up to `end` (ms since 1970), as it stood then. Raises HistoryError."""
    orders = [each for partition in range(history.partitions) for each in _orders(history, partition, end)]
    orders.sort(key=lambda order: order[0])
    stands = next((each for _, each in reversed(orders) if each.action in {"pause", "resume"}), None)
    paused = stands if stands is not None and stands.action == "pause" else None
    found: list[Leaver] = []
    for partition in range(history.partitions):
        leaving = _folded(history, partition, end, say)
        if leaving.cases:
            _followed(history, leaving, partition, end, orders)
        found += leaving.leavers(paused)
        say(f"partition {partition + 1} of {history.partitions}: {_leavers(len(leaving.cases))}")
    return found


def _folded(history: History, partition: int, end: int, say: Callable[[str], None]) -> LeaverTracker:
    leaving = LeaverTracker(partition)
    rules = first_mapping(history.read(CHANGES, partition))
    refold = Refold(partial(below, history, CHANGES, partition), rules)
    for number, logged in enumerate(history.read(CHANGES, partition, until=end), 1):
        if refold.mapping is None:
            raise HistoryError(
                f"{CHANGES}, partition {partition}: no mapping is named from offset {logged.offset} on, so nothing can "
                "be folded anew. Start a worker of this version: it appends the one it uses."
            )
        _step(leaving, refold, logged)
        if number % TELL_EVERY == 0:
            say(f"partition {partition + 1} of {history.partitions}: {number:,} changes")
    if refold.mapping is not None:
        fact = refold.mapping.file.attributes.active
        for value in refold.records.values():
            due = due_of(value)
            if due is not None and due <= end * 1000:
                leaving.overdue(value, fact, end)
    return leaving


def _step(leaving: LeaverTracker, refold: Refold, logged: StoredRecord) -> None:
    user = (logged.key or b"").decode("utf-8", "replace")
    everybody = logged.value is not None and MARK in logged.value
    before = dict(refold.records) if everybody else {user: refold.records[user]} if user in refold.records else {}
    step = refold.take(logged)
    if step.event is None or refold.mapping is None:
        return
    fact = refold.mapping.file.attributes.active
    leaving.announced(step.event, fact)
    for each, value in step.records.items():
        leaving.folded(step.event, logged.timestamp, value, before.get(each), fact)


def _followed(
    history: History, leaving: LeaverTracker, partition: int, end: int, orders: list[tuple[int, Control]]
) -> None:
    """What became of those who left."""
    for logged in _of(history, leaving, OPERATIONS, partition, end):
        leaving.written(_key(logged), logged.value or b"", logged.timestamp)
    for logged in _of(history, leaving, OUTCOMES, partition, end + SKEW):
        leaving.told(_read(OUTCOME, logged), within=logged.timestamp < end)
    newest = {_key(logged): logged for logged in _of(history, leaving, DELIVERIES, partition, end)}
    for logged in newest.values():
        leaving.holds(_read(DELIVERED_STATE, logged))
    last = {each.user: (at, each) for at, each in orders if each.user in leaving.cases and each.subject is None}
    for at, each in last.values():
        leaving.ordered(each, at)


def _of(history: History, leaving: LeaverTracker, topic: str, partition: int, end: int) -> Iterator[StoredRecord]:
    """Records of those who left; a topic's other users aren't even decoded."""
    users = {user.encode() for user in leaving.cases}
    for logged in history.read(topic, partition, until=end):
        if logged.value is not None and logged.key in users:
            yield logged


def _orders(history: History, partition: int, end: int) -> Iterator[tuple[int, Control]]:
    for logged in history.read(CONTROLS, partition, until=end):
        try:
            control = CONTROL.validate_json(logged.value or b"")
        except ValidationError:
            continue  # the sinks passed it over, too
        if control.user is not None or logged.key == SINK.encode():
            yield logged.timestamp, control


def _leavers(count: int) -> str:
    return "1 leaver" if count == 1 else f"{count} leavers"


def _key(logged: StoredRecord) -> str:
    return (logged.key or b"").decode()


def _read(kind: TypeAdapter[Value], logged: StoredRecord) -> Value:
    try:
        return kind.validate_json(logged.value or b"")
    except ValidationError as error:
        where = f"{logged.topic}, partition {logged.partition}, offset {logged.offset}"
        raise HistoryError(f"{where}: this isn't what the sink writes; see streamproc replay --verify") from error

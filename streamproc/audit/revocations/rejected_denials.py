"""Leavers whose leaving was rejected: nobody took their access away, so each counts as open.

Rule 1: it is open until its subject is spoken of again, by an event that says whether it is active, or until an
operator takes the input up again. Whoever drops it has decided that access stays.
Rule 2: where nobody could tell whom it was about, the input itself stands in the place of the user.
"""

from base64 import b64decode
from binascii import Error
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from pydantic import ValidationError

from streamproc.audit.revocations.latency import Leaver, State
from streamproc.core.fold.authority import key
from streamproc.core.records.change_event import ChangeEvent
from streamproc.core.records.control import Control
from streamproc.core.records.fact_names import ACTIVE
from streamproc.core.records.rejected import REJECTED, Rejected
from streamproc.core.records.stored_record import History, StoredRecord
from streamproc.core.records.topic_names import CHANGES, REJECTIONS
from streamproc.core.records.user_record import FIRST

DENIES: Final = b'"denies":true'
"""What a rejection holds by which somebody may have left."""


@dataclass(slots=True)
class _Open:
    """One input. `subject`: SOURCE/SUBJECT."""

    leaver: Leaver
    subject: str | None
    name: str


class RejectedDenials:
    """Of a history up to `end` (ms since 1970). Takes all changes of all partitions, in their order there."""

    def __init__(self, history: History, end: int) -> None:
        found: dict[str, _Open] = {}
        for partition in range(history.partitions):
            for logged in history.read(REJECTIONS, partition, until=end):
                if logged.value is not None and DENIES in logged.value and (one := _open(logged)) is not None:
                    found.setdefault(one.name, one)
        self._open = found
        self._by_subject: dict[str, list[_Open]] = {}
        for one in found.values():
            if one.subject is not None:
                self._by_subject.setdefault(one.subject, []).append(one)

    def take_change(self, event: ChangeEvent, logged: StoredRecord) -> None:
        """An event of `identity.changes` that came to a record, or was rejected there."""
        if not self._open:
            return
        subject = key(event.source, event.subject)
        if (one := self._open.get(f"{CHANGES}/{logged.partition}/{logged.offset}")) is not None:
            one.subject, one.leaver = subject, replace(one.leaver, source=event.source, user=event.user)
            self._by_subject.setdefault(subject, []).append(one)
            return
        for one in self._by_subject.get(subject, ()):
            one.leaver = replace(one.leaver, user=event.user)
            speaks = event.kind == "snapshot" or ACTIVE in event.attributes
            if speaks and logged.timestamp > one.leaver.appended and one.leaver.stopped is None:
                one.leaver = replace(
                    one.leaver, state="withdrawn", stopped=logged.timestamp, why=f"{one.leaver.why}; told again since"
                )

    def leavers(self, orders: Iterable[Control]) -> list[Leaver]:
        """All of them, after what operators ordered of the inputs, oldest first."""
        for order in orders:
            one = self._open.get(order.input or "")
            if one is None or one.leaver.stopped is not None:
                continue
            word = f"{order.action} ordered by {order.by}: {order.reason}"
            state: State = "kept" if order.action == "drop" else "withdrawn"
            one.leaver = replace(one.leaver, state=state, stopped=order.at, why=f"{one.leaver.why}; {word}")
        return [one.leaver for one in self._open.values()]


def _open(logged: StoredRecord) -> _Open | None:
    try:
        rejected = REJECTED.validate_json(logged.value or b"")
    except ValidationError:
        return None
    name = (logged.key or b"").decode("utf-8", "replace")
    source = rejected.topic.rpartition(".")[2].rpartition("/")[2]
    told = next((each.subject for each in rejected.problems if each.subject), None)
    user = _key(rejected) if rejected.topic == CHANGES else told
    leaver = Leaver(
        user=name if user is None else user,
        source=source,
        partition=rejected.partition,
        seq=rejected.offset if rejected.topic == CHANGES else FIRST,
        source_time=rejected.appended * 1000,
        effective=None,
        received=None,
        appended=rejected.appended,
        changed=None,
        why=f"rejected as {rejected.code}: {rejected.reason}; see streamproc rejected show {name}",
    )
    return _Open(leaver, None if told is None or rejected.topic == CHANGES else key(source, told), name)


def _key(rejected: Rejected) -> str | None:
    try:
        return b64decode(rejected.key or "", validate=True).decode()
    except (Error, UnicodeDecodeError):
        return None

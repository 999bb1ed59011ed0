"""Due dates: whose dates come when, and what the log and the sources are told when one has come.

When a date has come that a report told, the report is asked whether it still says so. A reading of what was entered
since the last one may leave out whose termination was rescinded, and of a hire that was known from a row ahead alone
nothing says that they are active. The next full reading is up to a day away.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from streamproc.core.fold.effective_dating import as_of, upcoming
from streamproc.core.fold.fold import passed
from streamproc.core.records.change_event import ChangeEvent, Origin, SourceFacts
from streamproc.core.records.fact_names import ACTIVE
from streamproc.core.records.headers import KIND, SUBJECT
from streamproc.core.records.producer_record import Record
from streamproc.core.records.topic_names import CHANGES, notifications_topic
from streamproc.core.records.units import Micros, Millis, micros_of
from streamproc.core.records.user_record import UserRecord, decode, due_of
from streamproc.sources import workday


class DueDates:
    """For the users of one worker, by their acknowledged records. A date is given once."""

    def __init__(self) -> None:
        self._due: dict[bytes, tuple[Micros, int]] = {}
        """User → when the next date comes (µs since 1970), and the user's partition."""

    def note(self, user: bytes, value: bytes, partition: int) -> None:
        """The user's record is this now."""
        due = due_of(value)
        if due is not None:
            self._due[user] = due, partition
        elif self._due:
            self._due.pop(user, None)

    def passed(self, now: Millis) -> list[tuple[bytes, int]]:
        """Users, with their partitions, whose next date has passed (ms since 1970), those first that waited longest."""
        come = sorted((due, user, partition) for user, (due, partition) in self._due.items() if due <= micros_of(now))
        for _, user, _ in come:
            del self._due[user]
        return [(user, partition) for _, user, partition in come]

    def forget(self) -> None:
        """Partitions have moved."""
        self._due.clear()


class Due(NamedTuple):
    """A user's date has come."""

    event: ChangeEvent
    """For `identity.changes`."""
    refetches: Sequence[Record]
    """Notifications by which the user's subjects are fetched again."""


def due(value: bytes | None, partition: int, now: Millis) -> Due | None:
    """What is to be said of a user by whose record a date has come by `now` (ms since 1970); None: none has."""
    at = None if value is None else due_of(value)
    if value is None or at is None or at > micros_of(now):
        return None
    record = decode(value)
    return Due(passed(record, Origin(CHANGES, partition, record.seq, now)), list(due_refetches(record, now)))


def due_refetches(record: UserRecord, now: Millis) -> Iterator[Record]:
    """The notifications by which subjects are fetched whose dates have come by `now` (ms since 1970).

    Only of reports, and only where a row takes access or gives it, or the subject is without it: not each of many whose
    titles change on one day.
    """
    for name, facts in record.facts.items():
        source, _, subject = name.partition("/")
        if source == workday.SOURCE and _turns_access(facts, record.as_of, now):
            key = subject.encode("utf-8", "replace")
            yield Record(notifications_topic(source), key, b"{}", [(KIND, b"due"), (SUBJECT, key)])


def _turns_access(facts: SourceFacts, before: Millis, now: Millis) -> bool:
    come = [row for row, at in upcoming(facts, before).items() if at <= micros_of(now)]
    turns = any(ACTIVE in facts.rows[row].attributes for row in come)
    return turns or (bool(come) and as_of(facts, now)[0].get(ACTIVE) is not True)

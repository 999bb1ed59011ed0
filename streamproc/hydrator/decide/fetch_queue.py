"""Triggers: whom to fetch next. A decider with no I/O, clock or asyncio.

Rule 1: one fetch answers all triggers of its subject that were there when it began, if the answer is as new as the
newest of them. One that comes while it is under way needs another: that answer may have been made before it.
Rule 2: one fetch of a subject at a time, subjects side by side. What may hide a leaver goes first, oldest first
within it.
Rule 3: who has to be asked again later holds nobody up.
Rule 4: a ticket (a record, for who offers it) may name several subjects. It ends when all of them are answered.
"""

import heapq
import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from streamproc.core.parsed_payload import FetchRequest

Ticket = TypeVar("Ticket", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Fetch:
    """One fetch. `least`: µs in the source's clock; an older answer won't do."""

    subject: str
    least: int
    urgent: bool


@dataclass(slots=True)
class _Subject(Generic[Ticket]):
    """`asked`: what the fetch under way is to answer. `place`: the number of its entry in a queue; others are old."""

    waiting: list[tuple[Ticket, FetchRequest]] = field(default_factory=list)
    asked: list[tuple[Ticket, FetchRequest]] | None = None
    place: int | None = None
    urgent: bool = False


@dataclass(slots=True)
class FetchQueue(Generic[Ticket]):
    """All that has to be fetched from one source. `now`: seconds of a clock that never goes back."""

    _subjects: dict[str, _Subject[Ticket]] = field(default_factory=dict)
    _open: dict[Ticket, int] = field(default_factory=dict)
    _ready: list[tuple[bool, int, str]] = field(default_factory=list)
    _later: list[tuple[float, int, str]] = field(default_factory=list)
    _number: int = 0

    def offer(self, ticket: Ticket, notices: Iterable[FetchRequest]) -> None:
        """Subjects to fetch; at least one. A ticket is offered once."""
        for notice in notices:
            subject = self._subjects.setdefault(notice.subject, _Subject())
            subject.waiting.append((ticket, notice))
            self._open[ticket] = self._open.get(ticket, 0) + 1
            hastened = notice.urgent and not subject.urgent
            subject.urgent |= notice.urgent
            if subject.asked is None and (subject.place is None or hastened):
                self._queue(notice.subject, subject)

    def take(self, now: float) -> Fetch | None:
        """The next fetch to start, or None. It is under way until `done` or `later`."""
        while self._later and self._later[0][0] <= now:
            _, number, name = heapq.heappop(self._later)
            if (due := self._subjects.get(name)) is not None and due.place == number:
                self._queue(name, due)
        while self._ready:
            _, number, name = heapq.heappop(self._ready)
            subject = self._subjects.get(name)
            if subject is None or subject.place != number:
                continue
            want = Fetch(name, max(notice.at for _, notice in subject.waiting), subject.urgent)
            subject.asked, subject.waiting, subject.place, subject.urgent = subject.waiting, [], None, False
            return want
        return None

    def asked(self, want: Fetch) -> list[Ticket]:
        """The tickets that the fetch under way is for."""
        return [ticket for ticket, _ in self._subjects[want.subject].asked or []]

    def done(self, want: Fetch) -> list[Ticket]:
        """The fetch is answered, new enough. Returns the tickets that end with it."""
        subject = self._subjects[want.subject]
        asked, subject.asked = subject.asked or [], None
        self._again(want.subject, subject)
        ended = []
        for ticket, _ in asked:
            self._open[ticket] -= 1
            if not self._open[ticket]:
                del self._open[ticket]
                ended.append(ticket)
        return ended

    def later(self, want: Fetch, until: float) -> None:
        """There is no answer yet that will do: to be asked again from `until` on."""
        subject = self._subjects[want.subject]
        subject.waiting, subject.asked = (subject.asked or []) + subject.waiting, None
        if self._again(want.subject, subject, queued=False):
            self._number += 1
            subject.place = self._number
            heapq.heappush(self._later, (until, self._number, want.subject))

    def forget(self, theirs: Callable[[Ticket], bool]) -> None:
        """These tickets aren't ours any more."""
        for ticket in [ticket for ticket in self._open if theirs(ticket)]:
            del self._open[ticket]
        for name, subject in list(self._subjects.items()):
            subject.waiting = [each for each in subject.waiting if each[0] in self._open]
            if subject.asked is not None:
                subject.asked = [each for each in subject.asked if each[0] in self._open]
            elif not subject.waiting:
                del self._subjects[name]

    def wait(self, now: float) -> float:
        """Seconds until `take` may have more than now; infinite where nobody waits."""
        return max(0.0, self._later[0][0] - now) if self._later else math.inf

    def __len__(self) -> int:
        """Subjects that wait or are under way."""
        return len(self._subjects)

    def _again(self, name: str, subject: _Subject[Ticket], *, queued: bool = True) -> bool:
        """After a fetch: whether the subject has something waiting. If so it is queued, unless told not to."""
        subject.urgent = any(notice.urgent for _, notice in subject.waiting)
        if not subject.waiting:
            del self._subjects[name]
        elif queued:
            self._queue(name, subject)
        return bool(subject.waiting)

    def _queue(self, name: str, subject: _Subject[Ticket]) -> None:
        self._number += 1
        subject.place = self._number
        heapq.heappush(self._ready, (not subject.urgent, self._number, name))

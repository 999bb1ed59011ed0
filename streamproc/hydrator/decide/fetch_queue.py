"""Fetch queue: whom to fetch next. A decider with no I/O, clock or asyncio.

Rule 1: one fetch answers all requests for its subject that were there when it began, if the answer is as new as the
newest of them. A request that comes while the fetch is under way needs another one: that answer may be older.
Rule 2: one fetch of a subject at a time, subjects side by side. What may hide a leaver goes first, and otherwise the
oldest.
Rule 3: a subject that has to be asked for again later holds up nobody else.
Rule 4: a ticket (a record, for its sender) may name several subjects. It ends when all of them are answered.
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
    """One fetch."""

    subject: str
    fresh_from: int
    """µs in the source's clock; an older answer isn't enough."""
    urgent: bool


@dataclass(slots=True)
class _Subject(Generic[Ticket]):
    waiting: list[tuple[Ticket, FetchRequest]] = field(default_factory=list)
    fetching: list[tuple[Ticket, FetchRequest]] | None = None
    """What the fetch under way is to answer; None: there is none."""
    entry: int | None = None
    """Number of its entry in one of the heaps; entries with another number are outdated."""
    urgent: bool = False


@dataclass(slots=True)
class FetchQueue(Generic[Ticket]):
    """All that has to be fetched from one source. `now`: seconds of a clock that never goes back."""

    _subjects: dict[str, _Subject[Ticket]] = field(default_factory=dict)
    _open: dict[Ticket, int] = field(default_factory=dict)
    """How many answers each ticket still needs."""
    _ready: list[tuple[bool, int, str]] = field(default_factory=list)
    _later: list[tuple[float, int, str]] = field(default_factory=list)
    _number: int = 0

    def offer(self, ticket: Ticket, requests: Iterable[FetchRequest]) -> None:
        """Subjects to fetch; at least one. A ticket is offered once."""
        for request in requests:
            subject = self._subjects.setdefault(request.subject, _Subject())
            subject.waiting.append((ticket, request))
            self._open[ticket] = self._open.get(ticket, 0) + 1
            hastened = request.urgent and not subject.urgent
            subject.urgent |= request.urgent
            if subject.fetching is None and (subject.entry is None or hastened):
                self._enqueue(request.subject, subject)

    def take(self, now: float) -> Fetch | None:
        """The next fetch to start, or None. It is under way until `finish` or `postpone`."""
        while self._later and self._later[0][0] <= now:
            _, number, name = heapq.heappop(self._later)
            if (due := self._subjects.get(name)) is not None and due.entry == number:
                self._enqueue(name, due)
        while self._ready:
            _, number, name = heapq.heappop(self._ready)
            subject = self._subjects.get(name)
            if subject is None or subject.entry != number:
                continue
            fetch = Fetch(name, max(request.at for _, request in subject.waiting), subject.urgent)
            subject.fetching, subject.waiting, subject.entry, subject.urgent = subject.waiting, [], None, False
            return fetch
        return None

    def tickets(self, fetch: Fetch) -> list[Ticket]:
        """The tickets that the fetch under way is for."""
        return [ticket for ticket, _ in self._subjects[fetch.subject].fetching or []]

    def finish(self, fetch: Fetch) -> list[Ticket]:
        """The fetch is answered, new enough. Returns the tickets that end with it."""
        subject = self._subjects[fetch.subject]
        answered, subject.fetching = subject.fetching or [], None
        self._requeue(fetch.subject, subject)
        ended = []
        for ticket, _ in answered:
            self._open[ticket] -= 1
            if not self._open[ticket]:
                del self._open[ticket]
                ended.append(ticket)
        return ended

    def postpone(self, fetch: Fetch, until: float) -> None:
        """There is no answer yet that is good enough: to be asked for again from `until` on."""
        subject = self._subjects[fetch.subject]
        subject.waiting, subject.fetching = (subject.fetching or []) + subject.waiting, None
        if self._requeue(fetch.subject, subject, ready=False):
            self._number += 1
            subject.entry = self._number
            heapq.heappush(self._later, (until, self._number, fetch.subject))

    def forget(self, is_gone: Callable[[Ticket], bool]) -> None:
        """These tickets aren't ours any more."""
        for ticket in [ticket for ticket in self._open if is_gone(ticket)]:
            del self._open[ticket]
        for name, subject in list(self._subjects.items()):
            subject.waiting = [pair for pair in subject.waiting if pair[0] in self._open]
            if subject.fetching is not None:
                subject.fetching = [pair for pair in subject.fetching if pair[0] in self._open]
            elif not subject.waiting:
                del self._subjects[name]

    def wait(self, now: float) -> float:
        """Seconds until `take` may return more than now; infinite where nobody waits."""
        return max(0.0, self._later[0][0] - now) if self._later else math.inf

    def __len__(self) -> int:
        """Subjects that wait or are under way."""
        return len(self._subjects)

    def _requeue(self, name: str, subject: _Subject[Ticket], *, ready: bool = True) -> bool:
        """After a fetch: whether requests for the subject wait. If so, it is ready again, unless told otherwise."""
        subject.urgent = any(request.urgent for _, request in subject.waiting)
        if not subject.waiting:
            del self._subjects[name]
        elif ready:
            self._enqueue(name, subject)
        return bool(subject.waiting)

    def _enqueue(self, name: str, subject: _Subject[Ticket]) -> None:
        self._number += 1
        subject.entry = self._number
        heapq.heappush(self._ready, (not subject.urgent, self._number, name))

"""Fetcher: asks one directory for subjects as often as needed, and appends the answers to the source's topic.

Rule 1: a request ends when the brokers have an answer that is as new as the request. An older answer isn't appended:
the subject is asked for again once the directory's clock may have moved on.
Rule 2: a failure with one subject is tried again after longer and longer pauses, and holds up nobody else. Failures
with several subjects in a row are the directory's: then all wait, and one at a time probes.
Rule 3: a subject that is refused again and again by a directory that answers others is given up, and rejected; one of
whom there is no usable answer, too, but later.
Rule 4: whatever an answer makes somebody stumble over, it is the error of this one question.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

import structlog

from streamproc import telemetry
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.wait import task_group, wait_unless
from streamproc.core.flow.circuit_breaker import CircuitBreaker
from streamproc.core.parsed_payload import FetchRequest
from streamproc.core.records.headers import BY_GATEWAY, KIND, READ, RECEIVED, SUBJECT
from streamproc.core.records.producer_record import LARGEST, Record
from streamproc.core.records.topic_names import intake_topic
from streamproc.core.records.units import Micros
from streamproc.hydrator.decide.fetch_queue import Fetch, FetchQueue
from streamproc.hydrator.decide.leaving import leaving
from streamproc.hydrator.directories.api import Directory, Read
from streamproc.hydrator.directories.directory_error import REFUSALS, DirectoryError, answered
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions

log = structlog.get_logger("streamproc.hydrator")

SIDE_BY_SIDE = 8
"""Subjects of one directory that are fetched at once."""
PATIENCE = 5
"""Refusals after which the subject is the cause, not the directory."""
LONG_PATIENCE = 20
"""The same of failures that are mostly the directory's own, and of answers that are older than the request: minutes."""
STALE = 1000
"""The same of limits, and of answers that are older by less than a clock may be wrong."""
BEHIND = 10.0
"""Seconds by which it may."""
MOST_TOLD = 100
"""Reasons of trouble that are told within a while."""
BACKOFF, BACKOFF_MOST = 0.5, 15.0
"""Seconds before the second attempt, doubling. At most as long as between probes, so that one subject is always due."""
TELL_EVERY = 300.0
"""Seconds between two lines about the same trouble."""

Append = Callable[[Record], Awaitable[None]]
"""Returns when the brokers have the record."""
Kind: TypeAlias = Literal["snapshot", "gone", "unlisted", "page"]
T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Ticket:
    """Something that waits for fetches."""

    on_end: Callable[[str | None], None]
    """Called once: with None, or with why a subject was given up."""
    failure: str | None = None
    subject: str | None = None
    """Who was given up last."""
    known: bool = False
    """The directory has shown the subject before, so it is recorded if it doesn't any more."""


class Fetcher:
    """Fetches from the directory of one source."""

    def __init__(
        self, source: str, directory: Directory, append: Append, clocks: Clocks, options: SourceOptions | None = None
    ) -> None:
        """`options`: how answers are read where they are too large; None: the source's defaults."""
        self.source = source
        self.options = SOURCES[source].defaults if options is None else options
        self.directory = directory
        self.append = append
        self.clocks = clocks
        self._queue: FetchQueue[Ticket] = FetchQueue()
        self.breaker = CircuitBreaker()
        self._last_success = float("-inf")
        """When the directory last answered about a subject."""
        self.refusals: dict[str, tuple[int, float]] = {}
        """Subject → refusals in a row, and when the first was."""
        self.no_page_since = float("inf")
        """When somebody first asked for what isn't answered since."""
        self._under_way = 0
        self._told: dict[str, float] = {}
        """Reason of trouble, to when it was told."""
        self._woken = asyncio.Event()

    def offer(self, ticket: Ticket, requests: Iterable[FetchRequest]) -> None:
        """Subjects to fetch; at least one."""
        self._queue.offer(ticket, requests)
        self._woken.set()

    def forget(self, is_gone: Callable[[Ticket], bool]) -> None:
        """These tickets aren't ours any more."""
        self._queue.forget(is_gone)

    def __len__(self) -> int:
        """Subjects that wait or are under way."""
        return len(self._queue)

    def measure(self) -> None:
        """Set the gauges."""
        telemetry.FETCHES_WAITING.labels(self.source).set(len(self))
        telemetry.DIRECTORY_DOWN.labels(self.source).set(self.breaker.down)

    async def run(self) -> None:
        """Fetch until cancelled. Raises what the producer couldn't overcome."""
        async with task_group() as fetches:
            await self._start_fetches(fetches)

    async def ask(
        self,
        question: Callable[[], Awaitable[T]],
        attempts: int | None = None,
        doubt: Callable[[], Awaitable[object]] | None = None,
    ) -> T:
        """Ask what concerns no single subject, until it is answered.

        Raises DirectoryError for 410, after so many attempts, where the answers go on being odd or refusals, and where
        others are answered all the while, or `doubt` finds, now and then, that it is the question that is wrong.
        """
        tried, begun = 0, self.clocks.ticks()
        while True:
            while (seconds := self._closed_for()) > 0:
                await self.clocks.pause(min(seconds, 1.0))  # how long a probe under way takes isn't known
            self.breaker.sent()
            try:
                answer = await answered(question())
            except DirectoryError as error:
                tried, self.no_page_since = tried + 1, min(self.no_page_since, begun)
                self._note_status("page", error.status)
                alone = tried >= LONG_PATIENCE and self._last_success > begun
                if error.status == 410 or tried == attempts or (error.misplaced and tried >= PATIENCE) or alone:
                    raise
                if doubt and tried % LONG_PATIENCE == 0 and await doubt():
                    raise
                self._tell("directory gives no page", str(error), tried)
                await self.clocks.pause(self._backoff(tried))
            except asyncio.CancelledError:
                self.breaker.lost()
                raise
            else:
                self._note_status("page", 200)
                self.no_page_since = float("inf")
                return answer

    async def _start_fetches(self, fetches: asyncio.TaskGroup) -> None:
        while True:
            self._woken.clear()
            seconds = self._closed_for()
            while seconds <= 0 and self._under_way < SIDE_BY_SIDE:
                fetch = self._queue.take(self.clocks.ticks())
                if fetch is None:
                    break
                self.breaker.sent()
                self._under_way += 1
                fetches.create_task(self._fetch(fetch))
                seconds = self._closed_for()
            waiting = self._queue.wait(self.clocks.ticks())
            await wait_unless(self.clocks.pause, seconds if seconds > 0 else waiting, self._woken)

    def _closed_for(self) -> float:
        """Seconds until the next request may be sent."""
        now = self.clocks.ticks()
        return max(self.breaker.wait(now), self.directory.api.quiet_until - now)

    async def _fetch(self, fetch: Fetch) -> None:
        try:
            answer = await answered(self.directory.read(fetch.subject))
        except DirectoryError as error:
            self._note_status(fetch.subject, error.status)
            self._refused(fetch, error)
        except asyncio.CancelledError:
            self.breaker.lost()
            raise
        else:
            self._note_status(fetch.subject, 200)
            if answer.missed:
                self._tell("directory leaves something out", answer.missed, 1)
            self._last_success = self.clocks.ticks()
            if answer.read_at < fetch.fresh_from:
                self._stale(fetch, answer)
            else:
                await self._store(fetch, answer)
        finally:
            self._under_way -= 1
            self._woken.set()

    async def _store(self, fetch: Fetch, answer: Read) -> None:
        if answer.status == "unknown" and not any(ticket.known for ticket in self._queue.tickets(fetch)):
            self._give_up(fetch, "the directory shows nothing of a subject that it gave notice of")
        elif len(answer.body) > LARGEST:
            await self._store_end(fetch, answer)
        else:
            kinds: dict[str, Kind] = {"found": "snapshot", "gone": "gone", "unknown": "unlisted"}
            await self.append(self.record(fetch.subject, answer.body, answer.read_at, kinds[answer.status]))
            self._count(answer.status)
            self._finish(fetch)

    async def _store_end(self, fetch: Fetch, answer: Read) -> None:
        """The answer is too large. If access ends by it, that is stored, and the rest is told."""
        reason = f"the answer has {len(answer.body)} bytes; at most {LARGEST}"
        slim = leaving(SOURCES[self.source], self.options, answer.body, answer.read_at, LARGEST)
        if slim is not None:
            await self.append(self.record(fetch.subject, slim, answer.read_at, "snapshot"))
            reason += ": only that access ends is taken from it"
        self._give_up(fetch, reason)

    def record(self, subject: str, body: bytes, read_at: Micros, kind: Kind) -> Record:
        """For where the source's answers come."""
        texts = {KIND: kind, READ: read_at, SUBJECT: subject, BY_GATEWAY: self.source, RECEIVED: self.clocks.micros()}
        headers = [(name, str(text).encode("utf-8", "replace")) for name, text in texts.items()]
        return Record(intake_topic(self.source), subject.encode("utf-8", "replace"), body, headers)

    def _refused(self, fetch: Fetch, error: DirectoryError) -> None:
        self._count("failed")
        now = self.clocks.ticks()
        tried, since = self.refusals.get(fetch.subject, (0, now))
        self.refusals[fetch.subject] = (tried + 1, since)
        self._tell("directory refuses a subject", str(error), tried + 1)
        own = error.odd or error.status in REFUSALS
        patience = STALE if error.status == 429 else PATIENCE if own else LONG_PATIENCE
        if tried + 1 >= patience and self._last_success > since:
            self._give_up(fetch, f"the directory {error}")
        else:
            self._queue.postpone(fetch, now + self._backoff(tried + 1))

    def _stale(self, fetch: Fetch, answer: Read) -> None:
        """The answer is older than the request: its clock has whole seconds, or it was kept somewhere."""
        self._count("stale")
        now = self.clocks.ticks()
        tried, since = self.refusals.get(fetch.subject, (0, now))
        self.refusals[fetch.subject] = (tried + 1, since)
        seconds = (fetch.fresh_from - answer.read_at) / 1_000_000
        if tried + 1 >= (LONG_PATIENCE if seconds > BEHIND else STALE):
            self._give_up(fetch, f"the directory answers as of {seconds:.0f} s before it gave notice")
            return
        if seconds > BEHIND:
            self._tell("directory's clock is behind what it told", "clock", tried + 1)
        self._queue.postpone(fetch, now + min(BACKOFF_MOST, max(0.5, seconds - 0.5)))

    def _tell(self, event: str, reason: str, attempt: int) -> None:
        """Once for each reason, and again only after a while: a directory in trouble is asked every few seconds."""
        now = self.clocks.ticks()
        self._told = {told: at for told, at in self._told.items() if now - at < TELL_EVERY}
        if seldom := reason not in self._told and len(self._told) < MOST_TOLD:
            self._told[reason] = now
        (log.warning if seldom else log.debug)(event, source=self.source, reason=reason, attempt=attempt)

    def _give_up(self, fetch: Fetch, reason: str) -> None:
        log.error("subject can't be fetched", source=self.source, reason=reason)
        self._count("rejected")
        for ticket in self._queue.tickets(fetch):
            ticket.failure, ticket.subject = reason, fetch.subject
        self._finish(fetch)

    def _finish(self, fetch: Fetch) -> None:
        self.refusals.pop(fetch.subject, None)
        for ticket in self._queue.finish(fetch):
            ticket.on_end(ticket.failure)

    def _note_status(self, subject: str, status: int | None) -> None:
        down = self.breaker.down
        self.breaker.answered(subject, write=False, status=status, now=self.clocks.ticks())
        if down != self.breaker.down:
            log.warning("directory is down" if self.breaker.down else "directory is back", source=self.source)
        self._woken.set()

    def _backoff(self, tried: int) -> float:
        return float(min(BACKOFF_MOST, BACKOFF * 2.0 ** min(tried - 1, 10)) * (0.5 + self.clocks.jitter() / 2))

    def _count(self, outcome: str) -> None:
        telemetry.FETCHES.labels(self.source, outcome).inc()

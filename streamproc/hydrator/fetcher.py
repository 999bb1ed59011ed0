"""Fetching: one directory's subjects, asked for as often as needed and appended to `events.<source>`.

Rule 1: a trigger ends when the brokers have an answer that is as new as the trigger. An older one isn't appended: the
subject is asked for again, when the directory's clock may have moved on.
Rule 2: what goes wrong with one subject is tried again, for ever longer, and holds nobody else up. What goes wrong with
several in a row is the directory's trouble: then everybody waits, and one at a time probes.
Rule 3: whom a directory that is otherwise well refuses to tell of again and again is given up, and that is recorded.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import structlog

from streamproc import telemetry
from streamproc.adapters.wait import wait_unless
from streamproc.core.flow.circuit_breaker import CircuitBreaker
from streamproc.core.parsed_payload import FetchRequest
from streamproc.core.records.headers import BY_GATEWAY, KIND, READ, RECEIVED, SUBJECT
from streamproc.core.records.producer_record import LARGEST, REJECTIONS, Record
from streamproc.core.records.rejected import encode_rejected
from streamproc.hydrator.decide.fetch_queue import Fetch, FetchQueue
from streamproc.hydrator.directories.api import Directory, DirectoryError, Read

log = structlog.get_logger("streamproc.hydrator")

SIDE_BY_SIDE = 8
"""Subjects asked for at once, of one directory."""
PATIENCE = 5
"""Refusals, from which on it is put down to the subject."""
BACKOFF, BACKOFF_MOST = 0.5, 15.0
"""Seconds before the second attempt, doubling; at most as long as between probes, so that one is always due."""
REFUSALS = frozenset(range(200, 500)) - {401, 403, 404, 408, 429}
"""Statuses for which the directory as a whole can't be blamed. After 404 a part is missing: it's on its way out."""

Append = Callable[[Record], Awaitable[None]]
"""Returns when the brokers have the record."""
T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Ticket:
    """Something that waits for fetches. `ended` is told once: None, or why a subject was given up.

    `known`: that the directory doesn't show somebody is to be told, since it has before.
    """

    ended: Callable[[str | None], None]
    failed: str | None = None
    known: bool = False


@dataclass(frozen=True, slots=True)
class Times:
    """What tests hold. `clock`: seconds since 1970; `ticks` never goes back; `jitter`: 0 to 1."""

    clock: Callable[[], float]
    ticks: Callable[[], float]
    sleep: Callable[[float], Coroutine[Any, Any, None]]
    jitter: Callable[[], float]

    @property
    def now(self) -> int:
        """µs since 1970."""
        return int(self.clock() * 1_000_000)


class Fetcher:
    """See above. Of one source."""

    def __init__(self, source: str, directory: Directory, append: Append, times: Times) -> None:
        self.source = source
        self.directory = directory
        self.append = append
        self.times = times
        self._triggers: FetchQueue[Ticket] = FetchQueue()
        self._health = CircuitBreaker()
        self._well_at = float("-inf")
        """When the directory last told of a subject."""
        self._troubles: dict[str, tuple[int, float]] = {}
        """Subject → refusals in a row, and when the first was."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._failure: asyncio.Future[None] | None = None

    def offer(self, ticket: Ticket, notices: Iterable[FetchRequest]) -> None:
        """Subjects to fetch; at least one."""
        self._triggers.offer(ticket, notices)
        self._woken.set()

    def forget(self, theirs: Callable[[Ticket], bool]) -> None:
        """These tickets aren't ours any more."""
        self._triggers.forget(theirs)

    def __len__(self) -> int:
        """Subjects that wait or are under way."""
        return len(self._triggers)

    def measure(self) -> None:
        """Set the gauges."""
        telemetry.FETCHES_WAITING.labels(self.source).set(len(self))
        telemetry.DIRECTORY_DOWN.labels(self.source).set(self._health.down)

    async def run(self) -> None:
        """Fetch until cancelled. Raises what the producer couldn't overcome."""
        self._failure = asyncio.get_running_loop().create_future()
        pumping = asyncio.create_task(self._pump())
        try:
            await asyncio.wait([pumping, self._failure], return_when=asyncio.FIRST_COMPLETED)
            for done in (pumping, self._failure):
                if done.done():
                    done.result()
        finally:
            tasks = [pumping, *self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._failure.cancel()

    async def ask(self, question: Callable[[], Awaitable[T]], attempts: int | None = None) -> T:
        """A question that is about nobody alone, tried until it is answered. Raises DirectoryError where it can't be:
        410, or after so many attempts.
        """
        tried = 0
        while True:
            while (seconds := self._closed()) > 0:
                await self.times.sleep(min(seconds, 1.0))  # a probe under way says nothing of how long it takes
            self._health.sent()
            try:
                found = await question()
            except DirectoryError as error:
                tried += 1
                self._answered("page", error.status)
                if error.status == 410 or tried == attempts:
                    raise
                log.warning("directory gives no page", source=self.source, reason=str(error), attempt=tried)
                await self.times.sleep(self._pause(tried))
            except asyncio.CancelledError:
                self._health.lost()
                raise
            else:
                self._answered("page", 200)
                return found

    async def _pump(self) -> None:
        while True:
            self._woken.clear()
            seconds = self._closed()
            while seconds <= 0 and len(self._tasks) < SIDE_BY_SIDE:
                want = self._triggers.take(self.times.ticks())
                if want is None:
                    break
                self._health.sent()
                task = asyncio.create_task(self._fetch(want))
                self._tasks.add(task)
                task.add_done_callback(self._ended)
                seconds = self._closed()
            waiting = self._triggers.wait(self.times.ticks())
            await wait_unless(self.times.sleep, seconds if seconds > 0 else waiting, self._woken)

    def _closed(self) -> float:
        """Seconds until anything may be asked."""
        now = self.times.ticks()
        return max(self._health.wait(now), self.directory.api.quiet_until - now)

    async def _fetch(self, want: Fetch) -> None:
        try:
            found = await self.directory.read(want.subject)
        except DirectoryError as error:
            self._answered(want.subject, error.status)
            self._refused(want, error)
            return
        except asyncio.CancelledError:
            self._health.lost()
            raise
        self._answered(want.subject, 200)
        self._well_at = self.times.ticks()
        self._troubles.pop(want.subject, None)
        if found.read < want.least:
            self._count("stale")
            self._triggers.later(want, self.times.ticks() + self._until_new(found, want))
            return
        await self._keep(want, found)

    async def _keep(self, want: Fetch, found: Read) -> None:
        if found.status == "unknown" and any(ticket.known for ticket in self._triggers.asked(want)):
            await self.append(self.record(want.subject, b"", found.read, "unlisted"))
        elif found.status == "unknown":
            log.warning("directory tells nothing of a subject that it gave notice of", source=self.source)
        elif len(found.body) > LARGEST:
            self._give_up(want, f"the answer has {len(found.body)} bytes; at most {LARGEST}")
            return
        else:
            kind: Literal["snapshot", "gone"] = "gone" if found.status == "gone" else "snapshot"
            await self.append(self.record(want.subject, found.body, found.read, kind))
        self._count(found.status)
        self._done(want)

    def record(
        self, subject: str, body: bytes, read: int, kind: Literal["snapshot", "gone", "unlisted", "page"]
    ) -> Record:
        """For `events.<source>`."""
        now = str(self.times.now)
        told = {KIND: kind, READ: str(read), SUBJECT: subject, BY_GATEWAY: self.source, RECEIVED: now}
        headers = [(name, value.encode("utf-8", "replace")) for name, value in told.items()]
        return Record(f"events.{self.source}", subject.encode("utf-8", "replace"), body, headers)

    def _refused(self, want: Fetch, error: DirectoryError) -> None:
        self._count("failed")
        now = self.times.ticks()
        tried, since = self._troubles.get(want.subject, (0, now))
        self._troubles[want.subject] = (tried + 1, since)
        log.warning("directory refuses a subject", source=self.source, reason=str(error), attempt=tried + 1)
        if error.status in REFUSALS and tried + 1 >= PATIENCE and self._well_at > since:
            self._give_up(want, f"the directory {error}")
        else:
            self._triggers.later(want, now + self._pause(tried + 1))

    def _give_up(self, want: Fetch, reason: str) -> None:
        log.error("subject can't be fetched", source=self.source, reason=reason)
        self._count("rejected")
        self._troubles.pop(want.subject, None)
        for ticket in self._triggers.asked(want):
            ticket.failed = reason
        self._done(want)

    def _done(self, want: Fetch) -> None:
        for ticket in self._triggers.done(want):
            ticket.ended(ticket.failed)

    def _answered(self, subject: str, status: int | None) -> None:
        down = self._health.down
        self._health.answered(subject, write=False, status=status, now=self.times.ticks())
        if down != self._health.down:
            log.warning("directory is down" if self._health.down else "directory is back", source=self.source)
        self._woken.set()

    def _until_new(self, found: Read, want: Fetch) -> float:
        """Seconds until the directory's clock, which tells whole seconds, may say that the answer is new enough."""
        seconds = (want.least - found.read) / 1_000_000
        if seconds > 10:
            log.warning("directory's clock is behind what it told", source=self.source, seconds=round(seconds))
        return max(0.5, seconds - 0.5)

    def _pause(self, tried: int) -> float:
        return float(min(BACKOFF_MOST, BACKOFF * 2.0 ** min(tried - 1, 10)) * (0.5 + self.times.jitter() / 2))

    def _count(self, outcome: str) -> None:
        telemetry.FETCHES.labels(self.source, outcome).inc()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._woken.set()
        error = None if task.cancelled() else task.exception()
        if error is not None and self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)


def rejection(topic: str, place: tuple[int, int], reason: str, appended: int, key: bytes, value: bytes) -> Record:
    """What asked for a subject that can't be fetched, for `events.rejected`. `place`: partition and offset."""
    partition, offset = place
    rejected = encode_rejected(
        topic, partition, offset, appended, code="not_fetched", reason=reason, key=key, value=value
    )
    return Record(REJECTIONS, f"{topic}/{partition}/{offset}".encode(), rejected, [])

"""Sync: who works there, read from the directory itself: the first load, and what hooks missed.

Rule 1: a round goes page by page. The cursor moves when the brokers have all of a page. A round that was cut short
continues with the page that wasn't finished, so a crash costs no more than repeats.
Rule 2: a subject that is missing from a page, a list or a report isn't gone. After a full round the missing subjects
are fetched one by one: a deletion may have been missed, and a report omits people for many reasons.
Rule 3: a later page of a round overrides an earlier one: `read_at` grows from page to page.
Rule 4: where the directory no longer knows the point since which it should list changes, everything is read again,
once in a round. Where it goes on failing at the round's place and answers at the beginning, the place is what is wrong,
and the round begins anew, once as well.
Rule 5: a round whose pages lead in a circle, or that lists nobody though people are known, ends with an error. The next
one begins anew. What its pages listed until then is told.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Any

import orjson
import structlog

from streamproc import telemetry
from streamproc.adapters.wait import task_group
from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt
from streamproc.core.records.cursor import Cursor
from streamproc.core.records.producer_record import LARGEST
from streamproc.core.records.units import Micros, millis_of
from streamproc.hydrator.cursors import Cursors
from streamproc.hydrator.decide.leaving import leaving
from streamproc.hydrator.directories.answer import AGAIN, Trail
from streamproc.hydrator.directories.api import Page
from streamproc.hydrator.directories.directory_error import DirectoryError, odd
from streamproc.hydrator.fetcher import Fetcher, Ticket
from streamproc.hydrator.rejections import rejection_of_sync
from streamproc.sources import SOURCES
from streamproc.sources.lenient_json import digest
from streamproc.sources.options import SourceOptions
from streamproc.sources.raw_record import HARMLESS

log = structlog.get_logger("streamproc.hydrator")

ATTEMPTS = 8
"""At a page, for a command that waits for the end: about a minute."""
MOST_TOLD = 10_000
"""Elements of which it is kept that they were told."""
AT_ONCE = 500
"""Records on their way to the brokers, and subjects that are asked for."""
ODD = 3
"""Rounds in a row that end with odd answers, after which everybody is told anew: the point since which changes are
listed may be what is odd.
"""


@asynccontextmanager
async def window() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], Awaitable[None]]]:
    """Begins one thing after the other, so many side by side, and waits for the end of all."""
    places = asyncio.Semaphore(AT_ONCE)
    async with task_group() as tasks:

        async def begin(work: Coroutine[Any, Any, None]) -> None:
            await places.acquire()
            tasks.create_task(work).add_done_callback(lambda _: places.release())

        yield begin


@dataclass(slots=True)
class Counts:
    """What a round came to."""

    pages: int = 0
    fetched: int = 0
    """Subjects that were read one by one."""
    appended: int = 0
    """Events and states that pages contained."""
    ignored: int = 0
    missing: int = 0
    """Subjects in no page of a full round, which were fetched."""
    given_up: int = 0

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.pages} pages, {self.fetched} subjects read, {self.appended} records from pages, "
            f"{self.ignored} ignored, {self.missing} missing and looked for, {self.given_up} given up"
        )


class Sync:
    """Synchronises one source. Its fetcher has to run beside it. `say` gets lines about the progress."""

    def __init__(
        self,
        fetcher: Fetcher,
        options: SourceOptions,
        cursors: Cursors,
        say: Callable[[str], None] = lambda _: None,
        known: Callable[[str], Awaitable[set[str]]] | None = None,
    ) -> None:
        """`known`: subjects of a source that it hasn't called gone. None: missing subjects aren't fetched."""
        self.source = fetcher.source
        self.clocks = fetcher.clocks
        self._fetcher = fetcher
        self._parser = SOURCES[fetcher.source]
        self._options = options
        self._cursors = cursors
        self._say = say
        self._known = known
        self._missing: set[str] = set()
        """Of those who were known when a round of everybody began, who wasn't listed yet."""
        self._known_before = 0
        """How many these were."""
        self._listed = False
        """Whether anybody was listed yet."""
        self._odd = 0
        """Rounds in a row that ended because the directory's answers can't be trusted."""
        self._told: set[str] = set()
        """Elements of which nothing was understood."""
        self.moved = self.clocks.ticks()

    async def run(self, *, full: bool = False, attempts: int | None = None, whole_every: float = 0.0) -> Counts:
        """One round, or the rest of one. Raises DirectoryError after so many attempts at a page; None: never.

        `full`: everybody, not only changes. `whole_every`: also full if the last full round is so many seconds old.
        """
        try:
            return await self._round(attempts, whole_every, full=full)
        except DirectoryError as error:
            if error.misplaced:  # where the round stands can't be trusted any more
                self._odd += 1
                cursor = await self._cursors.load(self.source)
                since = cursor.since if self._odd < ODD else ""  # that may be what is wrong
                await self._cursors.save(replace(cursor, place="", since=since))
            raise

    async def _round(self, attempts: int | None, whole_every: float, *, full: bool) -> Counts:
        counts = Counts()
        cursor = await self._cursors.load(self.source)
        if whole_every and cursor.whole + whole_every * 1_000_000 < self.clocks.micros():
            full = True
        if full and not (cursor.full and cursor.place):
            cursor = replace(cursor, place="", full=True)
        elif not cursor.place:
            cursor = replace(cursor, full=not cursor.since)
        from_start = cursor.full and not cursor.place
        await self._look_up(whole=from_start)
        trail, lost = Trail(AGAIN), False
        if cursor.place:
            trail.ask(cursor.place)
        while True:
            try:
                page = await self._page(cursor, attempts)
            except DirectoryError as error:
                if lost or (anew := await self._anew(cursor, error)) is None:
                    raise
                self._say(f"{self.source}: the directory {error}: the round begins anew")
                log.warning("round begins anew", source=self.source, reason=str(error), full=anew.full)
                cursor, from_start, trail, lost = anew, anew.full, Trail(AGAIN), True
                await self._look_up(whole=from_start)
                continue
            if page.missed:
                log.warning("directory leaves something out", source=self.source, reason=page.missed)
            read_at = max(page.read_at, Micros(cursor.read + 1))
            digest_ = await self._append_page(page, read_at, counts)
            trail.came(digest_, len(page.subjects) + len(page.elements))
            if page.next_page:
                trail.ask(page.next_page)
            if from_start and not page.next_page:
                await self._fetch_missing(counts)
            if page.next_page:
                cursor = replace(cursor, place=page.next_page, read=read_at)
            else:
                whole = cursor.full and (from_start or self._known is None)  # else nobody looked for the missing
                done = self.clocks.micros() if whole else cursor.whole
                cursor = Cursor(self.source, since=page.since, read=read_at, whole=done)
            await self._cursors.save(cursor)
            self.moved = self.clocks.ticks()
            self._say(f"{self.source}: {counts}")
            if not page.next_page:
                self._odd = 0
                telemetry.SYNCED.labels(self.source).set(self.clocks.clock())
                return counts

    async def _look_up(self, *, whole: bool) -> None:
        """Who is known at the beginning of a round of everybody."""
        self._missing = set(await self._known(self.source)) if whole and self._known else set()
        self._known_before, self._listed = len(self._missing), False

    async def _fetch_missing(self, counts: Counts) -> None:
        """Fetch those who were missing from a full round (rule 2)."""
        if self._known_before and not self._listed:
            raise odd(f"lists nobody, though {self._known_before} are known: nobody is taken for gone")
        missing = sorted(self._missing)
        async with window() as begin:
            for subject in missing:
                request = FetchRequest(subject, "sync", Micros(0), "missing from a whole round")
                await begin(self._fetch(request, counts, known=True))
        counts.missing += len(missing)

    async def _page(self, cursor: Cursor, attempts: int | None) -> Page:
        ask = partial(self._fetcher.directory.page, cursor.since, cursor.place, full=cursor.full)
        return await self._fetcher.ask(ask, attempts, partial(self._elsewhere, cursor))

    async def _anew(self, cursor: Cursor, error: DirectoryError) -> Cursor | None:
        """Where the round begins again after this error (rule 4); None: it ends."""
        if error.status == 410:
            return None if cursor.full and not cursor.place else replace(cursor, place="", full=True)
        return None if error.misplaced else await self._elsewhere(cursor)

    async def _elsewhere(self, cursor: Cursor) -> Cursor | None:
        """A beginning at which the directory answers now: of this round, else of everybody; None: at none."""
        directory, everybody = self._fetcher.directory, replace(cursor, place="", full=True)
        for begin in dict.fromkeys((replace(cursor, place=""), everybody)):
            if begin != cursor:
                with suppress(DirectoryError):
                    await self._fetcher.ask(partial(directory.page, begin.since, "", full=begin.full), 1)
                    return begin
        return None

    async def _append_page(self, page: Page, read_at: Micros, counts: Counts) -> bytes:
        """Returns a digest of what the page listed, when the brokers have all of it."""
        receipt = Receipt(self.clocks.micros(), read_at)
        listed = sha256()
        async with window() as begin:
            for place in range(len(page.elements)):
                try:
                    element = page.elements[place]
                except DirectoryError as error:
                    listed.update(b"?")
                    await begin(self._give_up(b"", f"the directory {error}", counts))
                    continue
                content = orjson.dumps(element)
                listed.update(content)
                parsed = self._parsed(element, receipt)
                self._list(event.subject for event in parsed.events)
                counts.ignored += len(parsed.ignored)
                strange = [each for each in parsed.ignored if each.code not in HARMLESS]
                if parsed.events or (strange and self._is_new(element)):  # the worker tells what isn't understood
                    subject = (parsed.events[0] if parsed.events else strange[0]).subject or ""
                    await begin(self._append(subject, content, read_at, counts))
                for request in parsed.notifications:
                    await begin(self._fetch(request, counts))
            self._list(page.subjects)
            for subject in page.subjects:
                listed.update(subject.encode("utf-8", "replace") + b"\0")
                await begin(self._fetch(FetchRequest(subject, "sync", Micros(0), "sync"), counts))
        counts.pages += 1
        return listed.digest()

    def _list(self, subjects: Iterable[str]) -> None:
        for subject in subjects:
            self._listed = True
            self._missing.discard(subject)

    def _parsed(self, element: Any, receipt: Receipt) -> ParsedPayload:
        try:
            return self._parser.read(element, receipt, self._options)
        except Exception as error:
            log.exception("parser failed", source=self.source)
            return ParsedPayload(ignored=(Ignored("internal", type(error).__name__),))

    def _is_new(self, element: Any) -> bool:
        """Whether it wasn't told yet: it may be there again in each round."""
        content = digest(element)
        if content in self._told:
            return False
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told.add(content)
        return True

    async def _append(self, subject: str, content: bytes, read_at: Micros, counts: Counts) -> None:
        reason = f"{len(content)} bytes in one element; at most {LARGEST}"
        slim: bytes | None = content
        if len(content) > LARGEST:
            slim = leaving(self._parser, self._options, content, read_at, LARGEST)
            reason += "" if slim is None else ": only that access ends is taken from it"
            await self._give_up(subject.encode("utf-8", "replace"), reason, counts)
        if slim is not None:
            await self._fetcher.append(self._fetcher.record(subject, slim, read_at, "page"))
            counts.appended += 1

    async def _fetch(self, request: FetchRequest, counts: Counts, *, known: bool = False) -> None:
        end: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        ticket = Ticket(lambda failure: None if end.done() else end.set_result(failure), known=known)
        self._fetcher.offer(ticket, [request])
        failure = await end
        if failure is None:
            counts.fetched += 1
        else:
            await self._give_up(request.subject.encode("utf-8", "replace"), failure, counts)

    async def _give_up(self, subject: bytes, reason: str, counts: Counts) -> None:
        counts.given_up += 1
        now = millis_of(self.clocks.micros())
        await self._fetcher.append(rejection_of_sync(self.source, reason, now, subject))

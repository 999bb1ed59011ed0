"""Sync: who works there, read from the directory itself: the first load, and what hooks missed.

Rule 1: a round goes page by page. The cursor moves when the brokers have all of a page. A round that was cut short
continues with the page that wasn't finished, so a crash costs no more than repeats.
Rule 2: a subject that is missing from a page, a list or a report isn't gone. After a full round the missing subjects
are fetched one by one: a deletion may have been missed, and a report omits people for many reasons.
Rule 3: a later page of a round overrides an earlier one: `read_at` grows from page to page.
Rule 4: where the directory no longer knows the point since which it should list changes, everything is read again,
once in a round.
Rule 5: a round whose pages lead in a circle, or that lists nobody though people are known, ends with an error. The next
one begins anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson
import structlog

from streamproc import telemetry
from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Log, Producer
from streamproc.core.parsed_payload import FetchRequest, Receipt
from streamproc.core.records.change_event import GONE
from streamproc.core.records.cursor import CURSOR, Cursor
from streamproc.core.records.link import decode_link
from streamproc.core.records.producer_record import LARGEST, Record
from streamproc.core.records.topic_names import CURSORS, LINKS
from streamproc.core.records.units import Micros, millis_of
from streamproc.hydrator.directories.answer import AGAIN, DirectoryError, Trail, odd
from streamproc.hydrator.directories.api import Page
from streamproc.hydrator.fetcher import Fetcher, Ticket, rejection_of_sync
from streamproc.sources import SOURCES
from streamproc.sources.lenient_json import digest
from streamproc.sources.options import SourceOptions
from streamproc.sources.raw_record import HARMLESS

log = structlog.get_logger("streamproc.hydrator")

ATTEMPTS = 8
"""At a page, for a command that waits for the end: about a minute."""
MOST_TOLD = 10_000
"""Elements of which it is kept that they were told."""
BATCH = 500
"""Records on their way to the brokers at once."""


async def known_subjects(kafka: Log, source: str) -> set[str]:
    """In table `links`: subjects of a source that it hasn't called gone. Raises KafkaError."""
    present: dict[str, bool] = {}
    async for name, link in reading.read_topic(kafka, LINKS, decode_link):
        its_source, _, subject = name.partition("/")
        if its_source == source and link is not None:
            present[subject] = link.facts is not None and link.facts.values.get(GONE) is not True
    return {subject for subject, is_present in present.items() if is_present}


class Cursors(Protocol):
    """Where cursors are stored."""

    async def load(self, source: str) -> Cursor:
        """The newest; an empty one where there is none."""

    async def save(self, cursor: Cursor) -> None:
        """Returns when it is stored."""


class KafkaCursors:
    """Cursors in topic `streamproc.cursors`."""

    def __init__(self, kafka: Log, producer: Producer) -> None:
        self._kafka = kafka
        self._producer = producer

    async def load(self, source: str) -> Cursor:
        newest = Cursor(source)
        async for name, cursor in reading.read_topic(self._kafka, CURSORS, CURSOR.validate_json):
            if name == source:
                newest = cursor or Cursor(source)  # deleted: everything is read again
        return newest

    async def save(self, cursor: Cursor) -> None:
        await self._producer.send_and_wait(CURSORS, orjson.dumps(cursor), key=cursor.source.encode())


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
        self.times = fetcher.times
        self._fetcher = fetcher
        self._parser = SOURCES[fetcher.source]
        self._options = options
        self._cursors = cursors
        self._say = say
        self._known = known
        self._seen: set[str] = set()
        self._told: set[str] = set()
        """Elements of which nothing was understood."""

    async def run(self, *, full: bool = False, attempts: int | None = None, whole_every: float = 0.0) -> Counts:
        """One round, or the rest of one. Raises DirectoryError after so many attempts at a page; None: never.

        `full`: everybody, not only changes. `whole_every`: also full if the last full round is so many seconds old.
        """
        try:
            return await self._round(attempts, whole_every, full=full)
        except DirectoryError as error:
            if error.odd:  # where the round stands can't be trusted any more
                await self._cursors.save(replace(await self._cursors.load(self.source), place=""))
            raise

    async def _round(self, attempts: int | None, whole_every: float, *, full: bool) -> Counts:
        counts = Counts()
        cursor = await self._cursors.load(self.source)
        if whole_every and cursor.whole + whole_every * 1_000_000 < self.times.now:
            full = True
        if full and not (cursor.full and cursor.place):
            cursor = replace(cursor, place="", full=True)
        elif not cursor.place:
            cursor = replace(cursor, full=not cursor.since)
        from_start = cursor.full and not cursor.place
        self._seen.clear()
        trail, lost = Trail(AGAIN), False
        if cursor.place:
            trail.ask(cursor.place)
        while True:
            try:
                page = await self._page(cursor, attempts)
            except DirectoryError as error:
                if error.status != 410 or lost or (cursor.full and not cursor.place):
                    raise
                self._say(f"{self.source}: the directory has lost its place: everything is told anew")
                cursor = replace(cursor, place="", full=True)
                from_start, trail, lost = True, Trail(AGAIN), True
                self._seen.clear()
                continue
            trail.came([*page.subjects, *page.elements])
            if page.next_page:
                trail.ask(page.next_page)
            if page.missed:
                log.warning("directory leaves something out", source=self.source, reason=page.missed)
            read_at = max(page.read_at, Micros(cursor.read + 1))
            await self._append_page(page, read_at, counts)
            if from_start and not page.next_page:
                await self._fetch_missing(counts)
            if page.next_page:
                cursor = replace(cursor, place=page.next_page, read=read_at)
            else:
                cursor = Cursor(
                    self.source, since=page.since, read=read_at, whole=self.times.now if cursor.full else cursor.whole
                )
            await self._cursors.save(cursor)
            self._say(f"{self.source}: {counts}")
            if not page.next_page:
                telemetry.SYNCED.labels(self.source).set(self.times.clock())
                return counts

    async def _fetch_missing(self, counts: Counts) -> None:
        """Fetch those who were missing from a full round (rule 2)."""
        known = await self._known(self.source) if self._known else set()
        if known and not self._seen:
            raise odd(f"lists nobody, though {len(known)} are known: nobody is taken for gone")
        missing = sorted(known - self._seen)
        for start in range(0, len(missing), BATCH):
            requests = [
                FetchRequest(subject, "sync", Micros(0), "missing from a whole round")
                for subject in missing[start : start + BATCH]
            ]
            await asyncio.gather(*(self._fetch(request, counts, known=True) for request in requests))
        counts.missing += len(missing)

    async def _page(self, cursor: Cursor, attempts: int | None) -> Page:
        directory = self._fetcher.directory
        return await self._fetcher.ask(lambda: directory.page(cursor.since, cursor.place, full=cursor.full), attempts)

    async def _append_page(self, page: Page, read_at: Micros, counts: Counts) -> None:
        """Returns when the brokers have all of it."""
        receipt = Receipt(self.times.now, read_at)
        requests = [FetchRequest(subject, "sync", Micros(0), "sync") for subject in page.subjects]
        self._seen.update(page.subjects)
        records: list[Record] = []
        for element in page.elements:
            parsed = self._parser.read(element, receipt, self._options)
            requests += parsed.notifications
            self._seen.update(event.subject for event in parsed.events)
            counts.ignored += len(parsed.ignored)
            strange = [each for each in parsed.ignored if each.code not in HARMLESS]
            if parsed.events or (strange and self._is_new(element)):  # the worker tells what isn't understood
                subject = (parsed.events[0] if parsed.events else strange[0]).subject or ""
                records.append(self._fetcher.record(subject, orjson.dumps(element), read_at, "page"))
        fetches = [self._fetch(request, counts) for request in requests]
        for start in range(0, len(records), BATCH):
            await asyncio.gather(*(self._append(record, counts) for record in records[start : start + BATCH]))
        await asyncio.gather(*fetches)
        counts.pages += 1

    def _is_new(self, element: Any) -> bool:
        """Whether it wasn't told yet: it may be there again in each round."""
        content = digest(element)
        if content in self._told:
            return False
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told.add(content)
        return True

    async def _append(self, record: Record, counts: Counts) -> None:
        if len(record.value) > LARGEST:
            await self._give_up(record.key, f"{len(record.value)} bytes in one element; at most {LARGEST}", counts)
            return
        await self._fetcher.append(record)
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
        now = millis_of(self.times.now)
        await self._fetcher.append(rejection_of_sync(self.source, reason, now, subject))

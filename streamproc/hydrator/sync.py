"""Sync: who works there, told by the directory itself: the first load, and what hooks missed.

Rule 1: a round goes page by page. The cursor moves when the brokers have all of a page, so a round that was cut short
goes on with the page that wasn't finished, and repeats are what a killed process costs.
Rule 2: who is missing from a page, a list or a report isn't gone. After a whole round the missing are asked for one by
one: a deletion may have been missed, and a report leaves people out for many reasons.
Rule 3: what a later page of a round says counts over an earlier one: `read` grows from page to page.
Rule 4: where the directory has forgotten from where it should tell changes, everything is told anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

import orjson
import structlog
from aiokafka import AIOKafkaProducer

from streamproc import telemetry
from streamproc.adapters.kafka import reading
from streamproc.core.parsed_payload import FetchRequest, Receipt
from streamproc.core.records.change_event import GONE
from streamproc.core.records.cursor import CURSOR, Cursor
from streamproc.core.records.producer_record import LARGEST, Record
from streamproc.core.records.topic_names import CURSORS, LINKS
from streamproc.hydrator.directories.api import DirectoryError, Page
from streamproc.hydrator.fetcher import Fetcher, Ticket, rejection
from streamproc.settings import KafkaSettings
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions

log = structlog.get_logger("streamproc.hydrator")

ATTEMPTS = 8
"""At a page, of whoever waits for the end: a minute or so."""
TOGETHER = 500
"""Records on their way to the brokers."""


async def known_subjects(kafka: KafkaSettings, source: str) -> set[str]:
    """Of table `links`: subjects of a source that it hasn't said are gone. Raises KafkaError."""
    found: dict[str, bool] = {}
    async for name, value in reading.read_topic(kafka, LINKS):
        of, _, subject = name.partition("/")
        if of == source:
            facts = orjson.loads(value)["facts"]
            found[subject] = facts is not None and facts["values"].get(GONE) is not True
    return {subject for subject, there in found.items() if there}


class Cursors(Protocol):
    """Where cursors are kept."""

    async def load(self, source: str) -> Cursor:
        """The newest; a fresh one where there is none."""

    async def save(self, cursor: Cursor) -> None:
        """Returns when it is kept."""


class KafkaCursors:
    """In `streamproc.cursors`."""

    def __init__(self, kafka: KafkaSettings, producer: AIOKafkaProducer) -> None:
        self._kafka = kafka
        self._producer = producer

    async def load(self, source: str) -> Cursor:
        found = Cursor(source)
        async for name, value in reading.read_topic(self._kafka, CURSORS):
            if name == source and value is not None:
                found = CURSOR.validate_json(value)
        return found

    async def save(self, cursor: Cursor) -> None:
        await self._producer.send_and_wait(CURSORS, orjson.dumps(cursor), key=cursor.source.encode())


@dataclass(slots=True)
class Counts:
    """What a round came to. `read`: subjects that were fetched; `told`: events and states that pages held. `missing`:
    those in no page of a whole round, who were looked for.
    """

    pages: int = 0
    read: int = 0
    told: int = 0
    ignored: int = 0
    missing: int = 0
    given_up: int = 0

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.pages} pages, {self.read} subjects read, {self.told} records from pages, "
            f"{self.ignored} ignored, {self.missing} missing and looked for, {self.given_up} given up"
        )


class Sync:
    """Of one source. Its `fetching` has to run beside it. `say`: told of the progress."""

    def __init__(
        self,
        fetching: Fetcher,
        options: SourceOptions,
        cursors: Cursors,
        say: Callable[[str], None] = lambda _: None,
        known: Callable[[str], Awaitable[set[str]]] | None = None,
    ) -> None:
        """`known`: subjects of a source that it hasn't said are gone. None: nobody is looked for."""
        self.source = fetching.source
        self.times = fetching.times
        self._fetching = fetching
        self._parser = SOURCES[fetching.source]
        self._options = options
        self._cursors = cursors
        self._say = say
        self._known = known
        self._seen: set[str] = set()

    async def run(self, *, full: bool = False, attempts: int | None = None, whole_every: float = 0.0) -> Counts:
        """One round, or the rest of one. Raises DirectoryError after so many attempts at a page; None: never.

        `whole_every`: it tells everything if the last that did is so many seconds old; 0: only where `full` says so.
        """
        counts = Counts()
        cursor = await self._cursors.load(self.source)
        if whole_every and cursor.whole + whole_every * 1_000_000 < self.times.now:
            full = True
        if full and not (cursor.full and cursor.place):
            cursor = replace(cursor, place="", full=True)
        elif not cursor.place:
            cursor = replace(cursor, full=not cursor.since)
        whole = cursor.full and not cursor.place
        self._seen.clear()
        while True:
            try:
                page = await self._page(cursor, attempts)
            except DirectoryError as error:
                if error.status != 410 or (cursor.full and not cursor.place):
                    raise
                self._say(f"{self.source}: the directory has lost its place: everything is told anew")
                cursor = replace(cursor, place="", full=True)
                whole = True
                self._seen.clear()
                continue
            if page.missed:
                log.warning("directory leaves something out", source=self.source, reason=page.missed)
            read = max(page.read, cursor.read + 1)
            await self._keep(page, read, counts)
            if whole and not page.place:
                await self._look_for(counts)
            if page.place:
                cursor = replace(cursor, place=page.place, read=read)
            else:
                cursor = Cursor(
                    self.source, since=page.since, read=read, whole=self.times.now if cursor.full else cursor.whole
                )
            await self._cursors.save(cursor)
            self._say(f"{self.source}: {counts}")
            if not page.place:
                telemetry.SYNCED.labels(self.source).set(self.times.clock())
                return counts

    async def _look_for(self, counts: Counts) -> None:
        """Ask for whoever was missing from a whole round (rule 2)."""
        missing = sorted(await self._known(self.source) - self._seen) if self._known else []
        for start in range(0, len(missing), TOGETHER):
            some = [
                FetchRequest(subject, "sync", 0, "missing from a whole round")
                for subject in missing[start : start + TOGETHER]
            ]
            await asyncio.gather(*(self._read(notice, counts, known=True) for notice in some))
        counts.missing += len(missing)

    async def _page(self, cursor: Cursor, attempts: int | None) -> Page:
        directory = self._fetching.directory
        return await self._fetching.ask(lambda: directory.page(cursor.since, cursor.place, full=cursor.full), attempts)

    async def _keep(self, page: Page, read: int, counts: Counts) -> None:
        """Returns when the brokers have all of it."""
        taken = Receipt(self.times.now, read)
        notices = [FetchRequest(subject, "sync", 0, "sync") for subject in page.subjects]
        self._seen.update(page.subjects)
        records: list[Record] = []
        for element in page.elements:
            said = self._parser.read(element, taken, self._options)
            notices += said.notifications
            self._seen.update(each.subject for each in said.events)
            counts.ignored += len(said.ignored)
            if said.events:
                records.append(self._fetching.record(said.events[0].subject, orjson.dumps(element), read, "page"))
        reading = [self._read(notice, counts) for notice in notices]
        for start in range(0, len(records), TOGETHER):
            await asyncio.gather(*(self._append(record, counts) for record in records[start : start + TOGETHER]))
        await asyncio.gather(*reading)
        counts.pages += 1

    async def _append(self, record: Record, counts: Counts) -> None:
        if len(record.value) > LARGEST:
            await self._given_up(record.key, f"{len(record.value)} bytes in one element; at most {LARGEST}", counts)
            return
        await self._fetching.append(record)
        counts.told += 1

    async def _read(self, notice: FetchRequest, counts: Counts, *, known: bool = False) -> None:
        ended: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        ticket = Ticket(lambda failed: None if ended.done() else ended.set_result(failed), known=known)
        self._fetching.offer(ticket, [notice])
        failed = await ended
        if failed is None:
            counts.read += 1
        else:
            await self._given_up(notice.subject.encode("utf-8", "replace"), failed, counts)

    async def _given_up(self, subject: bytes, reason: str, counts: Counts) -> None:
        counts.given_up += 1
        now = self.times.now // 1000
        await self._fetching.append(rejection(f"sync/{self.source}", (-1, -1), reason, now, subject, b""))

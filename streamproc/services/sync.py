"""Sync: who works there, told by the directory itself: the first load, and what hooks missed.

Rule 1: a round goes page by page. The cursor moves when the brokers have all of a page, so a round that was cut short
goes on with the page that wasn't finished, and repeats are what a killed process costs.
Rule 2: who is missing from a page, a list or a report isn't gone.
Rule 3: what a later page of a round says counts over an earlier one: `read` grows from page to page.
Rule 4: where the directory has forgotten from where it should tell changes, everything is told anew.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import orjson
import structlog
from aiokafka import AIOKafkaProducer, TopicPartition

from streamproc import telemetry
from streamproc.adapters import kafka
from streamproc.adapters.directory import DirectoryError, Page
from streamproc.config import Settings
from streamproc.core.cursor import CURSOR, Cursor
from streamproc.core.said import Notice, Taken
from streamproc.services.fetching import Fetching, Ticket, rejection
from streamproc.sources import SOURCES
from streamproc.sources.intake import LARGEST, Record
from streamproc.sources.options import SourceOptions
from streamproc.topics import CURSORS

log = structlog.get_logger("streamproc.hydrator")

ATTEMPTS = 8
"""At a page, of whoever waits for the end: a minute or so."""
TOGETHER = 500
"""Records on their way to the brokers."""


class Cursors(Protocol):
    """Where cursors are kept."""

    async def load(self, source: str) -> Cursor:
        """The newest; a fresh one where there is none."""

    async def save(self, cursor: Cursor) -> None:
        """Returns when it is kept."""


class KafkaCursors:
    """In `streamproc.cursors`."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._settings = settings
        self._producer = producer

    async def load(self, source: str) -> Cursor:
        found = Cursor(source)
        reader = kafka.consumer(self._settings)
        await reader.start()
        try:
            places = [TopicPartition(CURSORS, partition) for partition in range(self._settings.partitions)]
            reader.assign(places)
            await reader.seek_to_beginning()
            ends = await reader.end_offsets(places)
            for place in places:
                while await reader.position(place) < ends[place]:
                    for records in (await reader.getmany(timeout_ms=1000)).values():
                        for record in records:
                            if record.key == source.encode() and record.value is not None:
                                found = CURSOR.validate_json(record.value)
        finally:
            await reader.stop()
        return found

    async def save(self, cursor: Cursor) -> None:
        await self._producer.send_and_wait(CURSORS, orjson.dumps(cursor), key=cursor.source.encode())


@dataclass(slots=True)
class Counts:
    """What a round came to. `read`: subjects that were fetched; `told`: events and states that pages held."""

    pages: int = 0
    read: int = 0
    told: int = 0
    ignored: int = 0
    given_up: int = 0

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.pages} pages, {self.read} subjects read, {self.told} records from pages, "
            f"{self.ignored} ignored, {self.given_up} given up"
        )


class Sync:
    """Of one source. Its `fetching` has to run beside it. `say`: told of the progress."""

    def __init__(
        self,
        fetching: Fetching,
        options: SourceOptions,
        cursors: Cursors,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.source = fetching.source
        self.times = fetching.times
        self._fetching = fetching
        self._parser = SOURCES[fetching.source]
        self._options = options
        self._cursors = cursors
        self._say = say

    async def run(self, *, full: bool = False, attempts: int | None = None) -> Counts:
        """One round, or the rest of one. Raises DirectoryError after so many attempts at a page; None: never."""
        counts = Counts()
        cursor = await self._cursors.load(self.source)
        if full and not (cursor.full and cursor.place):
            cursor = replace(cursor, place="", full=True)
        elif not cursor.place:
            cursor = replace(cursor, full=not cursor.since)
        while True:
            try:
                page = await self._page(cursor, attempts)
            except DirectoryError as error:
                if error.status != 410 or (cursor.full and not cursor.place):
                    raise
                self._say(f"{self.source}: the directory has lost its place: everything is told anew")
                cursor = replace(cursor, place="", full=True)
                continue
            read = max(page.read, cursor.read + 1)
            await self._keep(page, read, counts)
            if page.place:
                cursor = replace(cursor, place=page.place, read=read)
            else:
                cursor = Cursor(self.source, since=page.since, read=read)
            await self._cursors.save(cursor)
            self._say(f"{self.source}: {counts}")
            if not page.place:
                telemetry.SYNCED.labels(self.source).set(self.times.clock())
                return counts

    async def _page(self, cursor: Cursor, attempts: int | None) -> Page:
        directory = self._fetching.directory
        return await self._fetching.ask(lambda: directory.page(cursor.since, cursor.place, full=cursor.full), attempts)

    async def _keep(self, page: Page, read: int, counts: Counts) -> None:
        """Returns when the brokers have all of it."""
        taken = Taken(self.times.now, read)
        notices = [Notice(subject, "sync", 0, "sync") for subject in page.subjects]
        records: list[Record] = []
        for element in page.elements:
            said = self._parser.read(element, taken, self._options)
            notices += said.notifications
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

    async def _read(self, notice: Notice, counts: Counts) -> None:
        ended: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._fetching.offer(Ticket(lambda failed: None if ended.done() else ended.set_result(failed)), [notice])
        failed = await ended
        if failed is None:
            counts.read += 1
        else:
            await self._given_up(notice.subject.encode("utf-8", "replace"), failed, counts)

    async def _given_up(self, subject: bytes, reason: str, counts: Counts) -> None:
        counts.given_up += 1
        now = self.times.now // 1000
        await self._fetching.append(rejection(f"sync/{self.source}", (-1, -1), reason, now, subject, b""))

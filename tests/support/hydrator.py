"""Directories as stand-ins or scripted, a log that is a list of records, and fetchers that run.

Everybody here is made up.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from streamproc.adapters.clocks import Clocks
from streamproc.core.parsed_payload import FetchRequest, ParsedPayload
from streamproc.core.records.change_event import Fact
from streamproc.core.records.cursor import Cursor
from streamproc.core.records.producer_record import Record
from streamproc.core.records.topic_names import source_of
from streamproc.core.records.units import Micros, Millis
from streamproc.hydrator.directories.api import Directory
from streamproc.hydrator.fetcher import Fetcher, Ticket
from streamproc.hydrator.sync import Sync
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions
from streamproc.sources.raw_record import parse_record
from tests.support.stand_ins import Site

OPTIONS = {name: source.defaults for name, source in SOURCES.items()}
OF = {"okta": "okta", "entra": "graph", "pingone": "pingone", "workday": "workday"}
"""Source → the stand-in's name of its directory."""
EVERYWHERE = pytest.mark.parametrize("source", OF)


class Clock:
    """Real time, plus what was slept through: a sleep takes none."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.clocks = Clocks(lambda: time.time() + self.slept, self.ticks, self.pause, lambda: 1.0)
        self.directories = replace(self.clocks, clock=time.time)
        """For the directories' clients: their servers really answer, and tell the real time."""

    def ticks(self) -> float:
        return time.monotonic() + self.slept

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(0.001)
        self.slept += seconds


@dataclass
class Log:
    """What was appended, and how it reads."""

    records: list[Record] = field(default_factory=list)
    options: dict[str, SourceOptions] = field(default_factory=lambda: OPTIONS)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def append(self, record: Record) -> None:
        await self.gate.wait()
        self.records.append(record)

    def parsed(self, record: Record) -> ParsedPayload:
        """As the worker reads it."""
        name = source_of(record.topic)
        return parse_record(SOURCES[name].read, self.options[name], record.value, dict(record.headers), Millis(0))

    def facts(self) -> dict[str, dict[str, Fact]]:
        """Subject → facts when each record counts at its order, as the fold reads them.

        A snapshot says what it leaves out, but for what it kept, and groups where it doesn't tell that these are all.
        """
        events = [event for record in self.records for event in self.parsed(record).events if event.effective is None]
        facts_: dict[str, dict[str, Fact]] = {}
        for each in sorted(events, key=lambda each: each.order):
            stays = {} if each.kind == "snapshot" else facts_.get(each.subject, {})
            if each.kind == "snapshot":
                whole = "group:" in each.attributes
                stays = {
                    name: value
                    for name, value in facts_.get(each.subject, {}).items()
                    if name in each.kept or (name.startswith("group:") and not whole)
                }
            facts_[each.subject] = stays | each.attributes
        return facts_


@dataclass
class World:
    """The stand-ins, and all four directories as they are configured here."""

    site: Site
    directories: dict[str, Directory]
    clock: Clock
    log: Log = field(default_factory=Log)
    cursors: dict[str, Cursor] = field(default_factory=dict)

    async def load(self, source: str) -> Cursor:
        return self.cursors.get(source, Cursor(source))

    async def save(self, cursor: Cursor) -> None:
        self.cursors[cursor.source] = cursor

    @asynccontextmanager
    async def fetching(self, source: str) -> AsyncIterator[Fetcher]:
        async with running(Fetcher(source, self.directories[source], self.log.append, self.clock.clocks)) as fetcher:
            yield fetcher

    async def sync(self, source: str, *, full: bool = False) -> Any:
        async with self.fetching(source) as fetching:
            return await Sync(fetching, self.log.options[source], self).run(full=full, attempts=3)

    async def fetch(self, source: str, subject: str) -> list[Record]:
        """One subject, as a hook would have it fetched; the records that it led to."""
        before = len(self.log.records)
        async with self.fetching(source) as fetching:
            await asked(fetching, subject)
        return self.log.records[before:]

    async def requests(self, source: str) -> list[Any]:
        return list((await self.site.sim("GET", f"requests?directory={OF[source]}"))["requests"])


@asynccontextmanager
async def running(fetching: Fetcher) -> AsyncIterator[Fetcher]:
    task = asyncio.create_task(fetching.run())
    try:
        yield fetching
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def asked(fetching: Fetcher, subject: str, at: int = 0, *, urgent: bool = False) -> str | None:
    """Offer one trigger, and wait for its end."""
    async with asyncio.timeout(20):
        return await offered(fetching, subject, at, urgent=urgent)


def offered(fetching: Fetcher, subject: str, at: int = 0, *, urgent: bool = False) -> "asyncio.Future[str | None]":
    """One trigger on its way."""
    ended: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    fetching.offer(Ticket(ended.set_result), [FetchRequest(subject, "e", Micros(at), "test", urgent)])
    return ended


def subject(source: str, id_: str, number: str) -> str:
    """A person's subject: Workday's is the employee number."""
    return number if source == "workday" else id_


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not what():  # noqa: ASYNC110 - it is another task
            await asyncio.sleep(0.001)


async def fault(world: World, source: str, **rule: Any) -> None:
    await world.site.sim("POST", f"{OF[source]}/faults", {"faults": [{"kind": "refuse", **rule}] if rule else []})

"""Answers of all directories to all requests, of somebody hostile, over real sockets.

Of each three people in a directory one is asked about and answered for with hostility, and one leaves: who leaves is
recorded as inactive whatever becomes of the other, and the other ends somehow. A round over everybody that ran into it
runs again when it is over, and tells of the leaver. Judged are the records' bytes, who was asked, what was sent, and
the memory of this process; the stand-ins say who is active.
"""

import asyncio
import logging
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import psutil
from aiohttp.test_utils import TestServer

from streamproc.adapters.http import http_session
from streamproc.compose.clocks import SYSTEM
from streamproc.compose.directories import directories
from streamproc.compose.hr_vendors import hr_vendor
from streamproc.core.records.cursor import Cursor
from streamproc.core.records.producer_record import REJECTIONS, Record
from streamproc.demo.directories import pointed
from streamproc.hydrator.directories.api import Directory
from streamproc.hydrator.directories.directory_error import DirectoryError
from streamproc.hydrator.fetcher import Fetcher
from streamproc.hydrator.sync import Sync
from streamproc.settings import NetworkSettings, load_settings
from streamproc.simulator import create_app
from streamproc.simulator.directories.options import DirectoryOptions
from streamproc.sources.options import ASSIGNING
from tests.attack.part import Found, Part
from tests.support import hr_vendors
from tests.support.hostile_directory import Asked, Door, Hostile, chosen, doors
from tests.support.hydrator import OF, Clock, Log, offered, running
from tests.support.hydrator import OPTIONS as DEFAULTS
from tests.support.stand_ins import Site

OPTIONS: Final = {
    name: each.model_copy(update={"application": DirectoryOptions().application} if name in ASSIGNING else {})
    for name, each in DEFAULTS.items()
}
NAMES: Final = (*OF, *hr_vendors.VENDORS)
SECONDS: Final = 1.0
"""Until an answer counts as missing."""
WORDLESS: Final = frozenset({"bamboohr", "hibob", "gusto", "personio", "merge"})
"""Vendors whose documents don't say what a 404 contains."""
ANSWER: Final = {"read": 24 * 2**20, "page": 110 * 2**20}
"""Bytes that an answer may be sent before the connection ends: those that are read, and what is in the sockets."""
MEMORY: Final = 250
"""MB that this process may have more than at the beginning."""
LONGEST: Final = 60.0
"""Seconds for one input."""


@dataclass
class People:
    """Ids in one directory. Each has an address that nobody else has."""

    ill: str
    """Answered for with hostility; active."""
    leaver: str
    gone: str
    """Answered for with hostility, and has left, too."""
    address: dict[str, str]


async def _people(site: Site, name: str, source: str) -> People:
    directory = OF.get(name, name)
    ids = []
    for number, active in (("2001", True), ("2002", False), ("2003", False)):
        person: dict[str, Any] = {"employeeNumber": number, "userName": f"p{number}@example.com"}
        person |= {"displayName": f"P {number}", "hireDate": "2020-03-02", "active": active}
        made = await site.put(directory, person | ({} if active else {"lastDay": "2026-01-02"}))
        ids.append(number if source == "workday" else made)
    ill, leaver, gone = ids
    return People(
        ill, leaver, gone, {each: f"p{n}@example.com" for each, n in zip(ids, ("2001", "2002", "2003"), strict=True)}
    )


class Attack:
    """One directory, and what hostile answers did."""

    def __init__(self, name: str, door: Door, directory: Directory, people: People, found: Found) -> None:
        self.source = name if name in OF else "hris"
        self._name, self._door, self._people, self._found = name, door, people, found
        self._directory = directory
        self.clock, self.log = Clock(), Log(options=OPTIONS)
        self._cursors: dict[str, Cursor] = {}

    async def load(self, source: str) -> Cursor:
        from streamproc.core.records.cursor import Cursor

        return self._cursors.get(source, Cursor(source))

    async def save(self, cursor: Cursor) -> None:
        self._cursors[cursor.source] = cursor

    async def one(self, rng: Random) -> None:
        """One input."""
        people, page = self._people, rng.random() < 0.4
        victim = people.ill if rng.random() < 0.5 else people.gone
        swapped = {victim: people.leaver if victim == people.ill else people.ill}
        what, hostile = chosen(
            rng, self._door, {} if page else swapped
        )  # what lists say of whom is the directory's word
        times = (
            rng.choice([1, 2, 5, 10**6]) if what.partition("/")[0] not in {"slow", "endless"} else rng.choice([1, 1, 2])
        )
        example = f"{self._name} {'page' if page else 'read'} {what} {times} times"
        before, began = len(self.log.records), time.monotonic()
        self._door.written = 0
        try:
            async with asyncio.timeout(LONGEST):
                await (self._round(hostile, times, example) if page else self._read(victim, hostile, times, example))
        except TimeoutError:
            self._found.harmed("without_fate", f"{example}: no end in {LONGEST:.0f} s")
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            self._found.harmed("unhandled", f"{example}: {error!r}")
        self._door.hostile = lambda _: None
        self._judge(self.log.records[before:], example, page=page, seconds=time.monotonic() - began)
        del self.log.records[before:]

    async def _read(self, victim: str, hostile: Hostile, times: int, example: str) -> None:
        left = times

        def answers(asked: Asked) -> Hostile | None:
            nonlocal left
            if victim not in asked.path and victim.encode() not in asked.content:
                return None
            if self._people.leaver in asked.path or self._people.leaver.encode() in asked.content:
                return None
            left -= 1
            return hostile if left >= 0 else None

        self._door.hostile = answers
        async with running(self._fetcher()) as fetching:
            ill = offered(fetching, victim)
            for _ in range(6):  # others are asked for all the while
                leaver = await asyncio.wait_for(offered(fetching, self._people.leaver, urgent=True), LONGEST)
                if leaver is not None:
                    self._found.harmed("kept_in", f"{example}: the other was given up: {leaver}")
                await asyncio.sleep(0.02)
            while not ill.done():
                await asyncio.wait({ill}, timeout=0.05)
                if not ill.done():
                    await offered(fetching, self._people.leaver)
            large = "long_text" in example  # that is given up at once
            if times < 5 and ill.result() is not None and not large:
                self._found.harmed("kept_in", f"{example}: given up though it was over: {ill.result()}")
        self._inactive(self._people.leaver, example)
        if victim == self._people.gone and (large or ill.result() is None):
            self._inactive(victim, example)

    async def _round(self, hostile: Hostile, times: int, example: str) -> None:
        left = min(times, 200)

        def answers(_: Asked) -> Hostile | None:
            nonlocal left
            left -= 1
            return hostile if left >= 0 else None

        fetcher = self._fetcher()
        async with running(fetcher) as fetching:
            sync = Sync(fetching, OPTIONS[self.source], self)
            self._door.hostile = answers
            for _ in range(2):
                with suppress(DirectoryError, TimeoutError):
                    await asyncio.wait_for(sync.run(attempts=3), 3.0)
            self._door.hostile = lambda _: None
        async with running(self._fetcher()) as fetching:
            last = Sync(fetching, OPTIONS[self.source], self)
            for _ in range(4):
                with suppress(DirectoryError):
                    await last.run(full=True, attempts=3)
                    break
            else:
                self._found.harmed("kept_in", f"{example}: it is over, and no round comes to its end")
        self._inactive(self._people.leaver, example)

    def _fetcher(self) -> Fetcher:
        return Fetcher(self.source, self._directory, self.log.append, self.clock.clocks)

    def _inactive(self, who: str, example: str) -> None:
        log = Log([record for record in self.log.records if record.topic != REJECTIONS], OPTIONS)
        if log.facts().get(who, {}).get("active") is not False:
            self._found.harmed("kept_in", f"{example}: {who} isn't recorded as inactive")

    def _judge(self, records: list[Record], example: str, *, page: bool, seconds: float) -> None:
        addresses = self._people.address
        for record in records:
            key, value = record.key.decode("utf-8", "replace"), record.value.decode("utf-8", "replace")
            if record.topic == REJECTIONS or key not in addresses:
                continue
            if abs(time.time() - int(dict(record.headers)["streamproc-read"]) / 1_000_000) > 3700:
                self._found.harmed("kept_in", f"{example}: {key} was read at another time, so it counts under all else")
            if any(address in value for other, address in addresses.items() if other != key):
                self._found.harmed("wrong_account", f"{example}: somebody else's answer as {key}'s")
            if key != self._people.ill and any(
                event.attributes.get("active") is True for event in self.log.parsed(record).events
            ):
                self._found.harmed("let_in", f"{example}: {key} has left, and is recorded as active")
            worded = self._name not in WORDLESS  # of the others any 404 counts, where their list is one
            if worded and key == self._people.ill and dict(record.headers).get("streamproc-kind") == b"gone":
                self._found.harmed("wrong_account", f"{example}: {key} is there, and is recorded as gone")
        if self._door.strayed:
            self._found.harmed("let_in", f"{example}: a request, with its token, went elsewhere")
            self._door.strayed.clear()
        if self._door.written > ANSWER["page" if page else "read"]:
            self._found.harmed("unbounded", f"{example}: {self._door.written >> 20} MB of one answer were taken")
        if seconds > LONGEST:
            self._found.harmed("unbounded", f"{example}: {seconds:.0f} s")


@asynccontextmanager
async def _attacks(found: Found) -> AsyncIterator[list[Attack]]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = await stack.enter_async_context(TestServer(create_app()))
        http = await stack.enter_async_context(http_session(NetworkSettings(), seconds=SECONDS))
        site = Site(await stack.enter_async_context(http_session(NetworkSettings())), server.make_url("/"))
        await site.sim("POST", "config", {"okta_rate_limit": 10**6})  # waits take no time here, so minutes don't pass
        attacks = []
        for name in NAMES:
            door, root = await stack.enter_async_context(doors(str(server.make_url("/")).rstrip("/")))
            source = name if name in OF else "hris"
            people = await _people(site, name, source)
            if name in OF:
                made = directories(load_settings(**pointed(root)).hydrator, http, OPTIONS, SYSTEM)[name]
            else:
                settings = load_settings(**hr_vendors.pointed(root, name, folder)).hydrator.hris
                made = hr_vendor(settings, http, OPTIONS["hris"], SYSTEM)  # type: ignore[assignment]
            attack = Attack(name, door, made, people, found)
            made.api._clocks = attack.clock.directories
            attacks.append(attack)
        yield attacks


async def _run(rng: Random, number: int) -> Found:
    found = Found()
    logging.getLogger("aiohttp.server").disabled = True  # stand-ins stumble over links that are made up
    async with _attacks(found) as attacks:
        process = psutil.Process()
        before = process.memory_info().rss

        async def attack(one: Attack, rng: Random, times: int) -> None:
            for _ in range(times):
                await one.one(rng)
                found.tried += 1
                if (grown := (process.memory_info().rss - before) >> 20) > MEMORY:
                    found.harmed("unbounded", f"{grown} MB more than at the beginning, after {found.tried} inputs")

        seeds = [Random(rng.getrandbits(64)) for _ in attacks]  # side by side, and yet the same from the same seed
        shares = [len(range(place, number, len(attacks))) for place in range(len(attacks))]
        await asyncio.gather(*map(attack, attacks, seeds, shares))
    return found


def _attack(rng: Random, number: int) -> Found:
    return asyncio.run(_run(rng, number))


PARTS: Final = (Part("directory_answers", 2_000, 22, _attack),)

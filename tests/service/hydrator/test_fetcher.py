"""Fetching: how often and in which order subjects are asked for, and what goes wrong with one or with all."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streamproc import telemetry
from streamproc.adapters.oauth import StaticToken, TokenRefusedError
from streamproc.core.records.units import Micros
from streamproc.hydrator import fetcher
from streamproc.hydrator.directories.api import Api, Page, Read
from streamproc.hydrator.directories.directory_error import DirectoryError
from streamproc.hydrator.fetcher import SIDE_BY_SIDE, Fetcher
from tests.support.hydrator import EVERYWHERE, OF, Clock, Log, World, fault, offered, running, subject, until
from tests.support.logged import logged
from tests.support.stand_ins import ADA, BEN


class Scripted:
    """A directory that answers when it's told to. `asked`: subjects in the order of the requests."""

    def __init__(self, clock: Clock) -> None:
        self.api = Api(None, "http://127.0.0.1/", "Bearer", StaticToken("t"), clock.clocks)  # type: ignore[arg-type]
        self.asked: list[str] = []
        self.waiting: dict[str, asyncio.Future[Read]] = {}
        self.answers: list[Read] | None = None
        self.down = False

    async def read(self, subject: str) -> Read:
        self.asked.append(subject)
        if self.down:
            raise DirectoryError(503, "answered 503")
        if self.answers is not None:
            return self.answers.pop(0)
        assert subject not in self.waiting, "two at a time"
        self.waiting[subject] = asyncio.get_running_loop().create_future()
        try:
            return await self.waiting[subject]
        finally:
            del self.waiting[subject]

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        raise NotImplementedError

    async def answer(self, subject: str, read: int = 0) -> None:
        await until(lambda: subject in self.waiting)
        self.waiting[subject].set_result(Read("found", b"{}", Micros(read)))


@asynccontextmanager
async def scripted() -> AsyncIterator[tuple[Scripted, Fetcher, Log]]:
    clock, log = Clock(), Log()
    directory = Scripted(clock)
    async with running(Fetcher("okta", directory, log.append, clock.clocks)) as fetching:
        yield directory, fetching, log


async def test_many_triggers_are_one_fetch() -> None:
    """What comes before a fetch begins is answered by it; what comes while it is under way is answered by one more."""
    async with scripted() as (directory, fetching, log):
        first = [offered(fetching, "a", n) for n in range(50)]
        await until(lambda: "a" in directory.waiting)
        later = [offered(fetching, "a", n) for n in range(50)]
        await directory.answer("a", 1000)
        await asyncio.gather(*first)
        assert not any(each.done() for each in later)
        await directory.answer("a", 1000)
        await asyncio.gather(*later)
        assert (directory.asked, len(log.records)) == (["a", "a"], 2)


async def test_an_answer_is_never_older_than_the_last_trigger() -> None:
    """One that is, is not appended: the subject is asked for again, until the directory's clock has moved on."""
    async with scripted() as (directory, fetching, log):
        directory.answers = [Read("found", b"{}", Micros(read * 1_000_000)) for read in (5, 6, 7, 8)]
        await asyncio.gather(offered(fetching, "a", 2_000_000), offered(fetching, "a", 6_200_000))
        assert directory.asked == ["a"] * 3
        assert [dict(record.headers)["streamproc-read"] for record in log.records] == [b"7000000"]


async def test_who_may_have_left_goes_first() -> None:
    """An urgent trigger overtakes those that wait, also one of its own subject that does."""
    async with scripted() as (directory, fetching, _):
        busy = [f"busy{n}" for n in range(SIDE_BY_SIDE)]
        for each in (*busy, "calm", "hastened"):
            offered(fetching, each)
        await until(lambda: len(directory.waiting) == SIDE_BY_SIDE)
        offered(fetching, "leaver", urgent=True)
        offered(fetching, "hastened", urgent=True)
        for each in busy:
            await directory.answer(each)
        await until(lambda: len(directory.asked) == SIDE_BY_SIDE + 3)
        assert directory.asked[SIDE_BY_SIDE:] == ["leaver", "hastened", "calm"]


async def test_a_trigger_ends_when_the_brokers_have_the_answer() -> None:
    """Not before; and no second fetch of the subject overlaps with it."""
    async with scripted() as (directory, fetching, log):
        log.gate.clear()
        ended = offered(fetching, "a")
        await directory.answer("a")
        offered(fetching, "a")
        for _ in range(20):
            await asyncio.sleep(0)
        assert not ended.done()
        assert directory.asked == ["a"]
        log.gate.set()
        assert await ended is None


@pytest.mark.parametrize("source", ["okta", "entra", "pingone"])
async def test_trouble_with_one_holds_nobody_up(world: World, source: str) -> None:
    """Server errors about one subject are tried again; another one is answered meanwhile."""
    ada, ben = await world.site.put(OF[source], ADA), await world.site.put(OF[source], BEN)
    await fault(world, source, path=ada, status=500, times=4)
    async with world.fetching(source) as fetching:
        slow, quick = offered(fetching, ada), offered(fetching, ben)
        await asyncio.gather(slow, quick)
    assert [record.key for record in world.log.records] == [ben.encode(), ada.encode()]
    assert world.clock.slept > 3


@EVERYWHERE
async def test_limits_are_kept(world: World, source: str) -> None:
    """After a 429 nothing is asked until the directory wants to be asked again."""
    who = subject(source, await world.site.put(OF[source], ADA), "1001")
    await fault(world, source, status=429, retry_after=30, times=1, path="/users" if source != "workday" else "")
    await world.fetch(source, who)
    assert len(world.log.records) == 1
    assert 28 < world.clock.slept < 40


@EVERYWHERE
async def test_a_directory_that_is_down_is_probed_and_all_are_fetched_after(world: World, source: str) -> None:
    """While nothing is answered one at a time asks; when it is, everybody is fetched, and nobody is lost."""
    people = [{**ADA, "employeeNumber": str(n), "userName": f"p{n}@example.com"} for n in range(1, 31)]
    created = await world.site.sim("POST", f"{OF[source]}/people", people)
    whom = [subject(source, each["id"], each["employeeNumber"]) for each in created]
    await fault(world, source, status=503)
    async with world.fetching(source) as fetching:
        ended = [offered(fetching, each) for each in whom]
        await until(lambda: world.clock.slept > 100)
        fetching.measure()
        assert telemetry.DIRECTORY_DOWN.labels(source)._value.get() == 1
        assert telemetry.FETCHES_WAITING.labels(source)._value.get() == 30
        refused = len([request for request in await world.requests(source) if request["status"] == 503])
        await fault(world, source)
        assert await asyncio.gather(*ended) == [None] * 30
    assert {record.key for record in world.log.records} == {each.encode() for each in whom}
    assert refused < 45


async def test_nobody_waits_longer_than_the_directory_is_down() -> None:
    """Somebody is always due to probe, however long it was: soon after the end of it everybody is fetched."""
    async with scripted() as (directory, fetching, _):
        directory.down = True
        ended = [offered(fetching, f"p{n}") for n in range(5)]
        await until(lambda: fetching.clocks.ticks() - time.monotonic() > 600)
        directory.down, directory.answers = False, [Read("found", b"{}", Micros(1))] * 5
        begun = fetching.clocks.ticks()
        await asyncio.gather(*ended)
        assert fetching.clocks.ticks() - begun < 20


async def test_trouble_that_lasts_is_told_every_five_minutes() -> None:
    """Not with each probe of the hundreds that an hour has."""
    async with scripted() as (directory, fetching, _):
        directory.down = True
        with logged(fetcher) as logs:
            ended = [offered(fetching, f"p{n}") for n in range(5)]
            await until(lambda: fetching.clocks.ticks() - time.monotonic() > 1200)
        assert len(directory.asked) > 100
        warned = [line for line in logs if line["log_level"] == "warning"]
        told = [line for line in warned if line["event"] == "directory refuses a subject"]
        assert 4 <= len(told) <= 6
        assert {line["reason"] for line in told} == {"answered 503"}
        directory.down, directory.answers = False, [Read("found", b"{}", Micros(1))] * 5
        await asyncio.gather(*ended)


async def test_a_token_endpoints_retry_after_keeps_the_directory_quiet() -> None:
    """Nothing is asked as long as there can be no token."""

    class Limited(StaticToken):
        async def get(self) -> str:
            raise TokenRefusedError("answered 429", 90.0)

    clock = Clock()
    api = Api(None, "http://127.0.0.1/", "Bearer", Limited("t"), clock.clocks)  # type: ignore[arg-type]
    with pytest.raises(DirectoryError, match="answered 429"):
        await api.get("/users")
    assert 89.0 < api.quiet_until - clock.ticks() <= 90.0


@pytest.mark.parametrize("source", ["entra", "pingone"])
async def test_a_token_that_is_refused_is_replaced(world: World, source: str) -> None:
    """401 spends the token: the next attempt brings a new one."""
    who = await world.site.put(OF[source], ADA)
    await world.site.sim("POST", "config", {"token_ttl_s": 0.05})
    await world.directories[source].read(who)
    world.directories[source].api._bearer._good_until = float("inf")  # type: ignore[attr-defined]
    await asyncio.sleep(0.06)
    await world.site.sim("POST", "config", {"token_ttl_s": 60.0})
    await world.fetch(source, who)
    assert 401 in [request["status"] for request in await world.requests(source)]
    assert len(world.log.records) == 1

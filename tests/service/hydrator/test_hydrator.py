"""Hydrator and sync: against the directory stand-ins over real sockets, and against a scripted directory.

Kafka's place is taken by a list of records. Everybody here is made up.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from yarl import URL

from streamproc import telemetry
from streamproc.adapters.oauth import StaticToken
from streamproc.core.parsed_payload import FetchRequest, ParsedPayload
from streamproc.core.records.change_event import Fact
from streamproc.core.records.cursor import Cursor
from streamproc.core.records.producer_record import Record
from streamproc.demo.directories import pointed
from streamproc.hydrator.decide.fetch_queue import Fetch, FetchQueue
from streamproc.hydrator.directories.api import Api, Directory, DirectoryError, Page, Read, quiet, read
from streamproc.hydrator.directories.configured import directories
from streamproc.hydrator.directories.entra import Graph
from streamproc.hydrator.fetcher import PATIENCE, SIDE_BY_SIDE, Fetcher, Ticket, Times
from streamproc.hydrator.graph_subscription import EVERY, keep_subscribed
from streamproc.hydrator.process import Hydrator
from streamproc.hydrator.sync import Sync
from streamproc.settings import load_settings
from streamproc.simulator import create_app
from streamproc.sources import SOURCES
from streamproc.sources.raw_record import parse_record
from tests.service.simulator.test_directories import ADA, BEN, Site

OPTIONS = {name: source.defaults for name, source in SOURCES.items()}
OF = {"okta": "okta", "entra": "graph", "pingone": "pingone", "workday": "workday"}
"""Source → the stand-in's name of its directory."""
EVERYWHERE = pytest.mark.parametrize("source", OF)


class Clock:
    """Real time, plus what was slept through: a sleep takes none."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.times = Times(lambda: time.time() + self.slept, self.ticks, self.sleep, lambda: 1.0)

    def ticks(self) -> float:
        return time.monotonic() + self.slept

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.001)
        self.slept += seconds


@dataclass
class Log:
    """What was appended, and how it reads."""

    records: list[Record] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def append(self, record: Record) -> None:
        await self.gate.wait()
        self.records.append(record)

    def parsed(self, record: Record) -> ParsedPayload:
        """As the worker reads it."""
        name = record.topic.removeprefix("events.")
        return parse_record(SOURCES[name].read, OPTIONS[name], record.value, dict(record.headers), 0)

    def facts(self) -> dict[str, dict[str, Fact]]:
        """Subject → facts when each record counts at its order; a snapshot says what it leaves out."""
        said = [each for record in self.records for each in self.parsed(record).events if each.effective is None]
        whole: dict[str, dict[str, Fact]] = {}
        for each in sorted(said, key=lambda each: each.order):
            before = {} if each.kind == "snapshot" else whole.get(each.subject, {})
            whole[each.subject] = before | each.attributes
        return whole


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
        async with running(Fetcher(source, self.directories[source], self.log.append, self.clock.times)) as made:
            yield made

    async def sync(self, source: str, *, full: bool = False) -> Any:
        async with self.fetching(source) as fetching:
            return await Sync(fetching, OPTIONS[source], self).run(full=full, attempts=3)

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
    fetching.offer(Ticket(ended.set_result), [FetchRequest(subject, "e", at, "test", urgent)])
    return ended


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(create_app()))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        clock = Clock()
        root = str(server.make_url("/")).rstrip("/")
        made = directories(load_settings(**pointed(root)).hydrator, session, OPTIONS, clock.times.clock, clock.ticks)
        yield World(Site(session, server.make_url("/")), made, clock)


def subject(source: str, id_: str, number: str) -> str:
    """A person's subject: Workday's is the employee number."""
    return number if source == "workday" else id_


# What is read


@EVERYWHERE
async def test_a_subject_is_read_whole(world: World, source: str) -> None:
    """The record has its headers and key, and the parser finds in it who this is, values and groups."""
    await world.site.put(OF[source], ADA)
    person = {**BEN, "department": "Sales", "groups": ["Agents"], "custom": {}}
    who = subject(source, await world.site.put(OF[source], person), "1002")
    (record,) = await world.fetch(source, who)
    assert (record.topic, record.key) == (f"events.{source}", who.encode())
    headers = dict(record.headers)
    assert (headers["streamproc-kind"], headers["streamproc-subject"]) == (b"snapshot", who.encode())
    assert headers["streamproc-source"] == source.encode()
    said = next(each for each in world.log.parsed(record).events if each.effective is None)
    assert (said.subject, said.kind, said.anchor) == (who, "snapshot", "1002")
    assert said.order[0] == int(headers["streamproc-read"]) < time.time_ns() // 1000
    facts = said.attributes
    assert (facts["userName"], facts["department"], facts["active"]) == ("ben@example.com", "Sales", True)
    if source != "workday":
        assert facts["group:Agents"] == "Agents"
    if source == "entra":
        assert facts["manager"] == (await world.site.sim("GET", "graph/people"))[0]["id"]


@pytest.mark.parametrize("source", ["okta", "entra", "pingone"])
async def test_who_is_deleted_is_gone(world: World, source: str) -> None:
    """404 becomes a record of kind `gone`, which says that this source's subject isn't active, and no more."""
    who = await world.site.put(OF[source], ADA)
    await world.site.sim("DELETE", f"{OF[source]}/people/{who}")
    (record,) = await world.fetch(source, who)
    assert dict(record.headers)["streamproc-kind"] == b"gone"
    (said,) = world.log.parsed(record).events
    assert (said.subject, said.kind, said.attributes) == (who, "change", {"active": False, "gone": True})
    assert said.order[0] == int(dict(record.headers)["streamproc-read"])


async def test_who_is_not_in_the_report_is_not_gone(world: World) -> None:
    """Workday's report shows whom its filters let through: its silence says nothing, and ends the trigger."""
    await world.site.put("workday", ADA)
    assert await world.fetch("workday", "9999") == []


async def test_a_report_without_the_prompt_tells_of_one_all_the_same(world: World) -> None:
    """Where the prompt isn't heeded, everybody is answered: only the rows of the worker are kept."""

    async def everybody(_: web.Request) -> web.Response:
        rows = [{"Employee_ID": n, "Preferred_Name": f"P {n}", "Active": "1"} for n in ("1", "2")]
        return web.json_response({"Report_Entry": rows})

    app = web.Application()
    app.router.add_get("/report", everybody)
    async with TestServer(app) as server:
        directory = world.directories["workday"]
        directory.api._root = str(server.make_url("/report"))
        (record,) = await world.fetch("workday", "2")
    assert {each.subject for each in world.log.parsed(record).events} == {"2"}


async def test_an_answer_about_somebody_else_is_not_kept(world: World) -> None:
    """A login in place of an id is answered about its user; under the wrong subject it isn't appended."""
    who = await world.site.put("okta", ADA)
    with pytest.raises(DirectoryError):
        await world.directories["okta"].read("ada@example.com")
    assert (await world.directories["okta"].read(who)).status == "found"


async def test_credentials_go_nowhere_else(world: World) -> None:
    """A link to another host isn't followed."""
    api = world.directories["okta"].api
    with pytest.raises(DirectoryError, match="elsewhere"):
        await api.get("https://evil.example/api/v1/users")
    with pytest.raises(DirectoryError, match="elsewhere"):
        await api.get(str(URL(api._root).with_port(1)))


@pytest.mark.parametrize(
    ("date", "took", "now", "micros"),
    [
        ("Mon, 02 Mar 2026 09:00:05 GMT", 0.25, 1_772_442_006.5, 1_772_442_004_750_000),
        ("Mon, 02 Mar 2026 09:00:05 GMT", 0.0, 1_772_442_001.0, 1_772_442_001_000_000),
        (None, 0.5, 1_772_442_006.5, 1_772_442_006_000_000),
        ("yesterday", 0.5, 1_772_442_006.5, 1_772_442_006_000_000),
    ],
    ids=["before the answer", "a clock that is ahead counts as ours", "no date", "no date that can be read"],
)
def test_an_answer_counts_as_made_no_later_than_it_was(date: str | None, took: float, now: float, micros: int) -> None:
    """Its Date less what the request took: at or before the moment at which it was made."""
    assert read({} if date is None else {"date": date}, took, now) == micros


NOW = 1_772_442_005.0
DATE = {"date": "Mon, 02 Mar 2026 09:00:05 GMT"}


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "7"}, 7.0),
        (503, {"retry-after": "Mon, 02 Mar 2026 09:00:15 GMT"}, 10.0),
        (429, {"x-rate-limit-reset": "1772442035"}, 30.0),
        (200, {"x-rate-limit-reset": "1772442035", "x-rate-limit-remaining": "0"}, 30.0),
        (200, {"x-rate-limit-reset": "1772442035", "x-rate-limit-remaining": "1"}, 0.0),
        (200, {"retry-after": "7"}, 0.0),
        (429, {"retry-after": "soon"}, 0.0),
        (429, {"retry-after": "86400"}, 600.0),
    ],
)
def test_limits_are_heard(status: int, headers: dict[str, str], seconds: float) -> None:
    """Retry-After as seconds or a date, and Okta's moment, told by its own clock and not by ours."""
    assert quiet(status, DATE | headers, NOW + 100) == seconds


# When and how often


class Scripted:
    """A directory that answers when it's told to. `asked`: subjects in the order of the requests."""

    def __init__(self, clock: Clock) -> None:
        self.api = Api(None, "http://127.0.0.1/", "Bearer", StaticToken("t"), clock.times.clock, clock.ticks)  # type: ignore[arg-type]
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

    async def page(self, since: str, place: str, *, full: bool) -> Page:
        raise NotImplementedError

    async def answer(self, subject: str, read: int = 0) -> None:
        await until(lambda: subject in self.waiting)
        self.waiting[subject].set_result(Read("found", b"{}", read))


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not what():  # noqa: ASYNC110 - it is another task
            await asyncio.sleep(0.001)


@asynccontextmanager
async def scripted() -> AsyncIterator[tuple[Scripted, Fetcher, Log]]:
    clock, log = Clock(), Log()
    directory = Scripted(clock)
    async with running(Fetcher("okta", directory, log.append, clock.times)) as fetching:
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
        directory.answers = [Read("found", b"{}", read * 1_000_000) for read in (5, 6, 7, 8)]
        await asyncio.gather(offered(fetching, "a", 2_000_000), offered(fetching, "a", 6_200_000))
        assert directory.asked == ["a"] * 3
        assert [dict(each.headers)["streamproc-read"] for each in log.records] == [b"7000000"]


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


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """What happens to a decider: triggers come, fetches begin, are answered or put off, tickets are forgotten."""
    one = st.one_of(
        st.tuples(
            st.just("offer"),
            st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.booleans()), min_size=1, max_size=3),
        ),
        st.tuples(st.just("take"), st.just(None)),
        st.tuples(st.sampled_from(["done", "later"]), st.integers(0, 9)),
        st.tuples(st.just("forget"), st.integers(0, 30)),
    )
    return draw(st.lists(one, max_size=40))


@given(histories())
def test_every_trigger_is_answered_by_a_fetch_that_began_after_it(history: list[tuple[str, Any]]) -> None:
    """Whatever comes in whatever order: each ticket ends once, by answers that are new enough, and nobody is left."""
    decider: FetchQueue[int] = FetchQueue()
    open_: dict[int, dict[str, tuple[int, int]]] = {}  # ticket → subject → (least, when it was offered)
    flying: dict[str, tuple[Fetch, int]] = {}
    now = 0

    def take() -> bool:
        want = decider.take(now)
        if want is None:
            return False
        assert want.subject not in flying
        flying[want.subject] = (want, now)
        return True

    def done(want: Fetch, begun: int) -> None:
        for name in [each for each in open_.values() if want.subject in each]:
            if name[want.subject][1] <= begun:
                assert name.pop(want.subject)[0] <= want.least
        ended = {ticket for ticket, left in open_.items() if not left}
        assert set(decider.done(want)) == ended
        for ticket in ended:
            del open_[ticket]

    for word, what in history:
        now += 1
        if word == "offer":
            open_[now] = {}
            for name, at, _ in what:
                open_[now][name] = (max(at, open_[now].get(name, (0, 0))[0]), now)
            decider.offer(now, [FetchRequest(name, "e", at, "r", urgent) for name, at, urgent in what])
        elif word == "take":
            take()
        elif word == "forget":
            decider.forget(lambda ticket: ticket == what)  # noqa: B023 - it is called at once
            open_.pop(what, None)
        elif flying:
            name = sorted(flying)[what % len(flying)]
            want, begun = flying.pop(name)
            if word == "done":
                done(want, begun)
            else:
                decider.later(want, now + what)
    now += 100
    while flying or take():
        done(*flying.pop(next(iter(flying))))
    assert not open_
    assert len(decider) == 0


# What goes wrong


async def fault(world: World, source: str, **rule: Any) -> None:
    await world.site.sim("POST", f"{OF[source]}/faults", {"faults": [{"kind": "refuse", **rule}] if rule else []})


@pytest.mark.parametrize("source", ["okta", "entra", "pingone"])
async def test_trouble_with_one_holds_nobody_up(world: World, source: str) -> None:
    """Server errors about one subject are tried again; another one is answered meanwhile."""
    ada, ben = await world.site.put(OF[source], ADA), await world.site.put(OF[source], BEN)
    await fault(world, source, path=ada, status=500, times=4)
    async with world.fetching(source) as fetching:
        slow, quick = offered(fetching, ada), offered(fetching, ben)
        await asyncio.gather(slow, quick)
    assert [each.key for each in world.log.records] == [ben.encode(), ada.encode()]
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
    people = [{**ADA, "employeeNumber": str(n), "userName": f"p{n}@example.com"} for n in range(30)]
    made = await world.site.sim("POST", f"{OF[source]}/people", people)
    whom = [subject(source, each["id"], each["employeeNumber"]) for each in made]
    await fault(world, source, status=503)
    async with world.fetching(source) as fetching:
        ended = [offered(fetching, each) for each in whom]
        await until(lambda: world.clock.slept > 100)
        fetching.measure()
        assert telemetry.DIRECTORY_DOWN.labels(source)._value.get() == 1
        assert telemetry.FETCHES_WAITING.labels(source)._value.get() == 30
        refused = len([each for each in await world.requests(source) if each["status"] == 503])
        await fault(world, source)
        assert await asyncio.gather(*ended) == [None] * 30
    assert {each.key for each in world.log.records} == {each.encode() for each in whom}
    assert refused < 45


async def test_nobody_waits_longer_than_the_directory_is_down() -> None:
    """Somebody is always due to probe, however long it was: soon after the end of it everybody is fetched."""
    async with scripted() as (directory, fetching, _):
        directory.down = True
        ended = [offered(fetching, f"p{n}") for n in range(5)]
        await until(lambda: fetching.times.ticks() - time.monotonic() > 600)
        directory.down, directory.answers = False, [Read("found", b"{}", 1)] * 5
        begun = fetching.times.ticks()
        await asyncio.gather(*ended)
        assert fetching.times.ticks() - begun < 20


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
    assert 401 in [each["status"] for each in await world.requests(source)]
    assert len(world.log.records) == 1


class Consumer:
    """Kafka's, as far as the hydrator uses it."""

    def __init__(self) -> None:
        self.batches: list[dict[TopicPartition, list[Any]]] = []
        self.committed: dict[TopicPartition, int] = {}

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def subscribe(self, topics: list[str], listener: Any) -> None:
        self.topics = topics

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    def paused(self) -> set[TopicPartition]:
        return set()

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(0.001)
        return self.batches.pop(0) if self.batches else {}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.committed |= offsets


PLACE = TopicPartition("notifications.pingone", 0)


def notification(offset: int, *who: str, value: bytes | None = None) -> Any:
    """A record with one of PingOne's activities for each, constructed."""
    body = [
        {"id": f"{offset}-{each}", "action": {"type": "USER.UPDATED"}, "resources": [{"type": "USER", "id": each}]}
        for each in who
    ]
    content = value if value is not None else orjson.dumps(body)
    return ConsumerRecord(PLACE.topic, 0, offset, 0, 0, b"k", content, None, 0, 0, ())


@asynccontextmanager
async def hydrating(world: World) -> AsyncIterator[Consumer]:
    consumer = Consumer()
    fetching = Fetcher("pingone", world.directories["pingone"], world.log.append, world.clock.times)
    task = asyncio.create_task(Hydrator(consumer, {"pingone": fetching}, OPTIONS).run())
    try:
        yield consumer
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_notification_is_committed_after_its_answers(world: World) -> None:
    """The commit never passes one whose answer the brokers don't have, nor one that names several until the last."""
    ada, ben = await world.site.put("pingone", ADA), await world.site.put("pingone", BEN)
    await fault(world, "pingone", path=ada, status=500)
    async with hydrating(world) as consumer:
        consumer.batches.append({PLACE: [notification(5, ben), notification(6, ben, ada), notification(7, ben)]})
        await until(lambda: consumer.committed.get(PLACE) == 6)
        await until(lambda: world.clock.slept > 5)
        assert consumer.committed == {PLACE: 6}
        await fault(world, "pingone")
        await until(lambda: consumer.committed.get(PLACE) == 8)
        assert consumer.topics == ["notifications.pingone"]
    assert {each.key for each in world.log.records} == {ada.encode(), ben.encode()}


async def test_what_names_nobody_holds_nobody_up(world: World) -> None:
    """A notification that can't be read, or means nothing any more, is passed."""
    async with hydrating(world) as consumer:
        consumer.batches.append({PLACE: [notification(0, value=b"{"), notification(1)]})
        await until(lambda: consumer.committed.get(PLACE) == 2)


async def test_who_is_refused_again_and_again_is_given_up_and_kept(world: World) -> None:
    """While others are told of, a subject that is refused ends in `events.rejected`, with its trigger."""
    ada, ben = await world.site.put("pingone", ADA), await world.site.put("pingone", BEN)
    await fault(world, "pingone", path=ada, status=400)
    async with hydrating(world) as consumer:
        consumer.batches.append({PLACE: [notification(0, ada)]})
        await until(lambda: world.clock.slept > 200)
        assert consumer.committed.get(PLACE, 0) == 0, "for all that is known it may be the directory"
        consumer.batches.append({PLACE: [notification(1, ben)]})
        await until(lambda: consumer.committed.get(PLACE) == 2)
    (rejected,) = [each for each in world.log.records if each.topic == "events.rejected"]
    found = orjson.loads(rejected.value)
    assert (found["topic"], found["offset"], found["code"]) == (PLACE.topic, 0, "not_fetched")
    assert len([each for each in await world.requests("pingone") if each["status"] == 400]) >= PATIENCE


# Synchronisation


@EVERYWHERE
async def test_a_first_sync_tells_of_everybody(world: World, source: str) -> None:
    """Over several pages: everybody with number, status and department, and a cursor at the end."""
    await world.site.sim("POST", "config", {"page_size": 2})
    people = [{**BEN, "employeeNumber": str(n), "userName": f"p{n}@example.com"} for n in range(5)]
    for n, each in enumerate(people):
        await world.site.put(OF[source], {**each, "active": n != 3, "department": f"D{n}", "manager": None})
    counts = await world.sync(source)
    assert counts.given_up == 0
    facts = {each["employeeNumber"]: each for each in world.log.facts().values()}
    assert {n: (each["active"], each["department"]) for n, each in facts.items()} == {
        str(n): (n != 3, f"D{n}") for n in range(5)
    }
    assert world.cursors[source].since
    assert world.cursors[source].place == ""


@EVERYWHERE
async def test_a_sync_finds_what_hooks_missed(world: World, source: str) -> None:
    """Changes of values and status, and a hire, since the last round; nothing of this was told by a hook."""
    ids = [await world.site.put(OF[source], each) for each in (ADA, BEN)]
    await world.sync(source)
    await world.site.change(OF[source], "1001", department="Legal")
    await world.site.change(OF[source], "1002", active=False)
    new = await world.site.put(OF[source], {**ADA, "employeeNumber": "1003", "userName": "cy@example.com"})
    await world.sync(source)
    facts = world.log.facts()
    ada, ben, cy = (
        facts[subject(source, each, n)] for each, n in zip([*ids, new], ["1001", "1002", "1003"], strict=True)
    )
    assert (ada["department"], ben["active"], cy["userName"]) == ("Legal", False, "cy@example.com")


@pytest.mark.parametrize("source", ["okta", "entra", "pingone"])
async def test_a_sync_finds_who_was_deleted(world: World, source: str) -> None:
    """By the log or the delta query; and who left a group, where the directory's log tells."""
    ids = [await world.site.put(OF[source], {**each, "groups": ["Agents"]}) for each in (ADA, BEN)]
    await world.sync(source)
    await world.site.sim("DELETE", f"{OF[source]}/people/{ids[0]}")
    await world.site.change(OF[source], ids[1], groups=[])
    await world.sync(source)
    facts = world.log.facts()
    assert facts[ids[0]]["active"] is False
    assert facts[ids[1]]["active"] is True
    if source in {"okta", "pingone"}:
        assert facts[ids[1]].get("group:Agents") is None


@EVERYWHERE
async def test_who_is_missing_from_a_whole_round_is_asked_for(world: World, source: str) -> None:
    """A deletion of which no word came is found; who is only left out of the list is as before."""
    ids = [await world.site.put(OF[source], each) for each in (ADA, BEN)]
    gone, there = (subject(source, each, n) for each, n in zip(ids, ["1001", "1002"], strict=True))
    await world.sync(source)
    world.cursors.clear()
    await world.site.sim("DELETE", f"{OF[source]}/people/1001")
    asked: list[str] = []

    async def known(of: str) -> set[str]:
        asked.append(of)
        return {gone, there}

    async with world.fetching(source) as fetching:
        sync = Sync(fetching, OPTIONS[source], world, known=known)
        counts = await sync.run(full=True)
        await sync.run()
    assert (asked, counts.missing) == ([source], 1), "once, after the whole round"
    word, *_ = [each for each in world.log.records if dict(each.headers)["streamproc-kind"] in {b"gone", b"unlisted"}]
    (said,) = world.log.parsed(word).events
    assert (said.subject, said.cancels) == (gone, "*starts"), "a first day ahead is taken back"
    facts = world.log.facts()
    assert facts[there]["active"] is True
    assert facts[gone]["active"] is (source == "workday")  # whose report may leave people out


async def test_everybody_is_told_once_in_a_while(world: World) -> None:
    """A scheduled round tells everybody when the last that did is old enough, and changes else."""
    await world.site.put("okta", ADA)
    rounds: list[bool] = []
    for seconds in (0, 10, 100, 10):
        await world.clock.times.sleep(seconds)
        before = (await world.load("okta")).whole
        async with world.fetching("okta") as fetching:
            await Sync(fetching, OPTIONS["okta"], world).run(whole_every=60)
        rounds.append(world.cursors["okta"].whole > before)
    assert rounds == [True, False, True, False]


@EVERYWHERE
async def test_who_is_missing_from_a_full_sync_has_not_left(world: World, source: str) -> None:
    """Somebody who isn't listed any more: no record of a full round speaks of them."""
    who = subject(source, await world.site.put(OF[source], ADA), "1001")
    await world.site.put(OF[source], BEN)
    directory = OF[source]
    async with world.fetching(source) as fetching:
        await Sync(fetching, OPTIONS[source], world).run()
    before = len(world.log.records)
    world.cursors.clear()
    await world.site.sim("DELETE", f"{directory}/people/1001")
    await world.sync(source, full=True)
    assert who.encode() not in {each.key for each in world.log.records[before:]}
    assert len(world.log.records) > before


async def test_a_sync_of_entra_finds_who_joined_and_left_groups(world: World) -> None:
    """Graph tells that of groups alone: whoever is concerned is read, and nobody else."""
    ada, ben = await world.site.put("graph", {**ADA, "groups": ["Leads"]}), await world.site.put("graph", BEN)
    await world.sync("entra")
    before = len(world.log.records)
    await world.sync("entra")
    assert len(world.log.records) == before, "a first round doesn't ask for everybody again"
    await world.site.change("graph", ada, groups=["Agents"])
    await world.sync("entra")
    facts = world.log.facts()
    assert (facts[ada]["group:Agents"], facts[ada].get("group:Leads")) == ("Agents", None)
    assert {each.key for each in world.log.records[before:]} == {ada.encode()}
    await world.site.change("graph", ben, groups=["Agents"], department="Sales")
    await world.site.sim("PATCH", "graph/groups/Agents", {"displayName": "Agents EU"})
    await world.sync("entra")
    facts = world.log.facts()
    assert [(facts[who].get("group:Agents"), facts[who]["group:Agents EU"]) for who in (ada, ben)] == [
        (None, "Agents EU")
    ] * 2
    assert facts[ben]["department"] == "Sales"
    before = len(world.log.records)
    await world.site.change("graph", ben, groups=[])
    await world.sync("entra")
    assert {each.key for each in world.log.records[before:]} == {ben.encode()}


async def test_groups_that_are_refused_dont_hold_up_users(world: World) -> None:
    """Without the right to read groups leavers are still found, from the first round on; with it groups follow."""
    ada, ben = await world.site.put("graph", ADA), await world.site.put("graph", BEN)
    await fault(world, "entra", status=403, path="/groups")
    await world.sync("entra")
    assert world.log.facts()[ada]["active"] is True
    await world.site.change("graph", ada, active=False)
    with capture_logs() as logs:
        await world.sync("entra")
    assert world.log.facts()[ada]["active"] is False
    assert "GroupMember.Read.All" in next(each["reason"] for each in logs if "reason" in each)
    await fault(world, "entra")
    await world.sync("entra")
    await world.site.change("graph", ben, groups=["Agents"])
    await fault(world, "entra", status=403, path="/groups")
    await world.site.change("graph", ben, department="Sales")
    await world.sync("entra")
    assert world.log.facts()[ben]["department"] == "Sales"
    await fault(world, "entra")
    assert (await world.sync("entra")).read == 1
    assert world.log.facts()[ben]["group:Agents"] == "Agents"


async def test_a_group_whose_members_are_hidden_holds_up_nobody(world: World) -> None:
    """It was renamed, and who is in it isn't told: that is said, and the round goes on."""
    await world.site.put("graph", {**ADA, "groups": ["Hidden"]})
    ben = await world.site.put("graph", BEN)
    await world.sync("entra")
    await fault(world, "entra", status=403, path="/members/")
    await world.site.sim("PATCH", "graph/groups/Hidden", {"displayName": "Hidden EU"})
    await world.site.change("graph", ben, groups=["Agents"])
    with capture_logs() as logs:
        await world.sync("entra")
    assert [each["event"] for each in logs].count("directory leaves something out") == 1
    assert world.log.facts()[ben]["group:Agents"] == "Agents"
    assert not world.cursors["entra"].place


async def test_groups_that_changed_while_everybody_was_read_come_with_the_next_round(world: World) -> None:
    """And page by page; a cursor from before groups were read goes on with its users."""
    await world.site.sim("POST", "config", {"page_size": 1})
    ada, ben = await world.site.put("graph", ADA), await world.site.put("graph", BEN)
    graph = world.directories["entra"]
    first = await graph.page("", "", full=True)
    await world.site.change("graph", ada, groups=["Agents"])
    await world.site.change("graph", ben, groups=["Leads"])
    last = await graph.page("", first.place, full=True)
    assert (first.subjects, last.subjects, last.place) == ((ada,), (ben,), "")
    subjects: list[str] = []
    page = await graph.page(last.since, "", full=False)
    while page.place:
        page = await graph.page(last.since, page.place, full=False)
        subjects += page.subjects
    assert sorted(subjects) == sorted([ada, ben])
    assert (await graph.page(page.since, "", full=False)).subjects == ()
    old = orjson.loads(last.since)["users"]
    assert orjson.loads((await graph.page(old, "", full=False)).since).keys() == {"users", "groups"}


@EVERYWHERE
async def test_a_sync_goes_on_where_it_was_cut_short(world: World, source: str) -> None:
    """Killed within a page: that page is told again, those before it aren't, and everybody is told in the end."""
    await world.site.sim("POST", "config", {"page_size": 2})
    people = [{**BEN, "employeeNumber": str(n), "userName": f"p{n}@example.com"} for n in range(6)]
    for each in people:
        await world.site.put(OF[source], each)
    keep = world.log.append

    async def dies(record: Record) -> None:
        if len(world.log.records) == 3:
            raise ConnectionError
        await keep(record)

    fetching = Fetcher(source, world.directories[source], dies, world.clock.times)
    tasks = [asyncio.create_task(fetching.run()), asyncio.create_task(Sync(fetching, OPTIONS[source], world).run())]
    (died, *_), left = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    assert isinstance(died.exception(), ConnectionError)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await world.sync(source)
    told_of = [each.key for each in world.log.records]
    assert len(set(told_of)) == 6
    if source != "workday":  # whose report is one page
        assert [told_of.count(each) for each in told_of[:2]] == [1, 1]
    assert world.cursors[source].place == ""


async def test_a_lost_place_means_that_everything_is_told_anew(world: World) -> None:
    """410 Gone of the delta query: a full round follows, and its end is where the next one begins."""
    who = await world.site.put("graph", ADA)
    await world.sync("entra")
    before = world.cursors["entra"]
    await world.site.sim("POST", "graph/faults", {"faults": [{"kind": "gone", "times": 1}]})
    await world.site.change("graph", who, department="Legal")
    await world.sync("entra")
    assert world.log.facts()[who]["department"] == "Legal"
    assert world.cursors["entra"].since != before.since


async def test_later_pages_count_over_earlier_ones(world: World) -> None:
    """Graph may tell an older version before the newest, on pages of one second: the last word of a round counts."""
    await world.site.sim("POST", "config", {"page_size": 1})
    ids = [await world.site.put("graph", each) for each in (ADA, BEN)]
    await world.sync("entra")
    for round_ in range(3):
        await world.site.sim("POST", "graph/faults", {"faults": [{"kind": "replay"}]})
        for each in ids:
            await world.site.change("graph", each, department=f"D{round_}")
        before = len(world.log.records)
        await world.sync("entra")
        reads = [int(dict(each.headers)["streamproc-read"]) for each in world.log.records[before:]]
        assert sorted(set(reads)) == reads
        assert [world.log.facts()[each]["department"] for each in ids] == [f"D{round_}"] * 2


async def test_a_round_that_goes_on_elsewhere_counts_over_what_was_told_before(world: World) -> None:
    """Another process may measure a page as older than the one before it: it counts as later all the same."""
    who = await world.site.put("graph", ADA)
    await world.sync("entra")
    told_at = world.cursors["entra"].read + 60_000_000
    world.cursors["entra"] = replace(world.cursors["entra"], read=told_at)
    await world.site.change("graph", who, department="Legal")
    await world.sync("entra")
    assert int(dict(world.log.records[-1].headers)["streamproc-read"]) > told_at


async def test_a_sync_that_gets_no_answer_says_so(world: World) -> None:
    """After its attempts it ends with the directory's error; the cursor stays."""
    await fault(world, "okta", status=503)
    with pytest.raises(DirectoryError, match="503"):
        await world.sync("okta")
    assert world.cursors == {}


# Subscriptions


async def test_graph_is_asked_to_notify_and_asked_again(world: World) -> None:
    """One subscription, with the client state and for as long as may be; renewed, and made anew when it's gone."""
    site, graph = world.site, world.directories["entra"]
    assert isinstance(graph, Graph)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", site.receive)
    async with TestServer(app) as server:
        url = str(server.make_url("/v1/entra"))
        site.echoes = False  # the gateway isn't there yet
        keeping = asyncio.create_task(keep_subscribed(graph, url, "state-of-graph", world.clock.times))
        await until(lambda: world.clock.slept > 30)
        site.echoes = True

        async def only() -> dict[str, Any]:
            async with asyncio.timeout(20):
                while not (made := (await site.get("/graph/v1.0/subscriptions"))["value"]):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            (one,) = made
            return dict(one)

        first = await only()
        begun = world.clock.slept
        await until(lambda: world.clock.slept > begun + 3 * EVERY)
        second = await only()
        assert (first["id"], first["notificationUrl"]) == (second["id"], url)
        assert second["expirationDateTime"] > first["expirationDateTime"]
        await site.call("DELETE", f"/graph/v1.0/subscriptions/{first['id']}")
        assert (await only())["id"] != first["id"]
        who = await site.put("graph", ADA)
        await site.until_got(1)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
    (item,) = site.got[0][2]["value"]
    assert (item["clientState"], item["resourceData"]["id"]) == ("state-of-graph", who)

"""Synchronisation: rounds page by page, who is missing, what was cut short, and what counts over what."""

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from streamproc.core.records.cursor import Cursor
from streamproc.core.records.producer_record import Record
from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.answer import AGAIN, Answer
from streamproc.hydrator.directories.api import Page, Read
from streamproc.hydrator.directories.directory_error import DirectoryError
from streamproc.hydrator.fetcher import Fetcher
from streamproc.hydrator.sync import Sync
from tests.support.hydrator import EVERYWHERE, OF, OPTIONS, World, fault, subject
from tests.support.stand_ins import ADA, BEN


@EVERYWHERE
async def test_a_first_sync_tells_of_everybody(world: World, source: str) -> None:
    """Over several pages: everybody with number, status and department, and a cursor at the end."""
    await world.site.sim("POST", "config", {"page_size": 2})
    people = [{**BEN, "employeeNumber": str(n), "userName": f"p{n}@example.com"} for n in range(1, 6)]
    for n, each in enumerate(people, 1):
        await world.site.put(OF[source], {**each, "active": n != 3, "department": f"D{n}", "manager": None})
    counts = await world.sync(source)
    assert counts.given_up == 0
    facts = {fact["employeeNumber"]: fact for fact in world.log.facts().values()}
    assert {n: (each["active"], each["department"]) for n, each in facts.items()} == {
        str(n): (n != 3, f"D{n}") for n in range(1, 6)
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
    sources: list[str] = []

    async def known(of: str) -> set[str]:
        sources.append(of)
        return {gone, there}

    async with world.fetching(source) as fetching:
        sync = Sync(fetching, OPTIONS[source], world, known=known)
        counts = await sync.run(full=True)
        await sync.run()
    assert (sources, counts.missing) == ([source], 1), "once, after the whole round"
    word, *_ = [
        record for record in world.log.records if dict(record.headers)["streamproc-kind"] in {b"gone", b"unlisted"}
    ]
    (event,) = world.log.parsed(word).events
    assert (event.subject, event.cancels) == (gone, "*starts"), "a first day ahead is taken back"
    facts = world.log.facts()
    assert facts[there]["active"] is True
    assert facts[gone]["active"] is (source == "workday")  # whose report may leave people out


async def test_everybody_is_told_once_in_a_while(world: World) -> None:
    """A scheduled round tells everybody when the last that did is old enough, and changes else."""
    await world.site.put("okta", ADA)
    rounds: list[bool] = []
    for seconds in (0, 10, 100, 10):
        await world.clock.clocks.pause(seconds)
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
    assert who.encode() not in {record.key for record in world.log.records[before:]}
    assert len(world.log.records) > before


@EVERYWHERE
async def test_a_sync_goes_on_where_it_was_cut_short(world: World, source: str) -> None:
    """Killed within a page: that page is told again, those before it aren't, and everybody is told in the end."""
    await world.site.sim("POST", "config", {"page_size": 2})
    people = [{**BEN, "employeeNumber": str(n), "userName": f"p{n}@example.com"} for n in range(1, 7)]
    for person in people:
        await world.site.put(OF[source], person)
    keep = world.log.append

    async def dies(record: Record) -> None:
        if len(world.log.records) == 3:
            raise ConnectionError
        await keep(record)

    fetching = Fetcher(source, world.directories[source], dies, world.clock.clocks)
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
        reads = [int(dict(record.headers)["streamproc-read"]) for record in world.log.records[before:]]
        assert sorted(set(reads)) == reads
        assert [world.log.facts()[each]["department"] for each in ids] == [f"D{round_}"] * 2


@pytest.mark.parametrize("change", [{"active": False}, None], ids=["disabled", "deleted"])
async def test_what_a_late_page_says_of_who_was_read_meanwhile_is_read_once_more(
    world: World, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any] | None
) -> None:
    """It counts as of when it was asked for. Who was there a moment later, and has left since, would be there for ever
    if no notification tells it.
    """
    who = await world.site.put("graph", ADA)
    await world.sync("entra")
    api = world.directories["entra"].api
    get = api.get

    async def late(url: str, **options: Any) -> Answer:
        if "users/delta" not in url:
            return await get(url, **options)
        asked_at = Micros(api._latest + 1)
        for _ in range(3):  # times are counted where the clock's don't differ
            await world.fetch("entra", who)
        await (world.site.change("graph", who, **change) if change else world.site.sim("DELETE", f"graph/people/{who}"))
        return replace(await get(url, **options), read_at=asked_at)

    monkeypatch.setattr(api, "get", late)
    await world.sync("entra")
    assert world.log.facts()[who]["active"] is False


async def test_a_round_that_goes_on_elsewhere_counts_over_what_was_told_before(world: World) -> None:
    """Another process may measure a page as older than the one before it: it counts as later all the same."""
    who = await world.site.put("graph", ADA)
    await world.sync("entra")
    told_at = world.cursors["entra"].read + 60_000_000
    world.cursors["entra"] = replace(world.cursors["entra"], read=Micros(told_at))
    await world.site.change("graph", who, department="Legal")
    await world.sync("entra")
    assert int(dict(world.log.records[-1].headers)["streamproc-read"]) > told_at


async def test_a_sync_that_gets_no_answer_says_so(world: World) -> None:
    """After its attempts it ends with the directory's error; the cursor stays."""
    await fault(world, "okta", status=503)
    with pytest.raises(DirectoryError, match="503"):
        await world.sync("okta")
    assert world.cursors == {}


class Circling:
    """A directory whose pages go on as told; each page lists whom it names."""

    def __init__(
        self, world: World, following: dict[str, str], lists: dict[str, tuple[str, ...]] | None = None
    ) -> None:
        self.api = world.directories["okta"].api
        self._following = following
        self._lists = lists or {}
        self.asked: list[str] = []

    async def read(self, subject: str) -> Read:
        return Read("found", orjson.dumps({"id": subject}), Micros(1))

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        self.asked.append(page_token)
        following = self._following.get(page_token, "")
        return Page(self._lists.get(page_token, (f"on {page_token}",)), (), Micros(1), following, "later")


async def test_a_round_that_goes_in_a_circle_ends_with_an_error(world: World) -> None:
    """Each page is asked for once, the cursor doesn't stay in the circle, and the next round begins anew."""
    world.directories["okta"] = directory = Circling(world, {"": "a", "a": "b", "b": "a"})
    for _ in range(2):
        directory.asked.clear()
        with pytest.raises(DirectoryError, match="there before"):
            await world.sync("okta")
        assert directory.asked == ["", "a", "b"]
        assert world.cursors["okta"].place == ""


async def test_a_page_that_comes_again_and_again_ends_a_round(world: World) -> None:
    """Its links may be new each time: who is on it shows that it is the same."""
    lists: dict[str, tuple[str, ...]] = dict.fromkeys(["", *map(str, range(100))], ("ada", "ben"))
    world.directories["okta"] = directory = Circling(world, {"": "1"} | {str(n): str(n + 1) for n in range(99)}, lists)
    with pytest.raises(DirectoryError, match="there before"):
        await world.sync("okta")
    assert len(directory.asked) == AGAIN + 1


async def test_a_list_of_nobody_is_not_believed(world: World) -> None:
    """Where people are known, an empty list of everybody is an error: nobody is asked for, gone or unlisted."""
    world.directories["okta"] = Circling(world, {}, {"": ()})

    async def known(_: str) -> set[str]:
        return {"ada", "ben"}

    async with world.fetching("okta") as fetching:
        with pytest.raises(DirectoryError, match="lists nobody, though 2 are known"):
            await Sync(fetching, OPTIONS["okta"], world, known=known).run(full=True)
    assert world.log.records == []
    assert world.cursors["okta"].whole == 0


async def test_a_place_that_is_lost_twice_ends_the_round(world: World) -> None:
    """A directory that says 410 to every second page isn't asked for everybody again and again."""

    class Forgetful(Circling):
        async def page(self, since: str, page_token: str, *, full: bool) -> Page:
            page = await super().page(since, page_token, full=full)
            if page_token:
                raise DirectoryError(410, "answered 410")
            return page

    world.directories["okta"] = directory = Forgetful(world, {"": "a"})
    with pytest.raises(DirectoryError, match="410"):
        await world.sync("okta")
    assert directory.asked == ["", "a", "", "a"]


class Failing(Circling):
    """One that fails where it says: at these places, or at any since a moment (place "since")."""

    def __init__(self, world: World, status: int | None, *places: str, times: int = 10**6) -> None:
        super().__init__(world, {"": "end", "a": "b"}, {"": ("leaver",)})
        self._status, self._places, self._left = status, places, times

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        page = await super().page(since, page_token, full=full)
        place = "since" if since and not full and not page_token else page_token
        if place in self._places and self._left > 0:
            self._left -= 1
            raise DirectoryError(self._status, f"answered {self._status}")
        return page


@pytest.mark.parametrize("attempts", [3, None])
@pytest.mark.parametrize("status", [500, 401, 403, 429, None])
async def test_a_place_that_fails_for_ever_does_not_hold_up_leavers(
    world: World, status: int | None, attempts: int | None
) -> None:
    """A cursor that makes the directory stumble each time isn't kept, where it answers at the beginning."""
    for cursor, places in (
        (Cursor("okta", place="odd", full=True), ["odd"]),
        (Cursor("okta", place="odd", since="1"), ["odd"]),
        (Cursor("okta", place="odd", since="1"), ["odd", "since"]),
        (Cursor("okta", since="1"), ["since"]),
    ):
        world.log.records.clear()
        world.directories["okta"] = Failing(world, status, *places)
        world.cursors["okta"] = cursor
        async with asyncio.timeout(10), world.fetching("okta") as fetching:
            await Sync(fetching, OPTIONS["okta"], world).run(attempts=attempts)
        assert b"leaver" in {record.key for record in world.log.records}
        assert (world.cursors["okta"].place, world.cursors["okta"].since) == ("", "later")


async def test_an_outage_takes_no_round_its_place(world: World) -> None:
    """Where the directory fails at the beginning as well, it is the directory: the round goes on where it was."""
    cursor = world.cursors["okta"] = Cursor("okta", place="a", full=True)
    world.directories["okta"] = Failing(world, 503, "", "a")
    with pytest.raises(DirectoryError, match="503"):
        await world.sync("okta")
    assert world.cursors["okta"] == cursor
    world.directories["okta"] = directory = Failing(world, 503, "", "a", times=50)
    async with world.fetching("okta") as fetching:
        await Sync(fetching, OPTIONS["okta"], world).run()
    assert {record.key for record in world.log.records} == {b"on a", b"on b"}
    assert directory.asked.count("") == 2, "of fifty questions"


async def test_who_was_missing_from_a_round_in_parts_is_looked_for_in_the_next(world: World) -> None:
    """A round that goes on in another process doesn't know whom it listed before: it isn't taken for a whole one."""
    world.directories["okta"] = Circling(world, {"": "a"})
    world.cursors["okta"] = Cursor("okta", place="a", full=True)

    async def known(_: str) -> set[str]:
        return {"gone"}

    async with world.fetching("okta") as fetching:
        sync = Sync(fetching, OPTIONS["okta"], world, known=known)
        counts = [(await sync.run(whole_every=3600)).missing for _ in range(3)]
    assert counts == [0, 1, 0]


async def test_who_is_listed_without_an_id_holds_up_nobody(world: World) -> None:
    """An entry that names nobody is told, and the others are read; nothing of a page is told twice."""

    class Nameless(Circling):
        async def page(self, since: str, page_token: str, *, full: bool) -> Page:
            found = await super().page(since, page_token, full=full)
            return replace(found, elements=({"profile": {"login": "nobody"}},), missed="1 are listed without an id")

    world.directories["okta"] = Nameless(world, {}, {"": ("ada",)})
    with capture_logs() as logs:
        async with world.fetching("okta") as fetching:
            sync = Sync(fetching, OPTIONS["okta"], world)
            for _ in range(3):
                await sync.run(full=True)
    assert [each["reason"] for each in logs if "reason" in each] == ["1 are listed without an id"] * 3
    kinds = [dict(record.headers)["streamproc-kind"] for record in world.log.records]
    assert (kinds.count(b"snapshot"), kinds.count(b"page")) == (3, 1)

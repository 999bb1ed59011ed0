"""HR vendors' people, fetched from stand-ins: one, all, who changed, who is gone, limits, and what they say."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from streamproc.hydrator.directories.directory_error import DirectoryError
from streamproc.hydrator.sync import Sync
from tests.support.hr_vendors import LISTED, VENDORS, worlds
from tests.support.hydrator import OPTIONS, World, asked, offered
from tests.support.stand_ins import ADA, BEN


@pytest.fixture(params=VENDORS)
async def vendor(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, World]]:
    """Each of them in turn."""
    async with worlds(request.param, tmp_path) as world:
        yield request.param, world


def day(ahead: int) -> str:
    return (datetime.now(UTC) + timedelta(days=ahead)).date().isoformat()


def now_and_later(world: World, record: Any) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """Facts that hold at once, and the days on which access turns."""
    events = world.log.parsed(record).events
    facts: dict[str, Any] = {}
    for each in events:
        if each.effective is None:
            facts |= each.attributes
    return facts, [(each.effective.said, each.attributes["active"]) for each in events if each.effective is not None]


async def test_a_person_is_read_whole(vendor: tuple[str, World]) -> None:
    """Name, login of work, job, manager and status; the private address is nobody's login."""
    name, world = vendor
    ada = await world.site.put(name, ADA)
    who = await world.site.put(name, {**BEN, "job": "Agent", "hireDate": "2020-03-02", "department": "Sales"})
    (record,) = await world.fetch("hris", who)
    assert (record.topic, record.key) == ("intake.hris", who.encode())
    assert dict(record.headers)["streamproc-kind"] == b"snapshot"
    facts, later = now_and_later(world, record)
    assert (facts["userName"], facts["displayName"], facts["active"]) == ("ben@example.com", "Ben Oak", True)
    assert facts["manager"] == ada
    assert name == "merge" or facts["job"] == "Agent"
    assert later == []
    said = world.log.parsed(record)
    assert said.events[0].anchor == (None if name in {"gusto", "personio", "finch"} else "1002"), "no number is guessed"
    assert not said.ignored


async def test_a_leaver_is_inactive(vendor: tuple[str, World]) -> None:
    """After the last day of work by status and date; on a day ahead by the date, which is the last with access."""
    name, world = vendor
    gone = await world.site.put(name, {**ADA, "hireDate": "2020-03-02", "active": False, "lastDay": day(-2)})
    going = await world.site.put(name, {**BEN, "hireDate": "2020-03-02", "lastDay": day(14)})
    (left,) = await world.fetch("hris", gone)
    assert now_and_later(world, left)[0]["active"] is False
    (leaves,) = await world.fetch("hris", going)
    facts, later = now_and_later(world, leaves)
    assert facts["active"] is True
    assert later == [(day(14), False)]
    await world.site.change(name, going, lastDay=None)
    (stays,) = await world.fetch("hris", going)
    assert now_and_later(world, stays) == ({**facts}, [])
    assert "dates".startswith(str(world.log.parsed(stays).events[0].cancels)), "the day ahead is taken back"


async def test_who_starts_later_is_not_active_yet(vendor: tuple[str, World]) -> None:
    """A first day ahead is a row of the timeline."""
    name, world = vendor
    who = await world.site.put(name, {**ADA, "hireDate": day(14)})
    (record,) = await world.fetch("hris", who)
    facts, later = now_and_later(world, record)
    assert facts["active"] is False
    assert later == [(day(14), True)]


@pytest.mark.parametrize("vendor", [name for name in VENDORS if name not in {"gusto", "finch"}], indirect=True)
async def test_a_status_that_is_not_understood_gives_nobody_access(vendor: tuple[str, World]) -> None:
    """It is told with subject and field, and everything else is read; two vendors have true or false."""
    name, world = vendor
    who = await world.site.put(name, {**ADA, "status": "Gone fishing", "hireDate": "2020-03-02"})
    (record,) = await world.fetch("hris", who)
    said = world.log.parsed(record)
    assert "active" not in now_and_later(world, record)[0]
    assert [(each.code, each.subject, each.field) for each in said.ignored] == [("not_understood", who, "active")]


async def test_who_is_deleted_is_gone(vendor: tuple[str, World]) -> None:
    """404 in answer to the person, while the list answers."""
    name, world = vendor
    who = await world.site.put(name, ADA)
    await world.site.put(name, BEN)
    await world.site.sim("DELETE", f"{name}/people/{who}")
    (record,) = await world.fetch("hris", who)
    assert dict(record.headers)["streamproc-kind"] == b"gone"
    assert world.log.parsed(record).events[0].attributes == {"active": False, "gone": True}


async def test_a_wrong_address_makes_nobody_gone(vendor: tuple[str, World]) -> None:
    """An address that answers 404 to everything is an error that is told."""
    name, world = vendor
    who = await world.site.put(name, ADA)
    api = world.directories["hris"].api
    api._root = api._root.replace(f"/{name}", "/nowhere")
    with pytest.raises(DirectoryError):
        await world.directories["hris"].read(who)


async def test_everybody_is_read_page_by_page(vendor: tuple[str, World]) -> None:
    """Leavers too; and who is missing is asked for."""
    name, world = vendor
    people = [{**BEN, "employeeNumber": f"E{n}", "userName": f"p{n}@example.com", "manager": None} for n in range(5)]
    ids = [await world.site.put(name, {**each, "active": n != 3}) for n, each in enumerate(people)]
    counts = await world.sync("hris")
    assert (counts.given_up, counts.ignored) == (0, 0)
    assert counts.pages > 1 or name == "hibob"
    assert (counts.fetched == 5) == (name in LISTED)
    assert {who: facts["active"] for who, facts in world.log.facts().items()} == {
        who: n != 3 for n, who in enumerate(ids)
    }
    await world.site.sim("DELETE", f"{name}/people/{ids[0]}")

    async def known(_: str) -> set[str]:
        return set(ids)

    async with world.fetching("hris") as fetching:
        counts = await Sync(fetching, OPTIONS["hris"], world, known=known).run(full=True)
    assert counts.missing == 1
    assert world.log.facts()[ids[0]] | {"gone": True} == world.log.facts()[ids[0]]


async def test_what_hooks_missed_comes_with_the_next_round(vendor: tuple[str, World]) -> None:
    """A leaver and a hire since the last one."""
    name, world = vendor
    ada = await world.site.put(name, ADA)
    await world.sync("hris")
    await world.site.change(name, ada, active=False)
    ben = await world.site.put(name, {**BEN, "manager": None})
    await world.sync("hris")
    assert {who: facts["active"] for who, facts in world.log.facts().items()} == {ada: False, ben: True}


@pytest.mark.parametrize("vendor", ["bamboohr", "personio", "merge", "kombo"], indirect=True)
async def test_changes_are_told_since_the_first_page(vendor: tuple[str, World]) -> None:
    """Who leaves while a long list is read may be on a page that was read before: the next round tells of them."""
    name, world = vendor
    for number in range(5):
        person = {"employeeNumber": f"E{number}", "userName": f"p{number}@example.com", "manager": None}
        await world.site.put(name, {**BEN, **person})
    page = first = await world.directories["hris"].page("", "", full=True)
    while page.next_page:
        page = await world.directories["hris"].page("", page.next_page, full=True)
    assert int(page.since) == first.read_at < page.read_at


async def test_limits_are_kept(vendor: tuple[str, World]) -> None:
    """Retry-After is waited for."""
    name, world = vendor
    who = await world.site.put(name, ADA)
    rule = {"kind": "refuse", "status": 429, "retry_after": 30, "times": 1, "path": "e"}
    client = world.directories["hris"]
    await world.fetch("hris", who)
    await world.site.sim("POST", f"{name}/faults", {"faults": [rule]})
    slept = world.clock.slept
    assert len(await world.fetch("hris", who)) == 1
    assert 28 < world.clock.slept - slept < 40
    assert client.api.quiet_until > 0


async def test_wrong_credentials_are_told(vendor: tuple[str, World]) -> None:
    """Nobody is gone, and nothing is read."""
    name, world = vendor
    who = await world.site.put(name, ADA)
    await world.site.sim("POST", "config", {"hris_secret": "another", "client_secret": "another"})
    with pytest.raises(DirectoryError, match="401"):
        await world.directories["hris"].read(who)


async def test_gustos_refresh_token_is_on_the_disk_before_it_is_needed(tmp_path: Path) -> None:
    """Each refresh replaces the file; a hydrator that starts again goes on with what is there."""
    async with worlds("gusto", tmp_path) as world:
        who = await world.site.put("gusto", ADA)
        await world.fetch("hris", who)
        first = (tmp_path / "gusto-token").read_text()
        assert first != "refresh-1"
        world.clock.slept += 7200
        await world.fetch("hris", who)
        assert (tmp_path / "gusto-token").read_text() not in {first, "refresh-1"}
        assert not (tmp_path / "gusto-token.new").exists()
        assert (tmp_path / "gusto-token").stat().st_mode & 0o077 == 0


async def test_an_employee_whom_bamboohrs_key_may_not_see_holds_nobody_up(tmp_path: Path) -> None:
    """403 about one, while others are answered: they are given up after a while, and the directory isn't down."""
    async with worlds("bamboohr", tmp_path) as world:
        ada, ben = await world.site.put("bamboohr", ADA), await world.site.put("bamboohr", BEN)
        rule = {"kind": "refuse", "status": 403, "path": f"/employees/{ada}"}
        await world.site.sim("POST", "bamboohr/faults", {"faults": [rule]})
        async with world.fetching("hris") as fetching:
            hidden = offered(fetching, ada)
            while not hidden.done():
                assert await asked(fetching, ben) is None
        assert "doesn't let the key see" in str(hidden.result())
    assert {record.key for record in world.log.records} == {ben.encode()}


async def test_a_refresh_token_that_cannot_be_kept_is_told_before_it_is_lost(tmp_path: Path) -> None:
    """No file, or one that can't be replaced: the access token isn't used, so the token in the file stays good."""
    async with worlds("gusto", tmp_path) as world:
        who = await world.site.put("gusto", ADA)
        (tmp_path / "gusto-token.new").mkdir()
        with pytest.raises(DirectoryError, match="can't be written"):
            await world.directories["hris"].read(who)
        assert (tmp_path / "gusto-token").read_text() == "refresh-1"
        (tmp_path / "gusto-token.new").rmdir()
        assert (await world.directories["hris"].read(who)).status == "found"
        world.clock.slept += 7200
        (tmp_path / "gusto-token").unlink()
        with pytest.raises(DirectoryError, match="can't be read"):
            await world.directories["hris"].read(who)

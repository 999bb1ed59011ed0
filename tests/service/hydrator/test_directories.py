"""What directories answer: subjects and their absence, whose answer it is, its age, and rate limits."""

import time

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from streamproc.core.records.topic_names import intake_topic
from streamproc.hydrator.directories.api import lower_bound, quiet
from streamproc.hydrator.directories.directory_error import DirectoryError
from tests.support.hydrator import EVERYWHERE, OF, World, subject
from tests.support.stand_ins import ADA, BEN


@EVERYWHERE
async def test_a_subject_is_read_whole(world: World, source: str) -> None:
    """The record has its headers and key, and the parser finds in it who this is, values and groups."""
    await world.site.put(OF[source], ADA)
    person = {**BEN, "department": "Sales", "groups": ["Agents"], "custom": {}}
    who = subject(source, await world.site.put(OF[source], person), "1002")
    (record,) = await world.fetch(source, who)
    assert (record.topic, record.key) == (intake_topic(source), who.encode())
    headers = dict(record.headers)
    assert (headers["streamproc-kind"], headers["streamproc-subject"]) == (b"snapshot", who.encode())
    assert headers["streamproc-source"] == source.encode()
    said = next(event for event in world.log.parsed(record).events if event.effective is None)
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
    (event,) = world.log.parsed(record).events
    assert (event.subject, event.kind, event.attributes) == (who, "change", {"active": False, "gone": True})
    assert event.order[0] == int(dict(record.headers)["streamproc-read"])


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
    assert {event.subject for event in world.log.parsed(record).events} == {"2"}


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
    assert lower_bound({} if date is None else {"date": date}, took, now) == micros


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

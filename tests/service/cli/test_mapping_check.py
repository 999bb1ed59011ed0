"""`mapping check` against the stand-in for Genesys Cloud, over a real socket."""

import asyncio
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import orjson
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from streamproc.cli.mapping_check import check
from streamproc.core.errors import MappingError, TargetError
from streamproc.simulator import SimulatorOptions, create_app
from tests.support.pasts import Past, archived

GOOD = """
[attributes]
title = "job"
division = "division"
[[copy]]
fact = "genesysQueue"
to = "groups"
template = "{} Queue"
[[copy]]
fact = "genesysQueue"
to = "skills"
[[rule]]
when = { department = "Spanish*" }
skills = { Spanish = 4.0 }
languages = { Spanish = 4.0 }
division = "Care"
[[rule]]
when = { job = "Agent" }
roles = ["Agent"]
[always]
roles = ["employee"]
"""

MANY = tuple(f"Skill {number:03}" for number in range(250))
"""More than two pages."""


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own; connections to the stand-in are quick or none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STREAMPROC_REQUEST_TIMEOUT", "5")


Start = Callable[..., str]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a server in a thread with a loop of its own, since the command has one, and points the settings there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runners: list[web.AppRunner] = []

    async def serve(app: web.Application) -> str:
        runners.append(runner := web.AppRunner(app, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def begin(app: web.Application | None = None, **options: Any) -> str:
        made = app or create_app(SimulatorOptions(**{"rate_limit": 0, **options}))
        address = asyncio.run_coroutine_threadsafe(serve(made), loop).result(10)
        monkeypatch.setenv("STREAMPROC_SCIM_URL", f"{address}/api/v2/scim/v2")
        monkeypatch.setenv("STREAMPROC_PLATFORM_URL", f"{address}/api/v2")
        monkeypatch.setenv("STREAMPROC_TOKEN_URL", f"{address}/oauth/token")
        return address

    yield begin
    for runner in runners:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def run(text: str, *arguments: str, history: Past | None = None) -> Result:
    """Check a file of that text; without a past, without history."""
    Path("new.toml").write_text(text)
    more = ["--no-history"]
    if history is not None:
        more = ["--archive", str(archived(Path("archive"), history)), "--offline"]
    group = click.Group("mapping", commands=[check])
    return CliRunner().invoke(group, ["check", "new.toml", *more, *arguments])


def unwrapped(output: str) -> str:
    """What a narrow terminal broke into lines."""
    return " ".join(output.split())


def found(text: str, *arguments: str, history: Past | None = None) -> list[dict[str, Any]]:
    result = run(text, "--json", *arguments, history=history)
    assert result.exit_code in {0, 1}, (result.output, result.exception)
    return orjson.loads(result.stdout)["findings"]  # type: ignore[no-any-return]


def past(*people: dict[str, Any]) -> Past:
    """People who sources have told us of."""
    made = Past(GOOD)
    for number, facts in enumerate(people or ({"genesysQueue": "Billing"},)):
        whole = {"userName": f"e{number}@example.com", "displayName": "E", "active": True, "division": "Sales"}
        made.say(f"E{number}", **{**whole, "job": "Agent", "department": "Care", **facts})
    return made


def sim(address: str, path: str, body: Any = None) -> Any:
    data = None if body is None else orjson.dumps(body)
    request = urllib.request.Request(f"{address}/_sim/{path}", data=data, method="GET" if data is None else "POST")
    with urllib.request.urlopen(request) as answer:
        return orjson.loads(answer.read())


def test_a_good_mapping_has_no_findings(start: Start) -> None:
    """All names are there, in this spelling; nothing is written to find out."""
    address = start(groups=("Billing Queue",))
    result = run(GOOD, history=past())
    assert result.exit_code == 0, result.output
    assert "0 errors, 0 other findings" in result.stdout
    assert sim(address, "ledger")["entries"] == []


@pytest.mark.parametrize(
    ("was", "wrong", "text", "meant"),
    [
        ("skills = { Spanish = 4.0 }", "skills = { spanish = 4.0 }", "there is no skill 'spanish'", "Spanish"),
        ("languages = { Spanish = 4.0 }", "languages = { Klingon = 4.0 }", "there is no language 'Klingon'", None),
        ('roles = ["Agent"]', 'roles = ["Agents"]', "there is no role 'Agents'", "Agent"),
        ('roles = ["employee"]', 'roles = ["Employee"]', "there is no role 'Employee'", "employee"),
        ('division = "Care"', 'division = " Care"', "there is no division ' Care'", "Care"),
        ('title = "job"', 'title = "job"\n[[rule]]\nwhen = { job = "*" }\ngroups = ["Spanish  Queue"]', "", None),
    ],
)
def test_an_unknown_name_is_an_error_with_what_was_meant(
    start: Start, was: str, wrong: str, text: str, meant: str | None
) -> None:
    """The target takes names as they are spelled there; one that differs by case or spaces is pointed out."""
    start()
    if not text:
        was, wrong = GOOD, '[[rule]]\nwhen = { job = "*" }\ngroups = ["Spanish  Queue"]'
        text, meant = "there is no group 'Spanish  Queue'", "Spanish Queue"
    result = run(GOOD.replace(was, wrong))
    assert result.exit_code == 1
    (only,) = found(GOOD.replace(was, wrong))
    assert (only["severity"], only["text"], only["meant"]) == ("error", text, meant)
    assert f"did you mean {meant!r}?" in unwrapped(result.stdout) or meant is None


def test_names_are_found_on_every_page(start: Start) -> None:
    """250 skills are three pages, and the last of them is known."""
    start(skills=("Spanish", *MANY))
    assert found(GOOD.replace("Spanish = 4.0 }\nlang", "'Skill 249' = 1.0 }\nlang")) == []


def test_groups_differ_by_case_without_harm(start: Start) -> None:
    """SCIM compares groups' names without case (RFC 7643 §4.2), and so does the sink."""
    start()
    assert found('[[rule]]\nwhen = { job = "*" }\ngroups = ["spanish queue"]') == []


def test_names_that_people_have_are_checked(start: Start) -> None:
    """What a copy gives isn't in the file: names come from people as they are now. Leavers don't count."""
    start(groups=("Billing Queue",))
    history = past(
        {"genesysQueue": "Billing"}, {"genesysQueue": "Fishing"}, {"genesysQueue": "Gone"}, {"division": "Mars"}
    )
    history.say("E2", active=False)
    wrong = {(each["text"], each["people"]) for each in found(GOOD, history=history)}
    assert wrong == {
        ("there is no group 'Fishing Queue'", 1),
        ("there is no skill 'Fishing'", 1),
        ("there is no division 'Mars'", 1),
    }
    result = run(GOOD, history=history)
    assert result.exit_code == 1
    assert "there is no division 'Mars' (1 person would get it)" in unwrapped(result.stdout)
    assert "3 errors, 0 other findings" in result.stdout
    assert "1 error, 0 other findings" in run(GOOD.replace('roles = ["Agent"]', 'roles = ["Agents"]')).stdout


def test_attributes_that_nobody_sends_are_warned_of(start: Start) -> None:
    """The file reads a fact that no event ever named, or that a source with authority never did."""
    start(groups=("Billing Queue",))
    misspelt = GOOD.replace("department =", "departmnt =")
    (only,) = found(misspelt, history=past())
    assert (only["severity"], only["meant"]) == ("warning", "department")
    assert only["text"] == "no event ever named 'departmnt'"
    assert run(misspelt, history=past()).exit_code == 0
    assert run(misspelt, "--strict", history=past()).exit_code == 1
    ruled = GOOD + '[authority]\njob = ["okta", "hris"]\n'
    assert [each["text"] for each in found(ruled, history=past())] == ["okta never named 'job'"]


def test_what_may_not_be_read_is_unchecked_not_unknown(start: Start) -> None:
    """Without the permission, which is named, nobody can say that the role isn't there."""
    start(denied=("roles", "skills"))
    result = run(GOOD)
    assert result.exit_code == 0
    lacking = "unchecked roles: couldn't be checked: the OAuth client lacks permission authorization:role:view"
    assert lacking in unwrapped(result.stdout)
    assert "unchecked skills: couldn't be checked: the OAuth client may not read skills (403)" in unwrapped(
        result.stdout
    )
    assert run(GOOD, "--strict").exit_code == 1


def test_groups_may_be_denied_too(start: Start) -> None:
    """Reading groups needs a permission to edit them, by Genesys's documents."""
    address = start()
    sim(address, "faults", {"faults": [{"kind": "403", "path": "groups"}]})
    (only,) = found('[[rule]]\nwhen = { job = "*" }\ngroups = ["Spanish Queue"]')
    assert (only["severity"], "directory:group:edit" in only["text"]) == ("unchecked", True)


def test_another_scim_server_only_has_groups(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """SCIM 2.0 itself has no lists of roles or skills: that is said, and groups are checked."""
    start()
    monkeypatch.setenv("STREAMPROC_DIALECT", "rfc7644")
    wrong = {
        (each["severity"], each["where"]) for each in found(GOOD + '[[rule]]\nwhen = { job = "X" }\ngroups = ["Y"]')
    }
    assert wrong == {
        ("unchecked", "roles"),
        ("unchecked", "skills"),
        ("unchecked", "languages"),
        ("unchecked", "divisions"),
        ("error", "rule 3 (job = X)"),
    }


def test_a_rate_limit_is_waited_for(start: Start) -> None:
    """429 with Retry-After is no finding."""
    start(rate_limit=2, rate_window_s=1)
    result = run(GOOD)
    assert result.exit_code == 0, result.output
    assert "0 errors, 0 other findings" in result.stdout


def test_two_groups_of_one_name_are_an_error(start: Start) -> None:
    """Nobody could say which of the two is meant, so nobody would be put into either."""
    group = {"id": "1", "displayName": "Twins"}
    app = web.Application()

    async def token(_: web.Request) -> web.Response:
        return web.json_response({"access_token": "t"})

    async def groups(_: web.Request) -> web.Response:
        return web.json_response({"totalResults": 2, "Resources": [group, {**group, "id": "2"}]})

    app.router.add_post("/oauth/token", token)
    app.router.add_get("/api/v2/scim/v2/Groups", groups)
    start(app)
    (only,) = found('[[rule]]\nwhen = { job = "*" }\ngroups = ["Twins"]')
    assert (only["severity"], only["text"]) == ("error", "more than one group is called 'Twins'")


def test_what_answers_something_else_is_not_the_target(start: Start) -> None:
    """An address that isn't the API's is told as that; no name is unknown on account of it."""
    address = start()
    result = CliRunner(env={"STREAMPROC_PLATFORM_URL": f"{address}/_sim"}).invoke
    Path("new.toml").write_text(GOOD)
    told = result(click.Group("mapping", commands=[check]), ["check", "new.toml", "--no-history"])
    assert isinstance(told.exception, TargetError)
    assert "/authorization/roles" in str(told.exception)


def test_without_the_target_only_the_file_is_looked_at() -> None:
    """--no-target needs no connection at all; contradictions are still found."""
    twice = GOOD + '[[rule]]\nwhen = { job = "Agent" }\nroles = ["Agent"]\n'
    (only,) = found(twice, "--no-target")
    assert (only["severity"], only["where"], only["text"]) == (
        "warning",
        "rule 3 (job = Agent)",
        "says the same as rule 2",
    )


def test_what_isnt_ours_to_write_is_listed() -> None:
    """Which attributes the file seeds and which it only observes, of those that it gives."""
    text = GOOD + '[policy]\nskills = "observe"\nroles = "seed"\ngroups = "own"\nmobile = "seed"\n'
    result = run(text, "--no-target", "--no-history")
    assert {"seed: roles", "observe: skills"} <= set(result.stdout.splitlines())
    assert "policy.mobile: has no effect: nothing in this file gives 'mobile'" in unwrapped(result.stdout)
    shown = orjson.loads(run(text, "--no-target", "--no-history", "--json").stdout)
    assert shown["policies"] == {"seed": ["roles"], "observe": ["skills"]}


def test_a_wrong_format_names_table_and_key() -> None:
    """What isn't a mapping is used wrongly, which is 2 for the whole command line."""
    result = run("[[rule]]\nwhen = { job = 'x' }\nskill = ['y']\n", "--no-target")
    assert isinstance(result.exception, MappingError)
    assert "rule 1: skill: there is no such key; did you mean `skills`?" in str(result.exception)
    unheard = run(GOOD + '[authority]\njob = ["oktopus"]\n', "--no-target")
    assert "there is no source oktopus" in str(unheard.exception)


def test_a_file_that_no_worker_would_take_is_refused_before() -> None:
    """One that is too large for an order, or in another encoding than TOML's."""
    large = run(GOOD + "[tables.t]\n" + "".join(f"k{number} = 'value'\n" for number in range(20_000)), "--no-target")
    assert str(large.exception).endswith("more than 256 KiB")
    Path("latin.toml").write_bytes("[tables.t]\na = 'é'".encode("latin-1"))
    arguments = ["check", "latin.toml", "--no-target", "--no-history"]
    result = CliRunner().invoke(click.Group("mapping", commands=[check]), arguments)
    assert str(result.exception) == "latin.toml can't be read: it isn't UTF-8. Save it in that encoding"

"""Reconcile beside a sink: what others changed is found, told with who did it, and put right."""

from pathlib import Path
from typing import Any

import pytest

import streamproc
from streamproc.adapters.scim_http import ScimHttp
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.finding import Finding
from streamproc.testing.memory_log import MemoryLog
from tests.support.reconciler import person
from tests.support.reconciling import Compared, impatient

MAPPING = Path(streamproc.__file__).with_name("mapping.toml").read_text()
SCOPE = """
[scope]
who = "department == 'Care'"
"""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)


def last(found: list[Finding], key: str) -> Finding | None:
    """What is told of it now."""
    told = [each for each in found if each.key == key]
    return told[-1] if told else None


async def test_what_agrees_is_told_by_nothing(compared: Compared) -> None:
    """No finding, and no request that names anybody."""
    async with compared.sink(MemoryLog(compared.broker)):
        for user in ("E1", "E2"):
            await compared.given(user, **person(user))
        await compared.org.sim("POST", "requests/reset")
        assert await compared.found() == {}
    assert await compared.findings() == []
    assert set(await compared.org.requests()) <= {"GET users", "GET groups"}


async def test_each_class_is_told_apart(compared: Compared) -> None:
    """Changed by a supervisor, of nobody's, missing, and on its way; whoever agrees isn't among them."""
    async with compared.sink(MemoryLog(compared.broker)):
        for user in ("E1", "E2", "E3", "E4"):
            await compared.given(user, **person(user))
        await compared.edit("E1", title="Boss")
        orphan = await compared.org.foreign("robot")
        await compared.org.call("DELETE", f"Users/{(await compared.org.user('E2'))['id']}")
    await compared.say("E4", job="Lead")
    found = await compared.found()
    assert found == {
        "E1": {"title": "changed"},
        f"account/{orphan}": {"account": "orphan"},
        "E2": {"account": "missing"},
        "E4": {"roles": "pending", "title": "pending"},
    }
    told = last(await compared.findings(), "E1")
    assert told is not None
    (difference,) = told.differences
    assert (difference.held, difference.desired) == ("Boss", "Agent")
    assert difference.changed is not None
    assert difference.changed.name == "Sue Visor"


async def test_what_a_supervisor_changes_is_put_right_and_told_as_over(compared: Compared) -> None:
    """Found by reconcile, written by the sink, told as over by reconcile, which has written nothing itself."""
    async with compared.sink(MemoryLog(compared.broker)), compared.reconcile():
        await compared.given("E1", **person("E1"))
        await compared.edit("E1", title="Boss")
        await compared.until(lambda found: bool(found) and not found[-1].differences)
    assert (await compared.org.user())["title"] == "Agent"


async def test_whoever_is_let_in_again_by_hand_is_out_again_and_an_incident(compared: Compared) -> None:
    """Revoked again, told as an incident with who did it."""
    async with compared.sink(MemoryLog(compared.broker)), compared.reconcile():
        await compared.given("E1", **person("E1"))
        await compared.given("E1", active=False)
        await compared.edit("E1", state="active")
        found = await compared.until(lambda found: bool(found) and not found[-1].differences)
    assert found[0].incident
    assert [each.kind for each in found[0].differences] == ["changed"]
    assert (await compared.org.user())["active"] is False


async def test_an_orphan_is_touched_by_a_command_by_name_alone(compared: Compared) -> None:
    """Nothing happens to it until somebody orders it; then it is inactive, and answered."""
    async with compared.sink(MemoryLog(compared.broker)), compared.reconcile():
        await compared.given("E1", **person("E1"))
        orphans = [await compared.org.foreign(name) for name in ("robot", "ghost")]
        found = await compared.until(lambda found: len({each.key for each in found}) == 2)
        assert all(each["active"] for each in await compared.org.sim("GET", "users"))
        first = last(found, f"account/{orphans[0]}")
        assert first is not None
        await compared.say_of("deactivate", first)
        found = await compared.until(lambda found: any(each.answered for each in found))
    active = {each["id"]: each["active"] for each in await compared.org.sim("GET", "users")}
    assert [active[each] for each in orphans] == [False, True]
    answered = last(found, first.key)
    assert answered is not None
    assert answered.differences[0].held["active"] is False


async def test_only_who_is_ours_is_ever_named(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts of somebody out of scope, and of nobody, are orphans, and no request names them: not to look whose they
    are, nor to look again, nor in a filter.
    """
    asked: list[tuple[str, str]] = []
    real = ScimHttp.request

    async def noted(self: ScimHttp, method: str, path: str, *rest: Any) -> Any:
        asked.append((method, path))
        return await real(self, method, path, *rest)

    compared.org.mapping = parse_mapping(MAPPING + SCOPE)
    compared.settings = compared.settings.changed(reconcile_leavers_days=100_000.0)  # events here are of 1970
    async with compared.sink(MemoryLog(compared.broker)):
        await compared.given("E1", **person("E1"), department="Care")
        await compared.given("E2", **person("E2"), department="Care")
        await compared.given("E2", active=False)
        await compared.given("E9", **person("E9"), department="Kitchen")
    theirs = await compared.org.foreign("nine", externalId="E9")
    nobodys = await compared.org.foreign("robot")
    await compared.edit("E1", title="Boss")
    ours = {(await compared.org.user(user))["id"] for user in ("E1", "E2")}
    monkeypatch.setattr(ScimHttp, "request", noted)
    for _ in range(2):
        found = await compared.found()
        assert found == {
            f"account/{theirs}": {"account": "orphan"},
            f"account/{nobodys}": {"account": "orphan"},
            "E1": {"title": "changed"},
        }
    assert {method for method, _ in asked} == {"GET"}
    by_id = {path.removeprefix("/Users/") for _, path in asked if path.startswith("/Users/")}
    assert by_id == ours
    lists = [path for _, path in asked if not path.startswith("/Users/")]
    assert all(path.startswith(("/Users?filter=active%20eq%20", "/Groups?")) for path in lists)
    assert not any(name in path for path in lists for name in ("E9", "nine", "robot", "@"))


async def test_an_ignored_finding_stays_closed_until_something_else_disagrees(compared: Compared) -> None:
    """Answered once; another round tells nothing new, and another change does."""
    orphan = await compared.org.foreign("robot")
    key = f"account/{orphan}"
    assert set(await compared.found()) == {key}
    told = last(await compared.findings(), key)
    assert told is not None
    await compared.say_of("ignore", told)
    assert await compared.found() == {}
    before: list[Any] = await compared.findings()
    assert await compared.found() == {}
    assert await compared.findings() == before
    await compared.org.patch(f"Users/{orphan}", "replace", "active", False)
    assert set(await compared.found()) == {key}


async def test_a_membership_that_a_supervisor_took_is_told_with_who_did_it(compared: Compared) -> None:
    """Memberships are changes of groups, in another service of the audit log."""
    async with compared.sink(MemoryLog(compared.broker)):
        await compared.given("E1", **person("E1"), genesysQueue="Billing")
        id_ = (await compared.org.user("E1"))["id"]
        before = await compared.found()
        await compared.org.sim("POST", "members", {"group": "Billing Queue", "remove": [id_], "by": "Sue Visor"})
    assert before == {}
    assert await compared.found() == {"E1": {"group Billing Queue": "changed"}}
    told = last(await compared.findings(), "E1")
    assert told is not None
    assert told.differences[0].changed is not None
    assert told.differences[0].changed.name == "Sue Visor"

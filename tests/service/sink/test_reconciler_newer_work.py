"""Newer work of a user that comes while something is read, waited for or retried: a leaver waits for nothing."""

import asyncio
from dataclasses import replace

import pytest
from msgspec import structs

from streamproc.core.scim.dialect import ENTERPRISE
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.target import GroupLearned
from tests.support.reconciler import Org, person
from tests.support.sink import full


async def test_a_retry_carries_the_newest(org: Org) -> None:
    """Two changes during an outage go out as one, and the fate of each is told once."""
    await org.hired()
    await org.faults({"kind": "500_before", "method": "PATCH", "times": 1})
    later: list[int] = []

    async def meanwhile(_: float) -> None:
        if not later:
            later.append(org.say("E1", department="Care"))
            later.append(org.say("E1", title="x", job="Team Lead"))

    org.clock.during = meanwhile
    first = org.say("E1", department="Sales")
    await org.run()
    assert await org.shown() == [("PATCH", True), ("PATCH", True)]
    assert [org.fate(seq) for seq in (first, *later)] == ["superseded", "superseded", "delivered"]
    now = await org.user()
    assert (now[ENTERPRISE]["department"], now["title"]) == ("Care", "Team Lead")
    assert now["id"] in await org.members("Supervisors")


async def test_a_leaver_ends_the_wait_of_a_retry(org: Org) -> None:
    """Somebody who leaves while a change of theirs waits for five minutes loses access now, not then."""
    await org.hired()
    await org.faults({"kind": "503_before", "retry_after": 100_000, "path": "groups", "times": 1})
    leaver: list[int] = []

    async def meanwhile(seconds: float) -> None:
        assert seconds <= 300
        if not leaver:
            leaver.append(org.say("E1", active=False))
            await asyncio.Event().wait()  # only a nudge ends this
        assert (await org.user())["active"] is False

    org.clock.during = meanwhile
    org.say("E1", genesysQueue="Billing")
    await org.run()
    assert (await org.user())["active"] is False
    assert org.fate(leaver[0]) == "revoked"


@pytest.mark.parametrize("known", [True, False])
async def test_a_leaver_doesnt_wait_for_groups(org: Org, known: bool) -> None:
    """While the groups endpoint is down a leaver still loses access, also one whom we never met or who was changed."""
    org.mark = 0
    if known:
        id_ = await org.hired()
        await org.patch(f"Users/{id_}", "replace", "displayName", "By Hand")
    else:
        await org.foreign("e1", externalId="E1")
    await org.faults({"kind": "503_before", "path": "groups"})
    seen: list[bool] = []

    async def meanwhile(_: float) -> None:
        seen.append((await org.user())["active"])
        await org.faults()

    org.clock.during = meanwhile
    seq = org.say("E1", active=False, department="Spanish Support", userName="e1@example.com")
    await org.run()
    assert True not in seen
    assert (org.fate(seq), (await org.user())["active"]) == ("revoked", False)


async def test_a_leaver_doesnt_wait_for_a_group_that_is_looked_for(org: Org) -> None:
    """Somebody who leaves while a group of theirs can't even be looked up loses access, however long that lasts."""
    await org.hired()
    await org.faults({"kind": "500_before", "path": "groups"})
    leaver: list[int] = []

    async def meanwhile(_: float) -> None:
        if len(org.clock.paused) == 3:
            leaver.append(org.say("E1", active=False))
        assert len(org.clock.paused) < 50

    org.clock.during = meanwhile
    org.say("E1", genesysQueue="Billing")
    await org.run()
    assert (org.fate(leaver[0]), (await org.user())["active"]) == ("revoked", False)


async def test_a_leaver_who_comes_during_a_read_isnt_left_at_the_gate(org: Org) -> None:
    """Somebody leaves while the group of their change is looked up: the change doesn't wait at the limit first."""
    await org.hired()
    left: list[int] = []
    began = 0.0

    def meanwhile(method: str, path: str, answer: Response) -> Response:
        nonlocal began
        if method == "GET" and "/Groups" in path and not left:
            left.append(org.say("E1", active=False))
            began = org.clock.now
            return full(answer)
        return answer

    org.wire.after = meanwhile
    org.say("E1", genesysQueue="Billing")
    await org.run()
    assert org.fate(left[0]) == "revoked"
    assert org.clock.now - began < 1


@pytest.mark.parametrize("comes", ["while they wait", "just before"])
async def test_a_leaver_doesnt_wait_for_somebody_elses_turn_at_a_group(org: Org, comes: str) -> None:
    """Somebody leaves while they wait for a colleague's change of the same group: that change may hang for long."""
    await org.hired("E1")
    await org.hired("E2")
    hangs, gone = asyncio.Event(), asyncio.Event()
    left: list[int] = []

    async def before(method: str, path: str) -> None:
        if method == "PATCH" and path.startswith("/Groups") and not hangs.is_set():
            hangs.set()
            await gone.wait()

    def after(method: str, path: str, answer: Response) -> Response:
        if method == "GET" and hangs.is_set() and comes == "just before" and not left:
            left.append(org.say("E1", active=False))
        elif method == "PATCH" and answer.body.get("active") is False:
            gone.set()
        return answer

    org.wire.before, org.wire.after = before, after
    org.say("E2", genesysQueue="Billing", genesysRole=None)
    running = asyncio.create_task(org.run())
    await hangs.wait()
    if comes == "just before":  # as it is after a change of the group that went wrong
        name = "Billing Queue"
        stale = structs.replace(org.courier.target.group(name), fresh=False)
        org.courier.target.learn([GroupLearned(name, stale)])
    org.say("E1", genesysQueue="Billing", genesysRole=None)
    turn = org.lanes.take()
    assert turn is not None
    other = asyncio.create_task(org.deliver(turn))
    for _ in range(100):
        await asyncio.sleep(0.001)
    if not left:
        left.append(org.say("E1", active=False))
    async with asyncio.timeout(5):
        await asyncio.gather(running, other)
    assert org.fate(left[0]) == "revoked"


async def test_a_return_isnt_lost_behind_a_read_that_lags(org: Org) -> None:
    """Who comes back while reads still show them as before they left is let in again, not taken for there already."""
    await org.hired()
    back: list[int] = []

    def lags(method: str, path: str, answer: Response) -> Response:
        if method != "GET" or len(back) > 1:
            return answer
        return replace(answer, body={**answer.body, "active": True})

    async def meanwhile(_: float) -> None:
        back.append(org.say("E1", active=True) if not back else 0)

    org.wire.after, org.clock.during = lags, meanwhile
    org.say("E1", active=False)
    await org.run()
    assert (org.fate(back[0]), (await org.user())["active"]) == ("delivered", True)


async def test_a_second_leave_in_one_go_doesnt_wait(org: Org) -> None:
    """Left, back, and gone again before the first was told: the second time access is taken at once, too."""
    await org.hired()
    said: list[int] = []
    began = 0.0

    async def meanwhile(method: str, path: str) -> None:
        if method == "GET" and path.startswith("/Users/") and not said:  # the first leave is about to be confirmed
            said.append(org.say("E1", active=True, genesysLanguage="Klingon"))

    def gone(method: str, path: str, answer: Response) -> Response:
        nonlocal began
        if method == "GET" and answer.body.get("active") is True and len(said) == 1:
            said.append(org.say("E1", active=False))
            began = org.clock.now
        return answer

    org.wire.before, org.wire.after = meanwhile, gone
    org.say("E1", active=False)
    await org.run()
    assert (org.fate(said[1]), (await org.user())["active"]) == ("revoked", False)
    assert org.clock.now - began < 1


async def test_a_leaver_whose_name_was_just_found_taken_is_looked_up_at_once(org: Org) -> None:
    """Made by hand while we create them, and gone before we have found out whom: access goes now."""
    made: list[str] = []
    left: list[int] = []
    took: list[float] = []
    began = 0.0

    async def meanwhile(method: str, path: str) -> None:
        nonlocal began
        if method == "POST" and not made:
            made.append(await org.foreign("e1"))
        elif method == "GET" and made and not left:
            left.append(org.say("E1", active=False))
            began = org.clock.now
        elif method == "PATCH":
            took.append(org.clock.now - began)

    org.wire.before = meanwhile
    org.say("E1", **person("E1"))
    await org.run()
    assert [each["active"] for each in await org.sim("GET", "users") if each["id"] == made[0]] == [False]
    assert org.fates[left[0]] == 1
    assert took[0] < 1


async def test_a_leaver_ends_the_search_for_whom_a_name_belongs_to(org: Org) -> None:
    """Gone while we wait for the search to show who has the name: they are looked for at once, and not by and by."""
    made: list[str] = []
    left: list[int] = []

    async def meanwhile(method: str, path: str) -> None:
        if method == "POST" and not made:
            made.append(await org.foreign("e1"))

    def index_lags(method: str, path: str, answer: Response) -> Response:
        hidden = method == "GET" and path.startswith("/Users?") and not left
        return replace(answer, body={"totalResults": 0}) if hidden else answer

    async def leaves(_: float) -> None:
        if not left:
            left.append(org.say("E1", active=False))
            await asyncio.Event().wait()  # only a nudge ends this

    org.wire.before, org.wire.after, org.clock.during = meanwhile, index_lags, leaves
    org.say("E1", **person("E1"))
    await org.run()
    assert [each["active"] for each in await org.sim("GET", "users") if each["id"] == made[0]] == [False]

"""Leaving and coming back: a revocation is read back, sessions end, and access is asserted again."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from streamproc.core.scim.dialect import GENESYS
from streamproc.core.scim.response_policy import Response
from tests.support.reconciler import Org, Start, roles, skills


async def test_a_reactivation_asserts_access_again(org: Org) -> None:
    """A returner has their roles, skills and languages, even those that Genesys lost meanwhile."""
    id_ = await org.hired(department="Spanish Support")
    org.say("E1", active=False)
    await org.run()
    await org.patch(f"Users/{id_}", "remove", "roles")
    await org.patch(f"Users/{id_}", "remove", f"{GENESYS}:routingSkills")
    org.say("E1", active=True)
    await org.run()
    now = await org.user()
    assert (now["active"], roles(now), skills(now)) == (True, ["Agent", "employee"], ["Spanish"])
    last = (await org.writes())[-1]
    paths = [each["path"] for each in last["body"]["Operations"]]
    assert paths == ["active", "roles", f"{GENESYS}:routingSkills", f"{GENESYS}:routingLanguages"]


async def test_a_hurried_leave_doesnt_forget_groups(org: Org) -> None:
    """Who left in a hurry, and comes back into another team, isn't in the old team's queue."""
    id_ = await org.hired(department="Spanish Support")
    await org.patch(f"Users/{id_}", "replace", "displayName", "By Hand")
    org.start()
    org.say("E1", active=False)
    await org.run()
    org.say("E1", active=True, department="Office")
    await org.run()
    assert (await org.user())["active"] is True
    assert await org.members("Spanish Queue") == set()


@pytest.mark.parametrize("revive", ["profile", "all", "ignore"])
@pytest.mark.parametrize("get", ["404", "200"])
async def test_a_deleted_user_comes_back_whole(start: Start, revive: str, get: str) -> None:
    """Somebody whom an administrator deleted, and HR hires again, gets roles, groups and skills back."""
    org = await start(revive_body=revive, deleted_user_get=get)
    id_ = await org.hired(department="Spanish Support")
    org.say("E1", active=False)
    await org.run()
    await org.call("DELETE", f"Users/{id_}")
    seq = org.say("E1", active=True)
    await org.run()
    now = await org.user()
    assert (now["id"], now["_state"], roles(now), skills(now)) == (id_, "active", ["Agent", "employee"], ["Spanish"])
    assert id_ in await org.members("Spanish Queue")
    assert org.fate(seq) == "delivered"


async def test_a_revocation_is_read_back(org: Org) -> None:
    """Nobody counts as revoked before the target says so: one write, one read, and both moments in the outcome."""
    await org.hired()
    seq = org.say("E1", active=False)
    await org.run()
    assert org.fate(seq) == "revoked"
    (outcome,) = [each for each in org.outcomes if each.seq == seq and each.final]
    assert outcome.acknowledged is not None
    assert outcome.read_back is not None
    assert outcome.acknowledged <= outcome.read_back
    assert await org.requests() == {"PATCH users/{id}": 1, "GET users/{id}": 1}


async def test_a_target_that_still_shows_a_leaver_as_active_is_asked_again(org: Org) -> None:
    """An acknowledged revocation that a read doesn't show yet isn't told, and isn't written twice."""
    await org.hired()
    shown = 0

    def lags(method: str, path: str, answer: Response) -> Response:
        nonlocal shown
        if method != "GET" or shown == 3:
            return answer
        shown += 1
        return replace(answer, body={**answer.body, "active": True})

    org.wire.after = lags
    seq = org.say("E1", active=False)
    await org.run()
    assert (org.fate(seq), await org.shown()) == ("revoked", [("PATCH", True)])
    assert shown == 3


async def test_sessions_are_ended_after_the_revocation(org: Org) -> None:
    """Where it is switched on, a leaver's tokens are deleted once they are inactive, and the outcome says when."""
    id_ = await org.hired()
    org.start(end_sessions=True)
    seq = org.say("E1", active=False)
    await org.run()
    (outcome,) = [each for each in org.outcomes if each.seq == seq and each.final]
    assert outcome.read_back is not None
    assert outcome.sessions_ended is not None
    assert await org.sim("GET", "sessions") == {"ended": [id_]}


async def test_sessions_that_cant_be_ended_dont_undo_a_revocation(org: Org) -> None:
    """Without the right to delete tokens the leaver is revoked all the same, and the audit log says what is missing."""
    await org.hired()
    org.start(end_sessions=True)
    org.platform = "http://127.0.0.1:9/api/v2"
    org.start(end_sessions=True)
    seq = org.say("E1", active=False)
    await org.run()
    assert org.fate(seq) == "revoked"
    (outcome,) = [each for each in org.outcomes if each.seq == seq and each.final]
    assert outcome.sessions_ended is None
    assert any("sessions weren't ended" in (each.reason or "") for each in org.store.outcomes)


async def test_a_target_that_never_shows_a_leaver_as_inactive_isnt_flooded(org: Org) -> None:
    """An acknowledged revocation that no read shows is sent in every form, told, and tried again later."""
    await org.hired()

    def never(method: str, path: str, answer: Response) -> Response:
        return replace(answer, body={**answer.body, "active": True}) if method == "GET" else answer

    org.wire.after = never
    seq = org.say("E1", active=False)
    await org.run()
    assert (org.fate(seq), org.store.parked) == ("parked", {"E1": "refused"})
    assert sum((await org.requests()).values()) <= 30
    assert {each["method"] for each in await org.writes()} == {"PATCH", "PUT"}
    org.wire.after = None
    org.again("E1")
    await org.run()
    assert ((await org.user())["active"], org.store.parked) == (False, {})


async def test_a_paused_sink_ends_no_sessions(org: Org) -> None:
    """`sink pause` holds what goes to the platform, too."""
    await org.hired()
    org.start(end_sessions=True)
    ended: list[Any] = []

    def stops(method: str, path: str, answer: Response) -> Response:
        if method == "GET":
            org.gate.stopped = True
        return answer

    org.wire.after = stops
    org.say("E1", active=False)
    running = asyncio.create_task(org.run())
    while not org.gate.stopped:  # noqa: ASYNC110 - it is another task
        await asyncio.sleep(0.001)
    for _ in range(50):
        await asyncio.sleep(0.001)
    ended.append(await org.sim("GET", "sessions"))
    org.gate.stopped = False
    await running
    ended.append(await org.sim("GET", "sessions"))
    assert [len(each["ended"]) for each in ended] == [0, 1]


async def test_sessions_are_told_as_ended_only_where_that_was_acknowledged(org: Org) -> None:
    """A platform that has no such address hasn't ended anything, and isn't asked five times for each leaver."""
    await org.hired()
    org.platform = f"{org.root}/elsewhere"
    org.start(end_sessions=True)
    seq = org.say("E1", active=False)
    await org.run()
    (outcome,) = [each for each in org.outcomes if each.seq == seq and each.final]
    assert (outcome.verdict, outcome.sessions_ended) == ("revoked", None)
    assert org.clock.paused == []


async def test_a_leaver_isnt_kept_waiting_by_their_own_failures_once_the_target_is_back(org: Org) -> None:
    """After an outage of the target a leaver's next attempt isn't half a minute away."""
    await org.hired()
    for user in ("E2", "E3", "E4"):
        await org.hired(user)
    waits: list[float] = []
    await org.faults({"kind": "503_before"})

    async def meanwhile(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 60:
            await org.faults()

    org.clock.during = meanwhile
    for user in ("E1", "E2", "E3", "E4"):
        org.say(user, active=False)
    await org.run()
    assert max(waits) <= 15

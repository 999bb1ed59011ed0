"""Who isn't ours, at the target: never named, let in and out by one request each, released, suspended."""

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.resource import Resource
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.mass_guard import MassGuard, Window
from streamproc.sink.decide.name_waits import temporary_name
from streamproc.sink.decide.progress import Progress
from tests.support.reconciler import CORE, MAPPING, Org, person
from tests.support.sink import Bench

OUTSIDE, INSIDE = {"department": "Warehouse"}, {"department": "Care"}


def scoped(leaving: str = "deactivate") -> Mapping:
    """Those who take care of customers are ours, and who is suspended has no access."""
    return parse_mapping(f"""
[scope]
who = 'department == "Care"'
leaving = "{leaving}"
[suspend]
when = 'leave == "Suspended"'
[attributes]
title = "job"
department = "department"
manager = "manager"
""")


@pytest.fixture
def ours(org: Org) -> Org:
    """The organisation, with a scope."""
    org.mapping = scoped()
    return org


def told(org: Org, seq: int) -> Outcome:
    """How it ended."""
    (outcome,) = [each for each in org.outcomes if each.seq == seq and each.final]
    return outcome


async def said(org: Org, **facts: Any) -> Outcome:
    """What becomes of an event about E1, whose requests and writes are counted from here on."""
    await org.sim("POST", "requests/reset")
    org.mark = len(await org.ledger())
    seq = org.say("E1", **facts)
    await org.run()
    return told(org, seq)


async def by_hand(org: Org) -> dict[str, Any]:
    """Somebody else has made an account for E1, under their name and user ID."""
    body = {"schemas": [CORE], "userName": "e1@example.com", "displayName": "By Hand", "externalId": "E1"}
    made: dict[str, Any] = await org.call("POST", "Users", body)
    return made


async def test_who_never_was_in_scope_is_never_named(ours: Org) -> None:
    """Hired, changed, gone: no search, no adoption, no revocation, though somebody has made an account for them."""
    await by_hand(ours)
    before = await ours.user()
    for facts in ({**person("E1"), **OUTSIDE}, {"job": "Foreman"}, {"active": False}, {"active": True}):
        outcome = await said(ours, **facts)
        assert (outcome.verdict, outcome.reason, outcome.requests) == ("no-op", "out of scope", [])
        assert await ours.requests() == {}
    assert await ours.user() == before


async def test_who_comes_and_goes_costs_one_write_each(ours: Org) -> None:
    """In by a POST, out by a PATCH of `active` alone, back by a PATCH with access."""
    await said(ours, **person("E1"), **OUTSIDE)
    assert (await said(ours, **INSIDE)).verdict == "delivered"
    assert [each["method"] for each in await ours.writes()] == ["POST"]
    left = await said(ours, **OUTSIDE, job="Driver")
    assert (left.verdict, left.reason) == ("revoked", "out of scope")
    (write,) = await ours.writes()
    assert write["body"]["Operations"] == [{"op": "replace", "path": "active", "value": False}]
    assert (await said(ours, job="Foreman")).verdict == "no-op"
    assert await ours.requests() == {}
    assert (await said(ours, **INSIDE)).verdict == "delivered"
    assert [each["method"] for each in await ours.writes()] == ["PATCH"]
    now = await ours.user()
    assert (now["active"], now["title"]) == (True, "Foreman")


async def test_who_is_released_is_only_revoked_when_they_leave(ours: Org) -> None:
    """Nothing is asked or written of them any more, until a source says no; and coming back to work gives nothing."""
    ours.mapping = scoped("release")
    await said(ours, **person("E1"), **INSIDE)
    for facts in (OUTSIDE, {"job": "Driver"}, {"leave": "Suspended"}, {"displayName": "Other"}):
        outcome = await said(ours, **facts)
        assert (outcome.verdict, outcome.reason) == ("no-op", "out of scope")
        assert await ours.requests() == {}
    assert ((await ours.user())["active"], (await ours.user())["title"]) == (True, "Agent")
    assert (await said(ours, active=False)).verdict == "revoked"
    assert len(await ours.writes()) == 1
    assert (await said(ours, active=True)).verdict == "no-op"
    assert await ours.requests() == {}
    assert (await ours.user())["active"] is False


async def test_who_was_released_comes_back_whole_whatever_others_did(ours: Org) -> None:
    """Their account was others' meanwhile, so it is read before anything is taken for written."""
    ours.mapping = scoped("release")
    await said(ours, **person("E1"), **INSIDE)
    await said(ours, **OUTSIDE)
    there = (await ours.user())["id"]
    await ours.patch(f"Users/{there}", "replace", "active", value=False)
    await ours.patch(f"Users/{there}", "replace", "title", value="By Hand")
    assert (await said(ours, **INSIDE)).verdict == "delivered"
    now = await ours.user()
    assert (now["id"], now["active"], now["title"]) == (there, True, "Agent")


async def test_who_was_released_is_no_manager_any_more(ours: Org) -> None:
    """Nobody else's requests name them either."""
    ours.mapping = scoped("release")
    await said(ours, **person("E1"), **INSIDE)
    await said(ours, **OUTSIDE)
    there = (await ours.user())["id"]
    ours.say("E2", **person("E2"), **INSIDE, manager="E1")
    await ours.run()
    assert there not in str((await ours.ledger())[-1]["body"])
    assert ours.store.parked == {"E2": "unresolved"}


async def test_a_suspension_is_one_request_and_access_comes_back_whole(ours: Org) -> None:
    """What changes meanwhile is written when it ends."""
    await said(ours, **person("E1"), **INSIDE)
    suspended = await said(ours, leave="Suspended", job="Lead")
    assert (suspended.verdict, suspended.reason, len(await ours.writes())) == ("revoked", "suspended", 1)
    assert (await said(ours, leave=None)).verdict == "delivered"
    assert len(await ours.writes()) == 1
    assert ((await ours.user())["active"], (await ours.user())["title"]) == (True, "Lead")


async def test_a_release_waits_for_what_is_in_the_air_and_a_leaver_is_found(ours: Org) -> None:
    """A create without an answer may have landed: after it nothing is sent, and who leaves then is looked for."""
    ours.mapping = scoped("release")
    lost = False

    def loses(method: str, path: str, answer: Response) -> Response:
        nonlocal lost
        if method != "POST" or lost:
            return answer
        lost = True
        ours.say("E1", **OUTSIDE)
        return Response(None, {}, {})

    ours.wire.after = loses
    ours.say("E1", **person("E1"), **INSIDE)
    await ours.run()
    assert [each["method"] for each in await ours.ledger()] == ["POST"]
    assert [each.verdict for each in ours.outcomes if each.final] == ["superseded", "delivered"]
    assert sum(ours.clock.paused) > 0
    assert (await said(ours, active=False)).verdict == "revoked"
    assert (await ours.user())["active"] is False


async def test_who_is_released_in_the_middle_of_an_exchange_of_names_gets_theirs(ours: Org) -> None:
    """Who had made way for another's name can't log in by the one in between: they are left alone with their own."""
    ours.mapping = scoped("release")
    await said(ours, **person("E1"), **INSIDE)
    id_, name = (await ours.user())["id"], temporary_name("e1@example.com", "E1")
    shown = await ours.patch(f"Users/{id_}", "replace", "userName", name)
    known = ours.store.known["E1"]
    held = Resource(**{**(known.held or {}), "userName": name})
    ours.store.known["E1"] = replace(known, held=held, etag=f'"{shown["meta"]["version"]}"'.replace('""', '"'))
    await said(ours, **OUTSIDE, job="Driver")
    now = await ours.user()
    assert (now["userName"], now["active"], now["title"]) == ("e1@example.com", True, "Agent")
    await said(ours, job="Foreman")
    assert await ours.requests() == {}


async def test_whoever_is_dropped_by_a_mistake_is_held_and_comes_back(ours: Org) -> None:
    """Of many who leave the scope by one cause the mass guard holds those beyond its threshold; nobody else waits."""
    users = [f"E{number}" for number in range(1, 7)]
    for user in users:
        ours.say(user, **person(user), **INSIDE)
    await ours.run()
    guard = MassGuard([Window(600.0, 4, 0.0)])

    def ask(progress: Progress) -> Any:
        return guard.ask(progress.user, progress.record.seq, progress.record.cause, len(users))

    ours.guard = ask
    ours.start()
    for user in users:
        ours.say(user, **OUTSIDE)
        await ours.run()
    assert Counter([(await ours.user(user))["active"] for user in users]) == {True: 4, False: 2}
    assert set(ours.store.parked.values()) == {"held"}
    for user in users:
        ours.say(user, **INSIDE)
    await ours.run()
    assert all([(await ours.user(user))["active"] for user in users])
    assert ours.store.parked == {}


@pytest.mark.parametrize("mistake", [OUTSIDE, {"leave": "Suspended"}], ids=["scope", "suspension"])
@pytest.mark.parametrize("rejected", [False, True])
async def test_a_leaver_among_those_who_are_held_by_a_mistake_is_let_through(
    ours: Org, mistake: dict[str, Any], rejected: bool
) -> None:
    """What the mapping says of access is held, or an operator has rejected it: a source's no is another question."""
    bench = Bench(ours, guard_count=4, guard_share=0.0)
    users = ("E1", "E2", "E3", "E4")
    for user in users:
        bench.give(user, **person(user), **INSIDE)
        await bench.idle()
    for user in users:
        bench.give(user, **mistake)
        await bench.idle()
    assert [bench.parked(user) is not None for user in users] == [False, False, True, True]
    if rejected and (parked := bench.parked("E4")) is not None:
        bench.order("reject", "E4", parked.since)
        await bench.idle()
    ours.reason = "terminated"
    bench.give("E4", job="Lead")
    await bench.idle()
    assert (await ours.user("E4"))["active"] is True
    bench.give("E4", active=False)
    await bench.idle()
    assert bench.parked("E4") is None
    assert [(await ours.user(user))["active"] for user in users] == [False, False, True, False]


async def test_a_leaver_who_was_just_dropped_by_a_mistake_is_let_through(ours: Org) -> None:
    """Before the sink had come to the one, there was the other: it is the later cause that counts."""
    bench = Bench(ours, guard_count=2, guard_share=0.0)
    for user in ("E1", "E2"):
        bench.give(user, **person(user), **INSIDE)
        await bench.idle()
    bench.give("E1", **OUTSIDE)
    await bench.idle()
    bench.sink._gate.stopped = True
    for user in ("E2", "E1"):
        bench.give(user, **OUTSIDE, job="Lead")
    ours.reason = "terminated"
    bench.give("E2", active=False)
    bench.sink._gate.stopped = False
    await bench.idle()
    assert bench.parked("E2") is None
    assert (await ours.user("E2"))["active"] is False


async def test_the_first_scope_takes_those_for_ours_who_have_a_record(org: Org) -> None:
    """Who is out of it then loses access, or is left as they are where leaving releases."""
    for user, leaving, active in (("E1", "deactivate", False), ("E2", "release", True)):
        org.mapping = MAPPING
        await org.hired(user, **OUTSIDE)
        org.mapping = scoped(leaving)
        org.say(user, job="Driver")
        await org.run()
        assert (await org.user(user))["active"] is active

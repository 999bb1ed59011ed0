"""Somebody else writes it back, again and again: after three times ours is the last word no more."""

from collections.abc import Mapping
from typing import Any

import orjson

from streamproc.core.flow.loop_case import case
from streamproc.core.flow.loop_limits import LoopLimits
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.plan import Urgency
from streamproc.core.records.change_event import Origin
from streamproc.core.records.finding import Changed, Difference
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause, encode
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.desired_state import Drift, Work, decode_desired, look_of
from streamproc.sink.decide.lanes import Turn
from tests.support.reconciler import Org, Start, person, roles, skills

KIM = Changed(Millis(1_780_000_000_000), "client-7", "p-1", "Kim Berg", "entry-1")
HOUR = 3600.0
PERSON = '[attributes]\nuserName = "userName"\ndisplayName = "displayName"\nactive = "active"\n'


async def looked(org: Org, user: str = "E1", held: Mapping[str, Any] | None = None) -> None:
    """As the sink does for a finding. `held`: what it saw of attributes that Kim had changed."""
    differences = {
        name: Difference(name, "changed", "own", None, value, "it isn't so", KIM)
        for name, value in (held or {}).items()
    }
    drift = Drift(Cause("streamproc", "look", Origin(FINDINGS, 0, 1, Millis(0))), differences)
    record = look_of(decode_desired(encode(org.records[user])))
    leaves = record.desired.get("active") is False
    urgency = Urgency.REVOKE if leaves else Urgency.CHANGE
    org.lanes.again(Turn(user, 0, -1, urgency, Work(record, told=True, drift=drift)))
    await org.run()


async def fought(org: Org, path: str, value: Any, times: int) -> list[Any]:
    """Somebody changes an attribute, and the sink looks, so many times. Returns what the target holds after each."""
    shown = []
    for _ in range(times):
        await org.patch(f"Users/{(await org.user())['id']}", "replace", path, value)
        await looked(org, held={path: value})
        shown.append((await org.user())[path])
    return shown


def frozen(org: Org) -> list[str]:
    """What isn't written any more."""
    return sorted(org.store.known["E1"].frozen)


async def test_the_fourth_change_by_somebody_else_stays(org: Org) -> None:
    """A title that somebody changes five times is put right three times, and then it is frozen, and parked as that."""
    await org.hired()
    assert await fought(org, "title", "Boss", 5) == ["Agent", "Agent", "Agent", "Boss", "Boss"]
    parked = org.store.known["E1"].parked
    assert frozen(org) == ["title"]
    assert parked is not None
    assert (parked.code, list(parked.attributes)) == ("frozen", ["title"])


async def test_it_is_a_fight_whatever_they_write(org: Org) -> None:
    """Another title each time, and ours after each of three."""
    await org.hired()
    shown = [(await fought(org, "title", f"Boss {number}", 1))[0] for number in range(4)]
    assert shown == ["Agent", "Agent", "Agent", "Boss 3"]


async def test_the_case_names_both(org: Org) -> None:
    """Who changed it in the target, by which audit entry, and for which event of ours it was written back."""
    await org.hired()
    await fought(org, "title", "Boss", 4)
    found = case("title", org.store.known["E1"].frozen["title"])
    theirs, ours = found.parties
    assert found.writes == 3
    assert (theirs.name, theirs.by, theirs.times) == (
        "client client-7, person Kim Berg (p-1)",
        ("audit entry entry-1",) * 4,
        (KIM.at,) * 4,
    )
    assert (ours.name, ours.by[0], len(ours.times)) == ("hris", "event e1 at seq 1", 4)
    assert "Kim Berg" in found.told
    assert "event e1" in found.told


async def test_what_nobody_tells_of_is_told_as_seen(org: Org) -> None:
    """Without an audit log the other party is somebody, and the times are those at which it was seen."""
    await org.hired()
    for _ in range(4):
        await org.patch(f"Users/{(await org.user())['id']}", "replace", "title", "Boss")
        await looked(org)
    theirs, _ = case("title", org.store.known["E1"].frozen["title"]).parties
    assert (theirs.name, set(theirs.by)) == ("somebody in the target", {"seen"})
    assert list(theirs.times) == [each.at for each in org.store.known["E1"].frozen["title"].rounds]


async def test_all_else_flows_on_and_a_newer_value_waits(org: Org) -> None:
    """Another attribute goes out. A new title doesn't, and that is told with its event."""
    await org.hired()
    await fought(org, "title", "Boss", 4)
    seq = org.say("E1", department="Sales", job="Lead")
    await org.run()
    now = await org.user()
    assert (now["title"], now[ENTERPRISE]["department"]) == ("Boss", "Sales")
    assert org.fate(seq) == "delivered"
    seq = org.say("E1", job="Chief")
    await org.run()
    assert org.fate(seq) == "parked"
    assert org.outcomes[-1].reason is not None
    assert "to and fro" in org.outcomes[-1].reason


async def test_a_leaver_leaves_at_once(org: Org) -> None:
    """While something is frozen a revocation is one write and one read; what is frozen stays so when they return."""
    await org.hired()
    await fought(org, "title", "Boss", 4)
    await org.sim("POST", "requests/reset")
    seq = org.say("E1", active=False)
    await org.run()
    assert org.fate(seq) == "revoked"
    assert await org.requests() == {"PATCH users/{id}": 1, "GET users/{id}": 1}
    assert org.store.known["E1"].parked is None
    org.say("E1", active=True, job="Lead")
    await org.run()
    now = await org.user()
    assert (now["active"], now["title"], frozen(org)) == (True, "Boss", ["title"])


async def test_somebody_let_in_again_by_hand_is_out_again_for_ever(org: Org) -> None:
    """Taking access away isn't a party's word against another's: ten times of ten."""
    await org.hired()
    org.say("E1", active=False)
    await org.run()
    assert await fought(org, "active", True, 10) == [False] * 10
    assert frozen(org) == []


async def test_access_that_goes_to_and_fro_is_frozen_and_a_leaver_leaves_all_the_same(org: Org) -> None:
    """Somebody takes it, we give it, three times. Frozen it isn't given any more; given by hand, a leaver loses it."""
    id_ = await org.hired()
    assert await fought(org, "active", False, 5) == [True, True, True, False, False]
    assert frozen(org) == ["active"]
    await org.patch(f"Users/{id_}", "replace", "active", True)
    seq = org.say("E1", active=False)
    await org.run()
    assert (await org.user())["active"] is False
    assert org.fate(seq) == "revoked"


async def test_who_leaves_and_returns_again_and_again_is_let_in_four_times(org: Org) -> None:
    """By events alone: leaving never counts, and the first return goes back to nothing. The fifth is frozen."""
    await org.hired()
    told = []
    for _ in range(5):
        org.say("E1", active=False)
        await org.run()
        org.say("E1", active=True)
        await org.run()
        told.append((await org.user())["active"])
    assert told == [True, True, True, True, False]


async def test_a_membership_names_who_ended_it(org: Org) -> None:
    """As the finding says of the group."""
    id_ = await org.hired(department="Billing", genesysQueue="Billing")
    group = await org.group_id("Billing Queue")
    for _ in range(4):
        await org.patch(f"Groups/{group}", "remove", f'members[value eq "{id_}"]')
        await looked(org, held={"group Billing Queue": False})
    frozen = org.store.known["E1"].frozen["group Billing Queue"]
    assert [each.changed and each.changed.entry for each in frozen.rounds] == ["entry-1"] * 4


async def test_an_account_that_others_delete_is_created_three_times(org: Org) -> None:
    """Then it is access that goes to and fro."""
    await org.hired()
    for times in range(5):
        there = [each for each in await org.sim("GET", "users") if each.get("externalId") == "E1" and each["active"]]
        assert len(there) == (times < 4), times
        for each in there:
            await org.call("DELETE", f"Users/{each['id']}")
        await looked(org)
    assert frozen(org) == ["active"]


async def test_two_sources_that_disagree_are_a_fight(org: Org) -> None:
    """The desired value goes to and fro by events alone. Both events are named."""
    await org.hired()
    told = []
    for number in range(6):
        seq = org.say("E1", job="Lead" if number % 2 == 0 else "Agent")
        await org.run()
        told.append(org.fate(seq))
    assert told == ["delivered"] * 5 + ["parked"]  # with the fifth the role of agents still goes
    rounds = org.store.known["E1"].frozen["title"].rounds
    assert [each.cause and each.cause.event for each in rounds] == [None, "e3", "e4", "e5", "e6"]
    assert not any(each.theirs for each in rounds)


async def test_many_changes_of_one_attribute_are_no_fight(org: Org) -> None:
    """Twenty titles in an hour, none twice, all go out; and what is kept of them is bounded."""
    await org.hired()
    for number in range(20):
        org.say("E1", job=f"Title {number}")
        await org.run()
    delivery = org.store.known["E1"]
    assert (await org.user())["title"] == "Title 19"
    assert len(delivery.rounds["title"]) <= 6


async def test_only_what_happened_within_the_window_counts(org: Org) -> None:
    """Once an hour somebody writes it back: each time it is put right, and nothing is kept of the times before."""
    await org.hired()
    for _ in range(6):
        assert await fought(org, "title", "Boss", 1) == ["Agent"]
        org.clock.now += HOUR
    await looked(org)
    assert org.store.known["E1"].rounds == {}


async def test_with_no_rounds_nothing_is_ever_frozen(org: Org) -> None:
    """Who sets the rounds to 0 wants the last word, however often."""
    org.loops = LoopLimits(rounds=0)
    org.start()
    await org.hired()
    assert await fought(org, "title", "Boss", 6) == ["Agent"] * 6
    assert (frozen(org), org.store.known["E1"].rounds) == ([], {})


async def test_a_role_that_others_give_is_frozen_alone(org: Org) -> None:
    """The role that goes to and fro stays as it is; one that the mapping takes is taken, one that it gives is given."""
    org.mapping = parse_mapping("""
[attributes]
title = "job"
[[copy]]
fact = "permissions"
to = "roles"
""")
    id_ = await org.hired(permissions=["employee", "Agent"])
    for _ in range(4):
        await org.patch(f"Users/{id_}", "add", "roles", [{"value": "Supervisor"}])
        await looked(org)
    assert roles(await org.user()) == ["Agent", "Supervisor", "employee"]
    assert frozen(org) == ["role Supervisor"]
    org.say("E1", permissions=["employee", "Quality Evaluator"])
    await org.run()
    assert roles(await org.user()) == ["Quality Evaluator", "Supervisor", "employee"]


async def test_a_membership_that_others_end_is_frozen_alone(org: Org) -> None:
    """Others take the user out of a group three times. Another group is given all the same."""
    id_ = await org.hired(department="Billing", genesysQueue="Billing")
    group = await org.group_id("Billing Queue")
    for times in range(5):
        await org.patch(f"Groups/{group}", "remove", f'members[value eq "{id_}"]')
        await looked(org)
        assert (id_ in await org.members("Billing Queue")) == (times < 3), times
    assert frozen(org) == ["group Billing Queue"]


async def test_other_managers_are_no_fight(org: Org) -> None:
    """A read shows the manager by the target's id: that it is another than the one who is to be is nobody's doing."""
    managers = ("E2", "E3", "E4", "E5", "E6", "E7")
    for user in managers:
        org.say(user, **person(user))
    await org.run()
    await org.hired(manager="E2")
    for user in managers[1:]:
        await org.patch(f"Users/{(await org.user())['id']}", "replace", "title", f"Boss of {user}")
        org.clock.now += HOUR / 3
        org.say("E1", manager=user)
        await org.run()
    delivery = org.store.known["E1"]
    assert (delivery.frozen, delivery.held and delivery.held["manager"]) == ({}, "E7")
    assert not any(each.theirs for each in delivery.rounds["manager"])


async def test_a_mapping_that_goes_to_and_fro_is_a_party(org: Org) -> None:
    """Titles by one mapping and by another, in turns: after three returns the title stays."""
    other = parse_mapping(f'{PERSON}title = "custom"')
    ours, shown = org.mapping, []
    await org.hired(custom="Associate")
    for number in range(6):
        org.mapping = other if number % 2 == 0 else ours
        org.say("E1", custom="Associate", job="Agent", displayName=f"Person {number}")
        await org.run()
        shown.append((await org.user())["title"])
    assert shown == ["Associate", "Agent", "Associate", "Agent", "Agent", "Agent"]
    assert frozen(org) == ["title"]


async def test_what_is_kept_of_very_many_fights_is_bounded(org: Org) -> None:
    """Forty skills that somebody takes again and again: after sixty writes that count each is the last."""
    names: list[Any] = [f"Skill {number}" for number in range(40)]
    await org.sim("POST", "config", {"skills": names})
    org.mapping = parse_mapping(f'{PERSON}[[copy]]\nfact = "skills"\nto = "skills"\nlevel = 3.0')
    id_ = await org.hired(skills=[*names])
    given = []
    for _ in range(4):
        await org.patch(f"Users/{id_}", "remove", f"{GENESYS}:routingSkills")
        await looked(org)
        given.append(len(skills(await org.user())))
    assert given == [40, 40, 0, 0]
    delivery = org.store.known["E1"]
    assert len(delivery.frozen) == 40
    assert sum(bool(each.rounds) for each in delivery.frozen.values()) == 30
    assert len(orjson.dumps(delivery)) < 60_000


async def test_what_the_target_never_shows_is_refused_and_no_fight(start: Start) -> None:
    """The target takes a title and keeps another: that is told as before, however often it is tried."""
    org = await start()
    await org.hired()

    def shown(method: str, path: str, answer: Response) -> Response:
        return (
            Response(answer.status, {**answer.body, "title": "Agent"}, answer.headers)
            if answer.body.get("title")
            else answer
        )

    org.wire.after = shown
    for number in range(6):
        org.say("E1", job=f"Lead {number % 2}")
        await org.run()
    parked = org.store.known["E1"].parked
    assert frozen(org) == []
    assert parked is not None
    assert parked.attributes["title"].startswith("refused")

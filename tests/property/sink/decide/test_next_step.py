"""The decider against a target that answers as badly as it can, wherever it can."""

from typing import Any, Final, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.scim.dialect import DIALECTS, expressible
from streamproc.sink.decide.name_waits import Way
from streamproc.sink.decide.steps import (
    AskMembership,
    AwaitName,
    Confirm,
    EndSessions,
    FindGroup,
    FindHolder,
    FindManager,
    Glance,
    LookUp,
    Read,
    ReadManager,
    SendMembership,
    SendUser,
    Step,
)
from tests.support.adverse_target import ANA, READS, WRITES, AdverseTarget, AdverseTurn

MOVED: Final = Resource(**{**ANA, "title": "Lead", "roles": ["Lead"], "groups": ["Spanish"]})
GONE: Final = Resource(**{**ANA, "active": False})
DESIRED: Final = (ANA, MOVED, GONE)
UNCHECKED: Final = ("groups", "displayName")
"""Groups are compared by themselves, and what others change is noticed only where we read."""
WAYS: Final[tuple[str, ...]] = get_args(Way)
MOST: Final = 120
"""Steps, after the last misbehaviour."""


def target(dialect: str, *, versioned: bool = True, **options: Any) -> AdverseTarget:
    """With Ana's manager, and both groups."""
    there = AdverseTarget(DIALECTS[dialect], versioned, groups={"Billing": set(), "Spanish": set()}, **options)
    there.users["m"] = {"externalId": "M1", "userName": "m@example.com", "displayName": "M", "active": True}
    there.versions |= {"m": 1, "g-Billing": 1, "g-Spanish": 1}
    return there


def already_there(there: AdverseTarget, active: bool = True) -> DeliveredState:
    """Ana is there by our doing; what is noted of her."""
    held = {name: value for name, value in {**ANA, "active": active}.items() if name != "groups"}
    there.users["a"], there.versions["a"] = {**held, "manager": "m"}, 1
    there.groups["Billing"].add("a")
    noted = Resource(**{**ANA, "active": active, "groups": ["Billing"]})
    return DeliveredState("E1", 5, "a", '"1"' if there.versioned else None, noted, None, Millis(0))


def misbehaviours(step: Step) -> tuple[str, ...]:
    """What the target can do to a step."""
    match step:
        case SendUser() | SendMembership():
            return WRITES
        case LookUp() | Read() | Confirm() | Glance() | FindGroup() | FindHolder() | ReadManager() | AskMembership():
            return READS
        case FindManager():
            return ("not delivered",)
        case AwaitName():
            return WAYS
        case EndSessions():
            return ("404", "no answer")
        case _:
            return ()


def run(turn: AdverseTurn, most: int = MOST) -> None:
    """With no more misbehaviour the turn comes to its end."""
    for _ in range(most):
        turn.carry_out(turn.next())
        if turn.finished is not None:
            return
    pytest.fail(f"no end in sight: {turn.steps[-6:]}")


def check_end(turn: AdverseTurn, desired: Resource) -> None:
    """What was told at the end is so."""
    turn.there.land()
    assert turn.finished is not None
    fate, state = turn.finished.outcomes[-1], turn.finished.state
    held = next((user for user in turn.there.users.values() if user.get("externalId") == "E1"), None)
    if fate.verdict == "revoked":
        assert held is not None
        assert held["active"] is False
        assert fate.read_back is not None
    if state.parked is None and desired.get("active") is False:
        assert held is None or held["active"] is False, "a leaver kept their access"
    if state.parked is None and desired.get("active") is True:
        assert held is not None
        there = {name: held.get(name) for name in expressible(desired, turn.there.dialect) if name not in UNCHECKED}
        assert there == {name: {**desired, "manager": "m"}[name] for name in there}
        user_id = next(key for key, user in turn.there.users.items() if user is held)
        member_of = {name for name, members in turn.there.groups.items() if user_id in members}
        assert member_of - turn.by_hand == {*desired["groups"]} - turn.by_hand


def check_to_the_end(turn: AdverseTurn, desired: Resource) -> None:
    """The turn comes to its end, and whatever it came to: who leaves afterwards has no access."""
    if turn.finished is None:
        run(turn)
    check_end(turn, desired)
    leaves = AdverseTurn(turn.there, GONE, turn.finished.state if turn.finished else None, seq=100)
    run(leaves)
    check_end(leaves, GONE)


@pytest.mark.parametrize("dialect", ["genesys", "rfc7644"])
@pytest.mark.parametrize("noted", ["nobody", "active", "inactive", "found by hand"])
@pytest.mark.parametrize("desired", DESIRED, ids=["stays", "moves", "leaves"])
def test_each_misbehaviour_at_each_step_comes_to_an_end(dialect: str, noted: str, desired: Resource) -> None:
    """One bad answer, wherever it comes: no write of unknown outcome is repeated blind, none goes out without the
    version that is known, a leaver waits for nobody, and what is told in the end is so.
    """
    position = 0
    while True:
        step = _after(dialect, noted, desired, position, "honest").steps[-1]
        for how in misbehaviours(step):
            turn = _after(dialect, noted, desired, position, how)
            check_to_the_end(turn, desired)
        if _after(dialect, noted, desired, position, "honest").finished is not None:
            return
        position += 1


@pytest.mark.parametrize("noted", ["nobody", "active", "inactive", "found by hand"])
@pytest.mark.parametrize("refused", [frozenset[str](), frozenset({"roles"})], ids=["all", "no roles"])
def test_what_comes_on_top_of_each_misbehaviour(noted: str, refused: frozenset[str]) -> None:
    """Two bad answers in a row, or somebody leaves just then: with late writes too, no leaver keeps access."""
    position = 0
    while True:
        honest = _after("genesys", noted, ANA, position, "honest", refused)
        for how in misbehaviours(honest.steps[-1]):
            for second in ("leaves", "400", "lagging") if not refused else ("leaves",):
                turn = _after("genesys", noted, ANA, position, how, refused)
                if second == "leaves":
                    turn.newer(GONE)
                while turn.finished is None and second != "leaves":
                    step = turn.next()
                    bad = second if isinstance(step, LookUp | Read | Confirm) else "honest"
                    turn.carry_out(step, bad)
                    if bad != "honest":
                        break
                check_to_the_end(turn, turn.progress.record.desired)
        if honest.finished is not None:
            return
        position += 1


def test_a_search_for_a_membership_that_answers_404_takes_nobody_out() -> None:
    """It doesn't say that they aren't in the group: who moves to another team doesn't keep the old one's."""
    there = target("rfc7644")
    turn = AdverseTurn(there, ANA, already_there(there))
    while not isinstance(step := turn.next(), SendMembership):
        turn.carry_out(step)
    turn.carry_out(step, "412")
    turn.newer(MOVED)
    while turn.finished is None:
        step = turn.next()
        turn.carry_out(step, "404" if isinstance(step, AskMembership) else "honest")
    assert any(isinstance(step, AskMembership) for step in turn.steps)
    check_end(turn, MOVED)


@pytest.mark.parametrize("how", ["400", "403", "409", "412", "413", "501", "invalidVers"])
@pytest.mark.parametrize("noted", ["nobody", "active", "inactive"])
@pytest.mark.parametrize("dialect", ["genesys", "rfc7644"])
def test_a_write_that_is_refused_for_ever_is_given_up(dialect: str, noted: str, how: str) -> None:
    """Whatever the target calls it: somebody who stays is set aside with the reason, and isn't tried for ever."""
    turn = _after(dialect, noted, MOVED, -1, how)
    for _ in range(4 * MOST):
        if turn.finished is not None:
            break
        step = turn.next()
        turn.carry_out(step, how if isinstance(step, SendUser) else "honest")
    assert turn.finished is not None
    assert turn.finished.parked is not None


def _after(
    dialect: str, noted: str, desired: Resource, position: int, how: str, refused: frozenset[str] = frozenset()
) -> AdverseTurn:
    """A turn whose step number `position` is answered badly."""
    there = target(dialect, refused=refused)
    delivery = None if noted == "nobody" else already_there(there, active=noted != "inactive")
    turn = AdverseTurn(there, desired, None if noted == "found by hand" else delivery)
    turn.by_hand = {"Billing"} if noted == "found by hand" else set()
    for number in range(position + 1):
        turn.carry_out(turn.next(), how if number == position else "honest")
    return turn


@settings(max_examples=3 * settings().max_examples, deadline=None)
@given(data=st.data())
def test_any_misbehaviour_comes_to_an_end(data: st.DataObject) -> None:
    """Bad answers in any order and number, newer work, and changes by others, between any two steps.

    And whatever it came to: who leaves afterwards has no access. Of somebody whom we don't know there, one of the two
    searches shows them: nothing tells a target that finds nobody by either from one that has nobody.
    """
    draw, unseen = data.draw, False
    refused = draw(st.frozensets(st.sampled_from(["title", "roles", "groups"])))
    there = target(draw(st.sampled_from(sorted(DIALECTS))), versioned=draw(st.booleans()), refused=refused)
    delivery = already_there(there, active=draw(st.booleans())) if draw(st.booleans()) else None
    desired = draw(st.sampled_from(DESIRED))
    noted = delivery if draw(st.booleans()) else None
    turn = AdverseTurn(there, desired, noted, draw(st.sampled_from([0, 100])))
    turn.by_hand = {"Billing"} if noted is None and delivery is not None else set()
    for _ in range(draw(st.integers(0, 25))):
        if turn.finished is not None:
            break
        event = draw(st.sampled_from(["bad", "bad", "honest", "newer", "others"]))
        if event == "newer" and not turn.progress.ending:
            desired = draw(st.sampled_from(DESIRED))
            turn.newer(desired)
        elif event == "others" and "a" in there.users and there.versioned:
            there.changed("a", displayName="By hand")
            there.versions["g-Billing"] += 1
            there.versions["g-Spanish"] += 1
        step = turn.next()
        how = draw(st.sampled_from(misbehaviours(step) or ("honest",))) if event == "bad" else "honest"
        if isinstance(step, LookUp):
            how = "honest" if how == "lagging" and unseen else how
            unseen = unseen or how in {"lagging", "invalidFilter"}
        turn.carry_out(step, how)
    check_to_the_end(turn, desired)

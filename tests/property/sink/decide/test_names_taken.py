"""Somebody whose userName is to be another's, against a target that answers as badly as it can, wherever it can."""

from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streamproc.core.records.resource import Resource
from streamproc.sink.decide.name_waits import temporary_name
from streamproc.sink.decide.steps import AwaitName
from tests.property.sink.decide.test_next_step import (
    GONE,
    MOST,
    already_there,
    check_to_the_end,
    misbehaviours,
    run,
)
from tests.property.sink.decide.test_next_step import target as made_target
from tests.support.adverse_target import ANA, AdverseTurn

WANTED: Final = "bea@example.com"
NAMED: Final = Resource(**{**ANA, "userName": WANTED, "title": "Lead"})
TEMPORARY: Final = temporary_name(ANA["userName"], "E1")
SCENES: Final = [("nobody", "E2"), ("active", "E2"), ("inactive", "E2"), ("active", None)]
"""What is noted of Ana, and whose the name is. An account that is nobody's would be adopted by a joiner."""


def turn_of(noted: str, *, theirs: str | None, versioned: bool = True) -> AdverseTurn:
    """Ana is to have Bea's name. `theirs`: Bea's user ID. None: an account that nobody of us made."""
    there = made_target("genesys", versioned=versioned)
    there.users["b"] = {"userName": WANTED, "displayName": "Bea", "active": True} | (
        {"externalId": theirs} if theirs else {}
    )
    there.versions["b"] = 1
    delivery = None if noted == "nobody" else already_there(there, active=noted == "active")
    return AdverseTurn(there, NAMED, delivery)


def check(turn: AdverseTurn, bea: dict[str, Any]) -> None:
    """Ana has the name, or has hers or a temporary one, and it is told why. Bea's account is nobody's to write."""
    turn.there.land()
    assert turn.there.users["b"] == bea
    assert turn.finished is not None
    parked = turn.finished.parked
    ana = next((user for user in turn.there.users.values() if user.get("externalId") == "E1"), None)
    if parked is None:
        assert ana is not None
        assert ana["userName"] == WANTED
    elif ana is not None:
        name = ana["userName"]
        assert name in {ANA["userName"], WANTED, TEMPORARY}
        if name == TEMPORARY and parked.code == "ambiguous" and parked.attributes.keys() == {"userName"}:
            assert name in parked.attributes["userName"]


@pytest.mark.parametrize(("noted", "theirs"), SCENES)
def test_each_misbehaviour_comes_to_an_end(noted: str, theirs: str | None) -> None:
    """One bad answer, or any word about whose turn it is, at each step: the name that is another's stays theirs."""
    position = 0
    while True:
        honest = turn_of(noted, theirs=theirs)
        steps = [honest.next()]
        for _ in range(position):
            honest.carry_out(steps[-1])
            if honest.finished is not None:
                return
            steps.append(honest.next())
        for how in misbehaviours(steps[-1]):
            turn = turn_of(noted, theirs=theirs)
            bea = {**turn.there.users["b"]}
            for _ in range(position):
                turn.carry_out(turn.next())
            turn.carry_out(turn.next(), how)
            if turn.finished is None:
                run(turn)
            check(turn, bea)
        position += 1


def test_who_made_way_doesnt_make_way_again() -> None:
    """However often it is said that it is for Ana to do so: one temporary name, and it is told."""
    turn = turn_of("active", theirs="E2")
    bea = {**turn.there.users["b"]}
    while turn.finished is None and len(turn.steps) < MOST:
        step = turn.next()
        turn.carry_out(step, "make way" if isinstance(step, AwaitName) else "honest")
    check(turn, bea)
    assert turn.there.users["a"]["userName"] == TEMPORARY


@given(st.data())
def test_a_name_that_is_given_up_is_taken(data: st.DataObject) -> None:
    """Bea gives it up at some moment, among bad answers of all kinds: no other account is written, the turn ends, and
    another attempt without bad answers brings the name; or Ana leaves just then, and is out.
    """
    draw = data.draw
    noted, theirs = draw(st.sampled_from(SCENES))
    turn = turn_of(noted, theirs=theirs, versioned=draw(st.booleans()))
    there = turn.there
    bea = {name: value for name, value in there.users["b"].items() if name != "userName"}
    given_up, leaves = draw(st.integers(0, 12)), draw(st.sampled_from([None, None, 2, 7]))
    desired = NAMED
    for number in range(MOST):
        if number == given_up:
            there.changed("b", userName="other@example.com")
        if number == leaves and not turn.progress.ending:
            desired = GONE
            turn.newer(GONE)
        step = turn.next()
        bad = number < 12 and draw(st.integers(0, 3)) == 0
        turn.carry_out(step, draw(st.sampled_from(misbehaviours(step) or ("honest",))) if bad else "honest")
        if turn.finished is not None:
            break
    there.land()
    # Whom a target denies twice, by id and by search, is made twice; which of them is Ana nobody can say then.
    assume(sum(user.get("externalId") == "E1" for user in there.users.values()) <= 1)
    if there.users["b"]["userName"] == WANTED:
        there.changed("b", userName="other@example.com")
    assert {**there.users["b"], **bea} == there.users["b"]
    again = AdverseTurn(there, desired, turn.finished.state if turn.finished else None, seq=50)
    run(again)
    check_to_the_end(again, desired)
    if desired is NAMED:
        assert again.finished is not None
        assert again.finished.parked is None

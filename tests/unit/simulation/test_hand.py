"""Whoever edits the target by hand in a simulated world."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from streamproc.testing.network import Genesys, Network
from streamproc.testing.world import World
from tests.simulation.hand import Hand
from tests.simulation.hand_history import hand_steps
from tests.simulation.history import FEATURES, history

SUE = {"kind": "hand", "who": "Sue Visor", "client": "admin-ui"}


@pytest.fixture
def genesys() -> Iterator[Genesys]:
    """With U1 in it."""
    world = World(1, {})
    genesys = Genesys(world, Network(world), groups=("Sales Queue",))
    genesys.simulator.store.create_user(
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "u1@example.com",
            "displayName": "User U1",
            "externalId": "U1",
            "active": True,
        }
    )
    yield genesys
    world.loop.close()


@pytest.fixture
def hand(genesys: Genesys) -> Hand:
    """Whose edits nobody watches."""
    return Hand(genesys, lambda _: None)


def test_an_edit_is_in_the_audit_log_by_whoever_made_it(genesys: Genesys, hand: Hand) -> None:
    """Else reconcile would have nobody to name."""
    account = hand.perform({**SUE, "user": "U1", "changes": {"title": "Boss"}})
    (entry,) = genesys.simulator.audits.newest_first(account)
    assert (entry.actor.person, entry.actor.client) == ("Sue Visor", "admin-ui")


@pytest.mark.parametrize(
    "step",
    [
        {"user": "U2", "changes": {"title": "Boss"}},
        {"user": "U1", "changes": {"state": "active"}},
        {"user": "U1", "group": "Sales Queue", "member": False},
    ],
)
def test_what_is_so_already_or_of_nobody_changes_nothing(hand: Hand, step: dict[str, Any]) -> None:
    """A history says what is tried, and not what there is to be edited."""
    assert hand.perform({**SUE, **step}) is None


def test_who_was_deleted_isnt_edited_any_more(hand: Hand) -> None:
    """Their account is gone for whoever works by hand, too."""
    assert hand.perform({**SUE, "user": "U1", "changes": {"state": "deleted"}}) is not None
    assert hand.perform({**SUE, "user": "U1", "changes": {"state": "active"}}) is None


def test_a_membership_that_was_given_is_noted(hand: Hand) -> None:
    """Nobody takes it away again, and the oracle has to know that."""
    assert hand.perform({**SUE, "user": "U1", "group": "Sales Queue", "member": True}) is not None
    assert hand.given == {"U1": {"Sales Queue"}}


def test_edits_are_about_users_of_whom_a_source_has_told() -> None:
    """The same random numbers give the same edits, and each can be carried out."""
    life = history(Random("a life"), FEATURES)["steps"]
    steps = hand_steps(Random("by hand"), life)
    assert steps == hand_steps(Random("by hand"), life)
    told = {step["value"]["subject"] for step in life if step["kind"] == "say" and step["topic"] == "events.hris"}
    assert {step["user"] for step in steps if "user" in step} <= told

"""The whole sink, over HTTP, at targets that answer otherwise than they should."""

from typing import Any

import pytest

from tests.field.pipeline import Pause, Ran, play
from tests.field.pipelines import hris, joins
from tests.support.hostile_targets.app import app_of
from tests.support.hostile_targets.behaviour import Behaviour, HostileTarget
from tests.support.hostile_targets.identities import Paged, Unfiltered
from tests.support.hostile_targets.people import hostile_target
from tests.support.hostile_targets.store import Store
from tests.support.hostile_targets.table import HOSTILE, Hostile
from tests.support.hostile_targets.whole_sink import check_sink

CHOSEN = (
    "redirects-all-302",
    "redirects-post-307",
    "page-with-200",
    "arrays",
    "truncated",
    "reset-after-applying",
    "5xx-to-writes",
    "204-without-etag",
    "no-effect-and-204",
    "filters-passed-over-without-external-id",
    "weak-etag-with-gzip",
    "412-always",
    "spells-phone-silently",
    "active-never-shown",
    "carried-out-and-answered-404",
)
"""Of the table, which the decider goes through as a whole: one of each sort."""


def at(there: HostileTarget, *records: Any, seconds: float = 5.0) -> Ran:
    """Records on their way to a target."""
    return play(records, target=app_of(there), seconds=seconds)


def hostile(*behaviours: Behaviour, there: bool = False) -> HostileTarget:
    """With these behaviours."""
    return hostile_target(Hostile("A", "one", lambda: behaviours), there=there)


@pytest.mark.parametrize("name", CHOSEN)
def test_who_comes_moves_and_leaves(name: str) -> None:
    """In bounded time and requests, with nobody else written, and a leaver revoked, or parked and told."""
    (chosen,) = [each for each in HOSTILE if each.name == name]
    check_sink(chosen)


@pytest.mark.parametrize("other", ["jdoe", "jdoe#", "jdoe%232"])
def test_an_id_with_a_mark_is_its_owners(other: str) -> None:
    """`jdoe#2` leaves, and `jdoe` stays: what an id has in it isn't read as part of the URL."""
    store = Store()
    store.add("Users", "jdoe#2", externalId="E1", userName="e1@example.com", displayName="One", active=True)
    store.add("Users", other, externalId="E2", userName="e2@example.com", displayName="Two", active=True)
    ran = at(HostileTarget((), store), joins("E1", active=False))
    assert (store.users["jdoe#2"]["active"], store.users[other]["active"]) == (False, True)
    assert ran.outcomes[-1]["verdict"] == "revoked"


@pytest.mark.parametrize("quoted", ['a"b', "a\\b", "ü/ö", "a?b&c=d", "%2F", "+"])
def test_any_id_is_found_put_into_groups_and_revoked(quoted: str) -> None:
    """Through every request that names it: of the user, of a group, and of a filter."""
    store = Store()
    store.add("Users", quoted, externalId="E1", userName="e1@example.com", displayName="One", active=True)
    group = store.add("Groups", f"g{quoted}", displayName="Billing Queue")
    there = HostileTarget((), store)
    at(there, joins("E1", custom={"genesysQueue": "Billing"}))
    assert [member["value"] for member in store.groups[group]["members"]] == [quoted]
    at(HostileTarget((), store), joins("E1", active=False))
    assert store.users[quoted]["active"] is False


def test_two_groups_of_one_name_are_told_as_that() -> None:
    """Nobody guesses which of them is meant, and nobody reads that there is none."""
    there = hostile()
    for number in (1, 2):
        there.store.add("Groups", f"q{number}", displayName="Billing Queue")
    ran = at(there, joins("E1", custom={"genesysQueue": "Billing"}))
    parked = ran.deliveries["E1"].parked
    assert parked is not None
    assert parked.attributes["group Billing Queue"] == "ambiguous: 2 groups are Billing Queue"


@pytest.mark.parametrize("behaviour", [Unfiltered(25), Paged(25), Unfiltered(1000)], ids=["everybody", "paged", "one"])
def test_a_group_on_a_later_page_is_found(behaviour: Behaviour) -> None:
    """Also where the target passes over the filter, in few requests, and of several groups only once."""
    there = hostile(behaviour)
    for number in range(120):
        there.store.add("Groups", displayName=f"Team {number}")
    queues = [there.store.add("Groups", displayName=f"{name} Queue") for name in ("Billing", "Spanish")]
    ran = at(there, joins("E1", custom={"genesysQueue": ["Billing", "Spanish"]}))
    assert [len(there.store.groups[queue].get("members", ())) for queue in queues] == [1, 1], ran.parked()
    assert len(ran.requests) < 20


def test_a_user_name_that_is_given_up_is_taken_without_another_event() -> None:
    """Whoever was to have a name that somebody else had gets it once it is free."""
    chain = {"userName": "chain.b@example.com"}
    ran = play(
        [
            joins("E7060", userName="chain.a@example.com"),
            joins("E7061", **chain),
            hris("E7060", 1, **chain),
            Pause(40.0),
            hris("E7061", 1, userName="chain.c@example.com"),
            Pause(100.0),
        ]
    )
    assert ran.account("E7060")["userName"] == "chain.b@example.com"
    assert ran.parked() == {}

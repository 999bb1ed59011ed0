"""A manager or a group that the target doesn't have is set aside alone, and found when it is there."""

import pytest

from streamproc.core.scim.dialect import ENTERPRISE
from tests.support.reconciler import Org, person


async def test_an_unknown_manager_sets_only_that_aside(org: Org) -> None:
    """A new joiner works from day one; the manager follows when Genesys knows them."""
    seq = org.say("E1", **person("E1"), manager="M1")
    await org.run()
    assert org.fate(seq) == "delivered"
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert (parked.code, list(parked.attributes)) == ("unresolved", ["manager"])
    await org.hired("M1")
    org.again("E1")
    await org.run()
    manager = (await org.user("M1"))["id"]
    assert (await org.user())[ENTERPRISE]["manager"]["value"] == manager
    assert org.store.parked == {}
    assert org.fates[seq] == 1


async def test_nothing_is_sent_for_want_of_a_manager(org: Org) -> None:
    """A change of the manager alone, to one who isn't there yet, waits; Genesys isn't sent an empty change."""
    await org.hired()
    seq = org.say("E1", manager="M1")
    await org.run()
    assert await org.writes() == []
    assert org.fate(seq) == "parked"


async def test_another_attempt_that_is_passed_over_isnt_told_again(org: Org) -> None:
    """Newer work during another attempt at a manager doesn't tell the old event's fate a second time."""
    first = org.say("E1", **person("E1"), manager="M1")
    await org.run()
    org.again("E1")
    later = org.say("E1", department="Sales")
    await org.run()
    assert (org.fates[first], org.fates[later]) == (1, 1)
    assert org.fate(later) == "delivered"


@pytest.mark.parametrize("who", ["new", "known"])
async def test_a_manager_whom_genesys_lost_sets_only_that_aside(org: Org, who: str) -> None:
    """A manager who was deleted in Genesys doesn't hold up who reports to them."""
    gone = await org.hired("M1")
    if who == "known":
        await org.hired("E1")
    await org.call("DELETE", f"Users/{gone}")
    org.say("E1", **{**person("E1"), "manager": "M1", "department": "Sales"})
    await org.run()
    assert (await org.user("E1"))[ENTERPRISE]["department"] == "Sales"
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert (parked.code, list(parked.attributes)) == ("unresolved", ["manager"])


async def test_a_manager_whom_genesys_lost_holds_up_none_of_several(org: Org) -> None:
    """All who report to a manager who was deleted are refused side by side, and each has only the manager set aside."""
    gone = await org.hired("M1")
    users = ["E1", "E2", "E3"]
    for user in users:
        await org.hired(user)
    await org.call("DELETE", f"Users/{gone}")
    for user in users:
        org.say(user, manager="M1", department="Sales")
    await org.run()
    for user in users:
        assert (await org.user(user))[ENTERPRISE]["department"] == "Sales"
        parked = org.store.known[user].parked
        assert parked is not None
        assert list(parked.attributes) == ["manager"]


async def test_a_missing_group_sets_only_that_aside(org: Org) -> None:
    """A queue that nobody has set up yet keeps the user out of that queue, and out of nothing else."""
    await org.sim("POST", "config", {"skills": ["Quidditch"]})
    seq = org.say("E1", **person("E1"), genesysQueue=["Quidditch", "Billing"])
    await org.run()
    there = await org.user()
    assert there["id"] in await org.members("Billing Queue")
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert (parked.code, list(parked.attributes)) == ("unresolved", ["group Quidditch Queue"])
    assert org.fate(seq) == "delivered"
    await org.sim("POST", "config", {"groups": ["Quidditch Queue"]})
    org.again("E1")
    await org.run()
    assert there["id"] in await org.members("Quidditch Queue")
    assert org.store.parked == {}

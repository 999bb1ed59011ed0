"""A manager or a group that the target doesn't have is set aside alone, and found when it is there."""

from dataclasses import replace

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


async def test_a_manager_whom_nobody_delivered_is_named_in_no_request(org: Org) -> None:
    """Whoever isn't ours isn't asked for as a manager, though the target has an account that says it is theirs."""
    account = await org.foreign("m1", externalId="M1")
    paths: list[str] = []

    async def look(_: str, path: str) -> None:
        paths.append(path)

    org.wire.before = look
    begin = len(await org.ledger())
    org.say("E1", **person("E1"), manager="M1")
    await org.run()
    org.again("E1")
    await org.run()
    sent = str(paths) + str((await org.ledger())[begin:])
    assert (account in sent, "M1" in sent) == (False, False)
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert "M1 has no account by us: not delivered yet, or out of scope" in parked.attributes["manager"]


async def test_a_manager_of_whom_only_a_search_has_told_isnt_named(org: Org) -> None:
    """An account that was found, and hasn't shown yet that it is the manager's, is nobody's manager."""
    await org.hired("M1")
    org.store.known["M1"] = replace(org.store.known["M1"], held=None)
    org.say("E1", **person("E1"), manager="M1")
    await org.run()
    assert "manager" not in (await org.user()).get(ENTERPRISE, {})
    assert org.store.parked == {"E1": "unresolved"}


async def test_a_manager_who_is_delivered_meanwhile_is_written_in_the_same_turn(org: Org) -> None:
    """Somebody whose manager arrives while the rest of them is written doesn't wait for another attempt."""
    await org.hired("M1")
    manager = org.store.known.pop("M1")

    async def meanwhile(_: str, path: str) -> None:
        if path.startswith("/Groups"):
            org.store.known["M1"] = manager

    org.wire.before = meanwhile
    seq = org.say("E1", **person("E1"), manager="M1", genesysQueue="Billing")
    await org.run()
    assert (org.fate(seq), org.store.parked) == ("delivered", {})
    assert (await org.user())[ENTERPRISE]["manager"]["value"] == manager.id


async def test_a_manager_who_was_there_already_isnt_written_again(org: Org) -> None:
    """A read shows the manager by an id that only another sink's deliveries explain: it is the one who is wanted."""
    await org.hired("M1")
    await org.hired("E1", manager="M1")
    org.unread = {"M1"}
    org.store.known["E1"] = replace(org.store.known["E1"], etag='"0"')
    org.say("E1", department="Sales")
    await org.run()
    changes = [each["body"]["Operations"] for each in await org.writes() if each["applied"]]
    assert [[operation["path"] for operation in each] for each in changes] == [[f"{ENTERPRISE}:department"]]
    assert org.store.parked == {}


async def test_a_manager_who_was_shown_before_they_were_known_isnt_written_again(org: Org) -> None:
    """Somebody comes back as the old account, which is their own manager: once we know whose id that is, all is as it
    has to be, and Genesys isn't asked for it once more.
    """
    account = await org.hired("E1", manager="E1")
    org.again("E1")
    await org.run()
    assert (await org.user())[ENTERPRISE]["manager"]["value"] == account
    await org.call("DELETE", f"Users/{account}")
    del org.store.known["E1"]
    org.say("E1", department="Sales")
    await org.run()
    assert org.store.parked == {"E1": "unresolved"}
    before = len(await org.writes())
    org.again("E1")
    await org.run()
    assert (await org.user())[ENTERPRISE]["manager"]["value"] == account
    assert (len(await org.writes()), org.store.parked) == (before, {})


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

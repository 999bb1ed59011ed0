"""What the mapping only seeds or observes, at the target: written once, or never, whatever becomes of the account."""

from typing import Any, Final

import pytest

from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.scim.dialect import ENTERPRISE
from tests.support.reconciler import Org, person, roles

RULES: Final = """
[attributes]
title = "job"
department = "department"
division = "division"
[[copy]]
fact = "genesysRole"
to = "roles"
[[copy]]
fact = "genesysQueue"
to = "groups"
template = "{} Queue"
[always]
roles = ["employee"]
"""
SEEDED: Final = '[policy]\ntitle = "seed"\nroles = "seed"\ngroups = "seed"\ndivision = "seed"\ndepartment = "observe"\n'
KNOWN: Final[dict[str, Any]] = {
    "department": "Care",
    "genesysRole": "Agent",
    "genesysQueue": "Spanish",
}


def mapping(policies: str = SEEDED) -> Mapping:
    """With policies, or as it was before there were any."""
    return parse_mapping(RULES + policies)


@pytest.fixture
def ours(org: Org) -> Org:
    """The organisation, with a mapping that owns little."""
    org.mapping = mapping()
    return org


async def said(org: Org, **facts: Any) -> list[dict[str, Any]]:
    """Writes that come of an event about E1."""
    org.mark = len(await org.ledger())
    org.say("E1", **facts)
    await org.run()
    return await org.writes()


async def by_hand(org: Org, attribute: str, value: Any) -> None:
    """A supervisor gives it another value, or none."""
    there = (await org.user())["id"]
    await org.patch(f"Users/{there}", "replace" if value is not None else "remove", attribute, value)


def department(user: dict[str, Any]) -> Any:
    return user.get(ENTERPRISE, {}).get("department")


async def test_a_seed_is_in_the_first_request_and_in_none_after_it(ours: Org) -> None:
    """Somebody is created with it; what HR says later of it is theirs to decide, and costs nothing."""
    await said(ours, **person("E1"), **KNOWN)
    now = await ours.user()
    assert (now["title"], roles(now), department(now)) == ("Agent", ["Agent", "employee"], None)
    assert await ours.members("Spanish Queue") == {now["id"]}
    assert await said(ours, job="Lead", genesysRole="Supervisor", genesysQueue="Billing", department="Sales") == []
    assert await ours.user() == now


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_they_made_of_it_stays(ours: Org, restarted: bool) -> None:
    """Edited or cleared, while the sink runs or across a restart: no write of ours changes it back."""
    await said(ours, **person("E1"), **KNOWN)
    await by_hand(ours, "title", None)
    await by_hand(ours, "roles", [{"value": "Supervisor"}])
    there = (await ours.user())["id"]
    group = await ours.group_id("Spanish Queue")
    await ours.patch(f"Groups/{group}", "remove", f'members[value eq "{there}"]')
    if restarted:
        ours.start(until=100)
    for facts in ({"displayName": "Ana"}, {"job": "Lead", "genesysRole": "Trainer"}, {"displayName": "Ana Ruiz"}):
        await said(ours, **facts)
        now = await ours.user()
        assert (now["displayName"], now.get("title"), roles(now)) == (
            ours.records["E1"].desired["displayName"],
            None,
            ["Supervisor"],
        )
        assert await ours.members("Spanish Queue") == set()


async def test_a_seed_that_comes_later_is_written_once_and_never_over_theirs(ours: Org) -> None:
    """Nobody knew the title: the first one is written, unless a supervisor was there before."""
    facts = {**person("E1"), **KNOWN, "job": None}
    await said(ours, **facts)
    (write,) = await said(ours, job="Agent")
    assert [each["path"] for each in write["body"]["Operations"]] == ["title"]
    assert await said(ours, job="Lead") == []
    ours.say("E2", **{**facts, **person("E2"), "job": None})
    await ours.run()
    there = (await ours.user("E2"))["id"]
    await ours.patch(f"Users/{there}", "replace", "title", "Theirs")
    ours.say("E2", job="Agent")
    await ours.run()
    assert (await ours.user("E2"))["title"] == "Theirs"


async def test_an_account_that_is_adopted_keeps_what_it_has(ours: Org) -> None:
    """Its title and roles are theirs; what it lacks is seeded; what is observed isn't touched."""
    there = await ours.foreign("e1", title="Theirs", externalId="E1")
    await said(ours, **person("E1"), **KNOWN)
    now = await ours.user()
    assert (now["id"], now["title"], department(now)) == (there, "Theirs", None)
    assert await ours.members("Spanish Queue") == {there}
    await by_hand(ours, "title", None)
    await said(ours, displayName="Ana", job="Lead")
    assert (await ours.user()).get("title") is None


async def test_a_leaver_who_returns_is_as_they_were(ours: Org) -> None:
    """Deactivated and back: `active` is ours whatever the policies say, and nothing is seeded again."""
    await said(ours, **person("E1"), **KNOWN)
    await by_hand(ours, "roles", [{"value": "Supervisor"}])
    (left,) = [each for each in await said(ours, active=False) if each["applied"]]
    assert left["body"]["Operations"] == [{"op": "replace", "path": "active", "value": False}]
    (back,) = [each for each in await said(ours, active=True) if each["applied"]]
    assert [each["path"] for each in back["body"]["Operations"]] == ["active"]
    now = await ours.user()
    assert (now["active"], roles(now)) == (True, ["Supervisor"])


async def test_a_seed_that_is_refused_is_written_when_it_can_be(ours: Org) -> None:
    """There is no such division yet: what the target gives in its place isn't taken for anybody's choice."""
    await said(ours, **person("E1"), **KNOWN, division="Nowhere")
    parked = ours.store.known["E1"].parked
    assert parked is not None
    assert set(parked.attributes) == {"division"}
    assert "division" not in ours.store.known["E1"].seeded
    assert (await ours.user())["title"] == "Agent"
    await said(ours, division="Sales")
    assert ours.store.known["E1"].parked is None
    assert (await ours.user())[ENTERPRISE]["division"] == "Sales"
    assert await said(ours, division="Support") == []


async def test_a_mapping_that_gives_an_attribute_away_writes_nothing(org: Org) -> None:
    """Owned until now, seeded or observed from now on: it stays, and what changes of it later isn't ours."""
    org.mapping = mapping("")
    await said(org, **person("E1"), **KNOWN)
    org.mapping = mapping()
    assert await said(org, displayName="Ana", job="Lead", department="Sales", genesysRole="Trainer") != []
    now = await org.user()
    assert (now["displayName"], now["title"], department(now)) == ("Ana", "Agent", "Care")
    assert roles(now) == ["Agent", "employee"]

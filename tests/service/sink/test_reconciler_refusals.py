"""What the target refuses is parked with its reason, and holds nothing else back."""

from dataclasses import replace

import pytest

from streamproc.core.flow.circuit_breaker import PROBE_MOST
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS
from streamproc.core.scim.response_policy import PATIENCE, Response
from streamproc.sink.decide.setbacks import CONFLICTS
from tests.support.reconciler import Org, Start, person, roles, skills


async def test_what_genesys_refuses_is_parked_with_its_reason(org: Org) -> None:
    """An operator reads the server's own words and the id that its support asks for; a leaver still goes out."""
    await org.hired()
    seq = org.say("E1", genesysQueue="Quidditch")
    await org.run()
    assert org.fate(seq) == "parked"
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert "'Quidditch' is not configured" in parked.attributes["skills"]
    assert "correlation id" in parked.attributes["skills"]
    assert parked.desired["skills"] == {"Quidditch": 3.0}
    leaver = org.say("E1", active=False)
    await org.run()
    assert ((await org.user())["active"], org.fate(leaver)) == (False, "revoked")
    (operation,) = (await org.writes())[-1]["body"]["Operations"]
    assert (operation["path"], operation["value"]) == ("active", False)


async def test_a_forbidden_change_is_parked(org: Org) -> None:
    """A missing permission shows as a parked user with the reason, not as an endless retry."""
    await org.hired()
    await org.faults({"kind": "403", "method": "PATCH"})
    seq = org.say("E1", department="Sales")
    await org.run()
    assert org.fate(seq) == "parked"
    assert org.store.parked == {"E1": "refused"}
    assert len(await org.writes()) == PATIENCE + 1


async def test_a_deactivation_is_first_and_alone(org: Org) -> None:
    """A leaver whose record also names an unknown skill and an unknown division loses access all the same."""
    await org.hired(department="Spanish Support")
    org.say("E1", genesysQueue="Quidditch", division="Nowhere", active=False)
    await org.run()
    (patch,) = await org.writes()
    assert [each["path"] for each in patch["body"]["Operations"]] == ["active"]
    assert (await org.user())["active"] is False


async def test_a_group_change_that_is_refused_is_parked_not_delivered(org: Org) -> None:
    """Without the right to change groups the operator reads "parked", not "delivered"."""
    await org.hired(department="Billing")
    await org.faults({"kind": "403", "path": "groups", "method": "PATCH"})
    seq = org.say("E1", genesysQueue="Billing")
    await org.run()
    assert org.fate(seq) == "parked"
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert (parked.code, parked.status, list(parked.attributes)) == ("refused", 403, ["group Billing Queue"])


async def test_one_bad_attribute_doesnt_hold_the_rest(org: Org) -> None:
    """An unknown skill is set aside with the server's words; the move, the phone and the languages go through."""
    await org.hired()
    seq = org.say("E1", genesysQueue="Quidditch", department="Spanish Support", phone="+13175550101")
    await org.run()
    there = await org.user()
    assert there[ENTERPRISE]["department"] == "Spanish Support"
    assert [each["value"] for each in there["phoneNumbers"]] == ["+13175550101"]
    assert [each["name"] for each in there[GENESYS]["routingLanguages"]] == ["Spanish"]
    assert skills(there) == []
    assert org.fate(seq) == "delivered"
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert sorted(parked.attributes) == ["group Quidditch Queue", "skills"]
    assert "'Quidditch' is not configured" in parked.attributes["skills"]


async def test_what_was_refused_goes_out_alone_next_time(org: Org) -> None:
    """The next event costs a request for what is new and one for what was refused, and goes through once it may."""
    await org.hired()
    org.say("E1", genesysLanguage="Klingon", department="Billing")
    await org.run()
    before = len(await org.writes())
    org.say("E1", job="Team Lead")
    await org.run()
    written = [each["body"]["Operations"] for each in (await org.writes())[before:] if "Users" in each["path"]]
    assert ["languages" in str(each).lower() for each in written] == [False, True]
    await org.sim("POST", "config", {"languages": ["Klingon"]})
    org.say("E1", phone="+13175550101")
    await org.run()
    assert [each["name"] for each in (await org.user())[GENESYS]["routingLanguages"]] == ["Klingon"]
    assert org.store.parked == {}


async def test_a_joiner_with_a_bad_attribute_is_there_on_day_one(org: Org) -> None:
    """A create that is refused is tried with nothing but what a user must have; the rest follows, less what is bad."""
    seq = org.say("E1", **person("E1"), genesysLanguage="Klingon", department="Billing")
    await org.run()
    there = await org.user()
    assert (there["active"], roles(there), skills(there)) == (True, ["Agent", "employee"], ["Billing"])
    assert there[ENTERPRISE]["department"] == "Billing"
    assert (org.fate(seq), list(org.store.known["E1"].parked.attributes)) == (  # type: ignore[union-attr]
        "delivered",
        ["languages"],
    )


async def test_a_returner_with_a_bad_attribute_comes_back(org: Org) -> None:
    """`active` goes first: an unknown skill doesn't keep somebody out of work, and roles that were lost come back."""
    id_ = await org.hired()
    org.say("E1", active=False)
    await org.run()
    await org.patch(f"Users/{id_}", "remove", "roles")
    org.say("E1", active=True, genesysLanguage="Klingon")
    await org.run()
    there = await org.user()
    assert (there["active"], roles(there)) == (True, ["Agent", "employee"])
    assert list(org.store.known["E1"].parked.attributes) == ["languages"]  # type: ignore[union-attr]


async def test_time_alone_doesnt_try_again_what_was_refused(org: Org) -> None:
    """Waiting for a manager tries the manager again, and not the skill that the target will never take."""
    await org.hired()
    org.say("E1", genesysLanguage="Klingon", manager="M1")
    await org.run()
    await org.hired("M1")
    org.again("E1")
    await org.run()
    (patch,) = await org.writes()
    assert "manager" in str(patch["body"]["Operations"])
    assert list(org.store.known["E1"].parked.attributes) == ["languages"]  # type: ignore[union-attr]


@pytest.mark.parametrize("searches", range(7))
async def test_who_was_refused_since_they_are_gone_is_created(start: Start, searches: int) -> None:
    """Others deleted the account; the target goes on showing it, in so many searches, and answers 404 to what is
    written. What that was put down to keeps nobody out once it is shown no more.
    """
    org = await start(deleted_user_get="200")
    id_ = await org.hired(department="Spanish Support")
    shown, left = await org.call("GET", 'Users?filter=userName eq "e1@example.com"'), searches
    await org.call("DELETE", f"Users/{id_}")

    def lags(_: str, path: str, answer: Response) -> Response:
        nonlocal left
        left -= "filter=" in path
        return replace(answer, body=shown) if "filter=" in path and left >= 0 else answer

    org.wire.after = lags
    org.say("E1", phone="+13175550101")
    await org.run()
    left = 0
    while org.store.parked == {"E1": "stalled"}:
        org.again("E1")
        await org.run()
    there = await org.user()
    assert (there["active"], roles(there), skills(there)) == (True, ["Agent", "employee"], ["Spanish"])
    assert org.store.parked == {}


async def test_that_somebody_is_active_is_never_given_up_for_setbacks(org: Org) -> None:
    """Others are quicker, time and again, when somebody is to be let in: it is tried again by itself, and all of it."""
    await org.hired()
    org.say("E1", active=False)
    await org.run()
    await org.faults({"kind": "version_conflict", "method": "PATCH", "times": CONFLICTS + 1})
    org.say("E1", active=True, department="Sales")
    await org.run()
    assert org.store.parked == {"E1": "stalled"}
    org.again("E1")
    await org.run()
    assert ((await org.user())["active"], org.store.parked) == (True, {})


async def test_rights_that_are_gone_for_all_park_nobody(org: Org) -> None:
    """When every write is forbidden everybody waits, one probe at a time, and goes on when rights are back."""
    users = [f"E{n}" for n in range(1, 9)]
    for user in users:
        org.say(user, **person(user))
    await org.run()
    await org.faults({"kind": "403", "method": "PATCH"})

    async def meanwhile(_: float) -> None:
        if org.clock.now > 1000 + 600:
            await org.faults()

    org.clock.during = meanwhile
    seqs = [org.say(user, department="Sales") for user in users]
    mark = len(await org.ledger())
    await org.run()
    assert {org.fate(seq) for seq in seqs} == {"delivered"}
    assert org.store.parked == {}
    refused = [each for each in (await org.ledger())[mark:] if each["status"] == 403]
    assert len(refused) < len(users) + 600 / PROBE_MOST + 10


async def test_a_leaver_who_was_denied_is_asked_for_once_each_time(org: Org) -> None:
    """Leavers whom we may not write, tried again all the time, don't use up the limit that other leavers need."""
    await org.hired()
    await org.faults({"kind": "403", "method": "PATCH"}, {"kind": "403", "method": "PUT"})
    org.say("E1", active=False)
    await org.run()
    assert org.store.parked == {"E1": "refused"}
    before = len(await org.writes())
    org.again("E1")
    await org.run()
    assert len(await org.writes()) == before + 1


async def test_one_refusal_after_an_outage_isnt_put_down_to_the_user(org: Org) -> None:
    """Attempts that failed for other reasons don't count as refusals: the first 403 after an outage is asked again."""
    await org.hired()
    await org.faults({"kind": "401", "method": "PATCH", "times": 7}, {"kind": "403", "method": "PATCH", "times": 2})
    seq = org.say("E1", department="Sales")
    await org.run()
    assert org.fate(seq) == "delivered"


async def test_time_alone_doesnt_try_again_a_group_that_was_refused(org: Org) -> None:
    """Waiting for a manager tries the manager again, and not the group that we may not change."""
    await org.hired()
    await org.faults({"kind": "403", "path": "groups", "method": "PATCH"})
    org.say("E1", genesysQueue="Billing", genesysRole=None, manager="M1")
    await org.run()
    before = len(await org.writes())
    org.again("E1")
    await org.run()
    assert len(await org.writes()) == before
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert sorted(parked.attributes) == ["group Billing Queue", "manager"]


async def test_an_unknown_role_doesnt_keep_an_old_one(org: Org) -> None:
    """Who loses a role loses it, though the role that they are to have instead doesn't exist."""
    await org.hired(genesysRole="Supervisor")
    org.say("E1", genesysRole="No Such Role")
    await org.run()
    assert roles(await org.user()) == ["Agent", "employee"]
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert list(parked.attributes) == ["roles"]


@pytest.mark.parametrize("kind", ["returner", "forbidden"])
async def test_what_takes_away_is_tried_once(org: Org, kind: str) -> None:
    """A returner with an unknown role has none of the old; and where no role may be written, that ends."""
    await org.hired(genesysRole="Supervisor")
    if kind == "returner":
        org.say("E1", active=False)
        await org.run()
        org.say("E1", active=True, genesysRole="No Such Role")
        await org.run()
        assert ((await org.user())["active"], roles(await org.user())) == (True, ["Agent", "employee"])
    else:
        await org.faults({"kind": "403", "method": "PATCH", "path": "users"})
        org.say("E1", genesysRole="No Such Role")
        await org.run()
        assert len(await org.writes()) == PATIENCE + 2
    assert list(org.store.known["E1"].parked.attributes) == ["roles"]  # type: ignore[union-attr]


async def test_what_is_refused_half_way_keeps_nothing_else_back(start: Start) -> None:
    """A target that doesn't undo what it has begun has another version after each refusal: what is sent next conflicts,
    and isn't to blame.
    """
    org = await start(atomic_patch=False, bump_on_noop=True)
    org.say("E1", **{**person("E1"), "genesysQueue": "Ghosts", "genesysRole": "Wizard", "job": "Chief"})
    await org.run()
    assert (await org.user())["title"] == "Chief"
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert "title" not in parked.attributes

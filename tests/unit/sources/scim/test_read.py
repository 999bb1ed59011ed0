"""What a SCIM client's writes mean for people."""

from typing import Any

import pytest

from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.provider.resource_types import USERS
from streamproc.core.provider.schema import Attribute, Schema, by_name
from streamproc.sources.scim.anchors import ScimConnection
from streamproc.sources.scim.values import DEFAULTS
from tests.unit.sources.scim.heard import URN, Heard, replace

ACME = "urn:acme:scim:2.0:User"
GENESYS = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"
SELF = ScimConnection("jump", DEFAULTS.model_copy(update={"anchor": "self"}), ("*@jumpcloud-test.*",))


def test_a_new_user_says_what_other_sources_say() -> None:
    """The mapping reads a pushed user by the names that it reads one of Okta's by."""
    heard = Heard()
    who = heard.post(
        userName="kim@x.com",
        displayName="Kim Berg",
        number="E1",
        department="Sales",
        title="Agent",
        emails=[{"value": "home@x.com", "type": "home"}, {"value": "kim@x.com", "type": "work"}],
        phoneNumbers=[{"value": "+13175550100", "type": "mobile"}, {"value": "+13175550101", "type": "work"}],
        roles=[{"value": "Agent"}, {"value": "Supervisor"}],
    )
    facts = heard.facts(who)
    assert heard.user_of(who) == "E1"
    assert facts["active"] is True
    assert [facts[each] for each in ("userName", "displayName", "job", "department")] == [
        "kim@x.com", "Kim Berg", "Agent", "Sales",
    ]  # fmt: skip
    assert (facts["email"], facts["phone"], facts["mobile"]) == ("kim@x.com", "+13175550101", "+13175550100")
    assert facts["roles"] == ["Agent", "Supervisor"]
    assert heard.codes == []


def test_skills_and_ids_of_other_systems_are_facts() -> None:
    """What the Genesys extension pushes can be copied to skills, with their levels."""
    heard = Heard()
    skills: dict[str, Any] = {
        "routingSkills": [{"name": "Billing", "proficiency": 4.0}],
        "externalIds": [{"authority": "teams", "value": "k"}],
    }
    facts = heard.facts(heard.post(userName="k", number="E1", extensions={GENESYS: skills}))
    assert facts["routingSkills"] == {"Billing": 4.0}
    assert facts["externalIds"] == {"teams": "k"}


def test_a_value_that_is_taken_away_is_none() -> None:
    """A title that the IdP clears is cleared, and what it never spoke of isn't."""
    heard = Heard()
    who = heard.post(userName="k", number="E1", title="Agent")
    heard.patch(who, {"op": "remove", "path": "title"})
    assert heard.facts(who)["job"] is None
    assert "department" not in heard.facts(who)


def test_only_what_a_client_wrote_of_a_seeded_user_is_said() -> None:
    """Moving in doesn't make the target's values the IdP's will: a number of another type stays unsaid, too."""
    heard = Heard()
    work = {"value": "+13175550101", "type": "work"}
    heard.seed("G1", userName="k", displayName="K", title="Old", active=True, number="E1", phoneNumbers=[work])
    assert heard.events == []
    heard.patch("G1", replace('phoneNumbers[type eq "mobile"].value', "+13175550100"), replace("title", "New"))
    assert heard.facts("G1") == {"userName": "k", "mobile": "+13175550100", "job": "New"}
    assert heard.user_of("G1") == "E1"


def test_a_seeded_leaver_is_known_by_what_the_target_held() -> None:
    """A client that finds the number right never writes it, and its first word is that somebody is out."""
    heard = Heard()
    heard.seed("G1", userName="k", displayName="K", active=True, number="E1")
    heard.patch("G1", replace("active", False))
    assert heard.user_of("G1") == "E1"
    assert heard.facts("G1") == {"userName": "k", "active": False}
    assert heard.codes == []


def test_a_seeded_leaver_who_is_deleted_is_found_and_told() -> None:
    """An app that deletes leavers says nothing of them before that: they are out all the same, and who has no anchor is
    told, as for one that deactivates.
    """
    heard = Heard()
    heard.seed("G1", userName="k", active=True, number="E1")
    heard.delete("G1")
    assert heard.user_of("G1") == "E1"
    assert heard.facts("G1") == {"userName": "k", "active": False, "gone": True}
    assert heard.codes == []
    heard.seed("G2", userName="m", active=True)
    heard.delete("G2")
    assert heard.codes == ["unlinked"]
    heard.delete(heard.post(userName="test@jumpcloud.example"))
    assert heard.codes == ["unlinked"] * 2


def test_a_seeded_leaver_whose_number_came_first() -> None:
    """A client that writes the number alone, and later that somebody is out, never the name: they are found by it."""
    heard = Heard()
    heard.seed("G1", userName="k", active=True)
    heard.patch("G1", replace(f"{URN}:employeeNumber", "E1"))
    heard.patch("G1", replace("active", False))
    assert heard.user_of("G1") == "E1"
    assert heard.facts("G1") == {"userName": "k", "employeeNumber": "E1", "active": False}


def test_a_seeded_leaver_of_a_connection_of_its_own() -> None:
    """Where the SCIM id says who somebody is, it is the target's, and with it comes the name there."""
    heard = Heard(SELF)
    heard.seed("G1", userName="k", active=True, number="E1")
    heard.patch("G1", replace("active", False))
    assert heard.user_of("G1") == "G1"
    assert heard.facts("G1") == {"userName": "k", "active": False}


def test_what_a_client_says_of_the_anchor_wins_over_what_was_read() -> None:
    """A number that is wrong at the target is put right by the client, and that is no conflict; a third one is."""
    heard = Heard()
    heard.seed("G1", userName="k", active=True, number="E9")
    heard.patch("G1", replace("title", "Agent"))
    heard.patch("G1", replace(f"{URN}:employeeNumber", "E1"))
    assert (heard.user_of("G1"), heard.codes) == ("E1", [])
    heard.patch("G1", replace(f"{URN}:employeeNumber", "E2"))
    assert (heard.user_of("G1"), heard.codes) == ("E1", ["conflict"])


def test_a_repeated_push_says_what_was_only_read_until_then() -> None:
    """A client's first full push counts, though it changes nothing of what was seeded; its next one is silent."""
    heard = Heard()
    heard.seed("G1", userName="k", active=True, number="E1")
    heard.put("G1", userName="k", active=True, number="E1")
    assert heard.facts("G1")["active"] is True
    count = len(heard.events)
    heard.put("G1", userName="k", active=True, number="E1")
    assert len(heard.events) == count


def test_who_has_no_anchor_waits_and_is_told() -> None:
    """JumpCloud's test user is made and deleted, and nobody hears of it; with a number it would be somebody."""
    heard = Heard()
    who = heard.post(userName="test@jumpcloud.com")
    heard.delete(who)
    assert heard.changes == []
    assert heard.codes == ["unlinked"]
    placeholder = heard.post(userName="other", number="N/A")
    assert heard.user_of(placeholder) is None


def test_an_anchor_that_comes_later_brings_all_that_waited() -> None:
    """Entra sends the employee number in a later cycle: nothing said before it is lost."""
    heard = Heard()
    who = heard.post(userName="k", title="Agent")
    heard.patch(who, replace(f"{URN}:employeeNumber", "E1"))
    assert heard.user_of(who) == "E1"
    assert any(each.move is not None and each.user == "E1" for each in heard.changes)


def test_users_of_their_own_connection_but_for_tests() -> None:
    """Without an HR source each user is one of ours, by its id; a client's test users are nobody."""
    heard = Heard(SELF)
    who = heard.post(userName="kim@x.com")
    test = heard.post(userName="Probe@JumpCloud-test.com")
    heard.patch(test, replace("userName", "kim2@x.com"))
    heard.delete(test)
    assert heard.user_of(who) == who
    assert {each.subject for each in heard.events} == {f"jump/{who}"}
    assert heard.codes == ["probe"]


def test_an_attribute_of_a_custom_extension_is_a_fact_and_can_be_the_anchor() -> None:
    """A company's own badge is read under its whole path, and says who somebody is where that is set."""
    heard = Heard(ScimConnection("okta", DEFAULTS.model_copy(update={"anchor": f"{ACME}:badge"})))
    heard.kinds["User"] = USERS.with_extension(
        Schema(ACME, "Acme", "Acme", by_name(map(Attribute, ("badge", "floor"))))
    )
    who = heard.post(userName="k", extensions={ACME: {"badge": "B7", "floor": "2"}})
    assert heard.user_of(who) == "B7"
    heard.patch(who, {"op": "remove", "path": f"{ACME}:floor"})
    assert (heard.facts(who)[f"{ACME}:badge"], heard.facts(who)[f"{ACME}:floor"]) == ("B7", None)
    heard.patch(who, replace(ACME, {"floor": "3"}))
    assert heard.facts(who)[f"{ACME}:floor"] == "3"
    assert ACME not in heard.facts(who)


def test_another_attribute_can_be_the_anchor() -> None:
    """Where the client's externalId is what others know somebody by, it links, and a mail address never does."""
    heard = Heard(ScimConnection("okta", DEFAULTS.model_copy(update={"anchor": "externalId"})))
    assert heard.user_of(heard.post(userName="k", externalId="00u1")) == "00u1"
    assert heard.user_of(heard.post(userName="00u2@x.com", emails=[{"value": "00u1"}])) is None


def test_another_anchor_under_the_same_name_is_a_conflict() -> None:
    """A login that was given to another person writes nothing to the first one's account; a leaver still leaves."""
    heard = Heard()
    who = heard.post(userName="k", number="E1", title="Agent")
    heard.patch(who, replace(f"{URN}:employeeNumber", "E2"), replace("title", "Boss"))
    heard.patch(who, replace("title", "Chief"))
    assert heard.codes == ["conflict", "conflict"]
    assert (heard.user_of(who), heard.facts(who)["job"]) == ("E1", "Agent")
    heard.patch(who, replace("active", False))
    assert heard.facts(who)["active"] is False
    heard.patch(who, replace(f"{URN}:employeeNumber", "E1"), replace("active", True))
    assert (heard.facts(who)["job"], heard.facts(who)["active"]) == ("Chief", True)
    assert heard.user_of(who) == "E1"


def test_a_deleted_user_has_left() -> None:
    """DELETE takes access, whatever else is known."""
    heard = Heard()
    who = heard.post(userName="k", number="E1")
    heard.delete(who)
    assert (heard.facts(who)["active"], heard.facts(who)["gone"]) == (False, True)


def test_a_manager_is_named_by_anchor() -> None:
    """Entra names the manager by our id; the mapping wants the manager's user, also where the manager comes later."""
    heard = Heard()
    boss = heard.post(userName="boss")
    who = heard.post(userName="k", number="E1", manager={"value": boss})
    assert "manager" not in heard.facts(who)
    heard.patch(boss, replace(f"{URN}:employeeNumber", "E9"))
    assert heard.facts(who)["manager"] == "E9"
    heard.put(who, userName="k", number="E1", manager={"value": "E7"})
    assert heard.facts(who)["manager"] == "E7"


@pytest.mark.parametrize(("deleted", "active"), [(True, True), (False, False)])
def test_who_is_made_anew_is_hired_again_where_the_first_was_deleted(deleted: bool, active: bool) -> None:
    """A rehire has access again; a second account beside one that is only disabled lets nobody in."""
    heard = Heard()
    who = heard.post(userName="k", number="E1")
    heard.patch(who, replace("active", False))
    if deleted:
        heard.delete(who)
    heard.post(userName="k2", number="E1")
    record = None
    for seq, event in enumerate(heard.changes):
        record = fold(record, seq, event, parse_mapping(""))
    assert record is not None
    assert record.desired["active"] is active


@pytest.mark.parametrize("disabled", [True, False])
def test_who_is_made_anew_is_hired_again_though_the_deletion_is_heard_late(disabled: bool) -> None:
    """Deleted and made anew within a moment: both reach the user by ways of their own, and in whatever order."""
    heard = Heard()
    who = heard.post(userName="k", number="E1")
    late = len(heard.changes)
    if disabled:
        heard.patch(who, replace("active", False))
    heard.delete(who)
    again = len(heard.changes)
    heard.patch(heard.post(userName="k", number="E1"), replace("title", "Lead"))
    record = None
    for seq, event in enumerate([*heard.changes[:late], *heard.changes[again:], *heard.changes[late:again]]):
        record = fold(record, seq, event, parse_mapping(""))
    assert record is not None
    assert (record.desired["active"], record.problems) == (True, [])


def test_a_second_account_never_lets_a_leaver_in_again() -> None:
    """Apps delete a leaver's account weeks after they have disabled it. A second one that was there meanwhile, with the
    same number, doesn't come in its place: nobody said that the person is back.
    """
    heard = Heard()
    old = heard.post(userName="k", number="E1")
    heard.delete(old)
    who = heard.post(userName="k", number="E1")
    heard.post(userName="k-admin", number="E1")
    heard.patch(who, replace("active", False))
    heard.delete(who)
    record = None
    for seq, event in enumerate(heard.changes):
        record = fold(record, seq, event, parse_mapping(""))
    assert record is not None
    assert record.desired["active"] is False


def test_a_user_that_is_seeded_again_says_nothing() -> None:
    """Who was deleted stays out though the target still shows them, until the client lets them in."""
    heard = Heard()
    heard.seed("G1", userName="k")
    heard.patch("G1", replace("active", True), replace(f"{URN}:employeeNumber", "E1"))
    heard.delete("G1")
    heard.seed("G1", userName="k", active=True)
    assert heard.facts("G1")["active"] is False
    heard.put("G1", userName="k", active=True, number="E1")
    assert (heard.facts("G1")["active"], heard.facts("G1")["gone"]) == (True, None)

"""What becomes of a client's write: a proposal that the log can hold, or a refusal that the client understands."""

from typing import Any

import pytest

from streamproc.core.provider.event import decode, encode
from streamproc.core.provider.fold import Void
from streamproc.core.provider.group_members import LISTED, RemoveMembers, ReplaceMembers, digest
from streamproc.core.provider.normalise import normalise
from streamproc.core.provider.normalise_patch import normalise_patch
from streamproc.core.provider.proposal import KEPT_BODY, Proposal
from streamproc.core.provider.refusal import AlreadyThere, Invalid, NotFound, Refusal, Stale, Taken, told
from streamproc.core.provider.request import Connection, Create, Patch, Replace, Request, Seed, going_on
from streamproc.core.provider.resource_types import GROUPS, USERS
from streamproc.core.records.units import Millis
from streamproc.core.scim.dialect import GENESYS
from tests.unit.core.provider.replica import (
    Replica,
    adds,
    body,
    delete,
    group,
    patch,
    put,
    seeded,
    user,
)


def proposed(found: Proposal | Refusal) -> Proposal:
    """What is to be appended."""
    assert isinstance(found, Proposal)
    return found


@pytest.mark.parametrize("name", ["kim@example.com", "KIM@Example.com"])
def test_a_taken_name_is_refused(name: str) -> None:
    """409 `uniqueness`, by which clients find the user that is there (RFC 7644 §3.3)."""
    here = Replica([])
    here.made(user())
    lee = here.made(user("lee@example.com"))
    for request in (user(name), put(lee, userName=name), patch(lee, userName=name)):
        refused = here.decide(request)
        assert refused == Taken("userName")
        assert (told(refused).status, told(refused).scim_type) == (409, "uniqueness")


def test_a_group_has_a_name_of_its_own_too() -> None:
    """Entra and Okta find groups by their names, so no two have one; a user may have it."""
    here = Replica([])
    here.made(group("Sales"))
    assert here.decide(group("SALES")) == Taken("displayName")
    here.made(user("sales", displayName="Sales"))


def test_an_external_id_is_refused_only_where_it_says_who_somebody_is() -> None:
    """Entra fills it from mailNickname, which can repeat."""
    here = Replica([])
    here.made(user("a", externalId="1"))
    lee = here.made(user("b", externalId="1"))
    here = Replica([], Connection("okta", anchor="externalId"))
    here.made(user("a", externalId="1"))
    assert here.decide(user("b", externalId="1")) == Taken("externalId")
    lee = here.made(user("b", externalId="2"))
    assert here.decide(patch(lee, externalId="1")) == Taken("externalId")
    here.made(group("Sales"))


def test_what_isnt_there_is_404() -> None:
    """No write makes anything under an id that a client names, nor takes a user for a group."""
    here = Replica([])
    kim = here.made(user())
    here.write(delete(kim))
    lee = here.made(user("lee"))
    wrong: list[Request] = [
        delete(kim),
        put(kim, userName="x"),
        patch(kim, title="x"),
        Patch("Group", lee.id, patch(lee).patch),
    ]
    assert [here.decide(request) for request in wrong] == [NotFound()] * 4
    assert told(NotFound()).status == 404


def test_if_match_names_the_version_in_any_form() -> None:
    """A client that sends what it was sent is let in; one that has seen less is told 412 (RFC 7644 §3.14)."""
    here = Replica([])
    here.made(user("other"))
    kim = here.made(user())
    assert kim.version == 1
    for current in ('W/"1"', '"1"', "1", "*", '"0", W/"1"'):
        assert isinstance(here.decide(patch(kim, title="A", if_match=current)), Proposal)
    for stale in ('W/"0"', "11", "", '"', 'w/"x"'):
        for request in (
            patch(kim, title="A", if_match=stale),
            delete(kim, stale),
            put(kim, if_match=stale, userName="k"),
        ):
            assert here.decide(request) == Stale()
    assert told(Stale()).status == 412


def test_a_name_is_required_whatever_a_client_asks() -> None:
    """Nobody loses their name by a PATCH, since they could never be found again."""
    here = Replica([])
    kim, sales = here.made(user()), here.made(group())
    nameless: list[Request] = [patch(kim, userName=None), patch(sales, displayName=None), user(" ")]
    for request in nameless:
        refused = here.decide(request)
        assert isinstance(refused, Invalid)
        assert (told(refused).status, told(refused).scim_type) == (400, "invalidValue")


def test_what_a_patch_cant_do_is_said_as_the_rfc_says_it() -> None:
    """The client is told 400 with the reason, and nothing is in the log."""
    here = Replica([])
    kim = here.made(user())
    asked = {"Operations": [{"op": "replace", "path": 'emails[not (type eq "work")].display', "value": "x"}]}
    refused = here.decide(Patch("User", kim.id, normalise_patch(USERS, asked)))
    assert isinstance(refused, Invalid)
    assert (refused.error.status, refused.error.scim_type) == (400, "noTarget")


def test_a_put_leaves_active_as_it_is_where_it_doesnt_speak_of_it() -> None:
    """A client that sends the attributes it manages lets nobody in."""
    here = Replica([])
    kim = here.made(user(active=False, title="A"))
    after = here.made(Replace("User", kim.id, normalise(USERS, {"userName": "kim@example.com", "nickName": "K"})))
    assert after.attributes == {"userName": "kim@example.com", "active": False, "nickName": "K"}


@pytest.mark.parametrize("sent", [{"members": []}, {"members": None}, {}], ids=["none", "null", "left out"])
def test_the_last_member_leaves_by_a_put(sent: dict[str, Any]) -> None:
    """Canaille and ConnId leave `members` out where nobody is left: who was in the group doesn't keep what it gives."""
    here = Replica([])
    sales = here.made(group("Sales", "x"))
    proposal = proposed(here.decide(Replace("Group", sales.id, normalise(GROUPS, {"displayName": "Sales", **sent}))))
    assert "members" in proposal.event.written
    here.made(Replace("Group", sales.id, normalise(GROUPS, {"displayName": "Sales", **sent})))
    assert here.state.members(sales.id) == set()


def test_a_put_leaves_members_that_its_client_was_never_shown() -> None:
    """Who sends back a group as a list has it doesn't empty it where lists have no members, nor where it was seeded."""
    here = Replica([])
    many = frozenset(f"{number:05}" for number in range(LISTED + 1))
    sales, moved = here.made(group("Sales", *many)), here.made(seeded("g-1", ("x",), displayName="Moved"))
    here.made(put(sales, displayName="Sales 2"))
    here.made(put(moved, displayName="Moved 2"))
    assert here.state.members(sales.id) == many
    assert here.state.members(moved.id) == {"x"}


def test_leavers_are_urgent_and_nobody_else() -> None:
    """Who loses access is delivered before everybody who is renamed."""
    here = Replica([])
    kim, lee, sales = here.made(user(active=True)), here.made(user("lee")), here.made(group())
    out = here.made(user("out", active=False))
    urgent: list[Request] = [patch(kim, active=False), put(lee, userName="lee", active=False), delete(kim), delete(lee)]
    others: list[Request] = [
        user("new", active=False),
        patch(kim, title="A"),
        patch(out, title="A"),
        patch(out, active=True),
    ]
    assert all(proposed(here.decide(each)).event.urgent for each in urgent)
    assert not any(proposed(here.decide(each)).event.urgent for each in [*others, delete(sales)])


def test_the_record_says_who_asked_for_what() -> None:
    """An auditor reads in the log what the client set, whether it changed anything, and what we don't know."""
    here = Replica([])
    kim = here.made(Create("User", body(userName="kim", title="A", ignored=("shoeSize",))))
    same = proposed(here.decide(patch(kim, title="A"), at=9, body='{"x":1}')).event
    assert (same.change, same.written, same.request.body, same.request.at) == ("none", ("title",), '{"x":1}', 9)
    cleared = proposed(here.decide(put(kim, userName="kim"))).event
    assert (cleared.change, cleared.written) == ("put", ("userName", "title"))
    assert proposed(here.decide(put(kim, userName="kim", title="A"))).event.change == "none"
    assert b"shoeSize" in here.log[0]


def test_a_repeated_post_can_be_answered_as_at_first() -> None:
    """A client that never got its 201 gets it, with the same id; and 409 once anybody has written it, or later."""
    here = Replica([], Connection("entra", repeated_within=Millis(600_000)))
    request = user(externalId="7")
    kim = here.made(request, at=0, body="a")
    assert here.made(request, at=599_999, body="a") == kim
    taken = [(request, 600_000, "a"), (request, 1, "b"), (request, 1, None)]
    assert [here.decide(each, at=at, body=text) for each, at, text in taken] == [Taken("userName")] * 3
    here.made(patch(kim, title="A"))
    assert here.decide(request, at=1, body="a") == Taken("userName")
    lee = user("lee")
    here.made(lee, body="a")
    assert here.decide(lee, body="a") == Taken("userName")
    bodiless = user("bo", externalId="8")
    here.made(bodiless)
    assert here.decide(bodiless) == Taken("userName")
    usual = Replica([])
    usual.made(request, body="a")
    assert usual.decide(request, body="a") == Taken("userName")


def test_many_members_are_several_records() -> None:
    """A group of 2,500 is made whole, by records that a broker takes."""
    here = Replica([])
    many = tuple(f"{number:05}" for number in range(2_500))
    sales = here.made(group("Sales", *many), body="{}")
    assert (len(here.log), sales.version, sales.first) == (3, 2, 0)
    assert sales.members == digest(frozenset(many))
    assert [each.count(b'"body":"{}"') for each in here.log] == [1, 0, 0]
    parts = [decode(each).members for each in here.log]
    assert [(each.part, each.parts) for each in parts if each is not None] == [(1, 3), (2, 3), (3, 3)]
    sales = here.made(patch(sales, ReplaceMembers(("00000", "x"))))
    assert here.state.members(sales.id) == {"00000", "x"}
    assert (len(here.log), sales.members) == (6, digest(frozenset(("00000", "x"))))


def test_who_comes_between_two_parts_interrupts_neither() -> None:
    """Both writers get what they asked for: the rest is decided anew on what there is by then."""
    here = Replica([])
    many = tuple(f"{number:05}" for number in range(1_500))
    request = group("Sales", *many)
    first = proposed(here.decide(request))
    here.log.append(encode(first.event))
    here.fold()
    (sales,) = here.state
    second = first.then(sales)
    assert second is not None
    here.made(patch(sales, RemoveMembers(("00000",)), displayName="Sales 2"))
    here.log.append(encode(second.event))
    assert here.fold() == [Void("version")]
    here.made(going_on(request, sales))
    assert here.state.members(sales.id) == set(many)
    assert here.now(sales.id).attributes["displayName"] == "Sales 2"
    assert going_on(put(sales, ("x",), if_match='"0"'), sales) == put(sales, ("x",))
    assert going_on(patch(sales, if_match='"0"'), sales) == patch(sales)


def test_what_no_record_can_hold_is_refused() -> None:
    """A client that sends megabytes is told so; a large body of a small change isn't kept, only its hash."""
    here = Replica([])
    refused = here.decide(user(title="x" * 400_000))
    assert isinstance(refused, Invalid)
    assert told(refused).status == 413
    request = proposed(here.decide(user(), body="x" * (KEPT_BODY + 1))).event.request
    assert (request.body, len(request.sha256 or "")) == (None, 64)
    sales = here.made(group())
    for member in ("x" * 129, "a\n"):
        refused = here.decide(adds(sales, member))
        assert isinstance(refused, Invalid)
        assert refused.error.scim_type == "invalidValue"


def test_seeding_again_changes_nothing_that_is_known_or_a_clients() -> None:
    """`seed` can be repeated, after a crash too: it goes on where it was, and never over a client's word."""
    here = Replica([])
    one = seeded("g1", ("x",), displayName="Sales")
    sales = here.made(one)
    assert here.decide(one) == AlreadyThere()
    more = here.made(seeded("g1", ("x", "y"), displayName="Sales"))
    assert (more.id, more.seeded, here.state.members("g1")) == ("g1", True, {"x", "y"})
    assert here.decide(seeded("g2", (), displayName="sales")) == Taken("displayName")
    assert here.decide(Seed("User", "g1", body(userName="kim"))) == AlreadyThere()
    here.made(adds(sales, "z"))
    assert here.decide(one) == AlreadyThere()
    assert told(AlreadyThere()).status == 409


def test_a_put_doesnt_clear_what_no_client_has_said() -> None:
    """The first PUT of an app that knows no skills takes none away, and speaks for what it says alone."""
    here = Replica([])
    skills, numbers = [{"name": "English"}], [{"authority": "x", "value": "1"}]
    held: dict[str, Any] = {GENESYS: {"routingSkills": skills, "externalIds": numbers}}
    kim = here.made(seeded("g1", userName="kim", title="Agent", active=True, **held))
    said: dict[str, Any] = {"userName": "kim", GENESYS: {"externalIds": [{"authority": "x", "value": "2"}]}}
    request = Replace("User", "g1", normalise(USERS, said))
    assert proposed(here.decide(request)).event.written == ("userName", f"{GENESYS}:externalIds")
    after = here.made(request)
    assert after.attributes == {**kim.attributes, GENESYS: {"routingSkills": skills, **said[GENESYS]}}
    assert after.observed == ("active", "title", f"{GENESYS}:routingSkills")
    confirmed = here.made(patch(after, title="Agent"))
    assert (confirmed.version, confirmed.observed) == (2, ("active", f"{GENESYS}:routingSkills"))
    cleared = here.made(Replace("User", "g1", normalise(USERS, {"userName": "kim"})))
    assert cleared.attributes == {"userName": "kim", "active": True, GENESYS: {"routingSkills": skills}}

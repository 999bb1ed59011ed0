"""Which attributes a client gets."""

import pytest

from streamproc.core.provider.projection import EVERYTHING, project, projection, wants
from streamproc.core.provider.resource_types import GROUPS, USERS
from streamproc.core.provider.schema import Attribute, Json, Schema, by_name
from streamproc.core.scim.dialect import ENTERPRISE, USER

RESOURCE: Json = {
    "schemas": [USER, ENTERPRISE],
    "id": "1",
    "externalId": "e",
    "userName": "a",
    "name": {"givenName": "A", "familyName": "B"},
    "emails": [{"value": "a", "type": "work"}, {"value": "b"}],
    ENTERPRISE: {"department": "Sales", "manager": {"value": "7", "displayName": "C"}},
    "meta": {"resourceType": "User", "version": 'W/"1"'},
}
ALWAYS = {"schemas", "id"}


@pytest.mark.parametrize(
    ("attributes", "after"),
    [
        (["userName"], {"userName": "a"}),
        (["username,EXTERNALID"], {"userName": "a", "externalId": "e"}),
        (["userName", " meta.version "], {"userName": "a", "meta": {"version": 'W/"1"'}}),
        (["name.givenName"], {"name": {"givenName": "A"}}),
        (["name", "name.givenName"], {"name": {"givenName": "A", "familyName": "B"}}),
        (["name.givenName", "name"], {"name": {"givenName": "A", "familyName": "B"}}),
        (["emails.value"], {"emails": [{"value": "a"}, {"value": "b"}]}),
        ([f"{USER}:userName"], {"userName": "a"}),
        ([f"{ENTERPRISE}:department"], {ENTERPRISE: {"department": "Sales"}}),
        ([f"{ENTERPRISE}:manager.value"], {ENTERPRISE: {"manager": {"value": "7"}}}),
        ([ENTERPRISE.lower()], {ENTERPRISE: RESOURCE[ENTERPRISE]}),
        (["department"], {ENTERPRISE: {"department": "Sales"}}),
        (["title"], {}),
        (["nothing"], {}),
    ],
)
def test_only_what_is_asked_for(attributes: list[str], after: Json) -> None:
    """A client that names attributes gets these, and what each resource always has (RFC 7644 §3.9)."""
    found = project(USERS, RESOURCE, projection(USERS, attributes))
    assert {name: each for name, each in found.items() if name not in ALWAYS} == after
    assert found.keys() >= ALWAYS


@pytest.mark.parametrize(
    ("excluded", "gone"),
    [
        (["emails"], {"emails"}),
        (["emails, NAME"], {"emails", "name"}),
        ([ENTERPRISE], {ENTERPRISE}),
        (["id", "schemas"], set()),
        (["nothing"], set()),
        ([], set()),
    ],
)
def test_all_but_what_is_excluded(excluded: list[str], gone: set[str]) -> None:
    """What a client doesn't want is left out, but for what each resource always has."""
    found = project(USERS, RESOURCE, projection(USERS, (), excluded))
    assert found == {name: each for name, each in RESOURCE.items() if name not in gone}


def test_a_part_is_excluded() -> None:
    """Of a complex attribute the other parts stay, and of an extension the other attributes."""
    found = project(USERS, RESOURCE, projection(USERS, (), ["emails.type", f"{ENTERPRISE}:manager.displayName"]))
    assert found["emails"] == [{"value": "a"}, {"value": "b"}]
    assert found[ENTERPRISE] == {"department": "Sales", "manager": {"value": "7"}}


def test_what_is_excluded_wins() -> None:
    """Who asks for an attribute and excludes it doesn't get it."""
    found = project(USERS, RESOURCE, projection(USERS, ["name", "userName"], ["name"]))
    assert set(found) == {*ALWAYS, "userName"}


def test_members_neednt_be_read_where_nobody_wants_them() -> None:
    """Entra reads groups without their members, which then cost nothing."""
    assert wants(GROUPS, "members", EVERYTHING)
    assert not wants(GROUPS, "members", projection(GROUPS, (), ["members"]))
    assert not wants(GROUPS, "members", projection(GROUPS, ["displayName"]))
    assert wants(GROUPS, "members", projection(GROUPS, ["members.value"]))


def test_what_is_returned_on_request_alone() -> None:
    """An attribute of that kind is there only for who names it; one that never is returned isn't there at all."""
    urn = "urn:example:state"
    state = Schema(
        urn, "State", "", by_name([Attribute("since", returned="request"), Attribute("secret", returned="never")])
    )
    kind = USERS.with_extension(state)
    resource = {**RESOURCE, urn: {"since": "now", "secret": "x"}}
    assert project(kind, resource, EVERYTHING) == RESOURCE
    assert project(kind, resource, projection(kind, [f"{urn}:since"]))[urn] == {"since": "now"}
    assert project(kind, resource, projection(kind, [urn]))[urn] == {"since": "now"}


def test_the_resource_isnt_changed() -> None:
    """What one client doesn't want to see is still there for the next."""
    copy = {**RESOURCE, "name": dict(RESOURCE["name"])}
    project(USERS, RESOURCE, projection(USERS, ["name.givenName"], ["emails.value"]))
    assert copy == RESOURCE

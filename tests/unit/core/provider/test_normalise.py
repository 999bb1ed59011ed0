"""Bodies of POST and PUT, as each client sends them."""

from typing import Any

import pytest

from streamproc.core.provider.normalise import ResourceBody, normalise, replace
from streamproc.core.provider.resource_types import GROUPS, USERS
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS, USER

OKTA = {
    "schemas": [USER],
    "userName": "test.user@okta.local",
    "name": {"givenName": "Test", "familyName": "User"},
    "emails": [{"primary": True, "value": "test.user@okta.local", "type": "work"}],
    "displayName": "Test User",
    "locale": "en-US",
    "externalId": "00ujl29u0le5T6Aj10h7",
    "groups": [],
    "password": "1mz050nq",
    "active": True,
}
"""developer.okta.com, SCIM 2.0 reference: create users."""
OKTA_USER = {name: each for name, each in OKTA.items() if name not in {"schemas", "groups", "password"}}

ENTRA = {
    "schemas": [USER, ENTERPRISE],
    "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
    "userName": "Test_User_ab6490ee-1e48-479e-a20b-2d77186b5dd1",
    "active": True,
    "emails": [{"primary": True, "type": "work", "value": "Test_User_fd0ea19b@testuser.com"}],
    "meta": {"resourceType": "User"},
    "name": {"formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName"},
    "roles": [],
}
"""learn.microsoft.com, use-scim-to-provision-users-and-groups: create user."""

USER_BODIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Okta creates": (OKTA, OKTA_USER),
    "Okta puts back what it has read": (
        {**OKTA, "id": "23a35c27", "meta": {"resourceType": "User"}, "groups": [{"value": "1"}]},
        OKTA_USER,
    ),
    "Entra creates": (ENTRA, {name: each for name, each in ENTRA.items() if name not in {"schemas", "meta", "roles"}}),
    "Entra's app roles as JSON in texts": (
        {"userName": "a", "roles": [{"value": '{"id":"06b0","value":"Admin","displayName":"Administrator"}'}, "Agent"]},
        {"userName": "a", "roles": [{"value": "Admin"}, {"value": "Agent"}]},
    ),
    "a role as an object in a text": (
        {"userName": "a", "roles": ['{"value":"Admin","primary":"True"}']},
        {"userName": "a", "roles": [{"value": "Admin", "primary": True}]},
    ),
    "OneLogin, from before the RFC": (
        {
            "schemas": ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"],
            "userName": "a@example.com",
            "name": {"givenName": "A", "familyName": "B", "formatted": ""},
            "phoneNumbers": [{"value": "", "type": "work"}],
            "urn:scim:schemas:extension:enterprise:2.0": {"department": "Sales", "manager": {"managerId": "7"}},
        },
        {
            "userName": "a@example.com",
            "name": {"givenName": "A", "familyName": "B"},
            ENTERPRISE: {"department": "Sales"},
        },
    ),
    "Google, with SCIM 1.1's URN": (
        {
            "schemas": ["urn:scim:schemas:core:1.0", USER],
            "userName": "a@example.com",
            "urn:scim:schemas:core:1.0": {"title": "Agent"},
            "emails": [{"value": "a@example.com", "type": "work", "primary": "true"}],
        },
        {
            "userName": "a@example.com",
            "title": "Agent",
            "emails": [{"value": "a@example.com", "type": "work", "primary": True}],
        },
    ),
    "authentik, without values": (
        {
            "schemas": [USER],
            "userName": "akadmin",
            "name": {"formatted": "", "familyName": "", "givenName": None},
            "displayName": "A",
            "photos": None,
            "locale": None,
            "active": True,
            "emails": [],
            "x509Certificates": [],
        },
        {"userName": "akadmin", "displayName": "A", "active": True},
    ),
    "ConnId, with Syncope's dots": (
        {"userName": "a", "name.familyName": "B", "emails.work.value": "x", f"{ENTERPRISE}:employeeNumber": 4711},
        {"userName": "a", "name": {"familyName": "B"}, ENTERPRISE: {"employeeNumber": "4711"}},
    ),
    "Genesys Cloud's own attributes": (
        {
            "userName": "a",
            GENESYS: {
                "routingSkills": [{"name": "Spanish", "proficiency": "4.5"}, "Billing"],
                "routingLanguages": [{"name": "en"}, {"name": ""}],
                "externalIds": [{"authority": "microsoftteams", "value": "a@example.com"}],
            },
        },
        {
            "userName": "a",
            GENESYS: {
                "routingSkills": [{"name": "Spanish", "proficiency": 4.5}, {"name": "Billing"}],
                "routingLanguages": [{"name": "en"}],
                "externalIds": [{"authority": "microsoftteams", "value": "a@example.com"}],
            },
        },
    ),
    "names in any case": ({"USERNAME": "a", "Name": {"GIVENNAME": "B"}}, {"userName": "a", "name": {"givenName": "B"}}),
    "paths as keys": (
        {"userName": "a", 'emails[type eq "work"].value': "a@example.com", f"{USER}:title": "Agent"},
        {"userName": "a", "emails": [{"type": "work", "value": "a@example.com"}], "title": "Agent"},
    ),
    "what only we may say of a manager": (
        {"userName": "a", ENTERPRISE: {"manager": {"value": "7", "displayName": "somebody else's name"}}},
        {"userName": "a", ENTERPRISE: {"manager": {"value": "7"}}},
    ),
    "an address of which only the type is said": (
        {"userName": "a", "emails": [{"type": "work", "primary": True, "value": None}, {"value": "b"}]},
        {"userName": "a", "emails": [{"value": "b"}]},
    ),
    "one address where a list belongs": (
        {"userName": "a", "emails": {"value": "a@example.com"}, "phoneNumbers": "+1"},
        {"userName": "a", "emails": [{"value": "a@example.com"}], "phoneNumbers": [{"value": "+1"}]},
    ),
    "two primary addresses": (
        {"userName": "a", "emails": [{"value": "1", "primary": True}, {"value": "2", "primary": True}]},
        {"userName": "a", "emails": [{"value": "1", "primary": True}, {"value": "2", "primary": False}]},
    ),
}


@pytest.mark.parametrize("client", USER_BODIES)
def test_a_user_is_understood(client: str) -> None:
    """Whatever an IdP's dialect, the user that it means is the one that it reads back, without null or empty values."""
    body, attributes = USER_BODIES[client]
    assert normalise(USERS, body).attributes == attributes


@pytest.mark.parametrize("manager", ["7", {"value": "7"}, [{"value": "7"}], '{"value":"7"}', 7, ["7"]])
@pytest.mark.parametrize("within", [True, False])
def test_a_manager_is_an_id_however_it_is_written(manager: Any, within: bool) -> None:
    """As text, number, object, list or JSON, in the extension's object or by its path, it is the same manager."""
    named = {ENTERPRISE: {"manager": manager}} if within else {f"{ENTERPRISE}:manager": manager}
    assert normalise(USERS, {"userName": "a", **named}).attributes[ENTERPRISE] == {"manager": {"value": "7"}}


@pytest.mark.parametrize(
    ("sent", "active"),
    [
        (True, True),
        ("True", True),
        ("true", True),
        ("1", True),
        ([True], True),
        (1, True),
        (False, False),
        ("False", False),
        ("false ", False),
        ("0", False),
        ([False], False),
        (0, False),
        ({"value": "False"}, False),
    ],
)
def test_active_is_understood_however_it_is_written(sent: Any, active: bool) -> None:
    """A leaver is one also where an IdP writes booleans as text or in a list."""
    assert normalise(USERS, {"userName": "a", "active": sent}).attributes["active"] is active


def test_what_no_schema_knows_is_named_and_not_kept() -> None:
    """An administrator sees which attributes of theirs arrive nowhere; their values are nowhere, either."""
    body = {"userName": "a", "costume": "red", "name": {"givenName": "B", "petName": "C"}, "urn:x:y:2.0:User": {"z": 1}}
    found = normalise(USERS, body)
    assert found.attributes == {"userName": "a", "name": {"givenName": "B"}}
    assert found.ignored == ("costume", "name.petName", "urn:x:y:2.0:User")


def test_what_is_written_is_told_by_path() -> None:
    """Only what a client has said becomes a fact, so it is told how far it has said it."""
    body = {"userName": "a", "name": {"givenName": "B"}, "emails": [{"value": "c", "type": "work"}], "title": None}
    assert normalise(USERS, body).written == ("userName", "name.givenName", "emails")


@pytest.mark.parametrize(
    ("body", "scim_type"),
    [
        ([], "invalidSyntax"),
        ("x", "invalidSyntax"),
        ({}, "invalidValue"),
        ({"userName": None}, "invalidValue"),
        ({"userName": " "}, "invalidValue"),
        ({"userName": ["a", "b"]}, "invalidValue"),
        ({"userName": {"a": 1}}, "invalidValue"),
        ({"userName": True}, "invalidValue"),
        ({"userName": "a", "active": "perhaps"}, "invalidValue"),
        ({"userName": "a", "active": [True, False]}, "invalidValue"),
        ({"userName": "a", "active": [[True]]}, "invalidValue"),
        ({"userName": "a", "name": [1, 2]}, "invalidValue"),
        ({"userName": "a", "emails": [[1]]}, "invalidValue"),
        ({"userName": "a", "emails": [{"value": {"a": "b"}}]}, "invalidValue"),
        ({"userName": "a", "emails": [{"value": str(each)} for each in range(1001)]}, "invalidValue"),
        ({"userName": "a", ENTERPRISE: "x"}, "invalidValue"),
        ({"userName": "a", GENESYS: {"routingSkills": [{"proficiency": 1}]}}, "invalidValue"),
        ({"userName": "a", GENESYS: {"routingSkills": [{"name": "a", "proficiency": "NaN"}]}}, "invalidValue"),
        ({"userName": "a", GENESYS: {"routingSkills": [{"name": "a", "proficiency": 10**400}]}}, "invalidValue"),
        ({"userName": "a", GENESYS: {"externalIds": ["x"]}}, "invalidValue"),
        ({"userName": "a", "emails[type eq": 1}, "invalidFilter"),
        ({"userName": "a", "title[type eq 1]": 1}, "invalidPath"),
    ],
)
def test_what_cant_be_meant_is_refused(body: Any, scim_type: str) -> None:
    """A client is told what is wrong, by SCIM's own word for it, and without repeating the value."""
    with pytest.raises(ScimError) as refused:
        normalise(USERS, body)
    assert (refused.value.status, refused.value.scim_type) == (400, scim_type)


GROUP_BODIES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...] | None]] = {
    "Okta creates": ({"displayName": "Test SCIMv2", "members": []}, {"displayName": "Test SCIMv2"}, ()),
    "Entra creates, with a URN of its own": (
        {
            "schemas": [GROUPS.schema.urn, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
            "displayName": "displayName",
            "meta": {"resourceType": "Group"},
        },
        {"externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159", "displayName": "displayName"},
        None,
    ),
    "Okta and PingOne put all members": (
        {
            "id": "1",
            "displayName": "A",
            "members": [{"value": "2", "display": "b@example.com"}, {"value": "1", "$ref": None}, {"value": "2"}],
        },
        {"displayName": "A"},
        ("2", "1"),
    ),
    "members as ids": (
        {"displayName": "A", "members": ["1", 2, '{"value":"3"}', None]},
        {"displayName": "A"},
        ("1", "2", "3"),
    ),
    "members null": ({"displayName": "A", "members": None}, {"displayName": "A"}, None),
}


@pytest.mark.parametrize("client", GROUP_BODIES)
def test_a_group_is_understood(client: str) -> None:
    """Members come apart from the rest, each once; who doesn't speak of them means none of them to go."""
    body, attributes, members = GROUP_BODIES[client]
    found = normalise(GROUPS, body)
    assert (found.attributes, found.members) == (attributes, members)


def test_a_member_without_an_id_is_refused() -> None:
    """Nobody is put into a group, or left out of it, by a guess."""
    with pytest.raises(ScimError):
        normalise(GROUPS, {"displayName": "A", "members": [{"display": "b@example.com"}]})


def test_a_put_clears_what_it_leaves_out_and_says_so() -> None:
    """What an IdP doesn't send any more goes, down to a single part of the name, and becomes a fact without a value."""
    before = {
        "userName": "a",
        "title": "Agent",
        "name": {"givenName": "B", "familyName": "C"},
        ENTERPRISE: {"department": "D", "division": "E"},
    }
    body = normalise(USERS, {"userName": "a", "name": {"givenName": "B"}, ENTERPRISE: {"division": "E"}})
    after, written = replace(USERS, before, body)
    assert after == {"userName": "a", "name": {"givenName": "B"}, ENTERPRISE: {"division": "E"}}
    assert set(written) - set(body.written) == {"title", "name.familyName", f"{ENTERPRISE}:department"}


def test_a_put_that_is_silent_on_active_lets_nobody_in_or_out() -> None:
    """Who was deactivated stays so when an IdP only updates a name."""
    body: ResourceBody = normalise(USERS, {"userName": "a", "title": "Agent"})
    assert replace(USERS, {"userName": "a", "active": False}, body) == (
        {"userName": "a", "title": "Agent", "active": False},
        ("userName", "title"),
    )


def test_a_put_of_the_same_changes_nothing() -> None:
    """An hourly full synchronisation is no change: the resource stays the very same."""
    before = normalise(USERS, OKTA).attributes
    assert replace(USERS, before, normalise(USERS, {**OKTA, "id": "1"}))[0] is before

"""PATCH bodies, as each client sends them, and what they come to."""

from typing import Any

import pytest

from streamproc.core.provider.group_members import AddMembers, MemberEdit, RemoveMembers, ReplaceMembers
from streamproc.core.provider.normalise_patch import normalise_patch
from streamproc.core.provider.patch import apply
from streamproc.core.provider.resource_types import GROUPS, USERS
from streamproc.core.provider.schema import Json
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS, PATCH_OP, USER

BEFORE: Json = {
    "userName": "a@example.com",
    "active": True,
    "name": {"givenName": "A", "familyName": "B"},
    "emails": [{"value": "a@example.com", "type": "work", "primary": True}],
    "roles": [{"value": "Agent"}],
    ENTERPRISE: {"department": "Sales", "manager": {"value": "7"}},
}
DISABLED = {**BEFORE, "active": False}

USER_PATCHES: dict[str, tuple[Any, Json]] = {
    "Okta deactivates": ([{"op": "replace", "value": {"active": False}}], DISABLED),
    "Entra disables": ([{"op": "Replace", "path": "active", "value": "False"}], DISABLED),
    "Entra disables, by its newer flag": ([{"op": "replace", "path": "active", "value": False}], DISABLED),
    "a list of one": ([{"op": "replace", "path": "active", "value": [False]}], DISABLED),
    "Entra updates": (
        [
            {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "new@example.com"},
            {"op": "Replace", "path": "name.familyName", "value": "C"},
        ],
        {
            **BEFORE,
            "emails": [{"value": "new@example.com", "type": "work", "primary": True}],
            "name": {"givenName": "A", "familyName": "C"},
        },
    ),
    "Entra, by its newer flag, without a path": (
        [
            {
                "op": "replace",
                "value": {
                    "displayName": "Bjfe",
                    "name.givenName": "Kim",
                    'emails[type eq "home"].value': "home@example.com",
                    f"{ENTERPRISE}:manager": "8",
                    f"{USER}:title": "Agent",
                    ENTERPRISE: {"division": "Home"},
                },
            }
        ],
        {
            **BEFORE,
            "displayName": "Bjfe",
            "name": {"givenName": "Kim", "familyName": "B"},
            "emails": [*BEFORE["emails"], {"value": "home@example.com", "type": "home"}],
            "title": "Agent",
            ENTERPRISE: {"department": "Sales", "manager": {"value": "8"}, "division": "Home"},
        },
    ),
    "Entra adds a manager": (
        [{"op": "Add", "path": "manager", "value": [{"$ref": "http://x/Users/8", "value": "8"}]}],
        {**BEFORE, ENTERPRISE: {"department": "Sales", "manager": {"value": "8", "$ref": "http://x/Users/8"}}},
    ),
    "Entra clears a manager": (
        [{"op": "Remove", "path": f"{ENTERPRISE}:manager"}],
        {**BEFORE, ENTERPRISE: {"department": "Sales"}},
    ),
    "a manager without a value": (
        [{"op": "replace", "path": f"{ENTERPRISE}:manager", "value": {"value": ""}}],
        {**BEFORE, ENTERPRISE: {"department": "Sales"}},
    ),
    "Entra's numbers of a user without any": (
        [
            {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+15550100"},
            {"op": "Add", "path": 'phoneNumbers[type eq "work2"].value', "value": "+15550101"},
        ],
        {**BEFORE, "phoneNumbers": [{"type": "mobile", "value": "+15550100"}, {"type": "work2", "value": "+15550101"}]},
    ),
    "Entra's ids of the Genesys app": (
        [
            {
                "op": "Add",
                "path": f'{GENESYS}:externalIds[authority eq "microsoftteams"].value',
                "value": "a@example.com",
            }
        ],
        {**BEFORE, GENESYS: {"externalIds": [{"authority": "microsoftteams", "value": "a@example.com"}]}},
    ),
    "Entra's primary role, part by part": (
        [
            {"op": "Replace", "path": 'roles[primary eq "True"].display', "value": "Admin"},
            {"op": "Replace", "path": 'roles[primary eq "True"].value', "value": "Admin"},
        ],
        {**BEFORE, "roles": [{"value": "Agent"}, {"primary": True, "display": "Admin", "value": "Admin"}]},
    ),
    "Entra's AppRoleAssignmentsComplex": (
        [{"op": "Add", "path": "roles", "value": [{"value": '{"id":"06b0","value":"Admin","displayName":"Admin"}'}]}],
        {**BEFORE, "roles": [{"value": "Agent"}, {"value": "Admin"}]},
    ),
    "Entra's AssertiveAppRoleAssignmentsComplex": (
        [
            {
                "op": "replace",
                "path": "roles",
                "value": [{"primary": "False", "type": "AppRole", "display": "Admin", "value": "Admin"}],
            }
        ],
        {**BEFORE, "roles": [{"primary": False, "type": "AppRole", "display": "Admin", "value": "Admin"}]},
    ),
    "a role is taken by its value": (
        [{"op": "Remove", "path": "roles", "value": [{"value": "agent"}]}],
        {name: each for name, each in BEFORE.items() if name != "roles"},
    ),
    "a value without quotes": (
        [{"op": "replace", "path": "emails[type eq work].value", "value": "new@example.com"}],
        {**BEFORE, "emails": [{"value": "new@example.com", "type": "work", "primary": True}]},
    ),
    "an address is cleared": (
        [{"op": "replace", "path": 'emails[type eq "work"].value', "value": ""}],
        {name: each for name, each in BEFORE.items() if name != "emails"},
    ),
    "an extension as a path": (
        [{"op": "add", "path": ENTERPRISE, "value": {"division": "Home"}}],
        {**BEFORE, ENTERPRISE: {**BEFORE[ENTERPRISE], "division": "Home"}},
    ),
    "an extension goes": ([{"op": "remove", "path": ENTERPRISE}], {k: v for k, v in BEFORE.items() if k != ENTERPRISE}),
    "an extension goes without a path": (
        [{"op": "replace", "value": {ENTERPRISE: None}}],
        {name: each for name, each in BEFORE.items() if name != ENTERPRISE},
    ),
    "null, and nothing": (
        [{"op": "replace", "value": {"name": {"givenName": None}, "roles": []}}],
        {**{name: each for name, each in BEFORE.items() if name != "roles"}, "name": {"familyName": "B"}},
    ),
    "what a client only sends back": (
        [{"op": "replace", "value": {"id": "1", "schemas": [USER], "meta": {}, "groups": [], "title": "Agent"}}],
        {**BEFORE, "title": "Agent"},
    ),
    "a schema is announced": ([{"op": "add", "path": "schemas", "value": [GENESYS]}], BEFORE),
    "removed without being there": (
        [{"op": "remove", "path": "title"}, {"op": "remove", "path": 'emails[type eq "home"]'}],
        BEFORE,
    ),
    "one operation that is no list": (
        {"op": "replace", "path": "title", "value": "Agent"},
        {**BEFORE, "title": "Agent"},
    ),
}


@pytest.mark.parametrize("client", USER_PATCHES)
def test_a_users_patch_is_understood(client: str) -> None:
    """Whatever an IdP's dialect, it changes what it means to, and nothing else."""
    operations, after = USER_PATCHES[client]
    asked = normalise_patch(USERS, {"schemas": [PATCH_OP], "Operations": operations})
    assert apply(BEFORE, asked.operations) == after


def test_a_patch_without_operations_is_what_it_names() -> None:
    """ConnId's connector sends what it would PUT: what that names is written, and what it leaves out stays. Where only
    a user's groups change it sends a PATCH of nothing, which changes nothing.
    """
    sent = {"schemas": [USER], "id": "1", "meta": {}, "title": "Agent", "active": "False", "groups": [], "x": 1}
    asked = normalise_patch(USERS, sent)
    assert apply(BEFORE, asked.operations) == {**BEFORE, "title": "Agent", "active": False}
    assert (asked.written, asked.ignored) == (("title", "active"), ("x",))
    nothing = normalise_patch(USERS, {"schemas": [PATCH_OP]})
    assert (nothing.operations, nothing.members, nothing.written) == ((), (), ())


GROUP_PATCHES: dict[str, tuple[list[Json], list[MemberEdit], Json]] = {
    "Okta renames": ([{"op": "replace", "value": {"id": "1", "displayName": "B"}}], [], {"displayName": "B"}),
    "Okta exchanges": (
        [
            {"op": "remove", "path": 'members[value eq "1"]'},
            {"op": "add", "path": "members", "value": [{"value": "2", "display": "test.user@okta.local"}]},
        ],
        [RemoveMembers(("1",)), AddMembers(("2",))],
        {"displayName": "A"},
    ),
    "Okta pushes all": (
        [{"op": "replace", "path": "members", "value": [{"value": "1"}, {"value": "2"}]}],
        [ReplaceMembers(("1", "2"))],
        {"displayName": "A"},
    ),
    "Entra adds": (
        [{"op": "Add", "path": "members", "value": [{"$ref": None, "value": "1"}]}],
        [AddMembers(("1",))],
        {"displayName": "A"},
    ),
    "Entra and JumpCloud remove by a list": (
        [{"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "1"}, {"value": "2"}]}],
        [RemoveMembers(("1", "2"))],
        {"displayName": "A"},
    ),
    "authentik, one by one, after the group itself": (
        [
            {"op": "replace", "value": {"schemas": [GROUPS.schema.urn], "displayName": "B", "externalId": "e"}},
            {"op": "add", "path": "members", "value": [{"value": "1"}]},
            {"op": "remove", "path": "members", "value": [{"value": "2"}]},
        ],
        [AddMembers(("1",)), RemoveMembers(("2",))],
        {"displayName": "B", "externalId": "e"},
    ),
    "one member, without a list": (
        [{"op": "add", "path": "members", "value": {"value": "1"}}],
        [AddMembers(("1",))],
        {"displayName": "A"},
    ),
    "without a path": (
        [{"op": "add", "value": {"members": [{"value": "1"}]}}],
        [AddMembers(("1",))],
        {"displayName": "A"},
    ),
    "all go": ([{"op": "remove", "path": "members"}], [ReplaceMembers(())], {"displayName": "A"}),
    "all go by an empty list": (
        [{"op": "replace", "path": "members", "value": []}],
        [ReplaceMembers(())],
        {"displayName": "A"},
    ),
    "nobody is named": ([{"op": "remove", "path": "members", "value": []}], [], {"displayName": "A"}),
    "several in a filter": (
        [{"op": "remove", "path": 'members[value eq "1" or value eq "2"]'}],
        [RemoveMembers(("1", "2"))],
        {"displayName": "A"},
    ),
    "a member's type isn't its membership": (
        [
            {"op": "remove", "path": 'members[value eq "1"].type'},
            {"op": "add", "path": 'members[value eq "2"].$ref', "value": "../Users/2"},
            {"op": "add", "path": "members.value", "value": "3"},
        ],
        [AddMembers(("3",))],
        {"displayName": "A"},
    ),
    "nobody is added": ([{"op": "add", "path": "members", "value": None}], [], {"displayName": "A"}),
}


@pytest.mark.parametrize("client", GROUP_PATCHES)
def test_a_groups_patch_is_understood(client: str) -> None:
    """Who comes and who goes is told by ids, in the order in which the client says it; a name is changed beside it."""
    operations, members, after = GROUP_PATCHES[client]
    asked = normalise_patch(GROUPS, {"Operations": operations})
    assert list(asked.members) == members
    assert apply({"displayName": "A"}, asked.operations) == after


@pytest.mark.parametrize(
    ("operation", "written"),
    [
        ({"op": "replace", "path": "TITLE", "value": "x"}, ["title"]),
        ({"op": "remove", "path": "title"}, ["title"]),
        (
            {"op": "add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "1"},
            ['phoneNumbers[type eq "mobile"]'],
        ),
        (
            {"op": "add", "path": "phoneNumbers", "value": [{"value": "1", "type": "home"}]},
            ['phoneNumbers[type eq "home"]'],
        ),
        ({"op": "replace", "path": "phoneNumbers", "value": [{"value": "1", "type": "home"}]}, ["phoneNumbers"]),
        ({"op": "remove", "path": "phoneNumbers"}, ["phoneNumbers"]),
        ({"op": "remove", "path": 'roles[value eq "Admin"]'}, ["roles"]),
        ({"op": "replace", "value": {"name": {"givenName": "x"}}}, ["name.givenName"]),
        ({"op": "replace", "path": f"{ENTERPRISE}:manager.value", "value": "7"}, [f"{ENTERPRISE}:manager"]),
        (
            {"op": "add", "path": f'{GENESYS}:externalIds[authority eq "a\\"b"].value', "value": "1"},
            [f'{GENESYS}:externalIds[authority eq "a\\"b"]'],
        ),
        ({"op": "replace", "path": "nothing", "value": "7"}, []),
    ],
)
def test_what_is_written_is_told_by_path(operation: Json, written: list[str]) -> None:
    """A number of one type is one fact, and whoever writes it says nothing of the others."""
    assert list(normalise_patch(USERS, {"Operations": [operation]}).written) == written


def test_what_no_schema_knows_is_named_and_changes_nothing() -> None:
    """An unknown attribute doesn't stop the rest of a PATCH; its name is told, without any value."""
    unknown = [
        {"op": "replace", "path": 'costumes[value eq "red@example.com"].value', "value": "blue"},
        {"op": "replace", "value": {"hat": "green", "active": "False", "emails": [{"value": "x", "of": "y"}]}},
        {"op": "remove", "path": "urn:x:y:2.0:User:shoes"},
    ]
    asked = normalise_patch(USERS, {"Operations": unknown})
    assert asked.ignored == ("costumes", "hat", "emails.of", "urn:x:y:2.0:User:shoes")
    assert apply(BEFORE, asked.operations) == {**DISABLED, "emails": [{"value": "x"}]}


@pytest.mark.parametrize(
    ("body", "status", "scim_type"),
    [
        ([], 400, "invalidSyntax"),
        ({}, 400, "invalidSyntax"),
        ({"x": 1}, 400, "invalidSyntax"),
        ({"schemas": [USER]}, 400, "invalidSyntax"),
        ({"Operations": []}, 400, "invalidSyntax"),
        ({"Operations": ["x"]}, 400, "invalidSyntax"),
        ({"Operations": [{"op": "move", "path": "title"}]}, 400, "invalidSyntax"),
        ({"Operations": [{"op": ["add"], "path": "title", "value": "x"}]}, 400, "invalidSyntax"),
        ({"Operations": [{"op": {"add": "add"}, "path": "title", "value": "x"}]}, 400, "invalidSyntax"),
        ({"Operations": [{"path": "title", "value": "x"}]}, 400, "invalidSyntax"),
        ({"Operations": [{"op": "remove"}]}, 400, "noTarget"),
        ({"Operations": [{"op": "remove", "value": {"title": "x"}}]}, 400, "noTarget"),
        ({"Operations": [{"op": "add", "path": "title"}]}, 400, "invalidValue"),
        ({"Operations": [{"op": "replace", "value": "x"}]}, 400, "invalidValue"),
        ({"Operations": [{"op": "replace", "path": "active", "value": "perhaps"}]}, 400, "invalidValue"),
        ({"Operations": [{"op": "replace", "path": ENTERPRISE, "value": "x"}]}, 400, "invalidValue"),
        ({"Operations": [{"op": "add", "path": 7, "value": "x"}]}, 400, "invalidPath"),
        ({"Operations": [{"op": "add", "path": "ti tle", "value": "x"}]}, 400, "invalidPath"),
        ({"Operations": [{"op": "add", "path": "emails[type eq", "value": "x"}]}, 400, "invalidFilter"),
        ({"Operations": [{"op": "add", "path": 'title[type eq "x"]', "value": "x"}]}, 400, "invalidPath"),
        ({"Operations": [{"op": "add", "path": 'emails[primary eq "x"].value', "value": "x"}]}, 400, "invalidFilter"),
        ({"Operations": [{"op": "replace", "path": "id", "value": "x"}]}, 400, "mutability"),
        ({"Operations": [{"op": "add", "path": "groups", "value": [{"value": "1"}]}]}, 400, "mutability"),
        ({"Operations": [{"op": "replace", "path": "meta.version", "value": "1"}]}, 400, "mutability"),
        ({"Operations": [{"op": "remove", "path": "userName"}]}, 400, "mutability"),
        ({"Operations": [{"op": "replace", "path": "userName", "value": " "}]}, 400, "mutability"),
        ({"Operations": [{"op": "replace", "value": {"userName": None}}]}, 400, "mutability"),
        ({"Operations": [{"op": "remove", "path": USER}]}, 400, "mutability"),
        ({"Operations": [{"op": "remove", "path": "title"}] * 1001}, 413, None),
    ],
)
def test_what_cant_be_carried_out_is_refused(body: Any, status: int, scim_type: str | None) -> None:
    """A client is told what is wrong, by SCIM's own word for it."""
    with pytest.raises(ScimError) as refused:
        normalise_patch(USERS, body)
    assert (refused.value.status, refused.value.scim_type) == (status, scim_type)


def test_members_by_anything_but_ids_are_refused() -> None:
    """A group isn't emptied because somebody filters its members by a name that we don't compare."""
    for path in ('members[display eq "A"]', 'members[value ne "1"]', 'members[value eq "1" and type eq "User"]'):
        with pytest.raises(ScimError) as refused:
            normalise_patch(GROUPS, {"Operations": [{"op": "remove", "path": path}]})
        assert refused.value.scim_type == "invalidFilter"

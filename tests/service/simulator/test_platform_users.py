"""Users as the platform's own API has them, roles and their holders, tokens and limits."""

from typing import Any

import pytest

from tests.support.organization import GENESYS, Org, Reply, Start


async def platform(org: Org, method: str, path: str, body: Any = None) -> Reply:
    return await org.call(method, path, body, root="/api/v2/", Content_Type="application/json")


async def test_a_user_is_changed_by_who_read_the_version(org: Org) -> None:
    """Reading, changing and reading back; a stale version is 409, and SCIM sees the change and the new version."""
    made = await org.user("ada")
    shown = (await platform(org, "GET", f"users/{made['id']}")).body
    assert (shown["name"], shown["email"], shown["state"], shown["version"]) == ("ada", "ada@example.com", "active", 1)
    change = {"title": "Lead", "email": "new@example.com", "version": 1}
    changed = (await platform(org, "PATCH", f"users/{made['id']}", change)).body
    assert (changed["title"], changed["email"], changed["version"]) == ("Lead", "new@example.com", 2)
    assert (await platform(org, "PATCH", f"users/{made['id']}", change)).status == 409
    scim = (await org.call("GET", f"Users/{made['id']}")).body
    assert (scim["title"], scim["userName"], scim["meta"]["version"]) == ("Lead", "new@example.com", "2")


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "inactive", "title": "x"},
        {"state": "asleep"},
        {"roles": [{"value": "Agent"}]},
        {"email": ""},
        {"addresses": [{"mediaType": "FAX", "type": "WORK", "address": "1"}]},
    ],
)
async def test_a_change_that_is_not_one_is_refused(org: Org, wrong: Any) -> None:
    """A state goes alone, and what isn't the platform's to take is 400."""
    made = await org.user("ada")
    assert (await platform(org, "PATCH", f"users/{made['id']}", wrong | {"version": 1})).status == 400


async def test_addresses_are_numbers_and_emails(org: Org) -> None:
    """What is one list there is two attributes in SCIM."""
    made = await org.user("ada")
    contacts = [
        {"mediaType": "PHONE", "type": "WORK", "address": "tel:+13175550101", "extension": "7"},
        {"mediaType": "EMAIL", "type": "WORK", "address": "ada@work.example"},
    ]
    body = {"addresses": contacts, "version": 1}
    assert (await platform(org, "PATCH", f"users/{made['id']}", body)).body["addresses"] == contacts
    scim = (await org.call("GET", f"Users/{made['id']}")).body
    assert scim["phoneNumbers"] == [{"value": "tel:+13175550101;ext=7", "type": "work"}]
    assert scim["emails"][0] == {"value": "ada@work.example", "type": "work"}


async def test_states_are_set_and_a_deleted_user_is_restored(org: Org) -> None:
    """Inactive and back; deleted users are shown only where asked for, and come back without roles."""
    made = await org.user("ada", roles=[{"value": "Agent"}])
    path = f"users/{made['id']}"
    assert (await platform(org, "PATCH", path, {"state": "inactive", "version": 1})).body["state"] == "inactive"
    assert (await org.call("GET", f"Users/{made['id']}")).body["active"] is False
    assert (await platform(org, "DELETE", path)).status == 202
    assert (await platform(org, "GET", path)).status == 404
    gone = (await platform(org, "GET", f"{path}?state=deleted")).body
    assert gone["state"] == "deleted"
    back = await platform(org, "PATCH", path, {"state": "active", "version": gone["version"]})
    assert back.body["state"] == "active"
    expanded = (await platform(org, "GET", f"{path}?expand=authorization,skills")).body
    assert (expanded["authorization"], expanded["skills"]) == ({"roles": []}, [])


async def test_users_are_listed_by_state(org: Org) -> None:
    """Active ones unless told otherwise, in pages."""
    for n in range(3):
        await org.user(f"u{n}", active=n > 0, **{GENESYS: {"routingSkills": [{"name": "Spanish", "proficiency": 2}]}})
    listed = (await platform(org, "GET", "users?expand=skills&pageSize=1")).body
    assert (listed["total"], listed["pageCount"]) == (2, 2)
    assert listed["entities"][0]["skills"][0]["name"] == "Spanish"
    counts = [(await platform(org, "GET", f"users?state={state}")).body["total"] for state in ("inactive", "any")]
    assert counts == [1, 3]
    assert (await platform(org, "GET", "users?state=asleep")).status == 400


async def test_roles_that_may_edit_are_found_with_their_holders(org: Org) -> None:
    """A filter by permission finds wildcards too, unless switched off, and holders are counted, listed and named."""
    await org.sim("POST", "roles", {"name": "Team Admin", "policies": ["directory:user:*"]})
    made = await org.user("boss", roles=[{"value": "Team Admin"}])
    await org.user("ada")
    found = (await platform(org, "GET", "authorization/roles?permission=directory:user:edit&userCount=true")).body
    counts = {role["name"]: role["userCount"] for role in found["entities"]}
    assert counts["Team Admin"] == 1
    assert "employee" not in counts
    [role] = [role for role in found["entities"] if role["name"] == "Team Admin"]
    assert role["permissionPolicies"][0] == {
        "domain": "directory",
        "entityName": "user",
        "actionSet": ["*"],
        "allowConditions": False,
    }
    holders = (await platform(org, "GET", f"authorization/roles/{role['id']}/users")).body["entities"]
    assert [holder["id"] for holder in holders] == [made["id"]]
    grants = (await platform(org, "GET", f"authorization/roles/{role['id']}/subjectgrants")).body["entities"]
    assert [(grant["name"], grant["type"]) for grant in grants] == [("boss", "PC_USER")]
    assert (await platform(org, "GET", f"authorization/roles/{role['id']}")).body["name"] == "Team Admin"
    await org.sim("POST", "config", {"permission_filter": "literal"})
    literal = (await platform(org, "GET", "authorization/roles?permission=directory:user:edit")).body
    assert "Team Admin" not in {role["name"] for role in literal["entities"]}


async def test_a_client_asks_who_it_is(org: Org) -> None:
    """Its roles, with their policies where asked for; its organisation; and, by a switch, nothing at all."""
    await org.log_in_as("other", "directory:user:edit", "directory:user:add", name="Other")
    me = (await platform(org, "GET", "authorization/subjects/me?includeFullRoles=true")).body
    [grant] = me["grants"]
    assert (me["id"], me["name"], grant["division"]["name"]) == ("other", "Other", "*")
    policies = [{"domain": "directory", "entityName": "user", "actions": ["edit", "add"]}]
    assert grant["role"]["policies"] == policies
    token = (await platform(org, "GET", "tokens/me")).body
    assert (token["OAuthClient"]["id"], token["organization"]["name"]) == ("other", "Simulated Organization")
    await org.sim("POST", "config", {"organization": "Elsewhere", "subject_of_client": "404"})
    assert (await platform(org, "GET", "tokens/me")).body["organization"]["name"] == "Elsewhere"
    assert (await platform(org, "GET", "authorization/subjects/me")).status == 404


async def test_limits_are_told_by_namespace(start: Start) -> None:
    """The rate that is enforced is the rate that is told."""
    org = await start(rate_limit=200)
    for namespace in ("platform.api", "scim"):
        limits = (await platform(org, "GET", f"organizations/limits/namespaces/{namespace}")).body["entities"]
        assert {limit["value"] for limit in limits if limit["key"] == "token.rate.per.minute"} == {200}
    assert (await platform(org, "GET", "organizations/limits/namespaces/kitchen")).status == 404


async def test_platform_requests_fail_only_by_rules_of_their_own(org: Org) -> None:
    """A rule for everything is for SCIM alone; one whose path begins with platform/ is for these. All are counted."""
    made = await org.user("ada")
    await org.sim("POST", "faults", {"faults": [{"kind": "503_before"}]})
    assert (await platform(org, "GET", "tokens/me")).status == 200
    faults = [{"kind": "500_after", "path": "platform/users"}, {"kind": "403", "path": "platform/audits"}]
    await org.sim("POST", "faults", {"faults": faults})
    assert (await platform(org, "PATCH", f"users/{made['id']}", {"title": "Dr", "version": 1})).status == 500
    assert (await platform(org, "GET", "audits/query/servicemapping")).status == 403
    assert (await org.call("GET", f"Users/{made['id']}")).body["title"] == "Dr"
    counts = (await org.sim("GET", "requests"))["platform"]
    assert counts == {"GET tokens/me": 1, "PATCH users/{id}": 1, "GET audits/query/servicemapping": 1}

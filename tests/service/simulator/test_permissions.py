"""OAuth clients, their permissions, and what they are refused."""

from typing import Any

import pytest

from tests.support.organization import ENTERPRISE, GENESYS, Org, Start, basic

EDIT = "directory:user:edit"
GRANTS = ("authorization:grant:add", "authorization:grant:delete")
SKILLS: Any = [{"name": "Spanish", "proficiency": 1}]


@pytest.mark.parametrize(
    ("permissions", "path", "value", "status"),
    [
        ((EDIT,), "title", "Dr", 200),
        ((), "title", "Dr", 403),
        (("directory:user:view",), "title", "Dr", 403),
        (("directory:*:edit",), "title", "Dr", 200),
        (("*:*:*",), "title", "Dr", 200),
        ((EDIT,), "roles", [{"value": "Agent"}], 403),
        ((EDIT, *GRANTS), "roles", [{"value": "Agent"}], 200),
        ((EDIT,), f"{GENESYS}:routingSkills", SKILLS, 403),
        ((EDIT, "routing:skill:assign"), f"{GENESYS}:routingSkills", SKILLS, 200),
        ((EDIT,), None, {GENESYS: {"routingSkills": SKILLS}}, 403),
        ((EDIT,), None, {f"{GENESYS}:routingSkills": SKILLS}, 403),
        ((EDIT,), "phoneNumbers", [{"value": "+13175550101", "type": "work"}], 200),
        ((EDIT,), "phoneNumbers", [{"value": "tel:+13175550101;ext=7", "type": "work"}], 403),
        ((EDIT,), f"{ENTERPRISE}:department", "Care", 200),
        ((EDIT,), "password", "secret", 403),
    ],
)
async def test_each_attribute_needs_its_permission(
    org: Org, permissions: tuple[str, ...], path: str | None, value: Any, status: int
) -> None:
    """A PATCH passes with the permissions that its attributes need, wildcards count, and nothing less is enough."""
    user = await org.user()
    await org.log_in_as("other", *permissions)
    operation = {"op": "replace", "value": value} | ({"path": path} if path else {})
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
    answer = await org.call("PATCH", f"Users/{user['id']}", body)
    assert answer.status == status, answer.body
    if status == 403:
        assert answer.body["code"] == "not.authorized"
        assert (await org.ledger())[-1]["applied"] is False


async def test_any_of_the_list_or_all_of_it_can_be_what_is_needed(org: Org) -> None:
    """The vendor's lists can be read in three ways, and each is a switch."""
    user = await org.user()
    await org.log_in_as("other", EDIT)
    await org.sim("POST", "config", {"scim_permissions": "any"})
    assert (await org.patch(user["id"], ("replace", "roles", [{"value": "Agent"}]))).status == 200
    await org.sim("POST", "config", {"scim_permissions": "all"})
    assert (await org.patch(user["id"], ("replace", "title", "Dr"))).status == 403


async def test_each_method_and_kind_needs_its_own_permission(org: Org) -> None:
    """Creating, deleting and groups are permissions of their own; reading users is one only by a switch."""
    user, group = await org.user(), await org.group()
    await org.log_in_as("other", "directory:user:view")
    new = {"userName": "b@example.com", "displayName": "B"}
    asked = [
        ("POST", "Users", new, 403),
        ("DELETE", f"Users/{user['id']}", None, 403),
        ("GET", f"Groups/{group}", None, 403),
        ("GET", f"Users/{user['id']}", None, 200),
        ("GET", "ServiceProviderConfig", None, 200),
    ]
    for method, path, body, status in asked:
        assert (await org.call(method, path, body)).status == status, path
    await org.sim("POST", "config", {"scim_read": "view"})
    assert (await org.call("GET", "Users")).status == 200
    await org.log_in_as("other")
    assert (await org.call("GET", "Users")).status == 403


async def test_the_default_client_may_do_what_streamproc_does_and_no_more(org: Org) -> None:
    """It creates, changes and reads everything, audits and ends sessions; it can't delete."""
    await org.log_in("demo")
    user = await org.user("ada", roles=[{"value": "Agent"}], **{GENESYS: {"routingSkills": SKILLS}})
    assert (await org.patch(user["id"], ("replace", "active", False))).status == 200
    assert (await org.patch(await org.group(), ("add", "members", [{"value": user["id"]}]), to="Groups")).status == 200
    assert (await org.call("DELETE", f"tokens/{user['id']}", root="/api/v2/")).status == 200
    assert (await org.call("GET", "authorization/roles", root="/api/v2/")).status == 200
    assert (await org.call("GET", "audits/query/servicemapping", root="/api/v2/")).status == 200
    assert (await org.call("DELETE", f"Users/{user['id']}")).status == 403


async def test_a_client_with_an_expired_secret_gets_no_token(org: Org) -> None:
    """Its tokens go on until they end; asking for another is invalid_client, as with a wrong secret."""
    await org.log_in_as("other", EDIT)
    await org.sim("POST", "clients", {"id": "other", "expired": True})
    form = {"grant_type": "client_credentials"}
    async with org.client.post("/oauth/token", data=form, headers=basic("other", "other")) as answer:
        assert (answer.status, (await answer.json())["error"]) == (401, "invalid_client")
    assert (await org.call("GET", "Users")).status == 200
    await org.sim("POST", "tokens/expire")
    assert (await org.call("GET", "Users")).status == 401


@pytest.mark.parametrize(
    ("door", "body"),
    [
        ("clients", {"id": "x", "permissions": ["directory:user"]}),
        ("clients", {"id": "x", "roles": ["Boss"]}),
        ("clients", {"name": "x"}),
        ("clients", {"id": "x", "expired": "yes"}),
        ("clients", {"id": "x", "colour": "red"}),
        ("roles", {"name": "Boss", "policies": "directory:user:edit"}),
        ("roles", {"policies": []}),
    ],
)
async def test_the_test_door_refuses_clients_and_roles_that_could_do_nothing(org: Org, door: str, body: Any) -> None:
    """A typing mistake in a permission is an error, and no client that may less than a test thinks."""
    assert "error" in await org.sim("POST", door, body)


async def test_the_server_names_the_time_that_its_clock_shows(start: Start) -> None:
    """A skewed clock is in the header Date and in what it wrote."""
    org = await start(clock_skew_s=-86400 * 365)
    made = await org.user()
    answer = await org.call("GET", "Users")
    assert answer.headers["Date"].split()[3] == made["meta"]["lastModified"][:4]
    assert (await org.sim("POST", "config", {"clock_skew_s": 0}))["clock_skew_s"] == 0
    assert (await org.call("GET", "Users")).headers["Date"].split()[3] > answer.headers["Date"].split()[3]

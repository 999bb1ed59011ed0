"""The audit log and its API, and edits by people that it tells."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.organization import GENESYS, Org, Reply, Start

REALTIME = "audits/query/realtime"


def interval(*, days: float = 1) -> str:
    now = datetime.now(UTC)
    return "/".join(each.isoformat() for each in (now - timedelta(days=days), now + timedelta(hours=1)))


async def ask(org: Org, *filters: tuple[str, str], path: str = REALTIME, **more: Any) -> Reply:
    body = {"interval": interval(), "serviceName": "Directory"} | more
    body["filters"] = [{"property": name, "value": value} for name, value in filters]
    return await org.call("POST", path, {key: value for key, value in body.items() if value}, root="/api/v2/")


async def edit(org: Org, user: str, by: str = "Sue Visor", **changes: Any) -> Any:
    return await org.sim("POST", "edit", {"user": user, "by": by, "changes": changes})


async def test_every_change_tells_who_made_it(org: Org) -> None:
    """Our client, another one, and a person by hand: each entry has its client, person, old and new values."""
    await org.log_in("demo")
    made = await org.user("ada", title="Agent")
    await org.patch(made["id"], ("replace", "title", "Lead"))
    await org.log_in_as("okta", "directory:user:edit")
    await org.patch(made["id"], ("replace", "active", False))
    await edit(org, "ada", email="ada@elsewhere.example")
    await edit(org, "ada", state="active")
    await org.log_in("demo")
    reply = await ask(org, ("EntityId", made["id"]))
    entries = reply.body["entities"]
    assert [(e["action"], e["client"]["id"], e.get("user", {}).get("id") is None) for e in entries] == [
        ("Update", "admin-ui", False),
        ("Update", "admin-ui", False),
        ("Update", "okta", True),
        ("Update", "demo", True),
        ("Create", "demo", True),
    ]
    assert [e["propertyChanges"] for e in entries[:4]] == [
        [{"property": "state", "oldValues": ["inactive"], "newValues": ["active"]}],
        [{"property": "email", "oldValues": ["ada@example.com"], "newValues": ["ada@elsewhere.example"]}],
        [{"property": "state", "oldValues": ["active"], "newValues": ["inactive"]}],
        [{"property": "title", "oldValues": ["Agent"], "newValues": ["Lead"]}],
    ]
    assert {e["entityType"] for e in entries} == {"User"}
    assert "name" not in entries[0]["user"]
    named = await ask(org, ("EntityId", made["id"]), path=f"{REALTIME}?expand=user")
    assert named.body["entities"][0]["user"]["name"] == "Sue Visor"


async def test_what_changed_nothing_is_no_entry(org: Org) -> None:
    """No-ops and refusals aren't changes."""
    made = await org.user("ada", title="Agent")
    await org.patch(made["id"], ("replace", "title", "Agent"))
    await org.patch(made["id"], ("replace", "title", 7))
    assert (await ask(org)).body["total"] == 1


async def test_filters_combine_and_pages_follow(org: Org) -> None:
    """A filter narrows down, Action needs EntityType, and pages of the newest first or last cover everything."""
    for n in range(5):
        await org.user(f"u{n}")
    await edit(org, "u3", title="Dr")
    assert (await ask(org, ("EntityType", "User"), ("Action", "Update"))).body["total"] == 1
    assert (await ask(org, ("ClientId", "admin-ui"))).body["total"] == 1
    assert (await ask(org, ("ClientId", "nobody"))).body["total"] == 0
    [entry] = (await ask(org, ("ClientId", "admin-ui"))).body["entities"]
    assert (await ask(org, ("UserId", entry["user"]["id"]))).body["total"] == 1
    pages = [(await ask(org, pageSize=4, pageNumber=number)).body for number in (1, 2, 3)]
    assert [(len(page["entities"]), page["pageCount"]) for page in pages] == [(4, 2), (2, 2), (0, 2)]
    sort = [{"name": "Timestamp", "sortOrder": "ascending"}]
    oldest = (await ask(org, sort=sort, pageSize=1)).body["entities"][0]
    assert oldest["entity"]["name"] == "u0"


@pytest.mark.parametrize(
    "wrong",
    [
        {"interval": "yesterday"},
        {"interval": "2026-02-01T00:00:00Z/2026-01-01T00:00:00Z"},
        {"interval": "2026-01-01T00:00:00Z/2026-03-01T00:00:00Z"},
        {"serviceName": "Kitchen"},
        {"pageSize": 501},
        {"sort": "Timestamp"},
    ],
)
async def test_a_wrong_query_is_refused(org: Org, wrong: dict[str, Any]) -> None:
    """400 with the platform's error body, for what the documents rule out."""
    reply = await ask(org, **wrong)
    assert (reply.status, reply.body["status"]) == (400, 400)


async def test_a_filter_by_action_alone_is_refused(org: Org) -> None:
    """As the platform does; so is a property that nobody documents."""
    assert (await ask(org, ("Action", "Update"))).status == 400
    assert (await ask(org, ("Colour", "red"))).status == 400


async def test_the_quick_query_reaches_fourteen_days_and_the_other_further(start: Start) -> None:
    """What is older is found only by the query that is asked for and fetched later."""
    org = await start(clock_skew_s=-20 * 86400)
    await org.user("ada")
    await org.sim("POST", "config", {"clock_skew_s": 0})
    assert (await ask(org, interval=interval(days=29))).body["total"] == 0
    begun = await ask(org, path="audits/query", interval=interval(days=29))
    assert (begun.status, begun.body["state"]) == (202, "Running")
    at = f"audits/query/{begun.body['id']}"
    assert (await org.call("GET", f"{at}/results", root="/api/v2/")).status == 400
    states = [(await org.call("GET", at, root="/api/v2/")).body["state"] for _ in range(2)]
    assert states == ["Running", "Succeeded"]
    results = (await org.call("GET", f"{at}/results", root="/api/v2/")).body
    assert ([e["entity"]["name"] for e in results["entities"]], "cursor" in results) == (["ada"], False)


async def test_results_go_on_at_their_cursor(start: Start) -> None:
    """Each page names the next until the last, which names none."""
    org = await start(audit_polls=0)
    for n in range(5):
        await org.user(f"u{n}")
    at = f"audits/query/{(await ask(org, path='audits/query')).body['id']}/results?pageSize=2"
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await org.call("GET", at + cursor, root="/api/v2/")).body
        names += [entry["entity"]["name"] for entry in page["entities"]]
        cursor = f"&cursor={page['cursor']}" if "cursor" in page else None
    assert names == ["u4", "u3", "u2", "u1", "u0"]


async def test_groups_and_the_service_of_scim_are_where_the_mapping_says(org: Org) -> None:
    """Services are asked for; members are found in Groups, and by a switch users in SCIM, people's edits never."""
    services = (await org.call("GET", f"{REALTIME}/servicemapping", root="/api/v2/")).body["services"]
    assert {"Directory", "SCIM", "Groups", "PeoplePermissions"} == {service["name"] for service in services}
    await org.sim("POST", "config", {"scim_audit_service": "SCIM", "audit_names": "scim"})
    made = await org.user("ada")
    await edit(org, "ada", title="Dr")
    await org.patch(await org.group(), ("add", "members", [{"value": made["id"]}]), to="Groups")
    assert [e["action"] for e in (await ask(org, serviceName="SCIM")).body["entities"]] == ["Create"]
    [by_hand] = (await ask(org)).body["entities"]
    assert by_hand["propertyChanges"][0]["property"] == "title"
    [group] = (await ask(org, serviceName="Groups")).body["entities"]
    assert group["propertyChanges"] == [{"property": "members", "oldValues": [], "newValues": [made["id"]]}]


async def test_the_log_can_lag_and_needs_its_permission(org: Org) -> None:
    """What just changed may not be in it yet; without audits:audit:view there is nothing to see."""
    await org.user("ada")
    await org.sim("POST", "config", {"audit_lag_ms": 60_000})
    assert (await ask(org)).body["total"] == 0
    await org.log_in_as("other", "directory:user:edit")
    assert (await ask(org)).status == 403


async def test_people_edit_anything_by_hand(org: Org) -> None:
    """An edit by hand knows users by any name, takes SCIM's attributes too, and refuses what isn't there."""
    made = await org.user("ada")
    skills = [{"name": "Billing", "proficiency": 2.0}]
    for who in (made["id"], "ada", "ada@example.com"):
        shown = await edit(org, who, roles=[{"value": "Supervisor"}], routingSkills=skills, department=who)
    assert shown[GENESYS]["routingSkills"] == skills
    assert shown["roles"] == [{"value": "Supervisor"}]
    assert (await edit(org, "ada", state="deleted"))["_state"] == "deleted"
    assert (await edit(org, "ada", state="active"))["active"] is True
    for wrong in ({"colour": "red"}, {"state": "asleep"}, {"roles": [{"value": "Boss"}]}, {}):
        assert "error" in await edit(org, "ada", **wrong)
    assert "error" in await edit(org, "nobody", title="x")


async def test_people_make_users_and_change_groups_by_hand(org: Org) -> None:
    """Many users at once, and members who come and go, each with an entry that names who did it."""
    bodies = [{"userName": f"u{n}@example.com", "displayName": f"u{n}"} for n in range(3)]
    ids = (await org.sim("POST", "users", {"users": bodies, "by": "Max"}))["ids"]
    assert (await org.call("GET", "Users")).body["totalResults"] == 3
    created = (await ask(org, ("Action", "Create"), ("EntityType", "User"), path=f"{REALTIME}?expand=user")).body
    assert {entry["user"]["name"] for entry in created["entities"]} == {"Max"}
    change = {"group": "All Agents", "add": [ids[0], "u1@example.com"]}
    assert {m["value"] for m in (await org.sim("POST", "members", change))["members"]} == set(ids[:2])
    await org.sim("POST", "members", {"group": await org.group(), "remove": [ids[0]], "client": "okta", "by": None})
    assert "groups" not in (await org.call("GET", f"Users/{ids[0]}")).body
    [left, came] = (await ask(org, serviceName="Groups")).body["entities"]
    assert (left["client"]["id"], "user" in left, came["client"]["id"]) == ("okta", False, "admin-ui")
    for door, wrong in (("members", {"group": "Nobody"}), ("users", {"users": [{"displayName": "x"}]})):
        assert "error" in await org.sim("POST", door, wrong)


async def test_roles_can_be_found_with_the_role_alone(org: Org) -> None:
    """By a switch, who is given a role is no change of theirs: an entry of the role, named by both ids."""
    made = await org.user("ada")
    await org.sim("POST", "config", {"role_audits": "PeoplePermissions"})
    await edit(org, "ada", roles=[{"value": "Supervisor"}])
    await edit(org, "ada", roles=[{"value": "Supervisor"}], title="Lead")
    grants = (await ask(org, serviceName="PeoplePermissions")).body["entities"]
    assert [(entry["entityType"], entry["action"]) for entry in grants] == [
        ("Role", "MemberRemove"),
        ("Role", "MemberAdd"),
    ]
    assert all(entry["entity"]["name"].startswith(f"{made['id']}--") for entry in grants)
    [lead, _] = (await ask(org, ("EntityId", made["id"]))).body["entities"]
    assert [change["property"] for change in lead["propertyChanges"]] == ["title"]

"""Microsoft Graph's stand-in: users, delta queries, groups and subscriptions as they are documented."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from yarl import URL

from tests.support.stand_ins import ADA, BEN, USERS, Site


async def test_graphs_token_needs_a_scope_and_the_right_secret(site: Site) -> None:
    """Version 2.0 of the endpoint refuses a request without scope, and a wrong secret; so does the API no token."""
    url = site.base.join(URL("/graph/acme/oauth2/v2.0/token"))
    form = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo"}
    async with site.session.post(url, data=form) as answer:
        assert (answer.status, (await answer.json())["error"]) == (400, "invalid_request")
    async with site.session.post(url, data=form | {"scope": "x", "client_secret": "no"}) as answer:
        assert answer.status == 401
    refused = await site.call("GET", f"{USERS}/x", Authorization="Bearer no")
    assert (refused.status, refused.body["error"]["code"]) == (401, "InvalidAuthenticationToken")


async def test_graph_shows_what_is_selected_and_the_manager_as_a_reference(site: Site) -> None:
    """The default answer lacks accountEnabled; unknown names are refused; the manager comes by $expand, as an id."""
    ada = await site.put("graph", ADA)
    ben = await site.put("graph", {**BEN, "custom": {"genesysQueue": "Sales"}})
    short = await site.get(f"{USERS}/ben@example.com")
    assert "accountEnabled" not in short
    assert short["jobTitle"] is None
    app = (await site.sim("GET", "config"))["extension_app"]
    query = f"$select=id,accountEnabled,employeeId,department,extension_{app}_genesysQueue&$expand=manager($select=id)"
    user = await site.get(f"{USERS}/{ben}?{query}")
    assert user.pop("manager")["id"] == ada
    assert user.pop("@odata.context")
    assert user == {
        "id": ben,
        "accountEnabled": True,
        "employeeId": "1002",
        "department": None,
        f"extension_{app}_genesysQueue": "Sales",
    }
    assert (await site.call("GET", f"{USERS}/{ben}?$select=salary")).status == 400
    assert "manager" not in await site.get(f"{USERS}/{ada}?$expand=manager")


async def rounds(site: Site, url: str, **headers: str) -> tuple[list[Any], str]:
    """Every item of one round of the delta query, and the link to the next."""
    users = []
    while True:
        page = await site.get(url, **headers)
        users += page["value"]
        if "@odata.deltaLink" in page:
            return users, page["@odata.deltaLink"]
        url = page["@odata.nextLink"]


async def test_graphs_delta_tells_changes_soft_deletes_purges_and_restores(site: Site) -> None:
    """Round by round: everybody, nothing, a cleared attribute as null, `changed`, back again, `deleted`."""
    await site.sim("POST", "config", {"page_size": 1})
    ada, ben = await site.put("graph", ADA), await site.put("graph", BEN)
    first, link = await rounds(site, f"{USERS}/delta?$select=displayName,department,accountEnabled,manager")
    assert first == [
        {"id": ada, "displayName": "Ada Moss", "department": "Billing", "accountEnabled": True},
        {
            "id": ben,
            "displayName": "Ben Oak",
            "accountEnabled": True,
            "manager@delta": [{"@odata.type": "#microsoft.graph.user", "id": ada}],
        },
    ]
    nothing, link = await rounds(site, link)
    assert nothing == []
    await site.change("graph", "1001", department=None)
    await site.change("graph", "1002", manager=None)
    changed, link = await rounds(site, link)
    assert [each.get("department", "absent") for each in changed] == [None, "absent"]
    assert changed[1]["manager@delta"][0]["@removed"] == {"reason": "deleted"}
    for path, method, removed in (
        (f"graph/people/{ada}", "DELETE", {"reason": "changed"}),
        (f"graph/people/{ada}/restore", "POST", None),
        (f"graph/people/{ada}", "DELETE", {"reason": "changed"}),
        (f"graph/people/{ada}", "DELETE", {"reason": "deleted"}),
    ):
        await site.sim(method, path)
        changed, link = await rounds(site, link)
        assert [(each["id"], each.get("@removed")) for each in changed] == [(ada, removed)]
    everybody, _ = await rounds(site, f"{USERS}/delta")
    assert [each["id"] for each in everybody] == [ben]


async def test_graphs_delta_tells_who_came_and_went_since_a_round_of_nobody(site: Site) -> None:
    """The first round was empty; the second one tells of somebody who was made and deleted meanwhile."""
    nobody, link = await rounds(site, f"{USERS}/delta")
    assert nobody == []
    ada = await site.put("graph", ADA)
    await site.sim("DELETE", f"graph/people/{ada}")
    changed, _ = await rounds(site, link)
    assert changed == [{"id": ada, "@removed": {"reason": "changed"}}]


async def test_a_change_while_graphs_pages_are_read_comes_in_the_next_round(site: Site) -> None:
    """Nobody is lost or half-told when somebody on a later page changes in between."""
    await site.sim("POST", "config", {"page_size": 1})
    ada, ben = await site.put("graph", ADA), await site.put("graph", BEN)
    page = await site.get(f"{USERS}/delta?$select=department")
    await site.change("graph", ben, department="Sales")
    rest, link = await rounds(site, page["@odata.nextLink"])
    again, _ = await rounds(site, link)
    assert ([each["id"] for each in page["value"]], rest) == ([ada], [])
    assert again == [{"id": ben, "department": "Sales"}]


async def test_graphs_minimal_delta_holds_only_what_changed(site: Site) -> None:
    """With Prefer: return=minimal an unchanged attribute is absent and a cleared one null."""
    await site.put("graph", {**ADA, "job": "Agent"})
    _, link = await rounds(site, f"{USERS}/delta?$select=displayName,department,jobTitle")
    await site.change("graph", "1001", department=None)
    changed, _ = await rounds(site, link, Prefer="return=minimal")
    assert [each.keys() - {"id"} for each in changed] == [{"department"}]
    assert changed[0]["department"] is None


async def test_graphs_delta_replays_and_starts_over_on_demand(site: Site) -> None:
    """A replay tells an older version before the newest; 410 names where to start over; a reset ends all links."""
    await site.put("graph", ADA)
    _, link = await rounds(site, f"{USERS}/delta?$select=department")
    await site.change("graph", "1001", department="Sales")
    await site.sim("POST", "graph/faults", {"faults": [{"kind": "replay", "times": 1}]})
    told, link = await rounds(site, link)
    assert [each["department"] for each in told] == ["Billing", "Sales"]
    await site.sim("POST", "graph/faults", {"faults": [{"kind": "gone", "times": 1}]})
    gone = await site.call("GET", link)
    assert gone.status == 410
    assert [each["department"] for each in (await rounds(site, gone.headers["Location"]))[0]] == ["Sales"]
    assert (await site.call("GET", link)).status == 200
    await site.sim("POST", "reset")
    assert (await site.call("GET", link)).status == 410
    assert (await site.call("GET", f"{USERS}/delta?$deltatoken=abc")).status == 400


async def test_graph_keeps_the_soft_deleted_aside_under_a_mangled_name(site: Site) -> None:
    """A soft delete is 404 among users and there among deleted items, until it is purged."""
    ada = await site.put("graph", ADA)
    await site.sim("DELETE", "graph/people/1001")
    aside = f"/graph/v1.0/directory/deletedItems/{ada}"
    assert (await site.call("GET", f"{USERS}/{ada}")).status == 404
    deleted = await site.get(aside)
    assert deleted["userPrincipalName"] == ada.replace("-", "") + "ada@example.com"
    assert deleted["deletedDateTime"].endswith("Z")
    await site.sim("DELETE", f"graph/people/{ada}")
    assert (await site.call("GET", aside)).status == 404


async def test_graph_shakes_hands_before_it_subscribes(site: Site, receiver: URL) -> None:
    """Who doesn't repeat the token isn't subscribed, nor is what Graph doesn't offer."""
    site.echoes = False
    assert (await site.subscribe(receiver)).status == 400
    site.echoes = True
    for wrong in ({"changeType": "created"}, {"resource": "sites"}, {"clientState": "x" * 129}):
        assert (await site.subscribe(receiver, **wrong)).status == 400
    too_long = (datetime.now(UTC) + timedelta(minutes=41_800)).isoformat()
    assert (await site.subscribe(receiver, expirationDateTime=too_long)).status == 400
    reply = await site.subscribe(receiver, lifecycleNotificationUrl=str(receiver / "life"))
    assert reply.status == 201
    assert reply.body["clientState"] is None
    assert (await site.get("/graph/v1.0/subscriptions"))["value"] == [reply.body]


async def test_graph_notifies_without_values_until_it_is_accepted(site: Site, receiver: URL) -> None:
    """A soft delete is `updated` as a create is, only a purge is `deleted`; 5xx is tried again; groups don't count."""
    await site.subscribe(receiver)
    site.answers = [503, 500, 202]
    ada = await site.put("graph", ADA)
    await site.sent()
    await site.change("graph", ada, groups=["Supervisors"])
    await site.sim("DELETE", f"graph/people/{ada}")
    await site.sent()
    await site.sim("DELETE", f"graph/people/{ada}")
    items = [body["value"][0] for body in await site.sent()]
    assert [item["changeType"] for item in items] == ["updated", "updated", "updated", "updated", "deleted"]
    assert {(item["clientState"], item["resource"]) for item in items} == {("s3cret", f"Users/{ada}")}
    assert b"Ada" not in orjson.dumps(items)


async def test_graphs_subscriptions_expire_are_renewed_and_end(site: Site, receiver: URL) -> None:
    """After its moment a subscription is gone and silent; a renewed one goes on until it is deleted."""
    ends = datetime.now(UTC) + timedelta(seconds=2)  # so that both are made and one renewed before, on a busy machine
    soon = ends.isoformat()
    short = (await site.subscribe(receiver, expirationDateTime=soon)).body["id"]
    longer = (await site.subscribe(receiver, expirationDateTime=soon)).body["id"]
    later = {"expirationDateTime": (datetime.now(UTC) + timedelta(days=2)).isoformat()}
    where = "/graph/v1.0/subscriptions"
    assert (await site.call("PATCH", f"{where}/{longer}", later)).status == 200
    await asyncio.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 0.01)
    assert (await site.call("PATCH", f"{where}/{short}", later)).status == 404
    await site.put("graph", ADA)
    assert [body["value"][0]["subscriptionId"] for body in await site.sent()] == [longer]
    assert (await site.call("DELETE", f"{where}/{longer}")).status == 204
    await site.put("graph", BEN)
    assert len(await site.sent()) == 1


async def test_graph_names_a_persons_groups(site: Site) -> None:
    """Groups of a user are asked for at the user."""
    ada = await site.put("graph", {**ADA, "groups": ["Supervisors"]})
    assert [each["displayName"] for each in (await site.get(f"{USERS}/{ada}/memberOf"))["value"]] == ["Supervisors"]


async def test_graphs_groups_tell_who_joined_left_and_what_they_are_called(site: Site) -> None:
    """By their own delta query; of a user that is no change, and no notification tells it."""
    ada = await site.put("graph", {**ADA, "groups": ["Agents"]})
    ben = await site.put("graph", BEN)
    where = "/graph/v1.0/groups"
    _, users = await rounds(site, f"{USERS}/delta?$select=displayName")
    everybody, _ = await rounds(site, f"{where}/delta?$select=displayName,members")
    (agents,) = everybody
    kind = "#microsoft.graph.user"
    assert agents == {
        "id": agents["id"],
        "displayName": "Agents",
        "members@delta": [{"@odata.type": kind, "id": ada}],
    }
    nothing, link = await rounds(site, f"{where}/delta?$select=displayName,members&$deltatoken=latest")
    assert nothing == []
    await site.change("graph", ada, groups=[])
    await site.change("graph", ben, groups=["Agents"])
    changed, link = await rounds(site, link)
    assert changed[0]["members@delta"] == [
        {"@odata.type": kind, "id": ada, "@removed": {"reason": "deleted"}},
        {"@odata.type": kind, "id": ben},
    ]
    await site.sim("PATCH", "graph/groups/Agents", {"displayName": "Agents EU"})
    changed, link = await rounds(site, link)
    assert changed == [{"id": agents["id"], "displayName": "Agents EU"}]
    assert (await site.get(f"{where}/{agents['id']}/members/microsoft.graph.user?$select=id"))["value"] == [
        {"@odata.type": kind, "id": ben}
    ]
    assert [each["displayName"] for each in (await site.get(f"{USERS}/{ben}/memberOf"))["value"]] == ["Agents EU"]
    assert (await site.call("GET", f"{where}/{ada}/members/microsoft.graph.user")).status == 404
    assert (await rounds(site, link))[0] == []
    assert (await rounds(site, users))[0] == []
    await site.change("graph", ada, groups=["Agents EU", "Leads"])
    minimal, _ = await rounds(site, link, Prefer="return=minimal")
    assert [each.get("displayName") for each in minimal] == [None, "Leads"]

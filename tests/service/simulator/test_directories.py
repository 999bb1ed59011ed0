"""The directory stand-ins: what a client or a receiver of hooks would notice, over real sockets.

Everybody here is made up.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from streamproc.simulator import create_app

ADA = {"employeeNumber": "1001", "userName": "ada@example.com", "displayName": "Ada Moss", "department": "Billing"}
BEN = {"employeeNumber": "1002", "userName": "ben@example.com", "displayName": "Ben Oak", "manager": "1001"}
REPORT = "/workday/ccx/service/customreport2/acme/isu/workers"
ENV = "/pingone/v1/environments/env1"


class Reply:
    def __init__(self, answer: aiohttp.ClientResponse, raw: bytes) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.links = {relation: str(link["url"]) for relation, link in answer.links.items()}
        self.body: Any = orjson.loads(raw) if raw else None


class Site:
    """A client of the stand-ins, and a receiver of their hooks that answers as it is told."""

    def __init__(self, session: aiohttp.ClientSession, base: URL) -> None:
        self.session = session
        self.base = base
        self.got: list[tuple[str, Any, Any]] = []  # path, headers, body
        self.answers: list[int] = []  # statuses of the next answers; then `status`
        self.status = 200
        self.echoes = True

    async def receive(self, request: web.Request) -> web.Response:
        if token := request.query.get("validationToken"):
            return web.Response(text=token if self.echoes else "no", content_type="text/plain")
        if challenge := request.headers.get("x-okta-verification-challenge"):
            return web.json_response({"verification": challenge})
        self.got.append((request.path, request.headers, await request.json()))
        return web.Response(status=self.answers.pop(0) if self.answers else self.status)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        url = URL(path) if path.startswith("http") else self.base.join(URL(path))
        auth = {}
        if url.path.startswith("/okta"):
            auth = {"Authorization": "SSWS demo"}
        elif url.path.startswith("/workday"):
            auth = {"Authorization": "Basic ZGVtbzpkZW1v"}
        elif url.path.startswith(("/graph/v1.0", "/pingone/v1")):
            auth = {"Authorization": f"Bearer {await self.token(url.parts[1])}"}
        sent = auth | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, url, json=body, headers=sent) as answer:
            return Reply(answer, await answer.read())

    async def token(self, directory: str) -> str:
        path = {"graph": "/graph/acme/oauth2/v2.0/token", "pingone": "/pingone/env1/as/token"}[directory]
        form = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo", "scope": "x"}
        async with self.session.post(self.base.join(URL(path)), data=form) as answer:
            return str((await answer.json())["access_token"])

    async def get(self, path: str, **headers: str) -> Any:
        answer = await self.call("GET", path, **headers)
        assert answer.status == 200, answer.body
        return answer.body

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.call(method, f"/_sim/directories/{path}", body)
        assert answer.status == 200, answer.body
        return answer.body

    async def put(self, directory: str, person: Any) -> str:
        return str((await self.sim("POST", f"{directory}/people", person))["id"])

    async def change(self, directory: str, key: str, **fields: Any) -> None:
        await self.sim("PATCH", f"{directory}/people/{key}", fields)

    async def sent(self) -> list[Any]:
        """Bodies received, once no hook is pending."""
        while True:
            if not (await self.sim("GET", "hooks"))["pending"]:
                return [body for _, _, body in self.got]
            await asyncio.sleep(0.005)

    async def until_got(self, number: int) -> None:
        while True:
            if len(self.got) >= number:
                return
            await asyncio.sleep(0.005)

    async def subscribe(self, receiver: URL, **more: Any) -> Reply:
        content = {
            "changeType": "updated,deleted",
            "notificationUrl": str(receiver / "v1/entra"),
            "resource": "users",
            "expirationDateTime": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
            "clientState": "s3cret",
        }
        return await self.call("POST", "/graph/v1.0/subscriptions", content | more)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(create_app()))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Site(session, server.make_url("/"))


@pytest.fixture
async def receiver(site: Site) -> AsyncIterator[URL]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", site.receive)
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        headers = {"okta": {"Authorization": "hook"}, "pingone": {"X-Secret": "hook"}}
        await site.sim("POST", "config", {"gateway": url, "hook_headers": headers, "retry_s": 0.01})
        yield server.make_url("/")


# Okta


async def test_okta_shows_unset_and_cleared_attributes_differently(site: Site) -> None:
    """Never set is absent, cleared is null; status, custom attributes and the free-text manager are Okta's."""
    ada = await site.put("okta", {**ADA, "custom": {"genesysQueue": "Sales"}})
    await site.change("okta", "1001", department=None, manager="77")
    user = await site.get("/okta/api/v1/users/ada@example.com")
    assert (user["id"], user["status"]) == (ada, "ACTIVE")
    profile = user["profile"]
    assert (profile["department"], profile["managerId"], profile["genesysQueue"]) == (None, "77", "Sales")
    assert (profile["firstName"], profile["lastName"]) == ("Ada", "Moss")
    assert "division" not in profile


async def test_okta_forgets_whom_it_deleted(site: Site) -> None:
    """After a delete the user is 404 by id and login, and a new one of the same login has another id."""
    ada = await site.put("okta", ADA)
    await site.sim("DELETE", f"okta/people/{ada}")
    answer = await site.call("GET", f"/okta/api/v1/users/{ada}")
    assert (answer.status, answer.body["errorCode"]) == (404, "E0000007")
    assert await site.put("okta", ADA) != ada
    assert (await site.call("PATCH", f"/_sim/directories/okta/people/{ada}", {"job": "x"})).status == 400


async def test_okta_limits_and_says_so(site: Site) -> None:
    """Every answer has the rate-limit headers and a Date; past the limit it's 429 without Retry-After."""
    await site.sim("POST", "config", {"okta_rate_limit": 1})
    path = "/okta/api/v1/users"
    answers = [await site.call("GET", path) for _ in range(4)]  # a minute may begin in between
    refused = next(each for each in answers if each.status == 429)
    assert refused.body["errorCode"] == "E0000047"
    assert (refused.headers["x-rate-limit-limit"], refused.headers["x-rate-limit-remaining"]) == ("1", "0")
    assert "Retry-After" not in refused.headers
    assert int(refused.headers["x-rate-limit-reset"]) > 0
    assert all({"Date", "X-Rate-Limit-Reset"} <= {*each.headers} for each in answers)
    assert (await site.call("GET", path, Authorization="SSWS other")).status == 401


async def test_okta_lists_page_by_page_and_hides_the_deactivated_unless_filtered(site: Site) -> None:
    """Pages follow Link rel=next; only a filter or a search finds who was deactivated."""
    await site.sim("POST", "config", {"page_size": 2})
    start = datetime.now(UTC) - timedelta(seconds=1)
    people = [{"employeeNumber": str(n), "userName": f"u{n}", "displayName": f"U {n}"} for n in range(5)]
    await site.sim("POST", "okta/people", people)
    await site.change("okta", "3", active=False)

    async def logins(url: str) -> list[str]:
        found = []
        while url:
            page = await site.call("GET", url)
            assert page.status == 200, page.body
            found += [user["profile"]["login"] for user in page.body]
            url = page.links.get("next", "")
        return found

    users = "/okta/api/v1/users"
    assert await logins(users) == ["u0", "u1", "u2", "u4"]
    changed = f'lastUpdated gt "{start.isoformat()}"'
    assert await logins(str(URL(users).with_query(filter=changed))) == ["u0", "u1", "u2", "u3", "u4"]
    search = 'profile.employeeNumber eq "3" and status eq "DEPROVISIONED" or profile.login eq "u1"'
    assert await logins(str(URL(users).with_query(search=search, limit="1"))) == ["u1", "u3"]
    for bad in ('profile.department eq "x"', "lastUpdated gt", 'lastUpdated gt "soon"', 'status eq "A" nor id eq "b"'):
        assert (await site.call("GET", str(URL(users).with_query(filter=bad)))).status == 400


async def test_oktas_groups_include_everyone_and_dont_touch_the_user(site: Site) -> None:
    """Joining a group leaves `lastUpdated` alone, and the built-in group is listed with the others."""
    ada = await site.put("okta", ADA)
    before = (await site.get(f"/okta/api/v1/users/{ada}"))["lastUpdated"]
    await asyncio.sleep(0.002)
    await site.change("okta", ada, groups=["Supervisors"])
    assert (await site.get(f"/okta/api/v1/users/{ada}"))["lastUpdated"] == before
    groups = await site.get(f"/okta/api/v1/users/{ada}/groups")
    assert [group["profile"]["name"] for group in groups] == ["Everyone", "Supervisors"]


async def test_oktas_hook_names_users_and_holds_no_values(site: Site, receiver: URL) -> None:
    """Secret header, envelope, the user among the targets, names of attributes; nothing of what they are now."""
    ada = await site.put("okta", ADA)
    await site.change("okta", "1001", department="Fraud desk", job="Lead", groups=["Supervisors"])
    await site.change("okta", "1001", active=False)
    await site.sim("DELETE", f"okta/people/{ada}")
    bodies = await site.sent()
    kinds = [[event["eventType"] for event in body["data"]["events"]] for body in bodies]
    assert sorted(kinds) == [
        ["user.account.update_profile", "group.user_membership.add"],
        ["user.lifecycle.create", "user.lifecycle.activate"],
        ["user.lifecycle.deactivate"],
        ["user.lifecycle.delete.initiated"],
    ]
    assert {(path, headers["Authorization"]) for path, headers, _ in site.got} == {("/v1/okta", "hook")}
    assert b"Fraud desk" not in orjson.dumps(bodies)
    told = next(
        body["data"]["events"] for body in bodies if len(body["data"]["events"][0]["debugContext"]["debugData"])
    )
    assert told[0]["debugContext"]["debugData"]["changedAttributes"] == "department,title"
    assert [target["type"] for target in told[1]["target"]] == ["User", "UserGroup"]
    assert {event["target"][0]["id"] for body in bodies for event in body["data"]["events"]} == {ada}


@pytest.mark.parametrize(("answers", "posts"), [([503, 200], 2), ([503, 503], 2), ([400], 1), ([204], 1)])
async def test_okta_retries_once_and_only_server_errors(
    site: Site, receiver: URL, answers: list[int], posts: int
) -> None:
    """What fails twice is lost to the hook, and what was refused with 4xx isn't sent again."""
    site.answers = [*answers]
    await site.put("okta", ADA)
    assert len(await site.sent()) == posts
    log = (await site.sim("GET", "hooks"))["hooks"]
    assert [hook["status"] for hook in log] == answers
    assert log[0]["about"][0][0] == "user.lifecycle.create"


async def test_okta_verifies_a_hook_with_a_challenge(site: Site, receiver: URL) -> None:
    """The endpoint that repeats the challenge is verified, another isn't."""
    assert (await site.sim("POST", "okta/verify"))["verified"] is True
    await site.sim("POST", "config", {"gateway": "http://127.0.0.1:9"})
    assert (await site.sim("POST", "okta/verify"))["verified"] is False


async def test_oktas_log_has_what_hooks_leave_out_and_polling_never_ends(site: Site) -> None:
    """A polling query always has a next link, which goes on where it stopped; a bounded one ends."""
    ada = await site.put("okta", ADA)
    query = {"since": "2020-01-01T00:00:00Z", "limit": "1", "filter": 'eventType sw "user.lifecycle."'}
    url = str(URL("/okta/api/v1/logs").with_query(query))
    seen = []
    for _ in range(3):  # the last page is empty, and has a next link all the same
        page = await site.call("GET", url)
        seen += [event["eventType"] for event in page.body]
        url = page.links["next"]
    await site.sim("DELETE", f"okta/people/{ada}")
    for _ in range(3):
        page = await site.call("GET", url)
        seen += [event["eventType"] for event in page.body]
        url = page.links["next"]
    words = ("create", "activate", "deactivate", "delete.initiated", "delete.completed")
    assert seen == [f"user.lifecycle.{word}" for word in words]
    until = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    bounded = URL("/okta/api/v1/logs").with_query({"until": until, "sortOrder": "DESCENDING"})
    last = await site.call("GET", str(bounded))
    assert last.body[0]["eventType"] == "user.lifecycle.delete.completed"
    assert "next" not in last.links


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"status": "SUSPENDED"}, "user.lifecycle.suspend"),
        ({"status": "LOCKED_OUT"}, "user.account.lock"),
        ({"active": False}, "user.lifecycle.deactivate"),
    ],
)
async def test_okta_tells_statuses_apart(site: Site, fields: Any, kind: str) -> None:
    """Each way out of work has its own event, and so has the way back."""
    await site.put("okta", ADA)
    await site.change("okta", "1001", **fields)
    await site.change("okta", "1001", active=True)
    log = await site.get("/okta/api/v1/logs")
    back = {"SUSPENDED": "user.lifecycle.unsuspend", "LOCKED_OUT": "user.account.unlock"}
    back_kind = back.get(fields.get("status"), "user.lifecycle.activate")
    assert [event["eventType"] for event in log[-2:]] == [kind, back_kind]


# Microsoft Graph

USERS = "/graph/v1.0/users"


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
    shown = await site.get(f"{USERS}/{ben}?{query}")
    assert shown.pop("manager")["id"] == ada
    assert shown.pop("@odata.context")
    assert shown == {
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
    found = []
    while True:
        page = await site.get(url, **headers)
        found += page["value"]
        if "@odata.deltaLink" in page:
            return found, page["@odata.deltaLink"]
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
    shown = await site.get(aside)
    assert shown["userPrincipalName"] == ada.replace("-", "") + "ada@example.com"
    assert shown["deletedDateTime"].endswith("Z")
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
    made = await site.subscribe(receiver, lifecycleNotificationUrl=str(receiver / "life"))
    assert made.status == 201
    assert made.body["clientState"] is None
    assert (await site.get("/graph/v1.0/subscriptions"))["value"] == [made.body]


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


# PingOne


async def test_pingone_leaves_out_what_isnt_set_and_what_wasnt_asked_for(site: Site) -> None:
    """Cleared and unset are both absent, groups come by `include`; the deleted are 404."""
    ada = await site.put("pingone", {**ADA, "groups": ["Supervisors"], "custom": {"genesysRole": "Agent"}})
    await site.change("pingone", ada, department=None, active=False)
    path = f"{ENV}/users/{ada}"
    user = await site.get(path)
    assert (user["enabled"], user["employeeNumber"], user["genesysRole"]) == (False, "1001", "Agent")
    assert not {"department", "memberOfGroupNames", "title"} & user.keys()
    assert (await site.get(f"{path}?include=memberOfGroupNames"))["memberOfGroupNames"] == ["Supervisors"]
    await site.sim("DELETE", f"pingone/people/{ada}")
    assert (await site.call("GET", path)).body["code"] == "NOT_FOUND"
    assert (await site.call("GET", path, Authorization="Bearer no")).status == 401


async def test_pingone_lists_by_links_and_filters_what_it_documents(site: Site) -> None:
    """Pages follow _links.next; updatedAt isn't an attribute that users can be filtered by."""
    await site.sim("POST", "pingone/people", [{"employeeNumber": str(n), "userName": f"u{n}"} for n in range(5)])
    url, names = f"{ENV}/users?limit=2", []
    while url:
        page = await site.get(url)
        names += [user["username"] for user in page["_embedded"]["users"]]
        url = page["_links"].get("next", {}).get("href", "")
    assert names == ["u0", "u1", "u2", "u3", "u4"]
    some = URL(f"{ENV}/users").with_query(filter='enabled eq true and username sw "u"', limit="4")
    page = await site.get(str(some))
    rest = await site.get(page["_links"]["next"]["href"])
    assert [user["username"] for user in rest["_embedded"]["users"]] == ["u4"]
    assert (await site.call("GET", f'{ENV}/users?filter=updatedAt gt "2026-01-01T00:00:00Z"')).status == 400


async def test_pingones_hook_is_an_array_that_blocks_until_it_is_answered_200(site: Site, receiver: URL) -> None:
    """202 isn't enough; what happens meanwhile waits, in order, and then comes in one array."""
    site.status = 202
    ada = await site.put("pingone", ADA)
    await site.change("pingone", ada, department="Sales", active=False)
    await site.change("pingone", ada, groups=["Supervisors"])
    await site.until_got(3)
    site.status = 200
    first, *_, last = await site.sent()
    assert [event["action"]["type"] for event in first] == ["USER.CREATED"]
    kinds = [event["action"]["type"] for event in last]
    assert kinds == ["USER.UPDATED", "USER.UPDATED", "MEMBER_OF_GROUP.CREATED"]
    assert "enabled" in last[1]["result"]["description"]
    assert f"/users/{ada}/memberOfGroups/" in last[2]["resources"][0]["href"]
    assert (last[2]["resources"][0]["name"], b"Sales" in orjson.dumps(last)) == ("Supervisors", False)
    assert {headers["X-Secret"] for _, headers, _ in site.got} == {"hook"}


async def test_pingones_activities_can_be_polled(site: Site) -> None:
    """What the webhook tells is in the audit API too, by recordedat."""
    ada = await site.put("pingone", ADA)
    await site.sim("DELETE", f"pingone/people/{ada}")
    query = {"filter": 'recordedat gt "2020-01-01T00:00:00Z" and action.type eq "USER.DELETED"'}
    found = await site.get(str(URL(f"{ENV}/activities").with_query(query)))
    assert [each["resources"][0]["id"] for each in found["_embedded"]["activities"]] == [ada]


# Workday


async def rows(site: Site, **prompts: str) -> list[Any]:
    query = {"format": "json", **prompts}
    return list((await site.get(str(URL(REPORT).with_query(query))))["Report_Entry"])


async def test_workdays_report_holds_strings_and_leaves_columns_empty_or_out(site: Site) -> None:
    """A cleared column is "", one that was never filled isn't there, booleans are digits; who left is no row."""
    await site.put("workday", {**BEN, "job": "Agent"})
    await site.change("workday", "1002", job=None)
    (row,) = await rows(site)
    assert (row["Employee_ID"], row["Mgr_ID"], row["Title"], row["Active"]) == ("1002", "1001", "", "1")
    assert "Department" not in row
    assert (await site.call("GET", REPORT, Authorization="Basic x")).status == 401
    assert (await site.call("GET", REPORT)).status == 400
    assert (await site.call("GET", f"{REPORT}?format=json&Salary=1")).status == 400
    await site.sim("DELETE", "workday/people/1002")
    assert await rows(site) == []


async def test_workdays_report_since_a_moment_and_of_one_worker(site: Site) -> None:
    """The prompts narrow it down: entered at or after a moment, and any column's value."""
    await site.put("workday", ADA)
    await asyncio.sleep(0.002)
    since = datetime.now(UTC)
    await site.put("workday", BEN)
    assert [row["Employee_ID"] for row in await rows(site, Updated_From=since.isoformat())] == ["1002"]
    assert [row["Employee_ID"] for row in await rows(site, Employee_ID="1001")] == ["1001"]


@pytest.mark.parametrize(
    ("hired", "last", "active"), [(-9, None, "1"), (9, None, "0"), (-9, 0, "1"), (-9, 9, "1"), (-9, -1, "0")]
)
async def test_workdays_active_follows_the_dates(site: Site, hired: int, last: int | None, active: str) -> None:
    """From the day of hire to the last day of work, both included: an end ahead leaves Active as it is."""
    today = datetime.now(UTC).date()
    dates = {"hireDate": hired} | ({} if last is None else {"lastDay": last})
    await site.put("workday", ADA | {name: (today + timedelta(days=days)).isoformat() for name, days in dates.items()})
    assert [row["Active"] for row in await rows(site)] == [active]


async def test_workdays_change_ahead_is_a_row_of_its_own(site: Site) -> None:
    """The present row stays as it is; one whose day has come is the present."""
    await site.put("workday", {**ADA, "job": "Agent"})
    day = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
    await site.change("workday", "1001", effective=day, job="Team Lead")
    await site.change("workday", "1001", effective="2020-01-01", department="Sales")
    shown = [(row["Effective_Date"], row["Title"], row["Department"]) for row in await rows(site)]
    assert shown == [("2020-01-01", "Agent", "Sales"), (day, "Team Lead", "Sales")]


async def test_workday_posts_business_events_only_if_it_is_set_up_to(site: Site, receiver: URL) -> None:
    """There is no hook of Workday's own; an integration may post process, worker and moments."""
    await site.put("workday", BEN)
    await site.sim("POST", "config", {"workday_events": True})
    await site.put("workday", ADA)
    await site.change("workday", "1001", terminationDate="2026-03-31")
    events = await site.sent()
    assert {(event["eventName"], event["workerId"], event["effectiveMoment"]) for event in events} == {
        ("Hire Employee", "1001", None),
        ("Terminate Employee", "1001", "2026-03-31"),
    }


# What goes wrong on demand


async def test_hooks_are_dropped_doubled_and_overtaken_on_demand(site: Site, receiver: URL) -> None:
    """One lost, one twice, one late enough for the next to come first; the log says which was dropped."""
    faults = [
        {"kind": "drop", "times": 1},
        {"kind": "duplicate", "times": 1},
        {"kind": "delay", "times": 1, "delay_ms": 50},
    ]
    await site.sim("POST", "okta/faults", {"faults": faults})
    ids = [await site.put("okta", {"employeeNumber": str(n), "displayName": f"U {n}"}) for n in range(4)]
    bodies = await site.sent()
    told = [body["data"]["events"][0]["target"][0]["id"] for body in bodies]
    assert sorted(told) == sorted([ids[1], ids[1], ids[2], ids[3]])
    assert told[-1] == ids[2]
    log = (await site.sim("GET", "hooks?directory=okta"))["hooks"]
    assert [hook["about"][0][1] for hook in log if hook.get("fault") == "drop"] == [ids[0]]


async def test_pingones_order_survives_a_delay(site: Site, receiver: URL) -> None:
    """Its webhook is ordered: a late batch holds up those behind it."""
    await site.sim("POST", "pingone/faults", {"faults": [{"kind": "delay", "times": 1, "delay_ms": 20}]})
    ids = [await site.put("pingone", {"userName": name}) for name in ("a", "b", "c")]
    bodies = await site.sent()
    assert [event["resources"][0]["id"] for body in bodies for event in body] == ids


@pytest.mark.parametrize(
    ("directory", "path"),
    [("okta", "/okta/api/v1/users"), ("graph", f"{USERS}/delta"), ("pingone", f"{ENV}/users"), ("workday", REPORT)],
)
async def test_the_apis_refuse_on_demand(site: Site, directory: str, path: str) -> None:
    """A 429 says when to come back, in the vendor's way; after so many times, or seconds, it is over."""
    faults = [
        {"kind": "refuse", "status": 429, "retry_after": 7, "times": 1, "path": path},
        {"kind": "slow", "delay_ms": 1, "times": 1, "path": path},
        {"kind": "refuse", "status": 503, "seconds": 0},
    ]
    await site.sim("POST", f"{directory}/faults", {"faults": faults})
    refused = await site.call("GET", path + "?format=json")
    assert refused.status == 429
    after = {name.lower(): value for name, value in refused.headers.items()}
    assert after.get("retry-after") == (None if directory == "okta" else "7")
    assert (directory == "okta") == ("x-rate-limit-reset" in after)
    for _ in range(2):
        assert (await site.call("GET", path + "?format=json")).status == 200
    await site.sim("POST", f"{directory}/faults", {"faults": [{"kind": "refuse", "path": path}]})
    assert (await site.call("GET", path + "?format=json")).status == 503
    await site.sim("DELETE", f"{directory}/faults")
    assert await site.sim("GET", f"{directory}/faults") == []


async def test_requests_are_counted(site: Site) -> None:
    """The log tells every fetch by path and status, so that a test can count them; a reset empties it."""
    ada = await site.put("okta", ADA)
    for path in (f"/okta/api/v1/users/{ada}", "/okta/api/v1/users/nobody", f"{ENV}/users"):
        await site.call("GET", path)
    log = (await site.sim("GET", "requests?directory=okta"))["requests"]
    assert [(each["path"], each["status"]) for each in log] == [
        (f"/okta/api/v1/users/{ada}", 200),
        ("/okta/api/v1/users/nobody", 404),
    ]
    assert len((await site.sim("GET", "requests?since=1"))["requests"]) == 3  # one of them for PingOne's token
    await site.sim("POST", "reset")
    assert await site.sim("GET", "requests") == {"requests": []}
    assert await site.sim("GET", "okta/people") == []


async def test_a_reset_gives_up_what_is_pending(site: Site, receiver: URL) -> None:
    """A hook that nobody accepts doesn't outlive a reset."""
    site.status = 500
    await site.put("pingone", ADA)
    assert (await site.sim("GET", "hooks"))["pending"] == 1
    await site.sim("POST", "reset")
    assert (await site.sim("GET", "hooks"))["pending"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "okta/people", {"salary": "1"}),
        ("POST", "okta/people", {"active": "yes"}),
        ("POST", "okta/people", "Ada"),
        ("PATCH", "okta/people/nobody", {}),
        ("GET", "ldap/people", None),
        ("POST", "config", {"gatway": "x"}),
        ("POST", "config", {"page_size": "2"}),
        ("POST", "config", {"hook_headers": {"okta": "x"}}),
        ("POST", "okta/faults", {"faults": [{"kind": "explode"}]}),
        ("POST", "okta/faults", {"faults": [{"kind": "drop", "probability": "x"}]}),
        ("POST", "graph/people/nobody/restore", None),
    ],
)
async def test_the_test_door_refuses_what_makes_no_sense(site: Site, method: str, path: str, body: Any) -> None:
    """A mistyped test fails at once instead of testing nothing."""
    answer = await site.call(method, f"/_sim/directories/{path}", body)
    assert answer.status == 400
    assert answer.body["error"]


async def test_no_secret_is_shown(site: Site, receiver: URL) -> None:
    """The configuration is shown without what proves the hooks' or a client's origin."""
    assert (
        not {"hook_headers", "client_secret", "okta_token", "isu_password"} & (await site.sim("GET", "config")).keys()
    )

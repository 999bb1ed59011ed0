"""Okta's stand-in: users, groups, hooks and System Log as they are documented."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from yarl import URL

from tests.support.stand_ins import ADA, Site


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
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.body["errorCode"] == "E0000047"
    assert (refused.headers["x-rate-limit-limit"], refused.headers["x-rate-limit-remaining"]) == ("1", "0")
    assert "Retry-After" not in refused.headers
    assert int(refused.headers["x-rate-limit-reset"]) > 0
    assert all({"Date", "X-Rate-Limit-Reset"} <= {*answer.headers} for answer in answers)
    assert (await site.call("GET", path, Authorization="SSWS other")).status == 401


async def test_okta_lists_page_by_page_and_hides_the_deactivated_unless_filtered(site: Site) -> None:
    """Pages follow Link rel=next; only a filter or a search finds who was deactivated."""
    await site.sim("POST", "config", {"page_size": 2})
    start = datetime.now(UTC) - timedelta(seconds=1)
    people = [{"employeeNumber": str(n), "userName": f"u{n}", "displayName": f"U {n}"} for n in range(5)]
    await site.sim("POST", "okta/people", people)
    await site.change("okta", "3", active=False)

    async def logins(url: str) -> list[str]:
        names = []
        while url:
            page = await site.call("GET", url)
            assert page.status == 200, page.body
            names += [user["profile"]["login"] for user in page.body]
            url = page.links.get("next", "")
        return names

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
    hook = next(
        body["data"]["events"] for body in bodies if len(body["data"]["events"][0]["debugContext"]["debugData"])
    )
    assert hook[0]["debugContext"]["debugData"]["changedAttributes"] == "department,title"
    assert [target["type"] for target in hook[1]["target"]] == ["User", "UserGroup"]
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

"""What all stand-ins of directories have: faults on demand, counted requests, the test API."""

from typing import Any

import pytest
from yarl import URL

from tests.support.stand_ins import ADA, ENV, REPORT, USERS, Site


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
    users = [body["data"]["events"][0]["target"][0]["id"] for body in bodies]
    assert sorted(users) == sorted([ids[1], ids[1], ids[2], ids[3]])
    assert users[-1] == ids[2]
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

"""What every request passes: body limits, rate limit, faults."""

import asyncio

import aiohttp
import pytest

from tests.support.organization import Clock, Org, Start


async def test_the_gateway_answers_with_its_own_error_body(start: Start) -> None:
    """No token, unknown id, wrong type, bad JSON and too many bytes are ErrorBody, each with its status."""
    org = await start(max_body_bytes=1000)
    cases = [
        (401, await org.call("GET", "Users", Authorization="")),
        (404, await org.call("GET", "Users/nobody")),
        (404, await org.call("GET", "Robots")),
        (404, await org.call("GET", "elsewhere", root="/api/v2/")),
        (415, await org.call("POST", "Users", {}, Content_Type="text/plain")),
        (400, await org.call("POST", "Users", b"{")),
        (413, await org.call("POST", "Users", b" " * 1001)),
    ]
    for status, answer in cases:
        assert (answer.status, answer.body["status"]) == (status, status)
        assert {"message", "code", "contextId", "details", "errors"} <= answer.body.keys()
        assert answer.headers["Content-Type"] == "application/json"
        assert "ININ-Correlation-Id" in answer.headers
    assert "Maximum bytes: 1000" in cases[-1][1].body["message"]
    assert [entry["status"] for entry in await org.ledger()] == [415, 400, 413]


async def test_the_rate_limit_is_per_token_and_window(start: Start, clock: Clock) -> None:
    """Over the limit comes 429 with Retry-After, the text and the headers; another token or window is free."""
    org = await start(rate_limit=2, rate_window_s=60)
    first = await org.call("GET", "Users")
    assert (first.headers["inin-ratelimit-count"], first.headers["inin-ratelimit-allowed"]) == ("1", "2")
    assert first.headers["inin-ratelimit-reset"] == "60"
    clock.now += 58.5
    await org.call("GET", "Users")
    over = await org.call("GET", "Users")
    assert (over.status, over.body["code"]) == (429, "too.many.requests.retry.after")
    assert over.headers["Retry-After"] == "2"
    assert "[2] seconds" in over.body["message"]
    old = org.token
    await org.log_in()
    assert (await org.call("GET", "Users")).status == 200
    org.token = old
    clock.now += 1.5
    assert (await org.call("GET", "Users")).status == 200


@pytest.mark.parametrize(
    ("kind", "status", "applied", "decided"),
    [
        ("429", 429, False, 429),
        ("429_no_retry_after", 429, False, 429),
        ("500_before", 500, False, 500),
        ("503_before", 503, False, 503),
        ("401", 401, False, 401),
        ("403", 403, False, 403),
        ("version_conflict", 400, False, 400),
        ("500_after", 500, True, 200),
        ("503_after", 503, True, 200),
        ("504_after", 504, True, 200),
    ],
)
async def test_a_fault_answers_before_or_after_applying(
    org: Org, kind: str, status: int, applied: bool, decided: int
) -> None:
    """The client sees the fault's status once; the ledger tells what the server really did."""
    made = await org.user()
    await org.sim("POST", "faults", {"faults": [{"kind": kind, "times": 1, "retry_after": 3}]})
    answer = await org.patch(made["id"], ("replace", "title", "Dr"))
    assert answer.status == status
    if kind in {"429", "503_before"}:
        assert answer.headers["Retry-After"] == "3"
    if kind == "429_no_retry_after":
        assert "Retry-After" not in answer.headers
    entry = (await org.ledger("?snapshots=1"))[-1]
    assert (entry["fault"], entry["status"], entry["applied"], entry["answered"]) == (
        kind,
        decided,
        applied,
        not applied,
    )
    assert entry["after"].get("title") == ("Dr" if applied else None)
    assert (await org.patch(made["id"], ("replace", "title", "Dr"))).status == 200


@pytest.mark.parametrize(("kind", "applied"), [("reset", False), ("lost_answer", True)])
async def test_an_aborted_connection_is_a_real_one(org: Org, kind: str, applied: bool) -> None:
    """The client gets a connection error and no status, whether or not the write was applied."""
    made = await org.user()
    await org.sim("POST", "faults", {"faults": [{"kind": kind, "method": "PATCH"}]})
    with pytest.raises(aiohttp.ClientConnectionError):
        await org.patch(made["id"], ("replace", "title", "Dr"))
    await org.sim("DELETE", "faults")
    entry = (await org.ledger())[-1]
    assert (entry["applied"], entry["answered"], entry["status"]) == (applied, False, 200 if applied else 0)
    assert (await org.call("GET", f"Users/{made['id']}")).body.get("title") == ("Dr" if applied else None)


async def test_a_slow_request_is_overtaken(org: Org) -> None:
    """`slow` waits before applying, so the ledger shows a later request decided first."""
    made = await org.user()
    await org.sim("POST", "faults", {"faults": [{"kind": "slow", "delay_ms": 1000, "times": 1}]})
    slow = asyncio.create_task(org.patch(made["id"], ("replace", "title", "slow")))
    while (await org.sim("GET", "faults"))["faults"][0]["times"] != 0:
        assert not slow.done()
    await org.patch(made["id"], ("replace", "title", "fast"))
    await slow
    assert [entry["body"]["Operations"][0]["value"] for entry in (await org.ledger())[1:]] == ["fast", "slow"]
    assert [entry["fault"] for entry in await org.ledger()] == [None, None, "slow"]


async def test_a_fault_meets_only_the_requests_it_names(org: Org) -> None:
    """Method, path and user narrow a rule; a user is known by externalId from the id or from the body."""
    ada, bob = await org.user("ada"), await org.user("bob")
    rules = [
        {"kind": "503_before", "user": "ada", "method": "patch", "path": "Users"},
        {"kind": "500_before", "user": "eve"},
    ]
    await org.sim("POST", "faults", {"faults": rules})
    assert (await org.patch(ada["id"], ("replace", "title", "Dr"))).status == 503
    assert (await org.call("GET", f"Users/{ada['id']}")).status == 200
    assert (await org.patch(bob["id"], ("replace", "title", "Dr"))).status == 200
    eve = {"userName": "eve@example.com", "displayName": "Eve", "externalId": "eve"}
    assert (await org.call("POST", "Users", eve)).status == 500


async def test_probability_repeats_with_the_seed(org: Org) -> None:
    """The same seed and the same request order fail the same requests."""

    async def run(seed: int) -> list[int]:
        await org.sim("POST", "faults", {"faults": [{"kind": "500_before", "probability": 0.5}], "seed": seed})
        return [(await org.call("GET", "Users")).status for _ in range(20)]

    first = await run(7)
    assert set(first) == {200, 500}
    assert await run(7) == first
    assert await run(8) != first

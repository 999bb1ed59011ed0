"""The test API: what it refuses, the ledger, counters, reset; and the server itself."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from streamproc.simulator import SimulatorOptions, serve
from tests.support.organization import Org


@pytest.mark.parametrize(
    ("door", "body"),
    [
        ("faults", {"faults": [{"kind": "418"}]}),
        ("faults", {"faults": [{"kind": "slow", "delay": 1}]}),
        ("faults", {"faults": [{"kind": "slow", "times": "many"}]}),
        ("config", {"client_secret": "x"}),
        ("config", {"version_mismatch": "500"}),
        ("config", {"skills": "Chess"}),
        ("config", {"atomic_patch": 1}),
    ],
)
async def test_the_test_door_refuses_what_it_would_not_obey(org: Org, door: str, body: Any) -> None:
    """A typing mistake in a fault or a switch is an error, not a test that silently tests nothing."""
    assert "error" in await org.sim("POST", door, body)


async def test_the_ledger_tells_every_write_in_order(org: Org) -> None:
    """Each attempt has its request id, If-Match, body, version and snapshots; reads are not in it."""
    user = await org.user("ada")
    await org.call("GET", "Users")
    await org.patch(user["id"], ("replace", "title", "Dr"), If_Match='"1"', X_Request_Id="r-2")
    await org.patch(user["id"], ("replace", "title", "Dr"))
    await org.call("DELETE", f"Users/{user['id']}")
    await org.patch(await org.group(), ("replace", "members", []), to="Groups")
    entries = await org.ledger("?snapshots=1")
    assert [(e["n"], e["method"], e["status"], e["changed"], e["user"], e["version"]) for e in entries] == [
        (1, "POST", 201, True, "ada", 1),
        (2, "PATCH", 200, True, "ada", 2),
        (3, "PATCH", 200, False, "ada", 2),
        (4, "DELETE", 204, True, "ada", 3),
        (5, "PATCH", 200, False, None, 1),
    ]
    second = entries[1]
    assert (second["request_id"], second["if_match"], second["id"]) == ("r-2", '"1"', user["id"])
    assert second["body"]["Operations"][0]["value"] == "Dr"
    assert "title" not in second["before"]
    assert (second["after"]["title"], second["after"]["_state"]) == ("Dr", "active")
    assert abs(second["at"] - time.time()) < 60
    assert entries[0]["before"] is None
    assert [entry["n"] for entry in await org.ledger("?since=3")] == [4, 5]
    assert "before" not in (await org.ledger())[0]


async def test_requests_are_counted_and_everything_can_be_reset(org: Org) -> None:
    """Counts are by method and route; reset empties the organisation but leaves tokens valid."""
    user = await org.user()
    await org.call("GET", f"users/{user['id']}")
    counts = await org.sim("GET", "requests")
    assert counts["by_route"] == {"POST users": 1, "GET users/{id}": 1}
    assert (counts["total"], counts["token_requests"], counts["by_status"]) == (2, 1, {"201": 1, "200": 1})
    await org.sim("POST", "requests/reset")
    assert (await org.sim("GET", "requests"))["total"] == 0
    await org.sim("POST", "config", {"skills": ["Chess"]})
    await org.sim("POST", "reset")
    assert await org.ledger() == []
    assert "Chess" not in (await org.sim("GET", "config"))["skills"]
    assert (await org.call("GET", "Users")).body["totalResults"] == 0


async def test_serve_tells_its_port_and_stays_on_loopback() -> None:
    """Port 0 is resolved for the caller, and the open test API is not shown to the network by accident."""
    with pytest.raises(ValueError, match="loopback"):
        await serve("0.0.0.0", 0, SimulatorOptions(), lambda _: None)
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve("127.0.0.1", 0, SimulatorOptions(), port.set_result))
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{await port}/_sim/users") as answer:
        assert (answer.status, await answer.json()) == (200, [])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

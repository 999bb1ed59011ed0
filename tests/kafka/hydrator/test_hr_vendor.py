"""An HR vendor's hook without values, over a real broker: gateway, hydrator, worker and sink, down to the account."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from streamproc.demo.play import held
from streamproc.demo.processes import stack
from streamproc.settings import Settings
from tests.support.hr_vendors import pointed

KEY = "a-key-that-nobody-can-guess"


@pytest.mark.long
async def test_a_leavers_hook_takes_access_away(settings: Settings, tmp_path: Path) -> None:
    """Hired and gone at BambooHR: both hooks carry no values, and the account is made, and deactivated."""
    yesterday = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    person = {"employeeNumber": "E4", "userName": "noor@example.com", "displayName": "Noor Test", "department": "Care"}
    async with stack(settings, tmp_path) as running, aiohttp.ClientSession() as http:

        async def sim(method: str, path: str, body: Any) -> Any:
            async with http.request(method, f"{running.simulator}/_sim/directories/{path}", json=body) as answer:
                answer.raise_for_status()
                return await answer.json()

        async def becomes(active: bool) -> None:
            async with asyncio.timeout(60):
                while (await held(http, running.simulator)).get("E4", {}).get("active") is not active:  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.1)

        doors = {"hris_hook_secret": KEY, "hris_hook_signature": "bamboohr", "gateway_port": 0}
        running.settings = running.settings.changed(
            **pointed(running.simulator, "bamboohr", tmp_path), **doors, hris_sync_every=0.0
        )
        for name in ("worker", "sink", "hydrator", "gateway"):
            running.children[name] = running.child(name, name)
        door, *_ = await asyncio.gather(
            *(running.children[name].start() for name in ("gateway", "worker", "sink", "hydrator"))
        )
        await sim("POST", "config", {"gateway": f"http://127.0.0.1:{door}", "hris_key": KEY})
        await sim("POST", "bamboohr/people", {**person, "hireDate": "2020-03-02"})
        await becomes(active=True)
        await sim("PATCH", "bamboohr/people/E4", {"active": False, "lastDay": yesterday})
        await becomes(active=False)
        log = (tmp_path / "hydrator.log").read_text()
    assert "nobody fetches" not in log
    assert "Traceback" not in log

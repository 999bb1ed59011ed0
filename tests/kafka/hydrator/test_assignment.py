"""Who is ours by the assignment at Okta, Entra and PingOne: from hooks and lists to accounts, on a real broker."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from streamproc.demo.directories import pointed
from streamproc.demo.play import held
from streamproc.demo.processes import stack
from streamproc.settings import Settings
from streamproc.simulator.directories.options import DirectoryOptions
from tests.kafka.gateway.test_gateway import OKTA, PINGONE
from tests.kafka.test_pipeline import _until

APP = DirectoryOptions().application
SOURCES = "".join(f'[{source}]\napplication = "{APP}"\n' for source in ("okta", "entra", "pingone"))
NUMBERS = {"okta": 1, "graph": 2, "pingone": 3}
SCOPE = "\n[scope]\nwho = 'assigned == \"yes\"'\n"
HOOKS = {"okta": {"Authorization": OKTA}, "pingone": {"Authorization": PINGONE}}


def person(number: int, **more: Any) -> dict[str, Any]:
    return {"employeeNumber": f"E{number}", "userName": f"p{number}@example.com", "displayName": f"P {number}", **more}


@pytest.mark.long
async def test_an_assignment_lets_in_and_its_end_puts_out(settings: Settings, tmp_path: Path) -> None:
    """Nobody is named before they are assigned; they have an account while they are, and lose access after."""
    shipped, _ = settings.worker.mapping_text()
    mapping, sources = tmp_path / "mapping.toml", tmp_path / "sources.toml"
    mapping.write_text(shipped + SCOPE, encoding="utf-8")
    sources.write_text(SOURCES, encoding="utf-8")
    every = {f"{source}_sync_every": 0.0 for source in ("okta", "pingone", "workday")} | {"entra_sync_every": 1.0}
    changed = settings.changed(mapping=mapping, sources=sources, okta_hook_secret=OKTA, pingone_hook_secret=PINGONE)
    async with stack(changed, tmp_path) as running, aiohttp.ClientSession() as http:

        async def sim(method: str, path: str, body: Any) -> None:
            url = f"{running.simulator}/_sim/directories/{path}"
            async with http.request(method, url, json=body) as answer:
                answer.raise_for_status()

        running.settings = running.settings.changed(gateway_port=0, **pointed(running.simulator), **every)
        await running.start("hydrator", "worker", "sink")
        door = f"http://127.0.0.1:{await running.child('gateway', 'gateway').start()}"
        await sim("POST", "config", {"gateway": door, "hook_headers": HOOKS, "application_groups": "Agents"})
        for name, number in NUMBERS.items():
            await sim("POST", f"{name}/people", person(number))
            await sim("POST", f"{name}/people", person(number + 10))
        users = {f"E{number}" for number in NUMBERS.values()}

        async def access() -> dict[str, bool]:
            return {user: account["active"] for user, account in (await held(http, running.simulator)).items()}

        assert await access() == {}
        for name, number in NUMBERS.items():
            await sim("PATCH", f"{name}/people/E{number}", {"groups": ["Agents"]})
        await _until(access, lambda found: found == dict.fromkeys(users, True), 60)
        for name, number in NUMBERS.items():
            await sim("PATCH", f"{name}/people/E{number}", {"groups": []})
        await _until(access, lambda found: found == dict.fromkeys(users, False), 60)
        for name, number in NUMBERS.items():
            await sim("PATCH", f"{name}/people/E{number}", {"groups": ["Agents"]})
        await _until(access, lambda found: found == dict.fromkeys(users, True), 60)

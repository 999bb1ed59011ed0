"""Reconcile beside the sink of a rig, and people who change things in the target by hand."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
from click.testing import CliRunner

from streamproc import compose
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.cli.main import cli
from streamproc.compose.reconcile import make_reconcile
from streamproc.operators.findings import current_findings
from streamproc.settings import Settings
from tests.support.rig import Rig

OFTEN: dict[str, Any] = {"reconcile_every": 1.0, "reconcile_leavers_every": 0.5}
"""Settings by which everybody is looked at every second."""
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATIENCE = 60.0
"""Seconds; far more than anything here takes."""


@asynccontextmanager
async def reconciling(settings: Settings, **options: Any) -> AsyncIterator[None]:
    """Reconcile, in this process. `options`: its settings."""
    settings = settings.changed(**OFTEN | options)
    async with compose.target_session(settings.target, settings.network) as http:
        running = asyncio.create_task(make_reconcile(settings, KafkaLog(settings.kafka), http).run())
        try:
            yield
            if running.done():
                running.result()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def edit(made: Rig, user: str, by: str = "Sue Visor", **changes: Any) -> float:
    """A supervisor changes a user by hand. Returns when, in seconds since 1970."""
    await made.sim("POST", "edit", {"user": user, "by": by, "changes": changes})
    return time.time()


async def open_account(made: Rig, name: str, **more: Any) -> str:
    """Somebody opens an account by hand. Returns its id."""
    await made.sim("POST", "clients", {"id": "admin", "permissions": ["directory:user:*"]})
    form = {"grant_type": "client_credentials"}
    head = {"Authorization": aiohttp.encode_basic_auth("admin", "admin")}
    async with made.http.post(f"{made.simulator}/oauth/token", data=form, headers=head) as answer:
        token = (await answer.json())["access_token"]
    body = {"schemas": [USER], "userName": name, "displayName": name, "active": True, **more}
    url, head = f"{made.simulator}/api/v2/scim/v2/Users", {"Authorization": f"Bearer {token}"}
    async with made.http.post(url, json=body, headers=head) as answer:
        answer.raise_for_status()
        return str((await answer.json(content_type=None))["id"])


async def command(*arguments: str, code: int = 0) -> str:
    """A command as an operator gives it. Returns what it printed; it must exit with `code`.

    What is logged in this process meanwhile is printed between.
    """
    result = await asyncio.to_thread(CliRunner().invoke, cli, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


async def states(settings: Settings) -> dict[str, str]:
    """Name of each finding → its state, as operators' commands see it."""
    found = await current_findings(KafkaLog(settings.kafka))
    return {name: each.state for name, each in found.items()}


async def eventually(what: Callable[[], Awaitable[Any]]) -> Any:
    """What it gives, as soon as that is true. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await what()):  # noqa: ASYNC110 - it is other processes
            await asyncio.sleep(0.1)
    return found

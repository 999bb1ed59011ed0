"""The demo's SCIM clients believe nothing: what isn't as the story says is told."""

from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from streamproc.demo.scim_clients import APPS, App, Client
from streamproc.simulator import create_app
from tests.support.front_door import TOKEN, front_door, until_served


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.vendor)
async def test_an_answer_that_proves_nothing_is_wrong(tmp_path: Path, app: App) -> None:
    """The gateway takes what each app pushes; where nobody carries it out, the demo says that it went wrong."""
    async with (
        front_door(tmp_path) as running,
        TestServer(create_app()) as simulator,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
    ):
        await until_served(running)
        client = Client(app, http, running.url, str(simulator.make_url("")).rstrip("/"))
        await client.served()
        assert (await client.hire()).problem is None
        assert (await client.hire()).problem == "1 found, and answered 409"
        left = await client.leave()
        assert left.problem == "answered 200, None, while Genesys held active: None"
        user = (await running.send("GET", f'/Users?filter=userName eq "{app.login}"')).body["Resources"][0]
        assert user["active"] is False

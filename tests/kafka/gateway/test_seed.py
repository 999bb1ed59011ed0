"""Moving in, as an operator does it: a connection, `seed` on a real broker, and a gateway that knows the old ids."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from streamproc.cli.main import cli
from streamproc.settings import Settings, environment
from streamproc.simulator import SimulatorOptions, create_app
from tests.support.scim_process import scim_gateway

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
WHY = ("--by", "Kim Berg", "--reason", "moving in")


async def test_an_app_goes_on_with_the_ids_that_it_knows(settings: Settings, tmp_path: Path) -> None:
    """One URL and one token are changed, and the app's next call, by an id of Genesys's, is understood."""
    server = TestServer(create_app(SimulatorOptions(rate_limit=0)))
    async with server, aiohttp.ClientSession() as http:
        genesys = str(server.make_url("")).rstrip("/")
        here = settings.changed(scim_url=f"{genesys}/api/v2/scim/v2", token_url=f"{genesys}/oauth/token")

        async def operator(*words: str) -> Any:
            result = await asyncio.to_thread(CliRunner().invoke, cli, [*words, "--json"], env=environment(here))
            assert result.exit_code == 0, (result.output, result.exception)
            return json.loads(result.stdout)

        basic = {"Authorization": aiohttp.encode_basic_auth("demo", "demo")}
        form = {"grant_type": "client_credentials"}
        async with http.post(f"{genesys}/oauth/token", data=form, headers=basic) as answer:
            before = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
        kim = {"schemas": [USER], "userName": "kim@example.com", "displayName": "Kim", "active": True}
        async with http.post(f"{here.target.scim_url}/Users", json=kim, headers=before) as answer:
            known = (await answer.json(content_type=None))["id"]

        token = (await operator("connections", "add", "okta", *WHY))["token"]
        assert (await operator("seed", "--connection", "okta", "--dry-run"))["users"] == {"seeded": 1}
        assert (await operator("seed", "--connection", "okta", "--by", "Kim Berg"))["users"] == {"seeded": 1}
        assert (await operator("seed", "--connection", "okta"))["users"] == {"same": 1}

        async with scim_gateway(settings, tmp_path, "one") as one:
            url = f"http://127.0.0.1:{await one.start()}/scim/v2/Users/{known}"
            after = {"Authorization": f"Bearer {token}"}
            leaving = {"schemas": [PATCH], "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
            async with asyncio.timeout(60):
                while True:
                    async with http.patch(url, json=leaving, headers=after) as answer:
                        if answer.status != 503:
                            break
                    await asyncio.sleep(0.05)
            assert answer.status == 200
            async with http.get(url, headers=after) as answer:
                told = await answer.json(content_type=None)
            assert (told["id"], told["active"], told["displayName"]) == (known, False, "Kim")
            assert (await operator("seed", "--connection", "okta"))["users"] == {"written": 1}
            async with http.delete(url, headers=after) as answer:
                assert answer.status == 204
            assert (await operator("seed", "--connection", "okta"))["users"] == {"deleted": 1}

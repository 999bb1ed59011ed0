"""Moving in, as an operator does it: a connection, `seed` on a real broker, and a gateway that knows the old ids."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from streamproc.cli.main import cli
from streamproc.demo.processes import stack
from streamproc.settings import Settings, environment
from streamproc.simulator import SimulatorOptions, create_app
from tests.kafka.gateway.test_front_door import Client
from tests.support.scim_process import scim_gateway

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MAPPING = """
[attributes]
userName = "userName"
displayName = "displayName"
active = "active"
title = "job"
[[copy]]
fact = "groups"
to = "groups"
"""
WHY = ("--by", "Kim Berg", "--reason", "moving in")


class Genesys:
    """The stand-in, as an app uses it that pushes to it directly."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = url
        self.head: dict[str, str] = {}

    async def sign_in(self) -> None:
        """With a token of its own."""
        basic = {"Authorization": aiohttp.encode_basic_auth("demo", "demo")}
        form = {"grant_type": "client_credentials"}
        async with self.http.post(f"{self.url}/oauth/token", data=form, headers=basic) as answer:
            self.head = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}

    async def open(self, name: str, **work: str) -> str:
        """An account. Returns its id. `work`: of the enterprise extension."""
        body = {"schemas": [USER, ENTERPRISE], "userName": name, "displayName": name, "active": True, ENTERPRISE: work}
        async with self.http.post(f"{self.url}/api/v2/scim/v2/Users", json=body, headers=self.head) as answer:
            answer.raise_for_status()
            return str((await answer.json(content_type=None))["id"])

    async def shown(self, account: str) -> Any:
        """What is there."""
        async with self.http.get(f"{self.url}/api/v2/scim/v2/Users/{account}", headers=self.head) as answer:
            return await answer.json(content_type=None)

    async def fill(self, name: str, *accounts: str) -> str:
        """Put these accounts into a group that is there. Returns its id."""
        where = f"{self.url}/api/v2/scim/v2/Groups"
        query = {"filter": f'displayName eq "{name}"'}
        async with self.http.get(where, params=query, headers=self.head) as answer:
            group = (await answer.json(content_type=None))["Resources"][0]["id"]
        add = {"op": "add", "path": "members", "value": [{"value": each} for each in accounts]}
        body = {"schemas": [PATCH], "Operations": [add]}
        async with self.http.patch(f"{where}/{group}", json=body, headers=self.head) as answer:
            answer.raise_for_status()
        return str(group)

    async def members(self, group: str) -> set[str]:
        """Accounts that are in a group."""
        async with self.http.get(f"{self.url}/api/v2/scim/v2/Groups/{group}", headers=self.head) as answer:
            return {each["value"] for each in (await answer.json(content_type=None)).get("members", [])}


async def operator(settings: Settings, *words: str) -> Any:
    """What a command tells a machine."""
    result = await asyncio.to_thread(CliRunner().invoke, cli, [*words, "--json"], env=environment(settings))
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


async def test_an_app_goes_on_with_the_ids_that_it_knows(settings: Settings, tmp_path: Path) -> None:
    """One URL and one token are changed, and the app's next call, by an id of Genesys's, is understood."""
    server = TestServer(create_app(SimulatorOptions(rate_limit=0)))
    async with server, aiohttp.ClientSession() as http:
        url = str(server.make_url("")).rstrip("/")
        genesys = Genesys(http, url)
        await genesys.sign_in()
        known = await genesys.open("kim@example.com")
        here = settings.changed(scim_url=f"{url}/api/v2/scim/v2", token_url=f"{url}/oauth/token")
        token = (await operator(here, "connections", "add", "okta", *WHY))["token"]
        seed = ("seed", "--connection", "okta")
        assert (await operator(here, *seed, "--dry-run"))["users"] == {"seeded": 1}
        assert (await operator(here, *seed, "--by", "Kim Berg"))["users"] == {"seeded": 1}
        assert (await operator(here, *seed))["users"] == {"same": 1}
        async with scim_gateway(settings, tmp_path) as door:
            client = Client(http, await door.start(), token)
            leaving = {"schemas": [PATCH], "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
            assert (await client.send("PATCH", f"/Users/{known}", leaving))[0] == 200
            status, told = await client.send("GET", f"/Users/{known}")
            assert (status, told["id"], told["active"]) == (200, known, False)
            assert told["userName"] == "kim@example.com"
            assert (await operator(here, *seed))["users"] == {"written": 1}
            assert (await client.send("DELETE", f"/Users/{known}"))[0] == 204
            assert (await operator(here, *seed))["users"] == {"deleted": 1}


@pytest.mark.long
@pytest.mark.parametrize("anchor", ["employeeNumber", "self"])
async def test_a_leaver_whom_the_app_never_described_loses_access(
    settings: Settings, tmp_path: Path, anchor: str
) -> None:
    """An app that finds everybody as it wants them writes nothing, until somebody leaves: that one word is enough."""
    async with stack(settings, tmp_path) as running, aiohttp.ClientSession() as http:
        here = running.settings
        genesys = Genesys(http, running.simulator)
        await genesys.sign_in()
        known = await genesys.open("kim@example.com", employeeNumber="E1")
        stays = await genesys.open("lee@example.com", employeeNumber="E2")
        token = (await operator(here, "connections", "add", "entra", "--anchor", anchor, *WHY))["token"]
        assert (await operator(here, "seed", "--connection", "entra"))["users"] == {"seeded": 2}
        await running.start("worker", "sink")
        async with scim_gateway(settings, tmp_path) as door:
            client = Client(http, await door.start(), token)
            leaving = {"schemas": [PATCH], "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
            status, _ = await client.send("PATCH", f"/Users/{known}", leaving)
            assert status == 200
            async with asyncio.timeout(120):
                while (await genesys.shown(known))["active"]:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.1)
        assert (await genesys.shown(stays))["active"]


@pytest.mark.long
async def test_who_is_taken_out_of_a_group_that_was_there_before_is_out(settings: Settings, tmp_path: Path) -> None:
    """We never gave them the group, and the app's one word is that they aren't in it any more: at Genesys neither."""
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING, encoding="utf-8")
    async with stack(settings.changed(mapping=mapping), tmp_path) as running, aiohttp.ClientSession() as http:
        here = running.settings
        genesys = Genesys(http, running.simulator)
        await genesys.sign_in()
        goes = await genesys.open("kim@example.com", employeeNumber="E1")
        stays = await genesys.open("lee@example.com", employeeNumber="E2")
        care = await genesys.fill("Spanish Queue", goes, stays)
        token = (await operator(here, "connections", "add", "entra", *WHY))["token"]
        await operator(here, "seed", "--connection", "entra")
        await running.start("worker", "sink")
        async with scim_gateway(settings, tmp_path) as door:
            client = Client(http, await door.start(), token)
            title = {"Operations": [{"op": "replace", "path": "title", "value": "Agent"}]}
            assert (await client.send("PATCH", f"/Users/{goes}", title))[0] == 200
            taking = {"Operations": [{"op": "remove", "path": "members", "value": [{"value": goes}]}]}
            assert (await client.send("PATCH", f"/Groups/{care}", taking))[0] == 204
            async with asyncio.timeout(120):
                while goes in await genesys.members(care):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.1)
        assert await genesys.members(care) == {stays}

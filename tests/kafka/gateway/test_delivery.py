"""A deactivation is pushed, and its answer says what became of it: gateway, worker, sink, target, on a real broker."""

import signal
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from streamproc.core.provider.delivery_schema import DELIVERY
from streamproc.demo.processes import stack
from streamproc.gateway.scim.delivery import HEADER
from streamproc.settings import Settings
from tests.kafka.gateway.test_front_door import OKTA, Client
from tests.kafka.test_pipeline import _until
from tests.kafka.worker.test_pushes import person
from tests.support.scim_process import definition, order, scim_gateway

LEAVING = orjson.dumps({"Operations": [{"op": "replace", "path": "active", "value": False}]})


class Leaving(Client):
    """One that deactivates users, and asks what became of them."""

    async def leave(self, id_: str) -> tuple[int, str | None, Any]:
        """Status, what became of it, and the body."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.http.patch(f"{self.root}/Users/{id_}", data=LEAVING, headers=headers) as answer:
            return answer.status, answer.headers.get(HEADER), orjson.loads(await answer.read())

    async def told(self, id_: str) -> Any:
        """The extension."""
        status, body = await self.send("GET", f"/Users/{id_}?attributes={DELIVERY}")
        assert status == 200
        return body.get(DELIVERY, {})


@pytest.mark.long
async def test_a_leaver_is_confirmed_in_the_answer(settings: Settings, tmp_path: Path) -> None:
    """Who deactivates somebody hears that the target confirmed it; with the sink stopped, that it is on its way; and
    whoever asks later hears what became of it.
    """
    await order(settings, definition("okta", OKTA, partition=1, delivered=True))
    async with (
        scim_gateway(settings, tmp_path) as door,
        stack(settings, tmp_path) as running,
        aiohttp.ClientSession() as http,
    ):
        client = Leaving(http, await door.start())
        await running.start("worker", "sink")
        ids = [(await client.send("POST", "/Users", person(number)))[1]["id"] for number in range(3)]
        for each in ids:
            await _until(lambda each=each: client.told(each), lambda told: told.get("state") == "delivered")
        status, became, body = await client.leave(ids[0])
        assert (status, became, body["active"]) == (200, "revoked", False)
        told = await client.told(ids[0])
        assert told["state"] == "revoked"
        async with http.get(f"{running.simulator}/_sim/users") as answer:
            there = {each["id"]: each["active"] for each in orjson.loads(await answer.read())}
        assert there[told["genesysId"]] is False
        assert (await client.leave(ids[0]))[:2] == (200, "revoked"), "said again, it is as true as before"
        running.children["sink"].signal(signal.SIGSTOP)
        assert (await client.leave(ids[1]))[:2] == (200, "pending")
        assert (await client.told(ids[1]))["state"] == "pending"
        running.children["sink"].signal(signal.SIGCONT)
        await _until(lambda: client.told(ids[1]), lambda told: told["state"] == "revoked")
        async with http.get(f"{running.simulator}/_sim/users") as answer:
            assert [each["active"] for each in orjson.loads(await answer.read())].count(True) == 1

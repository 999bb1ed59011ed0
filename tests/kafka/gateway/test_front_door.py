"""SCIM clients at two gateways as processes, on a real broker."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from msgspec.structs import replace

from streamproc.adapters.kafka.topic_identity import accept
from streamproc.adapters.kafka.topics import admin_of, ensure_topics
from streamproc.core.errors import TopologyError
from streamproc.core.provider.connection_token import hashed
from streamproc.core.records.connection_definition import ConnectionToken
from streamproc.core.records.topic_names import PUSHED
from streamproc.embedded import embedded_kafka
from streamproc.settings import Settings, load_settings
from tests.kafka.test_pipeline import read
from tests.support.scim_process import definition, order, scim_gateway

OKTA, OTHER = "scim_token-of-okta", "scim_token-of-tomorrow"
ROOT = "/api/v2/scim/v2"


class Client:
    """One that pushes with a token."""

    def __init__(self, http: aiohttp.ClientSession, port: str, token: str = OKTA) -> None:
        self.http = http
        self.root = f"http://127.0.0.1:{port}{ROOT}"
        self.token = token

    async def once(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON."""
        content = None if body is None else orjson.dumps(body)
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.http.request(method, self.root + path, data=content, headers=headers) as answer:
            text = await answer.read()
            return answer.status, orjson.loads(text) if text else None

    async def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The same; repeated while it has to be."""
        async with asyncio.timeout(60):
            while (answer := await self.once(method, path, body))[0] == 503:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        return answer


async def test_two_gateways_serve_as_one(settings: Settings, tmp_path: Path) -> None:
    """What one has answered the other knows at once, names are given once, and a token that is withdrawn is refused."""
    first = definition("okta", OKTA, partition=1)
    at = await order(settings, first)
    async with (
        scim_gateway(settings, tmp_path, "one") as one,
        scim_gateway(settings, tmp_path, "two") as two,
        aiohttp.ClientSession() as http,
    ):
        here, there = Client(http, await one.start()), Client(http, await two.start())
        clients = (here, there)
        ids = []
        for number in range(10):
            status, made = await clients[number % 2].send("POST", "/Users", {"userName": f"user-{number}@example.com"})
            assert status == 201
            ids.append(made["id"])
            assert (await clients[1 - number % 2].send("GET", f"/Users/{made['id']}"))[1]["id"] == made["id"]
        same = [each.send("POST", "/Users", {"userName": "kim@example.com"}) for each in clients * 4]
        assert sorted(status for status, _ in await asyncio.gather(*same)) == [201] + [409] * 7
        leaving = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
        title = {"Operations": [{"op": "add", "path": "title", "value": "Lead"}]}
        who = f"/Users/{ids[0]}"
        writes = [each.send("PATCH", who, body) for each in clients for body in (leaving, title)]
        done = await asyncio.gather(*writes)
        assert [status for status, _ in done] == [200] * 4
        assert one.process is not None
        os.kill(one.process.pid, signal.SIGKILL)
        await one.process.wait()
        _, left = await there.send("GET", who)
        assert (left["active"], left["title"]) == (False, "Lead")
        await order(settings, replace(first, tokens=(ConnectionToken(hashed(OTHER)),), base=at))
        async with asyncio.timeout(10):
            while (await there.send("GET", "/Users?count=0"))[0] != 401:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        there.token = OTHER
        assert (await there.send("GET", "/Users?count=0"))[0] == 200
        found = await read(settings, PUSHED)
        log = (tmp_path / "two.log").read_bytes()
    assert {(each.partition, each.key) for each in found[PUSHED]} == {(1, b"okta")}
    for secret in (OKTA, OTHER, "example.com"):
        assert secret.encode() not in log
    assert (tmp_path / "two").stat().st_mode & 0o77 == 0


@pytest.mark.long
async def test_a_gateway_goes_on_where_it_was(settings: Settings, tmp_path: Path) -> None:
    """One that is started anew serves what was written, from its file; without its file, from the log."""
    await order(settings, definition("okta", OKTA))
    for name in ("one", "one", "another"):
        async with scim_gateway(settings, tmp_path, name) as one, aiohttp.ClientSession() as http:
            here = Client(http, await one.start())
            status, _ = await here.send("POST", "/Users", {"userName": "kim@example.com"})
            assert status == (201 if not (tmp_path / "seen").exists() else 409)
            (tmp_path / "seen").touch()


@pytest.mark.long
async def test_while_the_broker_stands_still_clients_are_told_to_come_again(tmp_path: Path) -> None:
    """Reads and writes are answered 503 as a SCIM Error in seconds; afterwards each write is there at most once."""
    async with embedded_kafka(progress=lambda _: None) as broker:
        settings = load_settings(kafka=broker.bootstrap)
        await ensure_topics(settings.kafka)
        await order(settings, definition("okta", OKTA))
        async with scim_gateway(settings, tmp_path) as one, aiohttp.ClientSession() as http:
            here = Client(http, await one.start())
            status, made = await here.send("POST", "/Users", {"userName": "kim@example.com"})
            assert status == 201
            os.kill(broker.pid, signal.SIGSTOP)
            try:
                async with asyncio.timeout(30):
                    asked = [here.once("GET", f"/Users/{made['id']}"), here.once("POST", "/Users", {"userName": "lee"})]
                    for status, told in await asyncio.gather(*asked):
                        assert (status, told["status"]) == (503, "503")
            finally:
                os.kill(broker.pid, signal.SIGCONT)
            status, _ = await here.send("POST", "/Users", {"userName": "lee"})
            assert status in {201, 409}
            assert (await here.send("GET", "/Users?count=0"))[1]["totalResults"] == 2


@pytest.mark.long
async def test_a_topic_that_was_made_anew_is_not_served(settings: Settings, tmp_path: Path) -> None:
    """Nobody is told that nobody is there: clients hear 503 until an operator has said that it is meant so."""
    await order(settings, definition("okta", OKTA))
    await accept(settings.kafka, [PUSHED])  # as the worker does at its start
    async with scim_gateway(settings, tmp_path) as one, aiohttp.ClientSession() as http:
        here = Client(http, await one.start())
        status, made = await here.send("POST", "/Users", {"userName": "kim@example.com"})
        assert status == 201
        async with admin_of(settings.kafka) as admin:
            await admin.delete_topics([PUSHED])
            while PUSHED in await admin.list_topics():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        async with asyncio.timeout(60):
            while not await made_topics(settings):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.5)
            while b"was made anew" not in (tmp_path / "one.log").read_bytes():
                assert (await here.once("GET", f"/Users/{made['id']}"))[0] in {200, 503}
                await asyncio.sleep(0.5)
        assert (await here.once("GET", f"/Users/{made['id']}"))[0] == 503
        await accept(settings.kafka, [PUSHED])
        assert (await here.send("GET", f"/Users/{made['id']}"))[0] == 404


async def made_topics(settings: Settings) -> bool:
    """Whether the topics are there again; a broker needs a moment to forget."""
    try:
        await ensure_topics(settings.kafka)
    except TopologyError:
        return False
    return True

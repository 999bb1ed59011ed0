"""The network in memory and a real one: the same requests, the same answers, the same exceptions for the same faults.

Real is aiohttp over sockets. Where they differ, memory is wrong.
"""

import asyncio
import struct
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, TypeAlias, cast

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from streamproc.adapters.http import NotSentError, Reply, UnansweredError, http_session, send
from streamproc.settings import NetworkSettings
from streamproc.simulator import SimulatorOptions, server
from streamproc.simulator.request_pipeline import Simulator
from streamproc.simulator.surroundings import Surroundings
from streamproc.testing.network import Network
from streamproc.testing.network.routes import Routes
from streamproc.testing.process import Process
from streamproc.testing.world import BEGIN, World
from tests.support.organization import PATCH, basic

ORIGIN = "https://target.example"
SCIM = "/api/v2/scim/v2"
FORM = {"grant_type": "client_credentials"}
Story: TypeAlias = Callable[[aiohttp.ClientSession, str], Awaitable[Any]]


def around() -> Surroundings:
    """Time stands still, and ids are the same each time."""
    chance = Random(1)
    return Surroundings(lambda: BEGIN, lambda: 0.0, lambda: uuid.UUID(int=chance.getrandbits(128), version=4))


def in_memory(story: Story, rates: dict[str, float] | None = None, handler: Any = None) -> Any:
    """What comes of a story over the network in memory."""
    world = World(1, rates or {})
    network = Network(world)
    target = Process("target", world.loop.time, BEGIN, world.rng("target"))
    routes = Routes()
    server.add_routes(cast("Any", routes), Simulator(SimulatorOptions(), around()))
    network.serve(ORIGIN, handler or routes.answer, target)
    client = Process("client", world.loop.time, BEGIN, world.rng("client"))
    made: list[Any] = []

    async def run() -> None:
        made.append(await world.loop.spawn(client, cast("Any", story(network.session(client, 0.5), ORIGIN))))

    world.run(run())
    assert not world.failures
    return made[0]


async def over_sockets(story: Story) -> Any:
    """The same over real ones."""
    app = web.Application()
    server.add_routes(app, Simulator(SimulatorOptions(), around()))
    async with TestServer(app) as real, http_session(NetworkSettings(), seconds=5.0) as http:
        return await story(http, str(real.make_url("")).rstrip("/"))


def shown(reply: Reply) -> tuple[int, Any, dict[str, str]]:
    """All but what differs from second to second."""
    headers = {name: value for name, value in reply.headers.items() if name not in {"date", "server"}}
    return reply.status, reply.content, headers


async def everything(http: aiohttp.ClientSession, origin: str) -> list[Any]:
    """Requests of each kind that our clients make, and some that they don't."""
    told: list[Any] = []

    async def ask(method: str, path: str, body: Any = None, **more: str) -> Any:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        data = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        reply = await send(http, method, origin + path, headers, data, clock=lambda: BEGIN)
        told.append((method, path, *shown(reply)))
        return orjson.loads(reply.content) if reply.content and reply.is_json else None

    async def log_in(secret: str) -> str:
        reply = await send(http, "POST", f"{origin}/oauth/token", basic(secret), FORM, clock=lambda: BEGIN)
        told.append(shown(reply))
        return str(orjson.loads(reply.content).get("access_token"))

    await log_in("wrong")
    token = await log_in("demo")
    ada = {"userName": "ada@example.com", "displayName": "Ada", "externalId": "1"}
    id_ = (await ask("POST", f"{SCIM}/Users", ada))["id"]
    await ask("POST", f"{SCIM}/Users", ada)
    await ask("GET", f"{SCIM}/Users/{id_}")
    await ask("GET", f"{SCIM}/Users/{id_}", If_None_Match='"1"')
    await ask("GET", f"{SCIM}/Users?filter=userName%20eq%20%22ada%40example.com%22&count=1")
    await ask("GET", f"{SCIM}/Users?filter=externalId+eq+%221%22&attributes=userName%2Cactive")
    title = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": "Zoë"}]}
    await ask("PATCH", f"{SCIM}/Users/{id_}", title, If_Match='"1"')
    await ask("PATCH", f"{SCIM}/Users/{id_}", title, If_Match='"1"')
    await ask("PATCH", f"{SCIM}/Users/{id_}", b"{", If_Match='"1"')
    await ask("PATCH", f"{SCIM}/Users/{id_}", title, Content_Type="text/plain")
    await ask("PUT", f"{SCIM}/Users/{id_}", ada)
    await ask("DELETE", f"{SCIM}/Users/{id_}")
    await ask("GET", f"{SCIM}/Users/nobody")
    await ask("GET", f"{SCIM}/Groups?filter=displayName%20eq%20%22All%20Agents%22")
    await ask("GET", f"{SCIM}/ServiceProviderConfig")
    await ask("GET", "/api/v2/tokens/me", Accept="application/json")
    await ask("DELETE", f"/api/v2/tokens/{id_}")
    await ask("GET", "/api/v2/authorization/roles?pageSize=2&pageNumber=2")
    await ask("GET", "/api/v2/routing/skills?name=Sp")
    await ask("POST", "/api/v2/audits/query/realtime", {"interval": "2026-01-01T00:00:00Z/2027-01-01T00:00:00Z"})
    await ask("GET", "/nothing/is%20here")
    await ask("GET", f"{SCIM}/Users/{id_}", Authorization="Bearer wrong")
    return told


async def test_the_stand_in_answers_in_memory_as_over_sockets() -> None:
    """What the simulation sees of Genesys is what the service sees of the stand-in: bytes, status and headers."""
    real = await over_sockets(everything)
    memory = await asyncio.to_thread(in_memory, everything)
    assert memory == real


# Faults

KINDS = {
    "lost": ({"net.request_lost": 1.0}, "nothing"),
    "half open": ({"net.half_open": 1.0}, "nothing"),
    "answer lost": ({"net.answer_lost": 1.0}, "nothing"),
    "reset before": ({"net.reset_before": 1.0}, "reset"),
    "reset after": ({"net.reset_after": 1.0}, "reset"),
    "cut": ({"net.answer_cut": 1.0}, "half"),
    "refused": ({"net.refused": 1.0}, "refused"),
}


@asynccontextmanager
async def bad_server(behaviour: str, seen: list[bytes]) -> AsyncIterator[str]:
    """A server that takes a request and then behaves so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(cast("Any", asyncio.current_task()))
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        if behaviour == "nothing":
            await reader.read()  # until the client has given up
        elif behaviour == "half":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Type: application/json\r\n\r\n{}")
            await writer.drain()
        else:
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.close() if behaviour == "half" else writer.transport.abort()

    handlers: list[asyncio.Task[None]] = []
    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    if behaviour == "refused":
        listening.close()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await asyncio.gather(*handlers)
        listening.close()


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_fault_in_memory_raises_what_the_same_one_raises_on_a_socket(kind: str, method: str) -> None:
    """What a service makes of a bad network in the simulation is what it makes of one in production."""
    rates, behaviour = KINDS[kind]

    async def story(http: aiohttp.ClientSession, origin: str) -> tuple[Any, ...]:
        try:
            reply = await send(http, method, f"{origin}/", {}, b"{}" if method == "PATCH" else None, clock=lambda: 0.0)
        except (NotSentError, UnansweredError) as error:
            cause = error.__cause__
            return type(error), getattr(error, "odd", None), type(cause)
        return (reply.status,)

    seen: list[bytes] = []
    asked: list[str] = []

    async def answer(request: Any) -> web.StreamResponse:
        asked.append(request.method)
        return web.json_response({})

    async with bad_server(behaviour, seen) as origin, http_session(NetworkSettings(), seconds=0.5) as http:
        real = await story(http, origin)
    memory = await asyncio.to_thread(in_memory, story, rates, answer)
    assert memory == real
    if kind == "reset after":
        assert len(asked) == len(seen), "a request is sent again, or isn't, as aiohttp does it"

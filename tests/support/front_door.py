"""A gateway that serves SCIM over HTTP, on a log in memory or on Kafka, and clients of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka.log import Log
from streamproc.compose.clocks import SYSTEM
from streamproc.compose.front_door import make_front_door
from streamproc.compose.gateway_parts import make_gateway
from streamproc.core.provider.connection_token import hashed
from streamproc.core.provider.request import Connection
from streamproc.gateway.scim.front_door import FrontDoor, ServedConnection
from streamproc.gateway.scim.tokens import KnownToken
from streamproc.settings import load_settings
from streamproc.testing.memory_log import MemoryLog
from tests.support.gateway import Brokers
from tests.support.scim_gateway import new_broker

ROOT = "/api/v2/scim/v2"
TOKEN = "scim_the-token-of-okta"
KEY = "k" * 32
"""Signs fetched tokens."""


def served(name: str = "okta", token: str = TOKEN, partition: int = 1, **more: Any) -> ServedConnection:
    """A connection with one token."""
    return ServedConnection(Connection(name), partition, (KnownToken(name, hashed(token)),), **more)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back. `body`: of JSON; None: there is none."""

    status: int
    body: Any
    headers: dict[str, str]
    """By lower-case name."""


@dataclass(frozen=True, slots=True)
class RunningDoor:
    """A gateway that serves, and a client of it. `url`: below which the endpoints are."""

    url: str
    door: FrontDoor
    http: aiohttp.ClientSession
    kafka: Log

    async def send(
        self, method: str, url: str, body: Any = None, *, token: str | None = TOKEN, **headers: str
    ) -> HttpAnswer:
        """A request to a path below the root, or of the host if it begins with `//`. `body`: JSON, or bytes."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            told.setdefault("Authorization", f"Bearer {token}")
        whole = self.url.removesuffix(ROOT) + url[1:] if url.startswith("//") else self.url + url
        async with self.http.request(method, whole, data=content, headers=told) as answer:
            text = await answer.read()
            found = {name.lower(): value for name, value in answer.headers.items()}
            return HttpAnswer(answer.status, json.loads(text) if "json" in answer.content_type else None, found)


async def of_memory() -> str:
    """Which log it is."""
    return "memory"


@asynccontextmanager
async def front_door(
    folder: Path,
    kafka: Log | None = None,
    connections: Sequence[ServedConnection] | None = None,
    *,
    identity: Callable[[], Awaitable[str]] = of_memory,
    clocks: Clocks = SYSTEM,
    **settings: Any,
) -> AsyncIterator[RunningDoor]:
    """For the time of the block. `connections`: one by default; of none nothing is known yet."""
    kafka = kafka or MemoryLog(new_broker())
    loaded = load_settings(gateway_scim_keys=KEY, gateway_scim_state=str(folder), **settings)

    async def answers() -> bool:
        return True

    async with aiohttp.ClientSession() as http, make_front_door(loaded, kafka, folder, identity, clocks) as door:
        if connections != []:
            door.serve([served()] if connections is None else connections)
        gateway = make_gateway(loaded, Brokers(), answers, http, clocks, door)
        port: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(gateway.run("127.0.0.1", 0, None, port.set_result))
        try:
            url = f"http://127.0.0.1:{await port}{ROOT}"
            yield RunningDoor(url, door, http, kafka)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def until_served(running: RunningDoor, *, token: str = TOKEN) -> None:
    """Until what was written before is read."""
    while (await running.send("GET", "/Users?count=0", token=token)).status == 503:  # noqa: ASYNC110 - over HTTP
        await asyncio.sleep(0.01)

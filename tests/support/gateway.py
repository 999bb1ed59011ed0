"""A gateway that serves over HTTP, with a stand-in for the brokers, and a client of it."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import aiohttp
import orjson
from aiokafka.errors import MessageSizeTooLargeError

from streamproc.compose.clocks import SYSTEM
from streamproc.core.records.producer_record import Record
from streamproc.gateway.endpoints import endpoints
from streamproc.gateway.server import Gateway
from streamproc.gateway.set_verifier import SetVerifier
from streamproc.settings import load_settings
from streamproc.sources import SOURCES
from tests.support.gateway_requests import AUDIENCE, ISSUER, JWKS, NOW

OLD, NEW = "the-secret-of-yesterday", "the-secret-of-today"


OKTAS = {"okta_hook_secret": NEW}


JSON = {"Content-Type": "application/json"}


class Brokers:
    """Takes records in the place of Kafka. `mode`: `answer`, `silent`, `full` (takes none) or `fail`."""

    def __init__(self) -> None:
        self.mode = "answer"
        self.records: list[Record] = []
        self.pending: list[asyncio.Future[Any]] = []

    async def send(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.mode == "full":
            await future
        self.records.append(Record(topic, key, value, headers))
        if self.mode == "answer":
            future.set_result(None)
        elif self.mode == "fail":
            future.set_exception(MessageSizeTooLargeError())
        self.pending.append(future)
        return future

    def topics(self) -> list[str]:
        """Where the records went, in order."""
        return [record.topic for record in self.records]


class Answered(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    again: str | None


class Running:
    """A gateway that serves, and a client of it."""

    def __init__(self, http: aiohttp.ClientSession, root: str, brokers: Brokers, task: asyncio.Task[None]) -> None:
        self.http = http
        self.root = root
        self.brokers = brokers
        self.task = task

    async def post(self, path: str, body: Any, **headers: str) -> Answered:
        """POST bytes, or JSON."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        sent_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.post(self.root + path, data=content, headers=JSON | sent_headers) as answer:
            return Answered(answer.status, await answer.read(), answer.headers.get("Retry-After"))

    async def status(self, path: str, body: Any, **headers: str) -> int:
        """Only the status."""
        return (await self.post(path, body, **headers)).status


@asynccontextmanager
async def gateway(
    settings: dict[str, Any],
    *,
    keys: Callable[[], Any] = lambda: JWKS,
    well: bool = True,
    client: ssl.SSLContext | None = None,
    clock: Callable[[], float] = lambda: NOW / 1_000_000,
) -> AsyncIterator[Running]:
    """A gateway with these settings, at the moment NOW."""
    brokers = Brokers()
    loaded = load_settings(**settings)
    issuer = None

    async def fetch() -> Any:
        return keys()

    async def answers() -> bool:
        return well

    if loaded.security_events.issuer and loaded.security_events.audience:
        issuer = SetVerifier(loaded.security_events.issuer, loaded.security_events.audience, fetch, time.monotonic)
    served = Gateway(
        endpoints(loaded.hooks, loaded.security_events),
        {name: source.defaults for name, source in SOURCES.items()},
        brokers,
        answers,
        max_body=loaded.gateway.max_body,
        in_flight=loaded.gateway.in_flight,
        connections=loaded.gateway.connections,
        issuer=issuer,
        clocks=replace(SYSTEM, clock=clock),
    )
    port: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(served.run("127.0.0.1", 0, loaded.gateway.ssl_context(), port.set_result))
    scheme = "http" if loaded.gateway.certificate is None else "https"
    try:
        connector = aiohttp.TCPConnector(ssl=client or True)
        async with aiohttp.ClientSession(connector=connector) as http:
            yield Running(http, f"{scheme}://127.0.0.1:{await port}", brokers, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


TOKENS = {"set_issuer": ISSUER, "set_audience": AUDIENCE, "set_jwks": "keys.json"}

"""A gateway process on the embedded Kafka, with a connection for each judge: suites want to find nobody there."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.embedded import embedded_kafka
from streamproc.settings import load_settings
from tests.support.scim_process import definition, order, scim_gateway

ROOT = "/scim/v2"


@dataclass(frozen=True, slots=True)
class Access:
    """What a client is told: the URL below which the endpoints are, and a token."""

    url: str
    token: str


@asynccontextmanager
async def served(folder: Path, names: Sequence[str], say: Callable[[str], None]) -> AsyncIterator[dict[str, Access]]:
    """For the time of the block, a connection of each name."""
    async with embedded_kafka(progress=say) as broker:
        settings = load_settings(kafka=broker.bootstrap)
        await ensure_topics(settings.kafka)
        tokens = {name: f"scim_token-of-{name}" for name in names}
        for number, (name, token) in enumerate(tokens.items()):
            await order(settings, definition(name, token, partition=number % 4))
        async with scim_gateway(settings, folder) as gateway:
            url = f"http://127.0.0.1:{await gateway.start()}{ROOT}"
            found = {name: Access(url, token) for name, token in tokens.items()}
            async with aiohttp.ClientSession() as http:
                for each in found.values():
                    await _until_known(http, each)
            yield found


async def _until_known(http: aiohttp.ClientSession, access: Access) -> None:
    """Orders are read a moment after the gateway listens."""
    while True:
        headers = {"Authorization": f"Bearer {access.token}"}
        async with http.get(f"{access.url}/Users?count=0", headers=headers) as answer:
            if answer.status not in {401, 503}:
                return


@asynccontextmanager
async def without_bodies(access: Access) -> AsyncIterator[Access]:
    """The same for a client that wants no user in the answer to a PATCH, which RFC 7644 §3.5.2 leaves to the service.

    It is a proxy in whose name the service answers, and makes 204 of the 200 to a PATCH: all else can be judged then.
    """

    async def forward(request: web.Request) -> web.Response:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in {"content-length", "accept-encoding", "transfer-encoding"}
        }
        host = access.url.removesuffix(ROOT)
        content = await request.read()
        async with http.request(request.method, host + request.raw_path, data=content, headers=headers) as answer:
            kept = {name: answer.headers[name] for name in ("Content-Type", "ETag") if name in answer.headers}
            if request.method == "PATCH" and answer.status == 200:
                return web.Response(status=204)
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app)
    async with aiohttp.ClientSession(requote_redirect_url=False) as http:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            yield Access(f"http://127.0.0.1:{port}{ROOT}", access.token)
        finally:
            await runner.cleanup()

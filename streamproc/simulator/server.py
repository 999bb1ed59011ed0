"""One port: the token endpoint, SCIM, the directories that feed the pipeline, and the test APIs."""

import asyncio
import ipaddress
from collections.abc import Callable
from email.utils import formatdate

import orjson
from aiohttp import web

from streamproc.simulator import admin_api, audit_api, authorization_api, platform_api, users_api
from streamproc.simulator.directories import Directories
from streamproc.simulator.options import SimulatorOptions
from streamproc.simulator.request_pipeline import CORRELATION, Simulator
from streamproc.simulator.surroundings import Surroundings

JSON = "application/json"
DEFAULT_HOST = "127.0.0.1"

# Our own limit is an option and answers with Genesys's body, so aiohttp's must never be reached.
_NEVER_MET = 64 * 1024 * 1024


def create_app(options: SimulatorOptions | None = None, around: Surroundings | None = None) -> web.Application:
    app = web.Application(client_max_size=_NEVER_MET)
    simulator = Simulator(options or SimulatorOptions(), around)
    Directories(around=around).add_routes(app)
    add_routes(app, simulator)
    return app


def add_routes(app: web.Application, simulator: Simulator) -> None:
    """Those of Genesys Cloud; the last takes whatever no other does."""

    async def token(request: web.Request) -> web.Response:
        authorization, form = request.headers.get("Authorization"), await request.post()
        clients, options = simulator.access.clients, simulator.options
        headers = {"Cache-Control": "no-store"}
        fault = simulator.faults.choose("POST", "oauth/token", tuple)
        if fault and (refusal := fault.refusal()):
            body = refusal.body(simulator.around.id())
            return web.Response(status=refusal.status, body=body, content_type=JSON, headers=headers | refusal.headers)
        ttl_s, unknown = options.token_ttl_s, options.unknown_client
        status, content = simulator.tokens.grant(clients, ttl_s, authorization, form, unknown=unknown)
        if status == 401:
            headers["WWW-Authenticate"] = "Basic"
        return web.Response(status=status, body=orjson.dumps(content), content_type=JSON, headers=headers)

    async def correlate(_request: web.Request, response: web.StreamResponse) -> None:
        if CORRELATION not in response.headers:
            response.headers[CORRELATION] = simulator.around.id()
        if simulator.options.clock_skew_s:
            response.headers["Date"] = formatdate(simulator.now(), usegmt=True)

    app.router.add_post("/oauth/token", token)
    admin_api.add_routes(app, simulator)
    for part in (platform_api, authorization_api, audit_api, users_api):
        part.add_routes(app, simulator)
    app.router.add_route("*", "/{tail:.*}", simulator.handle)
    app.on_response_prepare.append(correlate)


async def serve(host: str, port: int, options: SimulatorOptions, ready: Callable[[int], None]) -> None:
    """Run until cancelled. Port 0 takes a free one; `ready` gets the real one.

    The test API has no lock, so anything but loopback needs `options.allow_remote`. There is no access log: it would
    hold user names in filters.
    """
    if not (options.allow_remote or _is_loopback(host)):
        raise ValueError(f"{host} is not loopback: the simulator's test API would be open to others")
    runner = web.AppRunner(create_app(options), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        await site.start()
        ready(runner.addresses[0][1])
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

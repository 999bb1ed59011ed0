"""A hostile target over real HTTP, for the whole sink."""

import asyncio
from collections.abc import Callable

import orjson
from aiohttp import web

from tests.support.hostile_targets.behaviour import HostileTarget
from tests.support.hostile_targets.store import Asked

ROOT = "/api/v2/scim/v2"


def app_of(there: HostileTarget) -> Callable[[], web.Application]:
    """What makes the application: an OAuth token for anybody, and SCIM below `ROOT`."""

    async def token(_: web.Request) -> web.Response:
        await asyncio.sleep(0)
        return web.json_response({"access_token": "t", "token_type": "Bearer", "expires_in": 86400})

    async def scim(request: web.Request) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0].removeprefix(ROOT)
        content = await request.read()
        body = orjson.loads(content) if content else None
        query = request.raw_path.partition("?")[2]
        answer = there.answer(Asked(request.method, path, query, body, request.headers.get("If-Match")))
        if answer.status is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        headers = dict(answer.headers)
        if isinstance(answer.body, bytes) or answer.body is None:
            return web.Response(status=answer.status, body=answer.body, headers=headers)
        headers.setdefault("Content-Type", "application/scim+json")
        return web.Response(status=answer.status, body=orjson.dumps(answer.body), headers=headers)

    def make() -> web.Application:
        app = web.Application()
        app.router.add_post("/oauth/token", token)
        app.router.add_route("*", ROOT + "/{tail:.*}", scim)
        return app

    return make

"""The platform's API beside SCIM: what every request there passes, and how it refuses."""

import uuid
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from streamproc.simulator import oauth
from streamproc.simulator.errors import PlatformError
from streamproc.simulator.request_pipeline import CORRELATION, Simulator


def guarded(simulator: Simulator, answer: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
    """A handler: token, rate limit, then `answer`, whose None is an empty body. It may raise PlatformError."""

    async def handle(request: web.Request) -> web.Response:
        headers = {CORRELATION: str(uuid.uuid4()), "Content-Type": "application/json"}
        try:
            window = oauth.count(simulator.tokens.find(request.headers.get("Authorization")), simulator.options)
            headers |= window.headers()
            oauth.check(window)
            given = answer(request)
        except PlatformError as error:
            body = error.body(headers[CORRELATION])
            return web.Response(status=error.status, body=body, headers=headers | error.headers)
        return web.Response(status=200, body=None if given is None else orjson.dumps(given), headers=headers)

    return handle

"""Sessions: `DELETE /api/v2/tokens/{userId}`, the one call beside SCIM. It only keeps a list of whose were ended."""

import uuid

from aiohttp import web

from streamproc.simulator import oauth
from streamproc.simulator.errors import PlatformError, not_found
from streamproc.simulator.gateway import CORRELATION, Simulator


def add_routes(app: web.Application, simulator: Simulator) -> None:
    async def end(request: web.Request) -> web.Response:
        headers = {CORRELATION: str(uuid.uuid4()), "Content-Type": "application/json"}
        try:
            window = oauth.count(simulator.tokens.find(request.headers.get("Authorization")), simulator.options)
            headers |= window.headers()
            oauth.check(window)
            if request.match_info["id"] not in simulator.store.users:
                raise not_found("user")
        except PlatformError as error:
            body = error.body(headers[CORRELATION])
            return web.Response(status=error.status, body=body, headers=headers | error.headers)
        simulator.ended.append(request.match_info["id"])
        return web.Response(status=200, headers=headers)

    app.router.add_delete("/api/v2/tokens/{id}", end)

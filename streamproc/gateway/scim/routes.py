"""SCIM over HTTP: who may ask, how large and how slow a body may be, and that the answer is JSON whatever happens.

Rule 1: nothing of a body is read before its sender is known, and nothing of it is ever in the log.
Rule 2: aiohttp's router has no say here: it would answer in its own words, or with a page.
Rule 3: a write that has begun goes on when its client is gone: half of a group would else be written.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Final, cast

from aiohttp import HttpVersion11, web

from streamproc import telemetry
from streamproc.core.provider.scim_error import ScimError
from streamproc.gateway.connection import Connection
from streamproc.gateway.counts import Counts
from streamproc.gateway.fast_path import SharedTimeout
from streamproc.gateway.request_body import Bodies
from streamproc.gateway.responses import HttpError
from streamproc.gateway.scim.answer import SCIM_JSON, Answer, error, later, unauthorized
from streamproc.gateway.scim.endpoint import ROOTS, below_root, endpoint, readable
from streamproc.gateway.scim.front_door import FrontDoor, Served
from streamproc.gateway.scim.service import LARGEST_BODY, WITH_BODY, ScimRequest
from streamproc.gateway.scim.tokens import LONGEST as LONGEST_FORM
from streamproc.gateway.summed_log import SummedLog

DOOR: Final = "scim"
"""In metric and log."""
FETCHING: Final = "/oauth/token"
"""Where clients fetch tokens (RFC 6749 §3.2)."""
JSON: Final = "application/json"
BODY: Final = 30.0
"""Seconds for a body. Clients give up after 60."""
FORM: Final = 2.0
"""Seconds for the form of somebody who isn't known yet."""
LARGE: Final = 1024 * 1024
"""Bytes from which a body is large."""
LARGE_AT_ONCE: Final = 4
"""Large bodies of one connection. One more gets 503."""
_NEAR: Final = ("/scim", "/api", "/users", "/groups")
"""What the path of a client may begin with that was given another URL than one of ours."""
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_SAID: Final = {
    400: "The body is cut off.",
    408: "The body comes too slowly.",
    413: "The body is too large.",
    415: "The body is compressed.",
}


class ScimRoutes:
    """`in_flight`: requests of a connection at once. `url`: as clients have the gateway; None: as they ask."""

    def __init__(
        self, door: FrontDoor, *, in_flight: int, log: SummedLog, timeout: SharedTimeout, url: str | None = None
    ) -> None:
        self._door = door
        self._in_flight = in_flight
        self._log = log
        self._url = url
        self._bodies = {name: Bodies(timeout, most) for name, most in LARGEST_BODY.items()}
        self._form = Bodies(timeout, LONGEST_FORM)
        self._counts = Counts(telemetry.FRONT_DOOR)

    def route(self, server: web.Server) -> None:
        """Have these requests handled here, and all others by the server's own handler."""
        usual = server.request_handler

        def handler(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
            return self.answer(request) if self.takes(request) else usual(request)

        server.request_handler = handler

    def takes(self, request: web.BaseRequest) -> bool:
        """Whether a request is one of these."""
        path = _path(request)[0]
        return below_root(path) is not None or _is_token(path) or path.lower().startswith(_NEAR)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer, whatever the request is."""
        path, query = _path(request)
        found = below_root(path)
        if found is None:
            return await self._token(request) if _is_token(path) else _elsewhere(request)
        served: Served | None = None
        try:
            served = self._door.who(request.headers.get("Authorization"))
            told = await self._served(request, served, *found, query)
            response = _response(request, told)
        except Exception as failed:  # noqa: BLE001 - a bug that one request meets mustn't end the others
            if served is not None:
                self._door.distrust(served.name, failed)
            response = _response(request, self._failed(failed))
        self._tell(request, served, response)
        return response

    async def _served(
        self, request: web.BaseRequest, served: Served | None, root: str, path: str, query: str
    ) -> Answer:
        if served is None:
            return unauthorized() if self._door.is_known else later("It isn't known yet which connections there are.")
        cast("Connection", request.protocol).prove()
        with self._place(served):
            body = await self._body(request, served, endpoint(path).name)
            headers = request.headers
            return await served.service.answer(
                ScimRequest(
                    request.method,
                    path,
                    query,
                    body,
                    headers.get("If-Match"),
                    headers.get("User-Agent"),
                    self._base(request) + readable(root),
                )
            )

    @contextmanager
    def _place(self, served: Served) -> Iterator[None]:
        if served.busy >= self._in_flight:
            raise HttpError(503, why="busy")
        served.busy += 1
        try:
            yield
        finally:
            served.busy -= 1

    async def _body(self, request: web.BaseRequest, served: Served, name: str) -> bytes:
        """Of a write; others have none that matters. Raises HttpError."""
        bodies = self._bodies.get(name)
        if bodies is None or request.method not in WITH_BODY:
            return b""
        if request.content.is_eof():
            return await bodies.read(request, 0.0, proven=True)
        size = request.content_length
        if size is not None and size > LARGEST_BODY[name]:
            raise HttpError(413)
        await _go_on(request)
        large = size is None or size > LARGE
        if large and served.large >= LARGE_AT_ONCE:
            raise HttpError(503, why="busy")
        served.large += large
        try:
            return await bodies.read(request, asyncio.get_running_loop().time() + BODY, proven=True)
        finally:
            served.large -= large

    async def _token(self, request: web.BaseRequest) -> web.StreamResponse:
        """`POST /oauth/token`. What it costs somebody who isn't known is bounded as at the other doors."""
        try:
            if request.method != "POST":
                told = error(ScimError(405, None, "A token is fetched by POST."), Allow="POST")
            else:
                await _go_on(request)
                deadline = asyncio.get_running_loop().time() + FORM
                form = await self._form.read(request, deadline, proven=False)
                told = self._door.grant(request.headers.get("Authorization"), form)
                if told.status == 200:
                    cast("Connection", request.protocol).prove()
            response = _response(request, told, JSON)
        except Exception as failed:  # noqa: BLE001 - see above
            response = _response(request, self._failed(failed), JSON)
        self._tell(request, None, response)
        return response

    def _base(self, request: web.BaseRequest) -> str:
        """The gateway's URL, as the client has it."""
        if self._url is not None:
            return self._url
        # aiohttp would ask the DNS for our own name where the request has none.
        return f"{request.scheme}://{readable(request.headers.get('Host', 'localhost'))}"

    def _failed(self, failed: Exception) -> Answer:
        match failed:
            case HttpError(status=503):
                return later("More requests at once than one connection may have.")
            case HttpError():
                return error(ScimError(failed.status, None, _SAID.get(failed.status, "It can't be read.")))
            case sqlite3.Error():
                self._log.tell("error", "the file of what clients read can't be used", error=type(failed).__name__)
                return later("What is so now can't be read.")
            case _:
                self._log.tell("error", "request failed", source=DOOR, error=type(failed).__name__)
                return error(ScimError(500, None, "Something went wrong here, and nothing is known of it but this."))

    def _tell(self, request: web.BaseRequest, served: Served | None, response: web.Response) -> None:
        """In the metric, and in the log where it is of use."""
        name, status = "" if served is None else served.name, response.status
        method = request.method if request.method in _METHODS else "other"
        self._counts.count(name, method, status)
        if status == 401:
            self._log.tell("warning", "refused", remote=request.remote, source=DOOR, check="token")
        elif status in {429, 503}:
            self._log.tell("warning", "not taken", remote=request.remote, source=DOOR, connection=name, why=str(status))


async def _go_on(request: web.BaseRequest) -> None:
    """Somebody who asks before sending a body may send it (RFC 9110 §10.1.1)."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def _elsewhere(request: web.BaseRequest) -> web.Response:
    """Whoever sets up a client has mistyped the URL, and reads what it shows of the answer."""
    return _response(request, error(ScimError(404, None, f"Here SCIM is below {', '.join(ROOTS)}.")))


def _response(request: web.BaseRequest, told: Answer, kind: str = SCIM_JSON) -> web.Response:
    if told.body is None:
        return web.Response(status=told.status, headers=told.headers)
    accepted = request.headers.get("Accept")
    if accepted is not None and JSON in accepted and SCIM_JSON not in accepted:
        kind = JSON  # RFC 7644 §3.1: both are right, and some understand only what they ask for
    return web.Response(status=told.status, body=told.content(), headers=told.headers, content_type=kind)


def _path(request: web.BaseRequest) -> tuple[str, str]:
    """Path and query, as they came; of a whole URL (RFC 9112 §3.2.2), as proxies ask, what is behind the host."""
    path, _, query = request.raw_path.partition("?")
    if not path.startswith("/") and "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path, query


def _is_token(path: str) -> bool:
    return path.rstrip("/&").lower() == FETCHING

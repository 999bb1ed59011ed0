"""Seam to a SCIM 2.0 server over HTTP: one call, one request, one Answer. What the answer means isn't decided here.

Of an answer no more goes on than somebody reads: JSON, and the headers of `HEARD`, as text that can be kept.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import aiohttp
import orjson

from streamproc.adapters.http import NotSentError, Reply, UnansweredError, decoded, send
from streamproc.adapters.oauth import Bearer, TokenRefusedError, heard
from streamproc.core.scim.response_policy import Response

MAX_BODY = 512_000
"""Bytes of a request that Genesys Cloud takes (`request.bytes.max`)."""
PLAIN: Final = "identity"
"""Accept-Encoding: a server that packs an answer changes its ETag (Apache: `"5-gzip"`, nginx: `W/"5"`), and answers
are small. One that packs nevertheless is unpacked."""


ANSWER: Final = 2 * 1024 * 1024
"""Bytes of an answer: a page of a thousand users, or a group that shows all its members though it wasn't to. Twice as
many answers as the sink has connections are under way at a time."""
HEARD: Final = frozenset(
    {
        "content-length",
        "content-type",
        "etag",
        "inin-correlation-id",
        "inin-ratelimit-allowed",
        "inin-ratelimit-count",
        "inin-ratelimit-reset",
        "location",
        "retry-after",
    }
)
LONGEST: Final = 400
"""Characters of a header that are kept."""
_NO_TEXT: Final = re.compile(r"[\0-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and bytes that aren't UTF-8: a record of ours can't hold those."""


AtLast: TypeAlias = Callable[[], Awaitable[None]]


class _Authorized:
    """Requests below one root, each with a bearer token. `clock`: seconds since 1970."""

    def __init__(self, http: aiohttp.ClientSession, root: str, tokens: Bearer, clock: Callable[[], float]) -> None:
        self._http = http
        self._root = root.rstrip("/")
        self._tokens = tokens
        self._clock = clock

    async def _ask(
        self, method: str, path: str, headers: dict[str, str], data: bytes | None, at_last: AtLast | None = None
    ) -> Response:
        try:
            token = await self._tokens.get()
            if at_last is not None:
                await at_last()
            headers = {**headers, "Authorization": f"Bearer {token}"}
            reply = await send(self._http, method, self._root + path, headers, data, clock=self._clock, most=ANSWER)
        except TokenRefusedError as error:
            asked = {"retry-after": f"{error.wait:.3f}"} if error.wait > 0 else {}
            return Response(None, {}, asked, sent=False, error=f"no token: {error}", trouble="token")
        except NotSentError as error:
            return Response(None, {}, {}, sent=False, error=str(error), trouble="connection")
        except UnansweredError as error:
            return Response(None, {}, {}, error=str(error))
        heard(self._tokens, token, reply.status)
        if reply.status == 407:  # RFC 9110 §15.5.8: no server says so, the proxy in front of it does
            why = "the proxy wants a name and password (407): http://NAME:PASSWORD@HOST:PORT"
            return Response(None, {}, {}, sent=False, error=why, trouble="connection")
        return Response(reply.status, _json(reply), _heard(reply))


class ScimHttp(_Authorized):
    """Requests to one SCIM root. Never raises for what the network or the server does."""

    async def request(
        self,
        method: str,
        path: str,
        request_id: str,
        body: dict[str, Any] | None = None,
        etag: str | None = None,
        at_last: AtLast | None = None,
    ) -> Response:
        """`path` below the root, with its query encoded. `etag` is sent as If-Match (RFC 7644 §3.14). `at_last` is
        awaited when a token is there and nothing is left to wait for; what it raises, nothing is sent after.

        A 401 spends the token, so that the next attempt brings a new one.
        """
        headers = {"Accept": "application/scim+json", "Accept-Encoding": PLAIN, "X-Request-Id": request_id}
        if body is not None:
            headers["Content-Type"] = "application/scim+json"
        if etag is not None:
            headers["If-Match"] = etag
        data = None if body is None else orjson.dumps(body)
        if data is not None and len(data) > MAX_BODY:
            return Response(413, {}, {}, sent=False, error=f"over {MAX_BODY} bytes, so it wasn't sent")
        return await self._ask(method, path, headers, data, at_last)


class PlatformHttp(_Authorized):
    """Requests to the target's own API beside SCIM, at `root` (for Genesys Cloud `https://api.REGION/api/v2`)."""

    async def get(self, path: str) -> Response:
        """`path` below the root, with its query encoded. Never raises for what the network or the server does."""
        return await self._ask("GET", path, {"Accept": "application/json"}, None)

    async def post(self, path: str, body: dict[str, Any]) -> Response:
        """The same with a body, for queries: nothing that `path` names may change anything."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        return await self._ask("POST", path, headers, orjson.dumps(body))

    async def end_sessions(self, user_id: str) -> int | None:
        """Delete all tokens of the user (Genesys Cloud: `DELETE /api/v2/tokens/{userId}`, permission
        `oauth:token:delete`). Returns the status; None: no answer came.
        """
        return (await self._ask("DELETE", f"/tokens/{quote(user_id, safe='')}", {}, None)).status


def _heard(reply: Reply) -> dict[str, str]:
    kept = {name: value for name, value in reply.headers.items() if name in HEARD}
    return {name: _NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", value[:LONGEST]) for name, value in kept.items()}


def _json(reply: Reply) -> dict[str, Any]:
    try:
        body = decoded(reply.content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}

"""Seam to a SCIM 2.0 server over HTTP: one call, one request, one Answer. What the answer means isn't decided here."""

from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from streamproc.adapters.oauth import Bearer, TokenRefusedError
from streamproc.core.scim.response_policy import Response

MAX_BODY = 512_000
"""Bytes of a request that Genesys Cloud takes (`request.bytes.max`)."""


class ScimHttp:
    """Requests to one SCIM root. Never raises for what the network or the server does."""

    def __init__(self, http: aiohttp.ClientSession, root: str, tokens: Bearer) -> None:
        self._http = http
        self._root = root.rstrip("/")
        self._tokens = tokens

    async def request(
        self, method: str, path: str, request_id: str, body: dict[str, Any] | None = None, etag: str | None = None
    ) -> Response:
        """`path` below the root, with its query encoded. `etag` is sent as If-Match (RFC 7644 §3.14).

        A 401 spends the token, so that the next attempt brings a new one.
        """
        try:
            token = await self._tokens.get()
        except TokenRefusedError as error:
            return Response(None, {}, {}, sent=False, error=str(error))
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/scim+json", "X-Request-Id": request_id}
        if body is not None:
            headers["Content-Type"] = "application/scim+json"
        if etag is not None:
            headers["If-Match"] = etag
        data = None if body is None else orjson.dumps(body)
        if data is not None and len(data) > MAX_BODY:
            return Response(413, {}, {}, sent=False, error=f"over {MAX_BODY} bytes, so it wasn't sent")
        try:
            async with self._http.request(method, self._root + path, data=data, headers=headers) as response:
                content = await response.read()
                answer = Response(
                    response.status, _json(content), {name.lower(): value for name, value in response.headers.items()}
                )
        except aiohttp.ClientConnectorError as error:  # no connection was made, so nothing was sent
            return Response(None, {}, {}, sent=False, error=type(error).__name__)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Response(None, {}, {}, error=type(error).__name__)
        if answer.status == 401:
            self._tokens.refuse(token)
        return answer


class PlatformHttp:
    """Requests to the target's own API beside SCIM, at `root` (for Genesys Cloud `https://api.REGION/api/v2`)."""

    def __init__(self, http: aiohttp.ClientSession, root: str, tokens: Bearer) -> None:
        self._http = http
        self._root = root.rstrip("/")
        self._tokens = tokens

    async def get(self, path: str) -> Response:
        """`path` below the root, with its query encoded. Never raises for what the network or the server does."""
        try:
            token = await self._tokens.get()
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
            async with self._http.get(self._root + path, headers=headers) as response:
                content = await response.read()
                if response.status == 401:
                    self._tokens.refuse(token)
                found = {name.lower(): value for name, value in response.headers.items()}
                return Response(response.status, _json(content), found)
        except TokenRefusedError as error:
            return Response(None, {}, {}, sent=False, error=str(error))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Response(None, {}, {}, error=type(error).__name__)

    async def end_sessions(self, user_id: str) -> int | None:
        """Delete all tokens of the user (Genesys Cloud: `DELETE /api/v2/tokens/{userId}`, permission
        `oauth:token:delete`). Returns the status; None: no answer came.
        """
        try:
            token = await self._tokens.get()
            headers = {"Authorization": f"Bearer {token}"}
            url = f"{self._root}/tokens/{quote(user_id, safe='')}"
            async with self._http.delete(url, headers=headers) as response:
                await response.read()
                if response.status == 401:
                    self._tokens.refuse(token)
                return response.status
        except (TokenRefusedError, aiohttp.ClientError, TimeoutError, OSError):
            return None


def _json(content: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}

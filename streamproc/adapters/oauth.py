"""Seam to the OAuth token endpoint: client credentials (RFC 6749 §4.4), one request for however many wait.

Many SCIM 2.0 servers have no such endpoint, and give out one bearer token for good: `StaticToken`.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from typing import Protocol

import aiohttp
import orjson

MARGIN = 60.0
"""Seconds before its expiry from which a token is replaced; at most a tenth of its life."""


class TokenRefusedError(Exception):
    """The token endpoint didn't give a token. The secret isn't in the message."""


class Bearer(Protocol):
    """Where the bearer token of each request comes from (RFC 6750)."""

    async def get(self) -> str:
        """A token that is good for a while. Raises TokenRefusedError."""

    def refuse(self, token: str) -> None:
        """The API answered 401 to `token`."""


class StaticToken:
    """A token that never changes. Once it is refused, somebody has to set another one."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def get(self) -> str:
        return self._token

    def refuse(self, token: str) -> None:
        pass


class Tokens:
    """The current access token. Many may ask at once: a refresh is made by one of them, for all."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        client_id: str,
        client_secret: str,
        clock: Callable[[], float],
    ) -> None:
        self._http = http
        self._url = url
        credentials = b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}", "Accept": "application/json"}
        self._clock = clock
        self._token = ""
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    async def get(self) -> str:
        """A token that is good for a while. Raises TokenRefusedError."""
        if self._clock() >= self._good_until:
            async with self._lock:
                if self._clock() >= self._good_until:
                    await self._refresh()
        return self._token

    def refuse(self, token: str) -> None:
        """The API answered 401 to `token`: the next `get` fetches a new one, unless that has happened already."""
        if token == self._token:
            self._good_until = 0.0

    async def _refresh(self) -> None:
        try:
            form = {"grant_type": "client_credentials"}
            async with self._http.post(self._url, data=form, headers=self._headers) as answer:
                body = await answer.read()
                if answer.status != 200:
                    raise TokenRefusedError(f"{self._url} answered {answer.status} to client credentials")
                given = orjson.loads(body)
                token, life = str(given["access_token"] or ""), float(given.get("expires_in", 3600))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TokenRefusedError(f"{self._url} can't be reached: {type(error).__name__}") from error
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise TokenRefusedError(f"{self._url} gave no access token") from error
        if not token:
            raise TokenRefusedError(f"{self._url} gave no access token")
        self._token = token
        self._good_until = self._clock() + life - min(MARGIN, life / 10)

"""Seam to the keys of a token's issuer: a JSON Web Key Set behind an https URL, or in a file. No decisions."""

from pathlib import Path
from typing import Any

import aiohttp
import orjson

from streamproc.core.errors import StreamprocError

SECONDS = 1.5
"""A token's sender waits meanwhile."""


class KeysUnavailableError(StreamprocError):
    """The issuer's keys can't be had; says where, and what kind of failure."""


class Jwks:
    """`place`: URL or path."""

    def __init__(self, place: str, http: aiohttp.ClientSession) -> None:
        self._place = place
        self._http = http

    async def get(self) -> Any:
        """The key set as it is now, decoded. Raises KeysUnavailableError."""
        try:
            if "://" not in self._place:
                return orjson.loads(Path(self._place).read_bytes())  # noqa: ASYNC240 - a small file, once a minute
            timeout = aiohttp.ClientTimeout(total=SECONDS)
            async with self._http.get(self._place, timeout=timeout, allow_redirects=False) as answer:
                answer.raise_for_status()
                return orjson.loads(await answer.read())
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise KeysUnavailableError(f"set_jwks: {self._place} gives no keys ({type(error).__name__})") from error

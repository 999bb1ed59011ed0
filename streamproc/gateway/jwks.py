"""I/O for the keys of a token's issuer: a JSON Web Key Set behind an https URL, or in a file. No decisions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from streamproc.adapters.http import NotSentError, UnansweredError, decoded, send
from streamproc.core.errors import StreamprocError
from streamproc.gateway.decide.key_set import LARGEST

SECONDS = 1.5
"""For all of an answer. The sender of a token waits meanwhile."""


class KeysUnavailableError(StreamprocError):
    """The issuer's keys can't be read; says where from, and the kind of failure."""


class Jwks:
    """A key set at `location`: a URL or a path. `clock`: seconds since 1970."""

    def __init__(self, location: str, http: aiohttp.ClientSession, clock: Callable[[], float]) -> None:
        self._location = location
        self._http = http
        self._clock = clock

    async def get(self) -> Any:
        """The key set as it is now, decoded. Raises KeysUnavailableError."""
        try:
            if "://" not in self._location:
                with Path(self._location).open("rb") as file:  # noqa: ASYNC230 - a small file, now and then
                    content = file.read(LARGEST + 1)
            else:
                timeout = aiohttp.ClientTimeout(total=SECONDS)
                headers = {"Accept": "application/json"}
                reply = await send(
                    self._http, "GET", self._location, headers, clock=self._clock, timeout=timeout, most=LARGEST
                )
                if reply.status != 200:
                    raise KeysUnavailableError(f"set_jwks: {self._location} gives no keys: it answered {reply.status}")
                content = reply.content
            if len(content) > LARGEST:
                raise KeysUnavailableError(f"set_jwks: {self._location} gives no keys: more than {LARGEST} bytes")
            return decoded(content)
        except (NotSentError, UnansweredError) as error:
            raise KeysUnavailableError(f"set_jwks: {self._location} gives no keys: {error}") from error
        except (OSError, ValueError) as error:
            raise KeysUnavailableError(f"set_jwks: {self._location} gives no keys ({type(error).__name__})") from error

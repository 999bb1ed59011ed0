"""Seam to the OAuth token endpoint: client credentials (RFC 6749 §4.4), one request for however many wait.

Many SCIM 2.0 servers have no such endpoint, and give out one bearer token for good: `StaticToken`.
"""

import asyncio
import math
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiohttp
import orjson

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.http import NotSentError, Reply, UnansweredError, decoded, send

MARGIN: Final = 60.0
"""Seconds before its expiry from which a token is replaced; at most a tenth of its life."""
UNTOLD: Final = 3600.0
"""Seconds that a token is taken to be good for whose `expires_in` is missing, or no number above 0."""
LONGEST: Final = 38_880_000.0
"""Seconds, 450 days: the longest life that Genesys Cloud gives (`docs: create an OAuth client`)."""
SHORTEST: Final = 1.0
"""Seconds that a token is used at least, whatever `expires_in` says: else each request would fetch one."""
ANSWER: Final = 256 * 1024
"""Bytes of the endpoint's answer."""
LONGEST_TOKEN: Final = 16 * 1024
"""Characters of a token: servers take no longer header."""
WAIT_MOST: Final = 600.0
"""Seconds that the endpoint can ask us to wait at most."""
REFUSED_FIRST: Final = 1.0
REFUSED_MOST: Final = 60.0
"""Seconds before another token is fetched where tokens are refused as they come: doubling from the second one on."""

_VISIBLE: Final = re.compile(r"[!-~]+")
_BOUND: Final = frozenset({"mac", "pop", "dpop"})
"""Kinds of token that are worth nothing without a proof, which we can't give (RFC 6749 §7.1, RFC 9449)."""


class TokenRefusedError(Exception):
    """There is no token, and the message says why. The secret isn't in it. `wait`: seconds until asking is allowed."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Bearer(Protocol):
    """Where the bearer token of each request comes from (RFC 6750)."""

    async def get(self) -> str:
        """A token that is good for a while. Raises TokenRefusedError."""

    def refuse(self, token: str) -> None:
        """The API answered 401 to `token`."""

    def doubt(self, token: str) -> None:
        """The API answered 403 to `token`."""

    def accept(self, token: str) -> None:
        """The API did what was asked with `token`."""


def heard(bearer: Bearer, token: str, status: int) -> None:
    """What an answer says of the token that it was asked with."""
    if status == 401:
        bearer.refuse(token)
    elif status == 403:
        bearer.doubt(token)
    elif status < 300:
        bearer.accept(token)


class StaticToken:
    """A token that never changes. Once it is refused, somebody has to set another one."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def get(self) -> str:
        return self._token

    def refuse(self, token: str) -> None:
        pass

    def doubt(self, token: str) -> None:
        pass

    def accept(self, token: str) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Granted:
    """What a token endpoint gave. `life`: seconds, whether they were told or not."""

    token: str
    life: float
    told: bool = True


class Tokens:
    """The current access token. Many may ask at once: a refresh is made by one of them, for all, and so is a failure.

    `scope`: for endpoints that want one. `in_form`: for those that take the
    client's credentials there (RFC 6749 §2.3.1).
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        client_id: str,
        client_secret: str,
        clocks: Clocks,
        scope: str = "",
        *,
        in_form: bool = False,
    ) -> None:
        self._http = http
        self._url = url
        credentials = b64encode(f"{client_id}:{client_secret}".encode()).decode()
        client = {"client_id": client_id, "client_secret": client_secret} if in_form else {}
        self._headers = {"Accept": "application/json"} | ({} if in_form else {"Authorization": f"Basic {credentials}"})
        self._form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {}) | client
        self._clocks = clocks
        self._token = ""
        self._given = self._good_until = 0.0
        self._told = True
        self._lock = asyncio.Lock()
        self._attempts = 0
        """Made so far."""
        self._failure: TokenRefusedError | None = None
        """Of the last attempt."""
        self._closed = -math.inf
        """Until then the endpoint isn't asked."""
        self._refused = 0
        """Tokens in a row that were refused before anything was done with them."""

    async def get(self) -> str:
        """A token that is good for a while. Raises TokenRefusedError."""
        if self._clocks.ticks() >= self._good_until:
            attempts = self._attempts
            async with self._lock:
                if self._attempts != attempts and self._failure is not None:
                    raise TokenRefusedError(str(self._failure), self._failure.wait)  # somebody asked for us meanwhile
                if self._clocks.ticks() >= self._good_until:
                    await self._refresh()
        return self._token

    def refuse(self, token: str) -> None:
        """The API answered 401 to `token`: the next `get` fetches a new one, unless that has happened already.

        An API that refuses what the endpoint gives, one after the other, isn't helped by more of them.
        """
        if token != self._token or self._good_until == 0.0:
            return
        self._good_until = 0.0
        self._refused += 1
        if self._refused > 1:
            wait = min(REFUSED_MOST, REFUSED_FIRST * 2.0 ** (self._refused - 2))
            self._hold(wait, f"the API refuses each token that {self._url} gives ({self._refused} in a row, 401)")

    def doubt(self, token: str) -> None:
        """The API answered 403 to `token`. Where nobody said how long it is good for, that may be over: not every API
        says so by 401. Then the next `get` fetches a new one, at most once a minute.
        """
        if not self._told and self._clocks.ticks() - self._given >= REFUSED_MOST:
            self.refuse(token)

    def accept(self, token: str) -> None:
        """The API did what was asked with `token`: a 401 before was that one token's, or a slip."""
        if token == self._token:
            self._refused = 0

    async def _refresh(self) -> None:
        if (seconds := self._closed - self._clocks.ticks()) > 0 and self._failure is not None:
            raise TokenRefusedError(str(self._failure), seconds)
        try:
            reply = await send(
                self._http, "POST", self._url, self._headers, self.form(), clock=self._clocks.clock, most=ANSWER
            )
            given = self.granted(reply)
        except (NotSentError, UnansweredError) as error:
            self._failure = TokenRefusedError(f"{self._url} can't be reached: {error}")
            raise self._failure from error
        except _UnusableError as error:
            wait = _number(reply.headers.get("retry-after")) or 0.0
            self._hold(min(wait, WAIT_MOST), f"{self._url} {error}")
            assert self._failure is not None
            raise self._failure from error
        finally:
            self._attempts += 1
        self._failure = None
        self._token, self._given, self._told = given.token, self._clocks.ticks(), given.told
        self._good_until = self._given + given.life - min(MARGIN, given.life / 10)

    def form(self) -> dict[str, str]:
        """What the endpoint is sent. Raises NotSentError."""
        return self._form

    def granted(self, reply: Reply) -> Granted:
        """The token in its answer. Raises _UnusableError, and NotSentError where it can't be kept."""
        return granted(reply)

    def _hold(self, seconds: float, reason: str) -> None:
        self._failure = TokenRefusedError(reason, seconds)
        self._closed = self._clocks.ticks() + seconds


class _UnusableError(Exception):
    """Why an answer gives no token."""


def granted(reply: Reply) -> Granted:
    """The token in an answer (RFC 6749 §5.1). Raises _UnusableError, whose message has nothing of a token."""
    if not 200 <= reply.status < 300:
        raise _UnusableError(f"answered {reply.status} to client credentials{_said(reply)}")
    try:
        given = None if "html" in reply.headers.get("content-type", "").lower() else decoded(reply.content)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise _UnusableError(f"gave no access token: its {reply.status} isn't a JSON object. Is the URL right?")
    token, kind = given.get("access_token"), given.get("token_type")
    if not isinstance(token, str) or not (token := token.strip(" \t\r\n")):
        raise _UnusableError("gave no access token")
    if not _VISIBLE.fullmatch(token):
        odd = next(each for each in token if not _VISIBLE.fullmatch(each))
        raise _UnusableError(f"gave no access token that a header can have: it has U+{ord(odd):04X} in it")
    if len(token) > LONGEST_TOKEN:
        raise _UnusableError(f"gave no access token that a header can have: it has {len(token)} characters")
    if isinstance(kind, str) and kind.strip().casefold() in _BOUND:
        raise _UnusableError("gave no access token of type Bearer, but one that needs a proof with each request")
    life = _life(given.get("expires_in"))
    return Granted(token, UNTOLD if life is None else life, life is not None)


def _life(told: Any) -> float | None:
    """Seconds, from `expires_in` as servers send it: a number, a number in quotes, null, nothing, 0 or -1 for "never".

    It is recommended, not required (RFC 6749 §5.1). Whatever it is, a 401 brings the next token. None: it isn't told.
    """
    seconds = None if isinstance(told, bool) else _number(told)
    return max(SHORTEST, min(seconds, LONGEST)) if seconds else None


def _number(told: Any) -> float | None:
    try:
        number = float(told)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number > 0.0 else None  # nor is NaN above 0


def _said(reply: Reply) -> str:
    """The endpoint's error code (RFC 6749 §5.2), and what to do about some."""
    if 300 <= reply.status < 400:
        return ", a redirect, which isn't followed: the URL has to be the endpoint's own"
    try:
        told = decoded(reply.content)
    except orjson.JSONDecodeError:
        told = None
    code = told.get("error") if isinstance(told, dict) else None
    said = f" ({code})" if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,40}", code) else ""
    if reply.status in {400, 401, 403}:
        said += ": is the client secret right, and still valid?"
    return said

"""Verifies Security Event Tokens of one issuer: fetches its keys when they are needed, and recognises repeats.

Rule 1: strangers can't make us ask the issuer often: one fetch at a time, for all who wait; one a minute because of
tokens that no key made; and after failures later and later.
Rule 2: a key that the issuer has taken back ends: keys are fetched anew while they are used, and what couldn't be
fetched for an hour doesn't count any more.
Rule 3: an answer that isn't a key set changes nothing. A set without a usable key is an answer: nobody is let in.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from jwt import PyJWK

from streamproc import telemetry
from streamproc.gateway.decide.key_set import usable_keys
from streamproc.gateway.decide.security_event_token import Refusal, Token, names_unknown_key, verify_token
from streamproc.gateway.jwks import KeysUnavailableError

log = structlog.get_logger("streamproc.gateway")

REFETCH: Final = 60.0
"""Least seconds between fetches of the keys because of an unknown one."""
FRESH: Final = 600.0
"""Seconds after which keys that are used are fetched anew; tokens don't wait for it."""
OLD: Final = 3600.0
"""Seconds after which keys don't count any more."""
BACKOFF: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds until the next fetch after the first, second ... failure in a row."""
REMEMBERED: Final = 10_000
"""Tokens that are recognised as repeats. A repeat of an older one is stored again, and readers recognise it."""


class SetVerifier:
    """`fetch` gives the key set as it is now, or raises KeysUnavailableError."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        fetch: Callable[[], Awaitable[Any]],
        ticks: Callable[[], float],
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._fetch = fetch
        self._ticks = ticks
        self._keys: tuple[PyJWK, ...] = ()
        self._fetched = float("-inf")
        self.failures = 0
        """Fetches of the keys in a row that failed."""
        self._next = float("-inf")
        """When the issuer may be asked again after a failure."""
        self._fetching: asyncio.Task[None] | None = None
        self._stored: OrderedDict[bytes, None] = OrderedDict()

    async def verify(self, body: bytes, now: int) -> Token | Refusal:
        """The verified token, or why it is refused. `now`: µs since 1970.

        Raises KeysUnavailableError where it can't be told; the sender is to send it again.
        """
        if self._age() >= OLD:
            self._keys = ()
        elif self._age() >= FRESH and self._fetching is None and self._ticks() >= self._next:
            self._begin()
        verified = self._verify(body, now)
        if isinstance(verified, Token) or verified.err != "invalid_key":
            return verified
        if self._age() >= REFETCH:
            await self._fetch_keys()
            return self._verify(body, now)
        if not self._keys:
            raise KeysUnavailableError("set_jwks: no key there can be used")
        if names_unknown_key(body, self._keys):
            raise KeysUnavailableError("set_jwks: the keys there were fetched just now, and a token names another one")
        return verified

    def _age(self) -> float:
        return self._ticks() - self._fetched

    def _verify(self, body: bytes, now: int) -> Token | Refusal:
        return verify_token(body, self._keys, self._issuer, self._audience, now)

    async def _fetch_keys(self) -> None:
        if self._fetching is None:
            if self._ticks() < self._next:
                raise KeysUnavailableError(f"set_jwks: no keys after {self.failures} tries, and not asked yet again")
            self._begin()
        assert self._fetching is not None
        await asyncio.shield(self._fetching)

    def _begin(self) -> None:
        self._fetching = asyncio.create_task(self._renew())
        self._fetching.add_done_callback(self._done)

    async def _renew(self) -> None:
        try:
            keys = usable_keys(await self._fetch())
        except KeysUnavailableError:
            raise
        except Exception as error:  # whatever an answer makes somebody stumble over, it is that answer
            raise KeysUnavailableError(f"set_jwks: {type(error).__name__}") from error
        if keys is None:
            raise KeysUnavailableError("set_jwks: what is there isn't a key set")
        self._keys, self._fetched = keys, self._ticks()
        log.info("keys fetched", keys=len(keys))

    def _done(self, fetching: asyncio.Task[None]) -> None:
        """Whoever waits gets the error; it is told here for everybody."""
        self._fetching = None
        if fetching.cancelled():
            return
        error = fetching.exception()
        telemetry.KEY_FETCHES.labels("fetched" if error is None else "failed").inc()
        if error is None:
            self.failures = 0
            return
        self._next = self._ticks() + BACKOFF[min(self.failures, len(BACKOFF) - 1)]
        self.failures += 1
        log.error("keys unavailable", reason=str(error), failures=self.failures)

    def is_repeated(self, token: Token) -> bool:
        """Whether the token was stored before."""
        return _digest(token) in self._stored

    def remember(self, token: Token) -> None:
        """The brokers have it."""
        self._stored[_digest(token)] = None
        if len(self._stored) > REMEMBERED:
            self._stored.popitem(last=False)


def _digest(token: Token) -> bytes:
    """An id may be of any length."""
    return hashlib.sha256(token.id.encode("utf-8", "surrogatepass")).digest()

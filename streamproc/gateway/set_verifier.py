"""The issuer of Security Event Tokens: its keys, fetched when they are needed, and which tokens are known already."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from jwt import PyJWK

from streamproc.gateway.decide.security_event_token import Refusal, Token, keys, token

log = structlog.get_logger("streamproc.gateway")

AGAIN = 60.0
"""Seconds until a key that isn't known makes the keys be fetched again: strangers can't make us ask more often."""
REMEMBERED = 10_000
"""Tokens that are recognised here. Older ones are kept twice, and recognised by who reads them."""


class SetVerifier:
    """`fetch` gives the key set as it is now, or raises KeysUnavailableError."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        fetch: Callable[[], Awaitable[Any]],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._fetch = fetch
        self._ticks = ticks
        self._keys: tuple[PyJWK, ...] = ()
        self._fetched = float("-inf")
        self._known: OrderedDict[str, None] = OrderedDict()

    async def checked(self, body: bytes, now: int) -> Token | Refusal:
        """A token that is proven, or why not. Raises KeysUnavailableError, and then asks again with the next one."""
        found = self._checked(body, now)
        if isinstance(found, Token) or found.err != "invalid_key" or self._ticks() - self._fetched < AGAIN:
            return found
        self._keys = keys(await self._fetch())
        self._fetched = self._ticks()
        log.info("keys fetched", keys=len(self._keys))
        return self._checked(body, now)

    def _checked(self, body: bytes, now: int) -> Token | Refusal:
        return token(body, self._keys, self._issuer, self._audience, now)

    def knows(self, told: Token) -> bool:
        """Whether the token was kept before."""
        return told.id in self._known

    def kept(self, told: Token) -> None:
        """The brokers have it."""
        self._known[told.id] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

"""Verifies Security Event Tokens of one issuer: fetches its keys when they are needed, and recognises repeats."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from jwt import PyJWK

from streamproc.gateway.decide.security_event_token import Refusal, Token, usable_keys, verify_token

log = structlog.get_logger("streamproc.gateway")

REFETCH = 60.0
"""Least seconds between fetches of the keys because of an unknown one: strangers can't make us ask more often."""
REMEMBERED = 10_000
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
        self._stored: OrderedDict[str, None] = OrderedDict()

    async def verify(self, body: bytes, now: int) -> Token | Refusal:
        """The verified token, or why it is refused. `now`: µs since 1970.

        Raises KeysUnavailableError; the next token makes the keys be fetched again.
        """
        verified = self._verify(body, now)
        if isinstance(verified, Token) or verified.err != "invalid_key" or self._ticks() - self._fetched < REFETCH:
            return verified
        self._keys = usable_keys(await self._fetch())
        self._fetched = self._ticks()
        log.info("keys fetched", keys=len(self._keys))
        return self._verify(body, now)

    def _verify(self, body: bytes, now: int) -> Token | Refusal:
        return verify_token(body, self._keys, self._issuer, self._audience, now)

    def is_repeated(self, token: Token) -> bool:
        """Whether the token was stored before."""
        return token.id in self._stored

    def remember(self, token: Token) -> None:
        """The brokers have it."""
        self._stored[token.id] = None
        if len(self._stored) > REMEMBERED:
            self._stored.popitem(last=False)

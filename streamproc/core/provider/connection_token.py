"""Tokens of a connection: made by chance, shown once, kept as a hash, and replaced without a moment in which neither
the old nor the new one is valid.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import Final

from streamproc.core.records.connection_definition import ConnectionToken
from streamproc.core.records.units import Millis

PREFIX: Final = "scim_"
"""What a token of ours begins with, so that scanners for secrets know it."""


def new_token(chance: Callable[[int], bytes]) -> tuple[str, str]:
    """A token, which is shown once, and the hash of it, which is kept. `chance`: so many bytes of it."""
    token = PREFIX + urlsafe_b64encode(chance(32)).rstrip(b"=").decode()
    return token, hashed(token)


def hashed(token: str) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def valid(tokens: Iterable[ConnectionToken], now: Millis) -> tuple[ConnectionToken, ...]:
    """Those that are valid still. `now`: ms since 1970."""
    return tuple(each for each in tokens if each.until is None or now < each.until)


def rotated(tokens: Iterable[ConnectionToken], sha256: str, now: Millis, until: Millis) -> tuple[ConnectionToken, ...]:
    """With one token more. The others are valid until then, so that nothing is refused meanwhile; those that are over
    are left out. `now`, `until`: ms since 1970.
    """
    ending = (
        ConnectionToken(each.sha256, until if each.until is None else min(each.until, until))
        for each in valid(tokens, now)
    )
    return (*valid(ending, now), ConnectionToken(sha256))

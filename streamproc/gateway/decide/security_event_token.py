"""Security Event Tokens: is one signed by its issuer and meant for us, and what does it say? (RFC 8417, RFC 8935)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson
from jwt import PyJWK, PyJWTError
from jwt.api_jws import PyJWS

from streamproc.gateway.decide.authentication import WINDOW
from streamproc.sources.lenient_json import items, record, text

LARGEST_HEAD: Final = 8 * 1024
"""Bytes of a token's head, encoded: what it says is read before anything is proven."""

_JWS: Final = PyJWS(options={"enforce_minimum_key_length": True})


@dataclass(frozen=True, slots=True)
class Token:
    """A verified token."""

    claims: bytes
    """The JSON that was signed."""
    payload: dict[str, Any]
    id: str
    """Its `jti`, unique for the issuer."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a token is refused, in the words of RFC 8935 §2.4."""

    err: Literal["invalid_request", "invalid_key", "invalid_issuer", "invalid_audience"]
    description: str


def verify_token(body: bytes, keys: Iterable[PyJWK], issuer: str, audience: str, now: int) -> Token | Refusal:
    """A Security Event Token (RFC 8417 §2.2) from `issuer` to `audience`, signed with one of the keys.

    `now`: µs since 1970. `exp` isn't required (RFC 8417 §2.2 advises against it), but counts where it is present.
    """
    compact = body.strip()
    if (head := _head(compact)) is None:
        return Refusal("invalid_request", "not a JSON Web Signature in compact form")
    if str(head.get("typ", "")).lower().removeprefix("application/") != "secevent+jwt":
        return Refusal("invalid_request", "typ isn't secevent+jwt")
    candidates = [key for key in keys if _fits(key, head)]
    claims = next((signed for key in candidates if (signed := _signed_claims(compact, key)) is not None), None)
    if claims is None:
        return Refusal("invalid_key", "no known key made this signature")
    try:
        payload = record(orjson.loads(claims))
    except orjson.JSONDecodeError:
        payload = {}
    if payload.get("iss") != issuer:
        return Refusal("invalid_issuer", "iss isn't the issuer that is known here")
    if audience not in items(payload.get("aud")):
        return Refusal("invalid_audience", "aud doesn't name this receiver")
    token_id = text(payload.get("jti"))
    if token_id is None or not record(payload.get("events")):
        return Refusal("invalid_request", "jti or events are missing")
    if not _timely(payload, now / 1e6, WINDOW / 1e6):
        return Refusal("invalid_request", "iat is missing or lies in the future, or exp in the past")
    return Token(claims, payload, token_id)


def names_unknown_key(body: bytes, keys: Iterable[PyJWK]) -> bool:
    """Whether a token says that it was made with a key that is none of these."""
    head = _head(body.strip())
    return head is not None and "kid" in head and head["kid"] not in {key.key_id for key in keys}


def _head(compact: bytes) -> dict[str, Any] | None:
    if not 0 < compact.find(b".") <= LARGEST_HEAD:
        return None
    try:
        return _JWS.get_unverified_header(compact)
    except (PyJWTError, ValueError):  # what isn't UTF-8 raises the latter
        return None


def _fits(key: PyJWK, head: dict[str, Any]) -> bool:
    return head.get("alg") == key.algorithm_name and ("kid" not in head or head["kid"] == key.key_id)


def _timely(payload: dict[str, Any], now: float, slack: float) -> bool:
    begins, ends = payload.get("iat"), payload.get("exp", now)
    if not isinstance(begins, int | float) or not isinstance(ends, int | float):
        return False
    return begins <= now + slack and ends >= now - slack


def _signed_claims(compact: bytes, key: PyJWK) -> bytes | None:
    try:
        claims = _JWS.decode_complete(compact, key, [key.algorithm_name])["payload"]
    except PyJWTError:
        return None
    assert isinstance(claims, bytes)
    return claims

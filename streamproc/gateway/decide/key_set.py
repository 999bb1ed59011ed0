"""The keys of an issuer of Security Event Tokens: which of a JSON Web Key Set (RFC 7517) may verify a token."""

from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK

from streamproc.sources.lenient_json import items, record

ASYMMETRIC: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Neither `none` nor a shared secret: whoever can verify a token mustn't be able to make one."""
LARGEST: Final = 256 * 1024
"""Bytes of a key set."""
MOST: Final = 16
"""Keys of a set that are looked at: a token without `kid` is tried with each."""
RSA: Final = range(2048, 8192 + 1)
"""Bits (RFC 7518 §3.3); larger keys cost too much time."""
LONGEST: Final = 1024
"""Characters of a key's id."""


def usable_keys(jwks: Any) -> tuple[PyJWK, ...] | None:
    """The keys by which tokens can be verified; the others are left out. None: it isn't a key set."""
    keys = record(jwks).get("keys")
    if not isinstance(keys, list):
        return None
    return tuple(key for entry in items(keys)[:MOST] if (key := _key(record(entry))) is not None)


def _key(entry: dict[str, Any]) -> PyJWK | None:
    uses = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(uses, list) or "verify" not in uses:
        return None
    if not isinstance(kid := entry.get("kid", ""), str) or len(kid) > LONGEST:
        return None
    try:
        key = PyJWK(entry)
    except Exception:  # noqa: BLE001 - whatever a key makes a library stumble over, it is that one key
        return None
    public = isinstance(key.key, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey)
    if key.algorithm_name not in ASYMMETRIC or not public:
        return None
    return None if isinstance(key.key, RSAPublicKey) and key.key.key_size not in RSA else key

"""Ed25519 signatures of a file's bytes, and the key's fingerprint, which people compare.

A fingerprint is SHA-256 of the public key in DER, as `openssl pkey -pubin -outform DER | sha256sum` prints it.
"""

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)


def private_key(pem: bytes) -> Ed25519PrivateKey:
    """The private key in a PEM. Raises ValueError that says what is wrong with it."""
    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        raise ValueError("it has a password; give one without") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("not a private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key; `openssl genpkey -algorithm ed25519` makes one")  # noqa: TRY004 - a value
    return key


def public_key(pem: bytes) -> Ed25519PublicKey:
    """The public key in a PEM. Raises ValueError that says what is wrong with it."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")  # noqa: TRY004 - a value
    return key


def public_pem(key: Ed25519PublicKey) -> bytes:
    """The key in PEM; a key has one spelling."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key in DER, in hex."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def signed(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    """Whether it is the key's signature of the content."""
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True

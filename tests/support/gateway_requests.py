"""Requests as senders of hooks make them: signatures, Security Event Tokens, and bodies of several sources."""

import base64
import hmac
import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

NOW = 1_772_442_005_000_000


BODY = b'{"employee": "E1001"}'


def signed(name: str, secret: bytes, body: bytes = BODY, at: str = str(NOW // 1_000_000)) -> dict[str, str]:
    """Headers as that vendor sends them, made here by the vendors' own words and not by the code that checks them."""

    def mac(content: bytes, algorithm: str = "sha256") -> bytes:
        return hmac.new(secret, content, algorithm).digest()

    builders = {
        "gusto": lambda: {"x-gusto-signature": mac(body).hex()},
        "bamboohr": lambda: {"x-bamboohr-signature": mac(body + at.encode()).hex(), "x-bamboohr-timestamp": at},
        "finch": lambda: {
            "finch-event-id": "msg_1",
            "finch-timestamp": at,
            "finch-signature": "v1," + base64.b64encode(mac(b"msg_1." + at.encode() + b"." + body)).decode(),
        },
        "merge": lambda: {"x-merge-webhook-signature": base64.urlsafe_b64encode(mac(body)).decode().rstrip("=")},
        "kombo": lambda: {"x-kombo-signature": base64.b64encode(mac(body)).decode()},
        "hibob": lambda: {"bob-signature": base64.b64encode(mac(body, "sha512")).decode()},
    }
    return builders[name]()


ISSUER, AUDIENCE = "https://issuer.example.com", "https://streamproc.example.com"


CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": [AUDIENCE],
    "iat": NOW // 1_000_000,
    "jti": "t-1",
    "sub_id": {"format": "scim", "uri": "/Users/1"},
    "events": {"urn:ietf:params:scim:event:prov:deactivate": {}},
}


@cache
def private(kind: str) -> Any:
    """A key of ours, or of somebody else's."""
    if kind.startswith("RS"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Ed25519PrivateKey.generate() if kind == "EdDSA" else ec.generate_private_key(ec.SECP256R1())


def public(kind: str, kid: str) -> dict[str, Any]:
    """The key as the issuer publishes it."""
    algorithm = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}[kind]
    jwk: dict[str, Any] = json.loads(algorithm.to_jwk(private(kind).public_key()))  # type: ignore[attr-defined]
    return jwk | {"kid": kid, "use": "sig"}


JWKS = {"keys": [public("RS256", "k1"), public("ES256", "k2"), public("EdDSA", "k3")]}


def token(kind: str = "ES256", kid: str | None = "k2", typ: str = "secevent+jwt", **changed: Any) -> bytes:
    """A token; `...` leaves a claim out."""
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not ...}
    headers = {"typ": typ} | ({} if kid is None else {"kid": kid})
    return jwt.encode(claims, private(kind), kind, headers=headers, sort_headers=True).encode()


OKTA = {
    "eventType": "com.okta.event_hook",
    "data": {
        "events": [
            {
                "uuid": f"u-{n}",
                "published": "2026-03-02T09:00:05.120Z",
                "eventType": kind,
                "outcome": {"result": "SUCCESS"},
                "target": [{"id": f"00u{n}", "type": "User"}],
            }
            for n, kind in enumerate(["user.lifecycle.deactivate", "user.account.update_profile", "user.session.start"])
        ]
    },
}
"""Constructed: a leaver, a change that has to be fetched, and one that means nothing here."""


EVENT: dict[str, Any] = {
    "id": "hr-1",
    "type": "change",
    "subject": "E1001",
    "time": "2026-03-02T09:00:00Z",
    "attributes": {"active": False},
}


CLOUDEVENT = {
    "specversion": "1.0",
    "type": "streamproc.user.change.v1",
    "source": "/hr",
    "id": "1",
    "subject": "E1001",
    "time": "2026-03-02T09:00:00Z",
    "data": {"attributes": {"active": False}},
}

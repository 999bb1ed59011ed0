"""Security Event Tokens: only those of the issuer for us are taken, with the bytes that were signed."""

import base64
import hashlib
import hmac
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from streamproc.gateway.decide.key_set import usable_keys
from streamproc.gateway.decide.security_event_token import Refusal, Token, verify_token
from tests.support.gateway_requests import AUDIENCE, CLAIMS, ISSUER, JWKS, NOW, token

KEYS = usable_keys(JWKS) or ()


def error_of(body: bytes) -> str:
    """What is wrong with a token, or nothing."""
    verified = verify_token(body, KEYS, ISSUER, AUDIENCE, NOW)
    return verified.err if isinstance(verified, Refusal) else ""


@pytest.mark.parametrize(("kind", "kid"), [("RS256", "k1"), ("ES256", "k2"), ("EdDSA", "k3"), ("ES256", None)])
def test_a_token_of_the_issuer_is_taken_with_the_bytes_that_were_signed(kind: str, kid: str | None) -> None:
    """Any of the issuer's keys, found by its id or by trying."""
    body = token(kind, kid)
    verified = verify_token(body + b"\n", KEYS, ISSUER, AUDIENCE, NOW)
    assert isinstance(verified, Token)
    assert verified.payload == CLAIMS
    assert verified.id == "t-1"
    assert base64.urlsafe_b64encode(verified.claims).rstrip(b"=") == body.split(b".")[1]


def forged(header: dict[str, Any], signature: bytes = b"") -> bytes:
    """A token with any header."""
    parts = [orjson.dumps(header), orjson.dumps(CLAIMS), signature]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


def test_a_token_that_isnt_signed_by_a_known_key_is_refused() -> None:
    """No signature, a secret of both sides, the public key used as such a secret, other keys, other bytes."""
    public_pem = orjson.dumps(JWKS["keys"][0])
    head = {"typ": "secevent+jwt", "kid": "k1"}
    for name in ("none", "None", "NONE", "", "HS256", "RS512", "ES256"):
        assert error_of(forged(head | {"alg": name})) == "invalid_key"
    content = forged(head | {"alg": "HS256"}).rsplit(b".", 1)[0]
    mac = hmac.new(public_pem, content, hashlib.sha256).digest()
    assert error_of(content + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")) == "invalid_key"
    stranger = ec.generate_private_key(ec.SECP256R1())
    other = jwt.encode(CLAIMS, stranger, "ES256", headers={"typ": "secevent+jwt", "kid": "k2"}).encode()
    assert error_of(other) == "invalid_key"
    assert error_of(token(kid="k1")) == "invalid_key"
    assert error_of(token(kid="k9")) == "invalid_key"
    head_, claims, signature = token().split(b".")
    assert error_of(b".".join([head_, claims[:-2] + b"QQ", signature])) in {"invalid_key", "invalid_request"}
    assert error_of(b".".join([head_, claims, signature[:-4]])) in {"invalid_key", "invalid_request"}


@pytest.mark.parametrize(
    ("changed", "err"),
    [
        ({"iss": "https://other.example.com"}, "invalid_issuer"),
        ({"iss": ...}, "invalid_issuer"),
        ({"aud": ["https://other.example.com"]}, "invalid_audience"),
        ({"aud": ...}, "invalid_audience"),
        ({"aud": AUDIENCE}, ""),
        ({"jti": ...}, "invalid_request"),
        ({"events": {}}, "invalid_request"),
        ({"events": ...}, "invalid_request"),
        ({"iat": ...}, "invalid_request"),
        ({"iat": "now"}, "invalid_request"),
        ({"iat": NOW // 1_000_000 + 301}, "invalid_request"),
        ({"iat": NOW // 1_000_000 - 86_400}, ""),
        ({"exp": NOW // 1_000_000 - 301}, "invalid_request"),
        ({"exp": NOW // 1_000_000 + 60}, ""),
        ({"exp": "never"}, "invalid_request"),
        ({"typ": "JWT"}, "invalid_request"),
        ({"typ": "application/secevent+jwt"}, ""),
    ],
)
def test_claims_say_that_the_token_is_for_us(changed: dict[str, Any], err: str) -> None:
    """Issuer, audience, type, id and time are checked; a token that was late on its way is still good."""
    assert error_of(token(**changed)) == err


@given(st.one_of(st.binary(max_size=200), st.text(".aeyJ{}-_=", max_size=80).map(str.encode)))
def test_no_bytes_are_taken_for_a_token(body: bytes) -> None:
    """Whatever comes is refused with a word for it, and nothing is raised."""
    assert error_of(body) == "invalid_request"

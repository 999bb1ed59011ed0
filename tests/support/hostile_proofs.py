"""Strangers' requests that get around proof: nearly the secret, signatures, tokens and states of others."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from random import Random
from typing import Any, Final

import orjson

from tests.support.gateway_requests import CLAIMS, JWKS, signed, token
from tests.support.hostile_requests import MARK, SECRET, Hostile, door, event, request


def like_secrets(rng: Random) -> Hostile:
    """Everything that is nearly the secret."""
    near = [
        "",
        SECRET[:-1],
        SECRET + "0",
        SECRET.upper(),
        SECRET[::-1],
        f"{SECRET[:-1]}\x7f",
        f" {SECRET[1:]}",
        SECRET[:-1] + "\t",
        f"Bearer Bearer {SECRET[:-1]}",
        f"Basic {base64.b64encode(SECRET.encode()).decode()}",
        f"{SECRET[:12]} {SECRET[12:]}",
        f"{SECRET},{SECRET}",
        f'"{SECRET}"',
        SECRET + "\udcff",
        "*",
        "null",
        "true",
        SECRET * 300,
        f"Digest {SECRET}",
        f"{SECRET[:-1]}１",
        base64.b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
        f"Bearer\xa0{SECRET}",
        "x" * 8000,
    ]
    name = rng.choice(
        ["Authorization", "authorization", "X-Authorization", "Cookie", "Proxy-Authorization", "Authorization "]
    )
    value = rng.choice(near)
    if name in {"Cookie", "X-Authorization", "Proxy-Authorization"}:
        value = SECRET
    torn = name.endswith(" ")
    return Hostile("like_secrets", (request(door(rng), event(rng), (name, value)),), torn)


def signatures(rng: Random) -> Hostile:
    """A vendor's signature, made without the key, or of something else."""
    body = orjson.dumps({"employee": MARK, "number": rng.randrange(10**9)})
    genuine = signed("gusto", SECRET.encode())["x-gusto-signature"]
    wrong = hmac.new(b"", body, "sha256").hexdigest()
    values = [
        "",
        genuine,
        genuine[:32],
        "0" * 64,
        wrong,
        f"sha256={wrong}",
        f"sha1={hashlib.sha1(body).hexdigest()}",
        hashlib.sha256(body).hexdigest(),
        hashlib.sha256(SECRET.encode()[:-1] + body).hexdigest(),
        " ".join([wrong] * 500),
        "\xff" * 64,
        "=" * 44,
        base64.b64encode(bytes(32)).decode(),
        base64.b64encode(b"").decode(),
        "-" * 43,
        f"{genuine} {wrong}",
        "０" * 64,
        "%" * 64,
    ]
    return Hostile("signatures", (request("/v1/hris", body, ("X-Gusto-Signature", rng.choice(values))),))


def tokens(rng: Random) -> Hostile:
    """Security Event Tokens that the issuer didn't make, or not for us."""

    def forged(head: Any, claims: Any = CLAIMS, signature: bytes = b"") -> bytes:
        parts = [part if isinstance(part, bytes) else orjson.dumps(part) for part in (head, claims, signature)]
        return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)

    typ: dict[str, Any] = {"typ": "secevent+jwt"}
    public = orjson.dumps(JWKS["keys"][0])
    own = {"jwk": JWKS["keys"][1], "jku": "http://127.0.0.1:9/keys", "x5u": "http://127.0.0.1:9/", "x5c": ["eA=="]}
    algorithms: list[Any] = ["none", "None", "nOnE", "", "HS256", "HS512", "RS1", "ES256K", None, 1, ["ES256"], {}]
    heads: list[Any] = [
        *(typ | {"alg": alg} for alg in algorithms),
        typ | {"alg": "ES256", "kid": "k2"} | own,
        typ | {"alg": "ES256", "kid": rng.choice(["../k2", "k2\0", "K2", "x" * 5000])},
        typ | {"alg": "ES256", "kid": rng.choice([None, 1, ["k2"], {"a": 1}, True])},
        typ | {"alg": "ES256", "kid": "k2", "b64": False},
        typ | {"alg": "ES256", "kid": "k2", "crit": ["b64"], "b64": False},
        typ | {"alg": "ES256", "kid": "k2", "crit": "x"},
        typ | {"alg": "ES256", "kid": "k2", "zip": "DEF"},
        b'{"typ":"secevent+jwt","alg":"none","alg":"ES256","kid":"k2"}',
        b"[" * 100_000,
        b'{"typ":"secevent+jwt","alg":' + b"1" * 5000 + b"}",
        b"\xff\xfe{}",
        b"null",
        b"7",
        b'"x"',
    ]
    content = forged(typ | {"alg": "HS256", "kid": "k1"}).rsplit(b".", 1)[0]
    mac = base64.urlsafe_b64encode(hmac.digest(public, content, "sha256")).rstrip(b"=")
    real = token(jti=f"{MARK}-{rng.randrange(10**9)}", iss="https://other.example.com")
    claims = base64.urlsafe_b64encode(orjson.dumps(CLAIMS | {"jti": MARK})).rstrip(b"=")
    made = [
        forged(rng.choice(heads), signature=rng.choice([b"", bytes(64), rng.randbytes(64)])),
        content + b"." + mac,
        real,
        token(aud="https://other.example.com"),
        token(iat=2**40),
        token(typ="JWT"),
        token("RS256", "k2"),
        b".".join([real.split(b".")[0], claims, real.split(b".")[2]]),
        real + b".",
        real.replace(b".", b".."),
        b"..",
        b".",
        orjson.dumps({"payload": claims.decode(), "signatures": [{"protected": "", "signature": ""}]}),
        claims,
        b"\0" * 100,
        real[:-10],
        b".".join(
            [
                base64.urlsafe_b64encode(orjson.dumps(typ | {"alg": "ES256", "kid": "k2"})).rstrip(b"="),
                claims,
                bytes(86),
            ]
        ),
    ]
    kind = rng.choice(
        ["application/secevent+jwt", "application/secevent+jwt; charset=x", "application/jwt", "application/json"]
    )
    return Hostile("tokens", (request("/v1/set", rng.choice(made), ("Content-Type", kind)),))


def states(rng: Random) -> Hostile:
    """Graph's notifications of somebody else's subscription."""
    item = {"changeType": "updated", "resource": f"Users/{MARK}", "resourceData": {"id": MARK}}
    given: list[Any] = [
        SECRET[:-1],
        SECRET.upper(),
        [SECRET],
        {"clientState": SECRET},
        True,
        None,
        0,
        f" {SECRET}",
        f"{SECRET}\0",
        "",
        [[SECRET]],
        f"{SECRET}{SECRET}",
        SECRET + "\u200b",
    ]
    bodies: list[Any] = [
        {"value": [item | {"clientState": rng.choice(given)}] * rng.choice([1, 2, 100])},
        {"value": item | {"clientState": SECRET[:-1]}},
        [item | {"clientState": SECRET}],
        {"Value": [item | {"clientState": SECRET}]},
        {"value": [item], "clientState": SECRET},
        {"value": [[item | {"clientState": SECRET}]]},
        {"value": [item | {"ClientState": SECRET}]},
        {"value": [item | {"resourceData": {"clientState": SECRET}}]},
        {"value": [item | {"client_state": SECRET}]},
        {"value": [item] * 6000},
    ]
    body = orjson.dumps(rng.choice(bodies))
    return Hostile("states", (request(rng.choice(["/v1/entra", "/v1/entra?clientState=" + SECRET]), body),))


KINDS: Final[tuple[Callable[[Random], Hostile], ...]] = (like_secrets, signatures, tokens, states)
"""Each makes one."""

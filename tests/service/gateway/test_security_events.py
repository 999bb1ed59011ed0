"""Security Event Tokens over HTTP: taken once, refused in RFC 8935's words, and keys fetched seldom."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from streamproc.gateway.jwks import Jwks, KeysUnavailableError
from streamproc.gateway.set_verifier import REFETCH, SetVerifier
from tests.support.gateway import TOKENS, gateway
from tests.support.gateway_requests import AUDIENCE, ISSUER, JWKS, NOW, token

SET = {"Content_Type": "application/secevent+jwt"}


async def test_a_token_is_kept_once_as_the_claims_that_were_signed() -> None:
    """202 and empty; a repeat is acknowledged without being kept again; keys are asked for once."""
    fetches = 0

    def keys() -> Any:
        nonlocal fetches
        fetches += 1
        return JWKS

    async with gateway(TOKENS, keys=keys) as running:
        for _ in range(3):
            answer = await running.post("/v1/set", token(), **SET)
            assert (answer.status, answer.body) == (202, b"")
        assert await running.status("/v1/set", token(jti="t-2"), **SET) == 202
        assert running.brokers.topics() == ["events.set"] * 2
        (first, second) = running.brokers.records
        assert [orjson.loads(each.value)["jti"] for each in (first, second)] == ["t-1", "t-2"]
        assert dict(first.headers)["content-type"] == b"application/json"
        assert fetches == 1


async def test_a_verification_event_is_acknowledged() -> None:
    """The stream's own test token (OpenID Shared Signals §7.1.4) is taken like any other."""
    event = {"https://schemas.openid.net/secevent/ssf/event-type/verification": {"state": "x"}}
    async with gateway(TOKENS) as running:
        verification = token(sub_id={"format": "opaque", "id": "stream-1"}, events=event)
        assert await running.status("/v1/set", verification, **SET) == 202


@pytest.mark.parametrize(
    ("body", "err"),
    [
        (b"rubbish", "invalid_request"),
        (token(kid="k9"), "invalid_key"),
        (token(iss="https://other.example.com"), "invalid_issuer"),
        (token(aud="https://other.example.com"), "invalid_audience"),
    ],
)
async def test_a_token_that_is_refused_says_why_in_the_words_of_rfc_8935(body: bytes, err: str) -> None:
    """400 with err and description (§2.4), nothing kept; another content type is refused as well."""
    async with gateway(TOKENS) as running:
        answer = await running.post("/v1/set", body, **SET)
        assert answer.status == 400
        assert orjson.loads(answer.body)["err"] == err
        assert await running.status("/v1/set", token()) == 400
        assert running.brokers.records == []


async def test_strangers_cant_make_us_ask_for_keys() -> None:
    """An unknown key makes the keys be fetched at most once a minute, and a new key is found after that."""
    now, fetches, published = 0.0, 0, dict(JWKS, keys=[])

    async def fetch() -> Any:
        nonlocal fetches
        fetches += 1
        return published

    issuer = SetVerifier(ISSUER, AUDIENCE, fetch, lambda: now)
    for _ in range(5):
        await issuer.verify(token(), NOW)
    assert fetches == 1
    published = JWKS
    assert getattr(await issuer.verify(token(), NOW), "err", None) == "invalid_key"
    now = REFETCH
    assert getattr(await issuer.verify(token(), NOW), "err", None) is None
    assert fetches == 2


async def test_without_the_issuers_keys_a_token_is_to_come_again(tmp_path: Path) -> None:
    """Whether it is proven isn't known: 503, and the next one asks again. The keys' place may be a file or a URL."""

    def unavailable() -> Any:
        raise KeysUnavailableError("set_jwks: gives no keys")

    async with gateway(TOKENS, keys=unavailable) as running:
        for _ in range(2):
            answer = await running.post("/v1/set", token(), **SET)
            assert (answer.status, answer.again) == (503, "1")
        (tmp_path / "keys.json").write_bytes(orjson.dumps(JWKS))
        assert await Jwks(str(tmp_path / "keys.json"), running.http).get() == JWKS
        for nowhere in (str(tmp_path / "none.json"), "http://127.0.0.1:1/keys", running.root + "/healthz"):
            with pytest.raises(KeysUnavailableError, match="gives no keys"):
                await Jwks(nowhere, running.http).get()

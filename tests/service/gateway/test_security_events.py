"""Security Event Tokens over HTTP: taken once, refused in RFC 8935's words, and keys fetched seldom."""

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from streamproc.adapters.http import http_session
from streamproc.gateway.jwks import Jwks, KeysUnavailableError
from streamproc.gateway.set_verifier import BACKOFF, FRESH, OLD, REFETCH, SetVerifier
from streamproc.settings import load_settings
from tests.support.gateway import TOKENS, gateway
from tests.support.gateway_requests import AUDIENCE, ISSUER, JWKS, NOW, public, token

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
    now, fetches, published = 0.0, 0, dict(JWKS, keys=[public("ES256", "k9")])

    async def fetch() -> Any:
        nonlocal fetches
        fetches += 1
        return published

    issuer = SetVerifier(ISSUER, AUDIENCE, fetch, lambda: now)
    assert getattr(await issuer.verify(token(), NOW), "err", None) == "invalid_key"
    for _ in range(5):
        with pytest.raises(KeysUnavailableError, match="names another one"):
            await issuer.verify(token(), NOW)
    assert fetches == 1
    published = JWKS
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
        assert await Jwks(str(tmp_path / "keys.json"), running.http, time.time).get() == JWKS
        for nowhere in (str(tmp_path / "none.json"), "http://127.0.0.1:1/keys", running.root + "/healthz"):
            with pytest.raises(KeysUnavailableError, match="gives no keys"):
                await Jwks(nowhere, running.http, time.time).get()


class Issuer:
    """Publishes keys, or `error`; `fetches`: how often it was asked. Its clock is the verifier's."""

    def __init__(self) -> None:
        self.now = 0.0
        self.fetches = 0
        self.keys: Any = JWKS
        self.error: Exception | None = None
        self.verifier = SetVerifier(ISSUER, AUDIENCE, self._fetch, lambda: self.now)

    async def _fetch(self) -> Any:
        self.fetches += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self.keys

    async def answer(self, body: bytes) -> str:
        """What is said to a token."""
        try:
            verified = await self.verifier.verify(body, NOW)
        except KeysUnavailableError:
            return "later"
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return getattr(verified, "err", "taken")


async def test_keys_are_fetched_once_for_all_who_wait() -> None:
    """A hundred tokens that come together, and one of them that is given up, are one question to the issuer."""
    issuer = Issuer()
    waiting = [asyncio.create_task(issuer.answer(token(jti=f"t-{number}"))) for number in range(100)]
    await asyncio.sleep(0)
    waiting.pop(0).cancel()
    assert await asyncio.gather(*waiting) == ["taken"] * 99
    assert issuer.fetches == 1


async def test_an_issuer_that_fails_is_asked_later_and_later() -> None:
    """However many tokens come; its failures are counted and told, and the first answer makes good for all."""
    issuer = Issuer()
    issuer.error = KeysUnavailableError("set_jwks: gives no keys")
    with capture_logs() as logs:
        for _ in range(1000):
            assert await issuer.answer(token()) == "later"
            issuer.now += 0.1
    assert issuer.fetches == len(BACKOFF)
    assert [log["failures"] for log in logs] == list(range(1, len(BACKOFF) + 1))
    issuer.error = None
    issuer.now += BACKOFF[-1]
    assert await issuer.answer(token()) == "taken"


async def test_a_key_that_was_taken_back_ends() -> None:
    """Keys that are used are fetched anew without waiting; without an answer for an hour they don't count any more."""
    issuer = Issuer()
    assert await issuer.answer(token()) == "taken"
    issuer.keys = {"keys": [public("RS256", "k1")]}
    issuer.now = FRESH
    assert await issuer.answer(token()) == "taken", "while the new ones are fetched"
    assert await issuer.answer(token()) == "later", "it names a key that isn't there: it may be there in a minute"
    assert await issuer.answer(token("RS256", "k1")) == "taken"
    issuer.error = OSError()
    issuer.now += OLD - 1
    assert await issuer.answer(token("RS256", "k1")) == "taken"
    issuer.now += 1
    assert await issuer.answer(token("RS256", "k1")) == "later"


@pytest.mark.parametrize("answer", [{}, [], None, "<html>", {"keys": None}, {"error": "not found"}])
async def test_what_isnt_a_key_set_changes_nothing(answer: Any) -> None:
    """The keys that were there go on; an empty set is an answer, and lets nobody in."""
    issuer = Issuer()
    assert await issuer.answer(token()) == "taken"
    issuer.keys, issuer.now = answer, FRESH
    assert [await issuer.answer(token()) for _ in range(3)] == ["taken"] * 3
    issuer.keys, issuer.now = {"keys": []}, FRESH * 2
    await issuer.answer(token())
    assert await issuer.answer(token()) == "later"


async def test_a_file_without_end_isnt_read() -> None:
    """Nor is an answer that is larger than any key set."""
    async with http_session(load_settings().network) as http:
        with pytest.raises(KeysUnavailableError, match="more than"):
            await Jwks("/dev/zero", http, time.time).get()

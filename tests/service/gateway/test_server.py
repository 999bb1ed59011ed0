"""The gateway over HTTP, with a stand-in for the brokers: who is let in, what is answered, and what nobody is told."""

import asyncio
import gzip
import ipaddress
import logging
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
import pytest
from aiohttp.http import SERVER_SOFTWARE
from aiokafka.errors import MessageSizeTooLargeError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from streamproc.core.errors import SettingsError
from streamproc.core.records.producer_record import Record
from streamproc.gateway.endpoints import endpoints
from streamproc.gateway.jwks import Jwks, KeysUnavailableError
from streamproc.gateway.server import SECONDS, Gateway
from streamproc.gateway.set_verifier import AGAIN, SetVerifier
from streamproc.settings import Settings, load_settings
from streamproc.sources import SOURCES
from tests.unit.gateway.decide.test_authentication import (
    AUDIENCE,
    BODY,
    CLOUDEVENT,
    EVENT,
    ISSUER,
    JWKS,
    NOW,
    OKTA,
    made,
    signed,
)

OLD, NEW = "the-secret-of-yesterday", "the-secret-of-today"
BOTH = f"{NEW} {OLD}"
OKTAS = {"okta_hook_secret": NEW}
JSON = {"Content-Type": "application/json"}
ITEM = {
    "subscriptionId": "s1",
    "changeType": "updated",
    "clientState": NEW,
    "resource": "Users/u1",
    "resourceData": {"@odata.type": "#Microsoft.Graph.User", "id": "u1"},
}
"""Constructed, as a notification of Graph is documented."""


class Brokers:
    """Takes records in the place of Kafka. `mode`: `answer`, `silent`, `full` (takes none) or `fail`."""

    def __init__(self) -> None:
        self.mode = "answer"
        self.records: list[Record] = []
        self.pending: list[asyncio.Future[Any]] = []

    async def send(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.mode == "full":
            await future
        self.records.append(Record(topic, key, value, headers))
        if self.mode == "answer":
            future.set_result(None)
        elif self.mode == "fail":
            future.set_exception(MessageSizeTooLargeError())
        self.pending.append(future)
        return future

    def topics(self) -> list[str]:
        """Where the records went, in order."""
        return [each.topic for each in self.records]


class Answered(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    again: str | None


class Running:
    """A gateway that serves, and a client of it."""

    def __init__(self, http: aiohttp.ClientSession, root: str, brokers: Brokers, task: asyncio.Task[None]) -> None:
        self.http = http
        self.root = root
        self.brokers = brokers
        self.task = task

    async def post(self, path: str, body: Any, **headers: str) -> Answered:
        """POST bytes, or JSON."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.post(self.root + path, data=content, headers=JSON | told) as answer:
            return Answered(answer.status, await answer.read(), answer.headers.get("Retry-After"))

    async def status(self, path: str, body: Any, **headers: str) -> int:
        """Only the status."""
        return (await self.post(path, body, **headers)).status


@asynccontextmanager
async def gateway(
    settings: dict[str, Any],
    *,
    keys: Callable[[], Any] = lambda: JWKS,
    well: bool = True,
    client: ssl.SSLContext | None = None,
    clock: Callable[[], float] = lambda: NOW / 1_000_000,
) -> AsyncIterator[Running]:
    """A gateway with these settings, at the moment NOW."""
    brokers = Brokers()
    loaded = load_settings(**settings)
    issuer = None

    async def fetch() -> Any:
        return keys()

    async def answers() -> bool:
        return well

    if loaded.security_events.issuer and loaded.security_events.audience:
        issuer = SetVerifier(loaded.security_events.issuer, loaded.security_events.audience, fetch)
    served = Gateway(
        endpoints(loaded.hooks, loaded.security_events),
        {name: source.defaults for name, source in SOURCES.items()},
        brokers,
        answers,
        max_body=loaded.gateway.max_body,
        in_flight=loaded.gateway.in_flight,
        issuer=issuer,
        clock=clock,
    )
    port: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(served.run("127.0.0.1", 0, loaded.gateway.ssl_context(), port.set_result))
    scheme = "http" if loaded.gateway.certificate is None else "https"
    try:
        connector = aiohttp.TCPConnector(ssl=client or True)
        async with aiohttp.ClientSession(connector=connector) as http:
            yield Running(http, f"{scheme}://127.0.0.1:{await port}", brokers, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def raw(running: Running, request: str) -> int:
    """The status of a request that is written as it stands."""
    reader, writer = await asyncio.open_connection(*running.root.removeprefix("http://").split(":"))
    writer.write(request.encode())
    status = (await reader.readline()).split()[1]
    writer.close()
    await writer.wait_closed()
    return int(status)


async def exchange(running: Running, request: str, heads: int = 1) -> str:
    """As many heads as come back, without the date."""
    reader, writer = await asyncio.open_connection(*running.root.removeprefix("http://").split(":"))
    writer.write(request.encode())
    async with asyncio.timeout(10):
        found = "".join([(await reader.readuntil(b"\r\n\r\n")).decode() for _ in range(heads)])
    writer.close()
    await writer.wait_closed()
    return re.sub(r"Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", "Date", found)


async def until(there: Callable[[], bool]) -> None:
    """Wait for what another task does."""
    while not there():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


TOKENS = {"set_issuer": ISSUER, "set_audience": AUDIENCE, "set_jwks": "keys.json"}
SET = {"Content_Type": "application/secevent+jwt"}

DOORS: list[tuple[str, dict[str, Any], Callable[[str], tuple[Any, dict[str, str]]], int]] = [
    ("/v1/okta", {"okta_hook_secret": BOTH}, lambda s: (OKTA, {"Authorization": s}), 204),
    (
        "/v1/okta",
        {"okta_hook_secret": BOTH, "okta_hook_header": "X-Hook"},
        lambda s: (OKTA, {"X_Hook": s, "Authorization": NEW}),
        204,
    ),
    ("/v1/entra", {"entra_client_state": BOTH}, lambda s: ({"value": [ITEM | {"clientState": s}]}, {}), 202),
    ("/v1/pingone", {"pingone_hook_secret": BOTH}, lambda s: ([{}], {"Authorization": f"Basic {s}"}), 200),
    ("/v1/workday", {"workday_hook_secret": BOTH}, lambda s: ({}, {"Authorization": f"Bearer {s}"}), 200),
    (
        "/v1/hris",
        {"hris_hook_secret": BOTH, "hris_hook_signature": "bamboohr"},
        lambda s: (BODY, signed("bamboohr", s.encode())),
        200,
    ),
    (
        "/v1/hris",
        {"hris_hook_secret": BOTH, "hris_hook_signature": "X-Gusto-Signature:sha256"},
        lambda s: (BODY, signed("gusto", s.encode())),
        200,
    ),
    ("/v1/events", {"gateway_token": BOTH}, lambda s: (EVENT, {"Authorization": f"Bearer {s}"}), 202),
]


@pytest.mark.parametrize(("path", "settings", "request_with", "accepted"), DOORS, ids=[door[0] for door in DOORS])
async def test_a_door_opens_to_its_secrets_only(
    path: str, settings: dict[str, Any], request_with: Callable[[str], tuple[Any, dict[str, str]]], accepted: int
) -> None:
    """Each source gets its own status; both secrets are good, anything else is 401, empty, unkept, and logged."""
    async with gateway(settings) as running:
        for secret in (NEW, OLD):
            body, headers = request_with(secret)
            answer = await running.post(path, body, **headers)
            assert (answer.status, answer.body) == (accepted, b"")
        kept = len(running.brokers.records)
        assert kept >= 2
        with capture_logs() as logs:
            for wrong in ("the-secret-of-nobody", NEW[:-1], NEW + "0", NEW.upper(), "x"):
                body, headers = request_with(wrong)
                answer = await running.post(path, body, **headers)
                assert (answer.status, answer.body) == (401, b"")
            assert await running.status(path, b"{}") == 401
        assert len(running.brokers.records) == kept
        assert [log["event"] for log in logs] == ["refused"] * 6
        assert all(log["remote"] == "127.0.0.1" and log["check"] for log in logs)


async def test_a_door_without_a_secret_isnt_there() -> None:
    """Nothing is served that anybody could use: every route is 404 until its secret is set."""
    async with gateway({}) as running:
        for name in ("okta", "entra", "pingone", "workday", "hris", "events", "set", "debezium"):
            assert await running.status(f"/v1/{name}", EVENT, Authorization="") == 404
        async with running.http.get(running.root + "/v1/okta") as answer:
            assert answer.status == 404
        assert await running.status("/v1/entra?validationToken=x", b"") == 404


async def test_a_replay_outside_the_window_isnt_kept() -> None:
    """What was signed six minutes ago is refused, though the signature is right."""
    async with gateway({"hris_hook_secret": NEW, "hris_hook_signature": "bamboohr"}) as running:
        old = signed("bamboohr", NEW.encode(), at=str(NOW // 1_000_000 - 360))
        assert await running.status("/v1/hris", BODY, **old) == 401
        assert running.brokers.records == []


async def test_oktas_challenge_is_answered_to_who_has_the_secret() -> None:
    """Its GET carries the secret as its events do; the challenge comes back as JSON, and is limited."""
    async with gateway(OKTAS) as running:

        async def get(**headers: str) -> tuple[int, str]:
            told = {name.replace("_", "-"): value for name, value in headers.items()}
            async with running.http.get(running.root + "/v1/okta", headers=told) as answer:
                return answer.status, await answer.text()

        challenge = '<"é'
        status, text = await get(Authorization=NEW, x_okta_verification_challenge=challenge)
        assert (status, orjson.loads(text)) == (200, {"verification": challenge})
        assert await get(x_okta_verification_challenge="c") == (401, "")
        assert (await get(Authorization=NEW))[0] == 400
        assert (await get(Authorization=NEW, x_okta_verification_challenge="x" * 2049))[0] == 400


async def test_graphs_validation_token_comes_back_as_plain_text() -> None:
    """URL-decoded once, escaped nowhere, never as something that a browser would run, and limited."""
    async with gateway({"entra_client_state": NEW}) as running:
        url = running.root + "/v1/entra?validationToken=Validation%3A+a%2Bb%20%3Cscript%3E%26"
        async with running.http.post(url, headers={"Content-Type": "text/plain"}) as answer:
            assert (answer.status, await answer.text()) == (200, "Validation: a+b <script>&")
            assert answer.content_type == "text/plain"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert await running.status("/v1/entra?validationToken=" + "x" * 2049, b"") == 400
        assert await running.status("/v1/entra?validationToken=", b"") == 400
        assert running.brokers.records == []


async def test_graphs_secret_stays_out_of_the_log() -> None:
    """Items go on without clientState; those of somebody else's subscription are left out, and counted in the log."""
    async with gateway({"entra_client_state": NEW}) as running:
        with capture_logs() as logs:
            assert await running.status("/v1/entra", {"value": [ITEM, ITEM | {"clientState": "x"}, ITEM]}) == 202
        assert [log.get("items") for log in logs] == [1]
        assert running.brokers.topics() == ["notifications.entra"] * 2
        assert {each.key for each in running.brokers.records} == {b"u1"}
        assert not any(NEW.encode() in each.value for each in running.brokers.records)
        unproven: Any
        for unproven in (b"{", b"[]", {"value": []}, {"value": [ITEM | {"clientState": "x"}]}):
            assert await running.status("/v1/entra", unproven) == 401
        assert len(running.brokers.records) == 2


async def test_what_cant_be_read_is_kept_and_answered_by_who_sent_it() -> None:
    """A source that would block or give up hears success; a producer that can correct it hears what is wrong."""
    both = {"okta_hook_secret": NEW, "pingone_hook_secret": NEW, "gateway_token": NEW}
    async with gateway(both) as running:
        for path, status in (("/v1/okta", 204), ("/v1/pingone", 200), ("/v1/events", 400)):
            assert await running.status(path, b"{", Authorization=NEW) == status
            assert await running.status(path, b"a=b", Authorization=NEW, Content_Type="text/plain") == status
        assert running.brokers.topics() == ["events.rejected"] * 6
        answer = await running.post("/v1/events", b"{", Authorization=NEW)
        assert orjson.loads(answer.body) == {
            "code": "not_json",
            "reason": "the body isn't JSON, or is nested too deeply",
        }


async def test_a_form_is_kept_as_json() -> None:
    """BambooHR can send form fields: signed as they are sent, they go on as an object of lists."""
    form = b"type=employee.updated&timestamp=2026-03-02T09%3A00%3A05%2B0000&data%5BemployeeId%5D=123"
    async with gateway({"hris_hook_secret": NEW, "hris_hook_signature": "bamboohr"}) as running:
        headers = signed("bamboohr", NEW.encode(), form) | {"Content_Type": "application/x-www-form-urlencoded"}
        assert await running.status("/v1/hris", form, **headers) == 200
        (record,) = running.brokers.records
        assert (record.topic, record.key) == ("notifications.hris", b"123")
        assert orjson.loads(record.value)["data[employeeId]"] == ["123"]
        assert dict(record.headers)["content-type"] == b"application/json"
        for wrong in (b"a", b"a=1&&", b"\xff=1", b""):
            headers |= signed("bamboohr", NEW.encode(), wrong)
            assert await running.status("/v1/hris", wrong, **headers) == 200
        assert running.brokers.topics()[1:] == ["events.rejected"] * 4


@pytest.mark.parametrize(
    ("path", "settings", "status", "length"),
    [
        ("/v1/okta", OKTAS, "204 No Content", ""),
        ("/v1/workday", {"workday_hook_secret": NEW}, "200 OK", "Content-Length: 0\r\n"),
        ("/v1/events", {"gateway_token": NEW}, "202 Accepted", "Content-Length: 0\r\n"),
    ],
)
async def test_success_is_the_same_answer_on_every_way(
    path: str, settings: dict[str, Any], status: str, length: str
) -> None:
    """On a connection that stays, on one that ends, in HTTP/1.0, by another spelling of the path, after Expect."""
    body = orjson.dumps(EVENT).decode()
    rest = f"Authorization: {NEW}\r\nContent-Length: {len(body)}\r\n"
    told = f"{status}\r\n{length}Date\r\nServer: {SERVER_SOFTWARE}\r\n"
    async with gateway(settings) as running:
        stays = f"POST {path} HTTP/1.1\r\nHost: a\r\n{rest}\r\n{body}"
        assert await exchange(running, stays) == f"HTTP/1.1 {told}\r\n"
        assert await exchange(running, stays * 3, 3) == f"HTTP/1.1 {told}\r\n" * 3
        for spelling in (f"{path}?a=b", path.replace("v1", "%761")):
            assert await exchange(running, stays.replace(path, spelling)) == f"HTTP/1.1 {told}\r\n"
        ends = stays.replace("Host: a", "Host: a\r\nConnection: close")
        assert await exchange(running, ends) == f"HTTP/1.1 {told}Connection: close\r\n\r\n"
        old = stays.replace("HTTP/1.1", "HTTP/1.0")
        assert await exchange(running, old) == f"HTTP/1.0 {told}\r\n"
        old = old.replace("Host: a", "Connection: keep-alive")
        assert await exchange(running, old) == f"HTTP/1.0 {told}Connection: keep-alive\r\n\r\n"
        expects = stays.replace("Host: a", "Host: a\r\nExpect: 100-continue")
        assert await exchange(running, expects, 2) == f"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 {told}\r\n"
        assert len(running.brokers.records) == 10


async def test_an_answer_has_the_date_of_its_moment() -> None:
    """Also the second and the third on a connection, and not the date at which the gateway was started."""
    now = NOW / 1_000_000
    async with gateway(OKTAS, clock=lambda: now) as running:
        for seconds, date in ((0, "09:00:05"), (0.9, "09:00:05"), (61, "09:01:06")):
            now = NOW / 1_000_000 + seconds
            headers = JSON | {"Authorization": NEW}
            async with running.http.post(running.root + "/v1/okta", data=orjson.dumps(OKTA), headers=headers) as answer:
                assert answer.headers["Date"] == f"Mon, 02 Mar 2026 {date} GMT"


async def test_a_door_takes_posts_only() -> None:
    """Other methods are 405, and say which one there is; what is below a door, or beside it, isn't there."""
    async with gateway({"workday_hook_secret": NEW}) as running:
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            async with running.http.request(method, running.root + "/v1/workday") as answer:
                assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        for path in ("/v1/workday/", "/v1/workday/x", "/v1/WORKDAY", "/v1", "/"):
            assert await running.status(path, EVENT, Authorization=NEW) == 404
        assert running.brokers.records == []


async def test_requests_are_counted_by_door_and_status() -> None:
    """Every answer of a door, of whatever kind, is one more in the metric."""

    def counted(status: int) -> float:
        labels = {"door": "okta", "status": str(status)}
        return REGISTRY.get_sample_value("streamproc_gateway_requests_total", labels) or 0

    before = {status: counted(status) for status in (204, 401)}
    async with gateway(OKTAS) as running:
        for secret in (NEW, NEW, "the-secret-of-nobody", NEW):
            await running.status("/v1/okta", OKTA, Authorization=secret)
    assert {status: counted(status) - number for status, number in before.items()} == {204: 3, 401: 1}


async def test_events_are_taken_whole_or_not_at_all() -> None:
    """A list in which one event can't be read is refused with the reason, kept as it came, and none of it produced."""
    async with gateway({"gateway_token": NEW}) as running:
        assert await running.status("/v1/events", [EVENT, CLOUDEVENT], Authorization=NEW) == 202
        assert running.brokers.topics() == ["events.hris"] * 2
        answer = await running.post("/v1/events", [EVENT, EVENT | {"type": "delete"}], Authorization=NEW)
        assert answer.status == 400
        assert set(orjson.loads(answer.body)) == {"code", "reason"}
        assert running.brokers.topics()[2:] == ["events.rejected"]


async def test_a_token_is_kept_once_as_the_claims_that_were_signed() -> None:
    """202 and empty; a repeat is acknowledged without being kept again; keys are asked for once."""
    asked = 0

    def keys() -> Any:
        nonlocal asked
        asked += 1
        return JWKS

    async with gateway(TOKENS, keys=keys) as running:
        for _ in range(3):
            answer = await running.post("/v1/set", made(), **SET)
            assert (answer.status, answer.body) == (202, b"")
        assert await running.status("/v1/set", made(jti="t-2"), **SET) == 202
        assert running.brokers.topics() == ["events.set"] * 2
        (first, second) = running.brokers.records
        assert [orjson.loads(each.value)["jti"] for each in (first, second)] == ["t-1", "t-2"]
        assert dict(first.headers)["content-type"] == b"application/json"
        assert asked == 1


async def test_a_verification_event_is_acknowledged() -> None:
    """The stream's own test token (OpenID Shared Signals §7.1.4) is taken like any other."""
    event = {"https://schemas.openid.net/secevent/ssf/event-type/verification": {"state": "x"}}
    async with gateway(TOKENS) as running:
        token = made(sub_id={"format": "opaque", "id": "stream-1"}, events=event)
        assert await running.status("/v1/set", token, **SET) == 202


@pytest.mark.parametrize(
    ("body", "err"),
    [
        (b"rubbish", "invalid_request"),
        (made(kid="k9"), "invalid_key"),
        (made(iss="https://other.example.com"), "invalid_issuer"),
        (made(aud="https://other.example.com"), "invalid_audience"),
    ],
)
async def test_a_token_that_is_refused_says_why_in_the_words_of_rfc_8935(body: bytes, err: str) -> None:
    """400 with err and description (§2.4), nothing kept; another content type is refused as well."""
    async with gateway(TOKENS) as running:
        answer = await running.post("/v1/set", body, **SET)
        assert answer.status == 400
        assert orjson.loads(answer.body)["err"] == err
        assert await running.status("/v1/set", made()) == 400
        assert running.brokers.records == []


async def test_strangers_cant_make_us_ask_for_keys() -> None:
    """An unknown key makes the keys be fetched at most once a minute, and a new key is found after that."""
    now, asked, published = 0.0, 0, dict(JWKS, keys=[])

    async def fetch() -> Any:
        nonlocal asked
        asked += 1
        return published

    issuer = SetVerifier(ISSUER, AUDIENCE, fetch, lambda: now)
    for _ in range(5):
        await issuer.checked(made(), NOW)
    assert asked == 1
    published = JWKS
    assert getattr(await issuer.checked(made(), NOW), "err", None) == "invalid_key"
    now = AGAIN
    assert getattr(await issuer.checked(made(), NOW), "err", None) is None
    assert asked == 2


async def test_without_the_issuers_keys_a_token_is_to_come_again(tmp_path: Path) -> None:
    """Whether it is proven isn't known: 503, and the next one asks again. The keys' place may be a file or a URL."""

    def unavailable() -> Any:
        raise KeysUnavailableError("set_jwks: gives no keys")

    async with gateway(TOKENS, keys=unavailable) as running:
        for _ in range(2):
            answer = await running.post("/v1/set", made(), **SET)
            assert (answer.status, answer.again) == (503, "1")
        (tmp_path / "keys.json").write_bytes(orjson.dumps(JWKS))
        assert await Jwks(str(tmp_path / "keys.json"), running.http).get() == JWKS
        for nowhere in (str(tmp_path / "none.json"), "http://127.0.0.1:1/keys", running.root + "/healthz"):
            with pytest.raises(KeysUnavailableError, match="gives no keys"):
                await Jwks(nowhere, running.http).get()


async def test_without_an_acknowledgement_the_answer_is_503_in_time() -> None:
    """Brokers that don't answer, or take nothing, and a body that doesn't come: each is over before sources give up."""
    assert SECONDS < 2.5

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)
        yield b"}"

    async with gateway(OKTAS) as running:

        async def post(body: Any) -> tuple[int, str | None]:
            headers = JSON | {"Authorization": NEW}
            async with running.http.post(running.root + "/v1/okta", data=body, headers=headers) as answer:
                return answer.status, answer.headers.get("Retry-After")

        running.brokers.mode = "silent"
        silent = asyncio.create_task(post(orjson.dumps(OKTA)))
        cut = asyncio.create_task(post(slow()))
        await until(lambda: bool(running.brokers.records))
        running.brokers.mode = "full"
        async with asyncio.timeout(15):  # SECONDS and a busy machine's delay; without a limit it would be for ever
            assert await post(orjson.dumps(OKTA)) == (503, "1")
            assert await silent == (503, "1")
            assert (await cut)[0] == 408
        running.brokers.mode = "answer"
        assert (await post(orjson.dumps(OKTA)))[0] == 204


async def test_success_waits_for_every_record() -> None:
    """While the brokers have acknowledged all but one record of a request, nothing is answered."""
    async with gateway(OKTAS) as running:
        running.brokers.mode = "silent"
        asked = asyncio.create_task(running.status("/v1/okta", OKTA, Authorization=NEW))
        await until(lambda: len(running.brokers.pending) == 3)
        for future in running.brokers.pending[1:]:
            future.set_result(None)
        await asyncio.sleep(0.1)
        assert not asked.done()
        running.brokers.pending[0].set_result(None)
        assert await asked == 204


async def test_a_producer_that_cant_go_on_ends_the_gateway() -> None:
    """After an error that isn't retried the producer's sequence has a gap: 503, and another takes over."""
    async with gateway(OKTAS) as running:
        running.brokers.mode = "fail"
        assert await running.status("/v1/okta", OKTA, Authorization=NEW) == 503
        with pytest.raises(MessageSizeTooLargeError):
            await asyncio.wait_for(running.task, 10)


async def test_a_late_failure_ends_the_gateway_too() -> None:
    """What fails after its request was answered 503 leaves the same gap."""
    async with gateway(OKTAS) as running:
        running.brokers.mode = "silent"
        asked = asyncio.create_task(running.status("/v1/okta", OKTA, Authorization=NEW))
        await until(lambda: len(running.brokers.pending) == 3)
        asked.cancel()
        running.brokers.pending[1].set_exception(MessageSizeTooLargeError())
        with pytest.raises(MessageSizeTooLargeError):
            await asyncio.wait_for(running.task, 10)


async def test_requests_in_flight_are_bounded() -> None:
    """One more than the limit is told to come again, and its body isn't read."""
    async with gateway(OKTAS | {"gateway_in_flight": 2}) as running:
        running.brokers.mode = "silent"
        two = [asyncio.create_task(running.status("/v1/okta", OKTA, Authorization=NEW)) for _ in range(2)]
        await until(lambda: len(running.brokers.pending) == 6)
        assert await running.status("/v1/okta", OKTA, Authorization=NEW) == 503
        for future in running.brokers.pending:
            future.set_result(None)
        assert await asyncio.gather(*two) == [204, 204]


async def test_bodies_are_limited() -> None:
    """By what they say and by what comes; compressed ones aren't unpacked; PingOne's batches may be larger."""
    settings = {"okta_hook_secret": NEW, "pingone_hook_secret": NEW, "gateway_max_body": 1024}

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 100
            await asyncio.sleep(0.01)

    async with gateway(settings) as running:
        assert await running.status("/v1/okta", b" " * 1025, Authorization=NEW) == 413
        proven = f"POST /v1/okta HTTP/1.1\r\nHost: a\r\nAuthorization: {NEW}\r\n"
        assert (await raw(running, f"{proven}Content-Length: 99999\r\n\r\n")) == 413, "before any of it came"
        chunked = f"{proven}Transfer-Encoding: chunked\r\n\r\n7d0\r\n{' ' * 2000}\r\n0\r\n\r\n"
        assert await raw(running, chunked) == 413, "though it came at once"
        url, headers = running.root + "/v1/okta", JSON | {"Authorization": NEW}
        async with running.http.post(url, data=endless(), headers=headers) as answer:
            assert answer.status == 413
        bomb = gzip.compress(b"[" + b" " * 10_000 + b"]")
        assert await running.status("/v1/okta", bomb, Authorization=NEW, Content_Encoding="gzip") == 415
        assert await running.status("/v1/pingone", b"[" + b" " * 4000 + b"]", Authorization=NEW) == 200
        assert await running.status("/v1/pingone", b" " * 4097, Authorization=NEW) == 413


def _broken(*_: Any) -> Any:
    raise KeyError("a person's name")


async def test_a_bug_in_a_parser_stays_with_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender is to come again, the log names the kind of error and nothing that it quotes; the gateway goes on."""
    async with gateway(OKTAS) as running:
        with monkeypatch.context() as patched, capture_logs() as logs:
            patched.setattr("streamproc.gateway.server.to_records", _broken)
            assert await running.status("/v1/okta", OKTA, Authorization=NEW) == 503
        assert [(log["event"], log["error"]) for log in logs] == [("request failed", "KeyError")]
        assert await running.status("/v1/okta", OKTA, Authorization=NEW) == 204


@pytest.mark.parametrize(("well", "told"), [(True, (200, "ok")), (False, (503, "not ok"))])
async def test_health_says_only_whether(well: bool, told: tuple[int, str]) -> None:
    """No secret is asked for and nothing is told but yes or no."""
    async with gateway({}, well=well) as running, running.http.get(running.root + "/healthz") as answer:
        assert (answer.status, await answer.text()) == told


async def test_malformed_requests_dont_get_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """What the HTTP parser can't read may hold a secret: neither our log nor a library's quotes it."""
    caplog.set_level(logging.DEBUG)
    proven = f"POST /v1/okta HTTP/1.1\r\nHost: a\r\nAuthorization: {NEW}\r\n"
    async with gateway(OKTAS) as running:
        host, port = running.root.removeprefix("http://").split(":")
        with capture_logs() as logs:
            for head in (
                f"POST /v1/okta HTTP/1.1\r\nAuthorization: {NEW}\0\r\n\r\n",
                f"POST /v1/okta HTTP/1.1\r\nHost: a\r\n{NEW}\r\n\r\n",
                f"POST /v1/okta HTTP/9 {NEW}\r\n\r\n",
                f"{proven}Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                f"{proven}Content-Length: 50\r\n\r\n{{",
            ):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(head.encode())
                writer.write_eof()
                await reader.read()
                writer.close()
        assert await running.status("/v1/okta", OKTA, Authorization=NEW) == 204
        assert running.brokers.topics().count("events.okta") == 2
    assert NEW not in caplog.text + str(logs)


def certificate(folder: Path, name: str, signer: tuple[Any, Any] | None = None) -> tuple[Any, Any]:
    """A certificate for a name and for this machine, in NAME.pem and NAME.key; without a signer a CA's own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begins = datetime.now(UTC) - timedelta(hours=1)
    made_ = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if signer is None else signer[0].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key if signer is None else signer[1], hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made_.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made_, key


async def test_mutual_tls_opens_pingones_door_to_one_name(tmp_path: Path) -> None:
    """Its certificate is let in; another one of that CA, or none, is 401; another CA's can't connect."""
    authority = certificate(tmp_path, "ca")
    for name in ("gateway", "pingone", "other"):
        certificate(tmp_path, name, authority)
    certificate(tmp_path, "stranger", certificate(tmp_path, "elsewhere"))
    settings = {
        "gateway_certificate": tmp_path / "gateway.pem",
        "gateway_key": tmp_path / "gateway.key",
        "gateway_client_ca": tmp_path / "ca.pem",
        "pingone_certificate_name": "pingone",
    }

    async def status(name: str | None) -> int:
        client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        if name is not None:
            client.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        async with gateway(settings, client=client) as running:
            return await running.status("/v1/pingone", [{}])

    assert await status("pingone") == 200
    assert await status("other") == 401
    assert await status(None) == 401
    with pytest.raises(aiohttp.ClientError):
        await status("stranger")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"okta_hook_secret": "short"}, "okta_hook_secret is shorter than 16"),
        ({"okta_hook_secret": ""}, "okta_hook_secret is one secret, or two"),
        ({"gateway_token": f"{BOTH} {NEW}"}, "gateway_token is one secret, or two"),
        ({"hris_hook_secret": NEW}, "hris_hook_secret and hris_hook_signature go together"),
        ({"pingone_certificate_name": "p"}, "needs gateway_client_ca"),
        ({"set_issuer": ISSUER}, "set_issuer, set_audience and set_jwks go together"),
        (TOKENS | {"set_jwks": "http://issuer.example.com/keys"}, "set_jwks is fetched by https"),
        ({"hris_hook_secret": NEW, "hris_hook_signature": "unknown"}, "hris_hook_signature is neither"),
        ({"hris_hook_secret": NEW + "!", "hris_hook_signature": "finch"}, "hris_hook_secret isn't base64"),
        ({"gateway_certificate": Path("nowhere.pem")}, "gateway_certificate, gateway_key or gateway_client_ca"),
        ({"sources": Path("nowhere.toml")}, "sources: nowhere.toml can't be read"),
    ],
)
def test_a_door_that_is_half_set_up_is_an_error(settings: dict[str, Any], words: str) -> None:
    """What would leave a door open, or shut by mistake, is told at start, without the secret."""

    def opened(loaded: Settings) -> None:
        endpoints(loaded.hooks, loaded.security_events)
        loaded.gateway.ssl_context()
        loaded.sources_text()

    with pytest.raises(SettingsError, match=words) as error:
        opened(load_settings(**settings))
    assert NEW not in str(error.value)

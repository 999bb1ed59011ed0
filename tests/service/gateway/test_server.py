"""The gateway over HTTP: what is acknowledged, stored, limited and logged."""

import asyncio
import gzip
import logging
import re
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from aiohttp.http import SERVER_SOFTWARE
from aiokafka.errors import MessageSizeTooLargeError
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from streamproc.gateway.decide.to_records import Intake, to_records
from streamproc.gateway.request_body import SHORT
from streamproc.gateway.server import SECONDS
from streamproc.sources import Source
from streamproc.sources.options import SourceOptions
from tests.support.gateway import JSON, NEW, OKTAS, Running, gateway
from tests.support.gateway_requests import EVENT, NOW, OKTA


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
        heads_ = "".join([(await reader.readuntil(b"\r\n\r\n")).decode() for _ in range(heads)])
    writer.close()
    await writer.wait_closed()
    return re.sub(r"Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", "Date", heads_)


async def until(there: Callable[[], bool]) -> None:
    """Wait for what another task does."""
    while not there():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


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
    expected = f"{status}\r\n{length}Date\r\nServer: {SERVER_SOFTWARE}\r\n"
    async with gateway(settings) as running:
        stays = f"POST {path} HTTP/1.1\r\nHost: a\r\n{rest}\r\n{body}"
        assert await exchange(running, stays) == f"HTTP/1.1 {expected}\r\n"
        assert await exchange(running, stays * 3, 3) == f"HTTP/1.1 {expected}\r\n" * 3
        for spelling in (f"{path}?a=b", path.replace("v1", "%761")):
            assert await exchange(running, stays.replace(path, spelling)) == f"HTTP/1.1 {expected}\r\n"
        ends = stays.replace("Host: a", "Host: a\r\nConnection: close")
        assert await exchange(running, ends) == f"HTTP/1.1 {expected}Connection: close\r\n\r\n"
        old = stays.replace("HTTP/1.1", "HTTP/1.0")
        assert await exchange(running, old) == f"HTTP/1.0 {expected}\r\n"
        old = old.replace("Host: a", "Connection: keep-alive")
        assert await exchange(running, old) == f"HTTP/1.0 {expected}Connection: keep-alive\r\n\r\n"
        expects = stays.replace("Host: a", "Host: a\r\nExpect: 100-continue")
        assert await exchange(running, expects, 2) == f"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 {expected}\r\n"
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
        request = asyncio.create_task(running.status("/v1/okta", OKTA, Authorization=NEW))
        await until(lambda: len(running.brokers.pending) == 3)
        for future in running.brokers.pending[1:]:
            future.set_result(None)
        await asyncio.sleep(0.1)
        assert not request.done()
        running.brokers.pending[0].set_result(None)
        assert await request == 204


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
        request = asyncio.create_task(running.status("/v1/okta", OKTA, Authorization=NEW))
        await until(lambda: len(running.brokers.pending) == 3)
        request.cancel()
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


@pytest.mark.parametrize("path", ["workday", "events"], ids=["a hook", "the contract"])
async def test_a_body_that_takes_long_holds_up_nobody(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Others are answered meanwhile, at the same door too, and it is stored afterwards."""
    done = threading.Event()

    def slow(source: Source, options: SourceOptions, intake: Intake, payload: Any, body: bytes | None) -> Any:
        if len(body or b"") > SHORT:
            assert done.wait(60)
        return to_records(source, options, intake, payload, body)

    monkeypatch.setattr("streamproc.gateway.server.to_records", slow)
    long = orjson.dumps([1] * SHORT)
    async with gateway(OKTAS | {"workday_hook_secret": NEW, "gateway_token": NEW}) as running:
        waiting = asyncio.create_task(running.status(f"/v1/{path}", long, Authorization=NEW))
        await asyncio.sleep(0.1)
        assert await running.status("/v1/okta", OKTA, Authorization=NEW) == 204
        assert await running.status(f"/v1/{path}", EVENT, Authorization=NEW) < 300
        assert not waiting.done()
        before = len(running.brokers.records)
        done.set()
        await waiting
        assert len(running.brokers.records) == before + 1


async def test_long_bodies_wait_for_each_other_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time is read at a door. The sender of another is to come again, before anything of it is stored."""
    begun, done = threading.Event(), threading.Event()

    def slow(*_: Any) -> Any:
        begun.set()
        assert done.wait(60)
        return [], []

    monkeypatch.setattr("streamproc.gateway.server.to_records", slow)
    monkeypatch.setattr("streamproc.gateway.server.SECONDS", 0.3)
    long = b" " * SHORT + b"{}"
    async with gateway(OKTAS) as running:
        first = asyncio.create_task(running.status("/v1/okta", long, Authorization=NEW))
        await until(begun.is_set)
        assert await running.status("/v1/okta", long, Authorization=NEW) == 503
        done.set()
        assert await first in {204, 503}


@pytest.mark.parametrize(("well", "expected"), [(True, (200, "ok")), (False, (503, "not ok"))])
async def test_health_says_only_whether(well: bool, expected: tuple[int, str]) -> None:
    """No secret is asked for and nothing is told but yes or no."""
    async with gateway({}, well=well) as running, running.http.get(running.root + "/healthz") as answer:
        assert (answer.status, await answer.text()) == expected


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

"""Requests as they reach a server, or a proxy on the way there, and what comes back of odd answers."""

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from streamproc.adapters import http
from streamproc.adapters.http import NotSentError, UnansweredError, http_session, moment, retry_after, send
from streamproc.adapters.oauth import StaticToken
from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.core.scim.response_action import Retry
from streamproc.core.scim.response_policy import Response, response_action
from streamproc.settings import NetworkSettings
from tests.support.certificates import certificate
from tests.support.forward_proxy import forward_proxy

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
PASSWORD = "pass-word"
Handler = Callable[[web.Request], Any]


@asynccontextmanager
async def served(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[TestServer]:
    """A server on this machine that answers everything by `handler`."""
    app = web.Application()

    async def answer(request: web.Request) -> web.StreamResponse:
        answered = handler(request)
        response: web.StreamResponse = await answered if asyncio.iscoroutine(answered) else answered
        return response

    app.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(app)
    await server.start_server(ssl=tls)
    try:
        yield server
    finally:
        await server.close()


async def asked(handler: Handler, path: str = "/Users/1", method: str = "GET", **network: Any) -> Response:
    """What a SCIM request to that server comes to."""
    async with served(handler) as server, http_session(NetworkSettings(**network)) as session:
        return await ScimHttp(session, str(server.make_url("")), StaticToken("t"), time.time).request(
            method, path, "r", {}
        )


async def test_a_cookie_is_never_sent_back() -> None:
    """A load balancer's cookie would bind a bearer token to somebody's session, and some servers then want CSRF's."""
    cookies: list[str | None] = []

    def handler(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        response = web.json_response({})
        response.set_cookie("JSESSIONID", "1", path="/")
        return response

    async with served(handler) as server, http_session(NetworkSettings()) as session:
        scim = ScimHttp(session, f"http://localhost:{server.port}", StaticToken("t"), time.time)
        for _ in range(3):
            await scim.request("GET", "/Users/1", "r")
    assert cookies == [None] * 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
async def test_no_redirect_is_followed(status: int, method: str) -> None:
    """One request goes out, and the answer is the redirect itself: neither the token nor the body go elsewhere."""
    requests: list[str] = []

    def handler(request: web.Request) -> web.Response:
        requests.append(request.method)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    assert (await asked(handler, method=method)).status == status
    assert requests == [method]


async def test_the_other_clients_dont_follow_either() -> None:
    """Neither the platform's API nor the end of sessions take the token to where an answer points."""
    requests: list[str] = []

    def handler(request: web.Request) -> web.Response:
        requests.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with served(handler) as server, http_session(NetworkSettings()) as session:
        platform = PlatformHttp(session, str(server.make_url("")), StaticToken("t"), time.time)
        assert (await platform.get("/users/me")).status == 307
        assert await platform.end_sessions("u/1") == 307
    assert requests == ["/users/me", "/tokens/u/1"]


@pytest.mark.parametrize("size", [9_000, 64_000])
async def test_long_headers_are_read(size: int) -> None:
    """Content-Security-Policy and single sign-on's headers get longer than the 8190 bytes of aiohttp's default."""
    answer = await asked(lambda _: web.json_response({"id": "1"}, headers={"X-Long": "x" * size, "ETag": '"5"'}))
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, {"id": "1"}, '"5"')


async def test_three_hundred_headers_are_read() -> None:
    """However many a chain of proxies adds."""
    assert (await asked(lambda _: web.json_response({}, headers={f"X-{n}": "v" for n in range(300)}))).status == 200


async def test_headers_that_are_longer_still_are_no_answer() -> None:
    """It ends, says why, and whether the write was applied isn't known."""
    answer = await asked(lambda _: web.json_response({}, headers={"X-Long": "x" * 200_000}), method="PATCH")
    assert (answer.status, answer.sent) == (None, True)
    assert "isn't HTTP that can be read" in str(answer.error)


async def test_a_packed_answer_is_unpacked_though_none_was_asked_for() -> None:
    """We ask for plain answers, since packing changes ETags; a server that packs all the same is understood."""
    accepted: list[str | None] = []

    def handler(request: web.Request) -> web.Response:
        accepted.append(request.headers.get("Accept-Encoding"))
        return web.Response(body=gzip.compress(b'{"id": "1"}'), headers={"Content-Encoding": "gzip"})

    assert (await asked(handler)).body == {"id": "1"}
    assert accepted == ["identity"]


async def test_an_answer_that_cant_be_unpacked_is_none() -> None:
    """Garbage that calls itself gzip: whether the write was applied isn't known."""
    packed = {"Content-Encoding": "gzip"}
    answer = await asked(lambda _: web.Response(body=b"no gzip", headers=packed), method="PATCH")
    assert (answer.status, answer.sent) == (None, True)


async def test_an_answer_may_begin_with_a_byte_order_mark() -> None:
    """JSON that a Windows server writes."""
    assert (await asked(lambda _: web.Response(body=b'\xef\xbb\xbf{"id": "1"}'))).body == {"id": "1"}


async def test_an_etag_that_no_header_can_have_ends_nothing() -> None:
    """A line end in `meta.version` is no way into our headers, nor the end of the process."""
    async with served(lambda _: web.json_response({})) as server, http_session(NetworkSettings()) as session:
        scim = ScimHttp(session, str(server.make_url("")), StaticToken("t"), time.time)
        answer = await scim.request("PATCH", "/Users/1", "r", {}, '"5\r\nX-Evil: 1"')
    assert (answer.status, answer.sent) == (None, False)


def dated(seconds: float, form: str = "%a, %d %b %Y %H:%M:%S GMT") -> str:
    return (NOW + timedelta(seconds=seconds)).strftime(form)


@pytest.mark.parametrize(
    ("asked_for", "date", "seconds"),
    [
        ("7", None, 7),
        ("1.5", None, 1.5),
        (" 3 ", None, 3),
        ("0", None, 0),
        (dated(90), dated(0), 90),
        (dated(90), dated(60), 30),  # by the server's own clock
        (dated(90), None, 90),
        (dated(90), "garbage", 90),
        (dated(-90), dated(0), 0),
        (dated(90, "%A, %d-%b-%y %H:%M:%S GMT"), dated(0), 90),
        (dated(90, "%a %b %d %H:%M:%S %Y"), dated(0), 90),
        ("-5", None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("soon", None, None),
        ("", None, None),
        ("Thu, 99 Foo 2026 99:99:99 GMT", None, None),
    ],
)
async def test_retry_after_in_all_its_forms(asked_for: str, date: str | None, seconds: float | None) -> None:
    """Seconds, fractions, HTTP's three forms of a date, one that is over, and what is none of them."""
    assert retry_after(asked_for, date, NOW.timestamp()) == seconds


@given(st.text(max_size=40), st.none() | st.text(max_size=40))
def test_any_text_may_stand_in_retry_after(text: str, date: str | None) -> None:
    """Nothing raises, and what comes out can be waited for."""
    seconds = retry_after(text, date, 0.0)
    assert seconds is None or seconds >= 0.0


@given(st.integers(0, 4_000_000_000))
def test_a_date_is_read_as_it_was_written(seconds: int) -> None:
    """Whatever zone this machine is in."""
    at = datetime.fromtimestamp(seconds, UTC)
    assert moment(format_datetime(at, usegmt=True)) == at.timestamp()


async def test_a_dated_retry_after_is_waited_for() -> None:
    """What decides sees seconds."""
    headers = {"Retry-After": dated(45), "Date": dated(0)}
    answer = await asked(lambda _: web.Response(status=429, headers=headers), method="PATCH")
    assert response_action("write", answer, 0, 0.0) == Retry(45.0)


# Proxies


async def test_https_goes_through_the_proxy(tmp_path: Path) -> None:
    """By CONNECT with its name and password; the certificate is checked against further authorities. The target sees
    nothing of the proxy's password, and the proxy nothing of the token.
    """
    authority = certificate(tmp_path, "ca")
    certificate(tmp_path, "target", authority, "scim.example")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "target.pem", tmp_path / "target.key")
    heads: list[Any] = []

    def handler(request: web.Request) -> web.Response:
        heads.append(request.headers)
        return web.json_response({"id": "1"})

    async with served(handler, tls) as server, forward_proxy(server.port or 0, f"anna:{PASSWORD}") as proxy:
        through = SecretStr(f"http://anna:{PASSWORD}@{proxy.address}")
        network = NetworkSettings(https_proxy=through, https_ca=tmp_path / "ca.pem")
        async with http_session(network) as session:
            scim = ScimHttp(session, "https://scim.example/scim/v2", StaticToken("the-token"), time.time)
            assert (await scim.request("GET", "/Users/1", "r")).body == {"id": "1"}
        async with http_session(NetworkSettings(https_proxy=through)) as session:
            answer = await ScimHttp(session, "https://scim.example", StaticToken("t"), time.time).request(
                "GET", "/Users/1", "r"
            )
    assert proxy.asked == ["CONNECT scim.example:443"] * 2
    assert "the-token" not in "".join(proxy.heads)
    assert "Proxy-Authorization" not in heads[0]
    assert (answer.status, answer.sent, answer.trouble) == (None, False, "connection")
    assert "STREAMPROC_HTTPS_CA" in str(answer.error)
    assert PASSWORD not in str(answer.error)


async def test_nothing_goes_by_http_to_another_machine() -> None:
    """Whoever says so: a setting, or a link in an answer. With a proxy or without one; this machine itself is asked."""
    async with served(lambda _: web.json_response({})) as server, forward_proxy(server.port or 0) as proxy:
        for network in (NetworkSettings(https_proxy=SecretStr(proxy.address)), NetworkSettings()):
            async with http_session(network) as session:
                assert (await send(session, "GET", str(server.make_url("/Users")), {}, clock=time.time)).status == 200
                for host in ("scim.example", "127.0.0.1.example", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433"):
                    with pytest.raises(NotSentError, match="http:// goes to this machine itself alone"):
                        await send(session, "GET", f"http://{host}:{server.port}/Users", {}, clock=time.time)
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("status", "words"), [(407, "name and password"), (503, "answered 503"), (403, "answered 403")]
)
async def test_a_proxy_that_refuses_has_sent_nothing(status: int, words: str) -> None:
    """Its refusal of CONNECT, or its 407, isn't the target's word: the request goes out again later."""
    async with forward_proxy(1, f"anna:{PASSWORD}", refuses=status) as proxy:
        through = SecretStr(f"http://anna:{PASSWORD}@{proxy.address}")
        async with http_session(NetworkSettings(https_proxy=through)) as session:
            scim = ScimHttp(session, "https://scim.example", StaticToken("t"), time.time)
            answer = await scim.request("PATCH", "/Users/1", "r", {})
    assert (answer.status, answer.sent) == (None, False)
    assert words in str(answer.error)
    assert PASSWORD not in str(answer.error)


async def test_a_proxy_that_isnt_there_is_named() -> None:
    """Where it was looked for, without its password."""
    network = NetworkSettings(https_proxy=SecretStr(f"http://anna:{PASSWORD}@127.0.0.1:1"))
    async with http_session(network) as session:
        with pytest.raises(NotSentError, match=r"the proxy 127.0.0.1:1 can't be reached") as error:
            await send(session, "GET", "https://scim.example/", {}, clock=time.time)
    assert PASSWORD not in str(error.value)


async def test_what_went_wrong_is_told_by_kind() -> None:
    """Nothing listening, an unknown name, a server that says nothing in time, one that hangs up."""

    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with http_session(NetworkSettings()) as session:
        with pytest.raises(NotSentError, match=r"127.0.0.1:1 can't be reached"):
            await send(session, "GET", "http://127.0.0.1:1/", {}, clock=time.time)
        with pytest.raises(NotSentError):
            await send(session, "GET", "nonsense", {}, clock=time.time)
        async with served(lambda _: asyncio.sleep(5)) as server:
            with pytest.raises(UnansweredError, match="Timeout"):
                await send(
                    session,
                    "GET",
                    str(server.make_url("/")),
                    {},
                    clock=time.time,
                    timeout=aiohttp.ClientTimeout(total=0.2),
                )
        async with served(hang_up) as server:
            with pytest.raises(UnansweredError):
                await send(session, "GET", str(server.make_url("/")), {}, clock=time.time)


def test_a_name_that_cant_be_resolved_is_told() -> None:
    """In words, by an error that nobody has to have caused for it."""
    key: Any = type("Key", (), {"host": "scim.example", "port": 443, "is_ssl": True, "ssl": True})()
    error = aiohttp.ClientConnectorDNSError(key, OSError(-2, "Name or service not known"))
    assert http.explain(error) == "ClientConnectorDNSError: the name scim.example can't be resolved"

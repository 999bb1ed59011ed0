"""Getting to the target at all: tokens, secrets, proxies, cookies, long headers, and why nothing goes out."""

import asyncio
import os
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from streamproc.adapters.http import http_session
from streamproc.adapters.oauth import StaticToken, TokenRefusedError, Tokens
from streamproc.adapters.scim_http import ScimHttp
from streamproc.core.scim.response_policy import Response
from streamproc.settings import NetworkSettings, load_settings
from streamproc.simulator import SimulatorOptions, create_app
from streamproc.sink import gate_watch, request_executor
from tests.field.case import Case
from tests.field.pipeline import play
from tests.field.pipelines import joins
from tests.support.certificates import certificate
from tests.support.clocks import held
from tests.support.forward_proxy import forward_proxy
from tests.support.logged import logged

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
SECRET: Final = "a-secret-of-the-client"


async def _server(stack: AsyncExitStack, answer: Answer, tls: ssl.SSLContext | None = None) -> TestServer:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(app)
    await server.start_server(ssl=tls)
    stack.push_async_callback(server.close)
    return server


def _asked(answer: Answer, times: int = 1, **network: Any) -> list[Response]:
    """Answers to so many reads of one SCIM user, one after the other."""

    async def ask() -> list[Response]:
        async with AsyncExitStack() as stack:
            server = await _server(stack, answer)
            http = await stack.enter_async_context(http_session(NetworkSettings(**network)))
            scim = ScimHttp(http, f"http://localhost:{server.port}", StaticToken("t"), time.time)
            return [await scim.request("GET", "/Users/1", str(n)) for n in range(times)]

    return asyncio.run(ask())


def _cookies() -> None:
    sent: list[str | None] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        sent.append(request.headers.get("Cookie"))
        response = web.json_response({"id": "1"})
        response.set_cookie("AWSALB", "node-7")
        return response

    _asked(answer, times=3)
    assert sent == [None, None, None]


def _long_headers() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"id": "1"}, headers={"Content-Security-Policy": "x" * 60_000})

    assert _asked(answer)[0].body == {"id": "1"}


def _no_redirect() -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        paths.append(request.path)
        raise web.HTTPFound("/login")

    assert _asked(answer)[0].status == 302
    assert paths == ["/Users/1"]


def _tokens(*answers: tuple[int, Any, dict[str, str]]) -> list[tuple[float, str]]:
    """What is had of a token endpoint once a second, until it has no more answers: (second, token or why not)."""
    left = list(answers)
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers["Authorization"])
        status, body, headers = left.pop(0)
        text = body if isinstance(body, str) else orjson.dumps(body).decode()
        return web.Response(status=status, text=text, headers=headers)

    async def ask() -> list[tuple[float, str]]:
        had: list[tuple[float, str]] = []
        now = 0.0
        async with AsyncExitStack() as stack:
            server = await _server(stack, answer)
            http = await stack.enter_async_context(http_session(NetworkSettings()))
            tokens = Tokens(http, str(server.make_url("/token")), "id", SECRET, held(lambda: now))
            while left:
                try:
                    had.append((now, await tokens.get()))
                except TokenRefusedError as error:
                    had.append((now, str(error)))
                now += 1.0
        return had

    had = asyncio.run(ask())
    assert SECRET not in str(had)
    return had


def _no_expiry() -> None:
    odd: list[Any] = [None, 0, -1, "3600", "never", 3599.5, True, {}]
    for told in odd:
        assert _tokens((200, {"access_token": "one", "token_type": "bearer", "expires_in": told}, {})) == [(0.0, "one")]


def _dated_retry_after() -> None:
    dates = {"Retry-After": "Mon, 30 Nov 2026 12:00:20 GMT", "Date": "Mon, 30 Nov 2026 12:00:00 GMT"}
    for headers in ({"Retry-After": "20"}, dates):
        had = _tokens((429, "", headers), (200, {"access_token": "one"}, {}))
        assert (had[-1], len(had)) == ((20.0, "one"), 21), "not before, and then at once"
        assert all("answered 429" in why for _, why in had[:-1])


def _page_for_a_token() -> None:
    ((_, why),) = _tokens((200, "<html>sign in</html>", {}))
    assert "isn't a JSON object" in why


def _secrets() -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "secret")
        for content in (SECRET + "\n", SECRET + "\r\n", "\ufeff" + SECRET, f" {SECRET} \n\n"):
            path.write_text(content, encoding="utf-8", newline="")
            for variables in ({"STREAMPROC_CLIENT_SECRET_FILE": str(path)}, {"STREAMPROC_CLIENT_SECRET": content}):
                with patch.dict(os.environ, variables):
                    assert load_settings().target.client_secret.get_secret_value() == SECRET


def _proxy() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"id": "1"})

    async def ask() -> tuple[list[Response], list[str]]:
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            certificate(folder, "target", certificate(folder, "ca"), "scim.example", "inside.example")
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(folder / "target.pem", folder / "target.key")
            server = await _server(stack, answer, tls)
            proxy = await stack.enter_async_context(forward_proxy(server.port or 0, "anna:pass"))
            variables = {"HTTPS_PROXY": f"http://anna:pass@{proxy.address}", "NO_PROXY": ".inside.example"}
            with patch.dict(os.environ, variables | {"STREAMPROC_HTTPS_CA": str(folder / "ca.pem")}):
                network = load_settings().network
            http = await stack.enter_async_context(http_session(network, seconds=5.0))
            assert network.proxy("https", "x.inside.example", 443) is None
            hosts = ("scim.example", f"127.0.0.1:{server.port}")
            answers = [
                await ScimHttp(http, f"https://{host}", StaticToken("t"), time.time).request("GET", "/Users/1", "r")
                for host in hosts
            ]
            return answers, proxy.asked

    (outside, here), asked = asyncio.run(ask())
    assert (outside.body, here.body) == ({"id": "1"}, {"id": "1"})
    assert asked == ["CONNECT scim.example:443"]


def _says_why(status: int, told: dict[str, Any]) -> list[Any]:
    def made() -> web.Application:
        app = create_app(SimulatorOptions(rate_limit=0))

        @web.middleware
        async def refuse(request: web.Request, handler: Answer) -> web.StreamResponse:
            if request.path == "/oauth/token":
                return web.json_response(told, status=status)
            return await handler(request)

        app.middlewares.insert(0, refuse)
        return app

    with logged(gate_watch, request_executor) as logs:
        play([joins("F700"), joins("F701")], target=made, seconds=60.0, client_secret=SECRET)
    assert SECRET not in str(logs)
    return [line for line in logs if line["event"] == "no request goes out"]


def _paused(status: int, headers: dict[str, str]) -> list[float]:
    """Moments at which six joiners ask a target that answers so for a minute."""
    moments: list[float] = []

    def made() -> web.Application:
        app = create_app(SimulatorOptions(rate_limit=0))

        @web.middleware
        async def refuse(request: web.Request, handler: Answer) -> web.StreamResponse:
            if "/scim/" in request.path:
                moments.append(asyncio.get_running_loop().time())
                if moments[-1] < moments[0] + 60.0:
                    return web.Response(status=status, headers=headers)
            return await handler(request)

        app.middlewares.insert(0, refuse)
        return app

    ran = play([joins(f"F{number}") for number in range(720, 726)], target=made, seconds=115.0, pause=0.0)
    assert len(ran.deliveries) == 6, "all are there in the end"
    return [at - moments[0] for at in moments]


def _the_targets_pause() -> None:
    dates = {"Retry-After": "Mon, 30 Nov 2026 12:00:40 GMT", "Date": "Mon, 30 Nov 2026 12:00:00 GMT"}
    for status, headers in ((429, dates), (503, {"Retry-After": "40.5"})):
        early = [at for at in _paused(status, headers) if 1.0 < at < 39.0]
        assert not early, f"{status} {headers}: asked at {early}"


def _no_token_is_told() -> None:
    (line,) = _says_why(401, {"error": "invalid_client"})
    assert (line["cause"], "invalid_client" in line["because"]) == ("token", True)
    assert "STREAMPROC_CLIENT_SECRET" in line["do"]


CASES: Final = (
    Case("D", "cookies", _cookies),
    Case("D", "headers-of-60-kib", _long_headers),
    Case("D", "redirects", _no_redirect),
    Case("D", "expires-in", _no_expiry),
    Case("D", "dated-retry-after-of-the-token-endpoint", _dated_retry_after),
    Case("D", "page-for-a-token", _page_for_a_token),
    Case("D", "line-end-in-a-secret", _secrets),
    Case("D", "https-proxy", _proxy),
    Case("D", "retry-after-of-the-target", _the_targets_pause),
    Case("D", "why-nothing-goes-out", _no_token_is_told),
)

"""Tokens: one request for however many wait, in time, and again when the API refuses one."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from streamproc.adapters.oauth import MARGIN, TokenRefusedError, Tokens
from streamproc.adapters.scim_http import ScimHttp
from streamproc.simulator import SimulatorOptions, create_app

SECRET = "s3cret:with-colon-and-ü"


class Login:
    """A token endpoint that answers as it is told, and the stand-in's own beside it."""

    def __init__(self, http: aiohttp.ClientSession, root: str, answers: list[Any], asked: list[Any]) -> None:
        self.http = http
        self.now = 100.0
        self.answers = answers
        self.asked = asked
        """The requests to the endpoint that answers as told."""
        self.root = root.rstrip("/")

    def tokens(self, path: str = "/oauth/token", secret: str = "demo") -> Tokens:
        return Tokens(self.http, self.root + path, "demo", secret, lambda: self.now)

    def scim(self, tokens: Tokens) -> ScimHttp:
        return ScimHttp(self.http, f"{self.root}/api/v2/scim/v2", tokens)

    async def counted(self) -> Any:
        async with self.http.get(f"{self.root}/_sim/requests") as answer:
            return await answer.json()

    async def fault(self, **fault: Any) -> None:
        async with self.http.post(f"{self.root}/_sim/faults", json={"faults": [fault]}) as answer:
            assert answer.status == 200


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    answers: list[Any] = []
    asked: list[Any] = []

    async def told(request: web.Request) -> web.Response:
        asked.append((request.headers["Authorization"], dict(await request.post())))
        status, text = answers.pop(0)
        return web.Response(status=status, text=text, content_type="application/json")

    outer = web.Application()
    outer.router.add_post("/told/token", told)
    inner = create_app(SimulatorOptions(rate_limit=0))
    for resource in list(inner.router.resources()):
        outer.router.register_resource(resource)
    async with TestServer(outer) as server, aiohttp.ClientSession() as http:
        yield Login(http, str(server.make_url("")), answers, asked)


def given(token: str = "t1", **more: Any) -> tuple[int, str]:
    fields = ", ".join(f'"{name}": {value}' for name, value in more.items())
    return 200, f'{{"access_token": "{token}"{", " if fields else ""}{fields}}}'


async def test_fifty_at_once_cost_one_token(login: Login) -> None:
    """A cold start under load asks for one token, not for one per request."""
    scim = login.scim(login.tokens())
    answers = await asyncio.gather(*(scim.request("GET", "/Users?count=0", str(n)) for n in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert (await login.counted())["token_requests"] == 1


async def test_fifty_refusals_cost_one_token(login: Login) -> None:
    """A token that is revoked under load is replaced once, however many were refused with it."""
    scim = login.scim(login.tokens())
    await scim.request("GET", "/Users?count=0", "warm")
    await login.fault(kind="401", times=50, delay_ms=20)
    refused = await asyncio.gather(*(scim.request("GET", "/Users?count=0", str(n)) for n in range(50)))
    assert {answer.status for answer in refused} == {401}
    again = await asyncio.gather(*(scim.request("GET", "/Users?count=0", str(n)) for n in range(50)))
    assert {answer.status for answer in again} == {200}
    assert (await login.counted())["token_requests"] == 2


async def test_a_late_refusal_of_an_old_token_costs_nothing(login: Login) -> None:
    """A 401 to a request that set out with the token before doesn't spend the new one."""
    tokens = login.tokens("/told/token")
    login.answers += [given("old"), given("new")]
    assert await tokens.get() == "old"
    tokens.refuse("old")
    assert await tokens.get() == "new"
    tokens.refuse("old")
    assert await tokens.get() == "new"
    assert login.answers == []


@pytest.mark.parametrize(("life", "good_for"), [(86400, 86400 - MARGIN), (300, 270), (600, 540)])
async def test_a_token_is_replaced_before_it_expires(login: Login, life: int, good_for: float) -> None:
    """No request goes out with a token that may expire on the way; a short life isn't all margin."""
    tokens = login.tokens("/told/token")
    login.answers += [given("one", expires_in=life), given("two", expires_in=life)]
    assert await tokens.get() == "one"
    login.now += good_for - 1
    assert await tokens.get() == "one"
    login.now += 1
    assert await tokens.get() == "two"


async def test_credentials_go_as_http_basic(login: Login) -> None:
    """Any secret reaches the endpoint as RFC 6749 §2.3.1 asks, with the grant in the form."""
    login.answers.append(given())
    await login.tokens("/told/token", SECRET).get()
    (authorization, form) = login.asked[0]
    assert b64decode(authorization.removeprefix("Basic ")).decode() == f"demo:{SECRET}"
    assert form == {"grant_type": "client_credentials"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, '{"error": "invalid_client"}'), "answered 401"),
        ((503, ""), "answered 503"),
        ((200, "<html>"), "gave no access token"),
        ((200, "[]"), "gave no access token"),
        ((200, "{}"), "gave no access token"),
        ((200, '{"access_token": null}'), "gave no access token"),
        ((200, '{"access_token": ""}'), "gave no access token"),
        ((200, '{"access_token": "t", "expires_in": "soon"}'), "gave no access token"),
    ],
)
async def test_no_token_means_that_nothing_was_sent(login: Login, answer: tuple[int, str], words: str) -> None:
    """While there is no token the request isn't made, so it can be made later; the secret is in no message."""
    tokens = login.tokens("/told/token", SECRET)
    login.answers += [answer, answer]
    with pytest.raises(TokenRefusedError, match=words) as refused:
        await tokens.get()
    assert SECRET not in str(refused.value)
    told = await login.scim(tokens).request("POST", "/Users", "r", {})
    assert (told.status, told.sent) == (None, False)
    assert words in str(told.error)
    assert (await login.counted())["by_route"] == {}
    login.answers.append(given("t2"))
    assert await tokens.get() == "t2"


async def test_an_endpoint_that_cant_be_reached_is_tried_again(login: Login) -> None:
    """A login host that is down shows as such, by kind of failure only."""
    tokens = Tokens(login.http, "http://127.0.0.1:1/oauth/token", "demo", SECRET, lambda: 0.0)
    with pytest.raises(TokenRefusedError, match="can't be reached: Client"):
        await tokens.get()

"""Tokens: one request for however many wait, in time, and again when the API refuses one."""

import asyncio
import time
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from streamproc.adapters.oauth import LONGEST, MARGIN, UNTOLD, TokenRefusedError, Tokens
from streamproc.adapters.scim_http import ScimHttp
from streamproc.simulator import SimulatorOptions, create_app
from tests.support.clocks import held

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
        return Tokens(self.http, self.root + path, "demo", secret, held(lambda: self.now))

    def scim(self, tokens: Tokens) -> ScimHttp:
        return ScimHttp(self.http, f"{self.root}/api/v2/scim/v2", tokens, time.time)

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
        status, text, *headers = answers.pop(0)
        return web.Response(status=status, text=text, content_type="application/json", headers=dict(*headers))

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
        ((200, '{"access_token": ["t"]}'), "gave no access token"),
        ((200, '{"access_token": "two\\nlines"}'), "gave no access token that a header can have"),
        ((200, '{"access_token": "t", "token_type": "DPoP"}'), "needs a proof"),
        ((204, ""), "gave no access token"),
        ((302, ""), "a redirect, which isn't followed"),
        ((429, ""), "answered 429"),
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
    assert (told.status, told.sent, told.trouble) == (None, False, "token")
    assert words in str(told.error)
    assert (await login.counted())["by_route"] == {}
    login.answers.append(given("t2"))
    assert await tokens.get() == "t2"


async def test_an_endpoint_that_cant_be_reached_is_tried_again(login: Login) -> None:
    """A login host that is down shows as such, by kind of failure only."""
    tokens = Tokens(login.http, "http://127.0.0.1:1/oauth/token", "demo", SECRET, held())
    with pytest.raises(TokenRefusedError, match="can't be reached: Client"):
        await tokens.get()


@pytest.mark.parametrize(
    ("told", "life"),
    [
        ("3600", 3600),
        ('"3600"', 3600),
        ('"3600.0"', 3600),
        ("3599.5", 3599.5),
        ("1e12", LONGEST),
        ("99999999999999999999999", LONGEST),
        *((odd, UNTOLD) for odd in ("null", "0", "-1", '"never"', '""', "true", "[]", "{}", '"nan"')),
    ],
)
async def test_expires_in_as_servers_write_it(login: Login, told: str, life: float) -> None:
    """A number, one in quotes, one beyond all sense; what is none says nothing, and the token is good all the same."""
    tokens = login.tokens("/told/token")
    login.answers += [given("one", expires_in=told), given("two")]
    assert await tokens.get() == "one"
    login.now += life - MARGIN - 1
    assert await tokens.get() == "one"
    login.now += 2
    assert await tokens.get() == "two"


@pytest.mark.parametrize(
    "more", [{}, *({"token_type": f'"{kind}"'} for kind in ("bearer", "BEARER", "BearerToken", "JWT"))]
)
async def test_a_token_is_a_bearer_token_however_its_type_is_written(login: Login, more: dict[str, str]) -> None:
    """Its type is compared without case, may be missing, and only one that needs a proof is none."""
    login.answers.append(given("one", **more))
    assert await login.tokens("/told/token").get() == "one"


async def test_an_answer_may_begin_with_a_byte_order_mark(login: Login) -> None:
    """And the token may have a line end behind it."""
    login.answers.append((201, '\ufeff{"access_token": "one\\n"}'))
    assert await login.tokens("/told/token").get() == "one"


@pytest.mark.parametrize(
    ("asked", "date", "seconds"),
    [
        ("30", None, 30),
        ("2.5", None, 2.5),
        ("100000", None, 600),
        ("Mon, 30 Nov 2026 12:00:45 GMT", "Mon, 30 Nov 2026 12:00:00 GMT", 45),
        ("Mon, 30 Nov 2026 11:00:00 GMT", "Mon, 30 Nov 2026 12:00:00 GMT", 0),
        ("soon", None, 0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_the_endpoints_retry_after_is_kept(
    login: Login, asked: str, date: str | None, seconds: float, status: int
) -> None:
    """Until then nobody asks it again, however many want a token; the requests know how long there will be none."""
    tokens = login.tokens("/told/token")
    login.answers.append((status, "", {"Retry-After": asked} | ({"Date": date} if date else {})))
    with pytest.raises(TokenRefusedError):
        await tokens.get()
    if seconds:
        login.now += seconds - 1
        answers = await asyncio.gather(*(login.scim(tokens).request("GET", "/Users", str(n)) for n in range(5)))
        assert {(answer.status, answer.headers.get("retry-after")) for answer in answers} == {(None, "1.000")}
        assert len(login.asked) == 1
        login.now += 1
    login.answers.append(given("one"))
    assert await tokens.get() == "one"


async def test_a_failure_is_everybodys_who_waited(login: Login) -> None:
    """Fifty who want a token cost an endpoint in trouble one request, not fifty one after the other."""
    tokens = login.tokens("/told/token")
    login.answers += [(500, "")] * 50
    told = await asyncio.gather(*(tokens.get() for _ in range(50)), return_exceptions=True)
    assert all(isinstance(error, TokenRefusedError) for error in told)
    assert len(login.asked) == 1


async def test_tokens_that_are_refused_as_they_come_become_rare(login: Login) -> None:
    """An API that answers 401 to everything doesn't make us ask the endpoint at the pace of our requests."""
    tokens = login.tokens("/told/token")
    login.answers += [given(f"t{n}", expires_in=3600) for n in range(1000)]
    for _ in range(600):
        try:
            tokens.refuse(await tokens.get())
        except TokenRefusedError as error:
            assert "refuses each token" in str(error)  # noqa: PT017
        login.now += 1.0
    assert 5 < len(login.asked) < 20
    login.now += 3600.0
    assert (await tokens.get()).startswith("t")


async def test_a_401_now_and_then_holds_up_nobody(login: Login) -> None:
    """Between two refusals the API did what was asked: the next token is fetched at once, however often it happens."""
    tokens = login.tokens("/told/token")
    login.answers += [given(f"t{n}", expires_in=3600) for n in range(20)]
    for n in range(20):
        assert await tokens.get() == f"t{n}"
        tokens.accept(f"t{n}")
        tokens.refuse(f"t{n}")
        login.now += 1.0


@pytest.mark.parametrize(("expires", "replaced"), [("null", True), ("0", True), ("3600", False)])
async def test_a_403_may_mean_that_a_token_is_over(login: Login, expires: str, replaced: bool) -> None:
    """Where its life wasn't told, it is replaced, once a minute at most: the right may as well be missing."""
    tokens = login.tokens("/told/token")
    login.answers += [given("one", expires_in=expires), given("two", expires_in=expires)]
    assert await tokens.get() == "one"
    tokens.doubt("one")
    assert await tokens.get() == "one", "it was given just now"
    login.now += 61
    tokens.doubt("one")
    assert await tokens.get() == ("two" if replaced else "one")
    tokens.doubt("two")
    assert await tokens.get() == ("two" if replaced else "one")


async def test_an_endpoint_that_redirects_is_told_what_to_set(login: Login) -> None:
    """And the secret doesn't go where it points."""
    login.answers.append((307, "", {"Location": "/told/token"}))
    with pytest.raises(TokenRefusedError, match="307 to client credentials, a redirect, which isn't followed: the URL"):
        await login.tokens("/told/token").get()
    assert len(login.asked) == 1


async def test_a_wrong_secret_is_told_as_one(login: Login) -> None:
    """By the endpoint's own code, and what to look at."""
    login.answers.append((401, '{"error": "invalid_client", "error_description": "demo"}'))
    with pytest.raises(TokenRefusedError, match=r"answered 401 .*\(invalid_client\): is the client secret right"):
        await login.tokens("/told/token", SECRET).get()

"""The SCIM client against bytes as a server may send them: whatever comes is a Response, and can be kept."""

import asyncio
import time
from asyncio import StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote

import orjson
import pytest

from streamproc.adapters.http import http_session
from streamproc.adapters.oauth import StaticToken
from streamproc.adapters.scim_http import ANSWER, HEARD, LONGEST, PlatformHttp, ScimHttp
from streamproc.core.scim.filter import equals, resource_path
from streamproc.core.scim.response_policy import is_page
from streamproc.settings import NetworkSettings
from tests.support.raw_answers import answer, raw_answers


@asynccontextmanager
async def client(*answers: bytes) -> AsyncIterator[tuple[ScimHttp, PlatformHttp, list[bytes]]]:
    """Clients of a server that gives these answers in order, and the heads of what it was asked."""
    heads: list[bytes] = []
    left = list(answers)

    async def answering(head: bytes, writer: StreamWriter) -> bool:
        await asyncio.sleep(0)
        heads.append(head)
        writer.write(left.pop(0))
        return True

    async with raw_answers(answering) as url, http_session(NetworkSettings(), seconds=5) as http:
        yield (
            ScimHttp(http, url, StaticToken("t"), time.time),
            PlatformHttp(http, url, StaticToken("t"), time.time),
            heads,
        )


async def test_of_the_headers_those_are_kept_that_are_read_as_text() -> None:
    """Bytes that are no text, and control characters, would make our own records unreadable."""
    told = answer(b"{}", "X-Other: 1", "Location: " + "x" * 5000)
    told = told.replace(b"X-Other: 1", b'X-Other: 1\r\nETag: "\xff\x015"\r\nININ-Correlation-Id: \xf0\x28\x8c')
    async with client(told) as (scim, _, __):
        response = await scim.request("GET", "/Users/a", "r1")
    assert response.headers.keys() <= HEARD
    assert len(response.headers["location"]) == LONGEST
    assert "\N{REPLACEMENT CHARACTER}" in response.headers["etag"]
    orjson.dumps(response.headers)


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_an_answer_that_is_too_long_is_none(method: str) -> None:
    """Whether a write was carried out isn't known then: it is read back."""
    async with client(answer(b'{"id": "' + b"x" * ANSWER + b'"}')) as (scim, _, __):
        response = await scim.request(method, "/Users/a", "r1", None if method == "GET" else {})
    assert (response.status, response.sent) == (None, True)
    assert "more than" in str(response.error)


@pytest.mark.parametrize(
    ("kind", "strange"),
    [
        ("application/scim+json", False),
        ("application/json; charset=utf-8", False),
        ("text/json", False),
        ("text/plain", False),
        ("", False),
        ("text/html", True),
        ("application/xhtml+xml", True),
        ("image/png", True),
    ],
)
async def test_json_that_says_that_it_is_something_else_is_no_answer(kind: str, strange: bool) -> None:
    """A page of a proxy that happens to be JSON isn't the target's word."""
    told = answer(b'{"id": "a"}').replace(b"application/json", kind.encode())
    async with client(told) as (scim, _, __):
        response = await scim.request("GET", "/Users/a", "r1")
    assert is_page(response) is strange


@pytest.mark.parametrize(
    "given",
    [answer(b"[" * 100_000), b"SSH-2.0-x\r\n\r\n", answer(b"", 'Set-Cookie: ="; Max-Age=x', status="204 No")],
)
async def test_the_end_of_sessions_has_a_status_or_none(given: bytes) -> None:
    """Whatever comes: nothing is raised."""
    async with client(given) as (_, platform, heads):
        status = await platform.end_sessions("a/b?c")
    assert status in {None, 200, 204}
    assert heads[0].startswith(b"DELETE /tokens/a%2Fb%3Fc HTTP/1.1")


@pytest.mark.parametrize("there", ["a/b", "a?b", "a#b", "a%2Fb", "..%2f", "a;b", "ñ", "a b", "a+b", 'a"b', "a\\b"])
async def test_an_id_stays_one_segment_on_the_wire(there: str) -> None:
    """What is in an id isn't read as part of the URL, on the way through our client neither."""
    async with client(answer(b"{}"), answer(b"{}")) as (scim, _, heads):
        await scim.request("GET", resource_path("Users", there), "r1")
        await scim.request("GET", f"/Users?{equals(('externalId', there))}", "r2")
    path = heads[0].split()[1].decode()
    assert path.count("/") == 2
    assert unquote(path.rpartition("/")[2]) == there
    query = heads[1].split()[1].decode().partition("?filter=")[2]
    assert unquote(query) == f"externalId eq {orjson.dumps(there).decode()}"

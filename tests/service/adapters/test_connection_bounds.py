"""Answers without end, packed or not, cut off, too many, or to no request: each is one error, and little memory."""

import asyncio
import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.adapters import connection_bounds
from streamproc.adapters.http import Reply, UnansweredError, decoded, http_session, is_json, moment, send
from streamproc.settings import NetworkSettings
from tests.support.raw_answers import answer, raw_answers

MOST = 1000
GZIP = "Content-Encoding: gzip"


async def asked(*parts: bytes, seconds: float = 5.0, again: float | None = None, endless: bool = False) -> Reply:
    """What a request comes to that is answered with these bytes; the last of them for ever, if it is endless."""

    async def answering(_: bytes, writer: asyncio.StreamWriter) -> bool:
        for part in parts:
            writer.write(part)
            await writer.drain()
        while endless or again is not None:
            writer.write(parts[-1])
            await writer.drain()
            await asyncio.sleep(again or 0)
        return False

    async with raw_answers(answering) as url, http_session(NetworkSettings(), seconds=seconds) as session:
        return await send(session, "GET", url, {}, clock=time.time, most=MOST)


def cut(content: bytes, packed: Callable[[bytes], bytes]) -> bytes:
    """An answer that says how long it is and is packed."""
    return answer(packed(content), GZIP)


LONG = b" " * 100_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("parts", "endless", "why"),
    [
        ([answer(LONG)], False, "more than 1000 bytes"),
        ([cut(LONG, gzip.compress)], False, "more than 1000 bytes"),
        ([HEAD + b"\r\n", LONG], True, "more than 1000 bytes"),
        ([HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"")], True, "more than 1000 bytes"),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\n     \r\n"], True, "more than 1000 bytes"),
        (
            [HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X: y\r\n"],
            True,
            "be read|was cut",
        ),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" * 100], True, "a head of more than 1048576 bytes"),
        ([HEAD, b"X: " + b"x" * 60_000 + b"\r\n"], True, "a head of more than 1048576 bytes"),
        ([HEAD, b"X: " + b"x" * 60_000], True, "can be read"),
        ([HEAD, b"X: y\r\n"], True, "can be read"),
        ([cut(b"{}" * 100, lambda each: gzip.compress(each)[:-1])], False, "isn't whole"),
        ([cut(b"{}" * 100, lambda each: gzip.compress(each) + b"{}")], False, "goes on after its end"),
        ([cut(b"{}" * 100, lambda each: gzip.compress(each[:-1]) + gzip.compress(b"}"))], False, "after its end"),
        ([cut(b"{}" * 100, lambda each: gzip.compress(each)[:-8] + b"x" * 8)], False, "can't be unpacked"),
        ([answer(gzip.compress(gzip.compress(b"{}")), "Content-Encoding: gzip, gzip")], False, "wasn't asked for"),
        ([answer(zlib.compress(b"{}"), "Content-Encoding: br")], False, "wasn't asked for"),
    ],
)
async def test_what_has_no_end_or_isnt_whole_is_no_answer(parts: list[bytes], endless: bool, why: str) -> None:
    """It ends at its bound, long before the time is over, and says why."""
    with pytest.raises(UnansweredError, match=why):
        await asyncio.wait_for(asked(*parts, endless=endless, seconds=30.0), 5.0)


@pytest.mark.parametrize("parts", [[answer(b" " * 999)[:-900], b" "], [HEAD, b"X: y\r\n"], [b"HTTP/1.1 100 C\r\n\r\n"]])
async def test_the_whole_answer_has_a_time(parts: list[bytes]) -> None:
    """A byte now and then keeps nobody waiting for longer than an answer may take."""
    with pytest.raises(UnansweredError, match="Timeout"):
        await asyncio.wait_for(asked(*parts, seconds=0.5, again=0.05), 3.0)


async def test_little_memory_is_taken_by_what_unpacks_to_much() -> None:
    """300 MB in 300 kB."""
    bomb = cut(b"\0" * 300_000_000, lambda each: gzip.compress(each, 1))
    tracemalloc.start()
    with pytest.raises(UnansweredError):
        await asked(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("at_once", [True, False])
async def test_an_answer_that_nobody_asked_for_answers_nobody(at_once: bool) -> None:
    """A second answer behind the first isn't the answer to the next question, whether it comes at once or later."""
    questions = 0

    async def answering(_: bytes, writer: asyncio.StreamWriter) -> bool:
        nonlocal questions
        questions += 1
        writer.write(answer(b'"right"') + (answer(b'"stray"') if at_once else b""))
        if not at_once:
            await asyncio.sleep(0.05)
            writer.write(answer(b'"stray"'))
        return True

    async with raw_answers(answering) as url, http_session(NetworkSettings()) as session:
        for _ in range(5):
            assert (await send(session, "GET", url, {}, clock=time.time)).content == b'"right"'
            await asyncio.sleep(0.1)
    assert questions == 5


async def test_interim_answers_and_kept_connections_are_as_ever() -> None:
    """103 before the answer; and many answers come over one connection."""
    connections: set[int] = set()

    async def answering(_: bytes, writer: asyncio.StreamWriter) -> bool:
        connections.add(id(writer))
        writer.write(
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n" + answer(b"{}", "X: " + "y" * 60_000)
        )
        return True

    async with raw_answers(answering) as url, http_session(NetworkSettings()) as session:
        for _ in range(50):
            assert (await send(session, "GET", url, {}, clock=time.time)).status == 200
    assert len(connections) == 1, "so the bound is one answer's, and not the connection's"


async def test_every_connection_of_ours_is_bounded() -> None:
    """A release of aiohttp that makes its connections in another way would do without."""

    async def answering(_: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer(b"{}"))
        return True

    async with raw_answers(answering) as url, http_session(NetworkSettings()) as session:
        async with session.get(url) as response:
            assert response.connection is None or isinstance(
                response.connection.protocol, connection_bounds.BoundedResponses
            )
        assert session.connector is not None
        pooled = [each for each, _ in next(iter(session.connector._conns.values()))]
        assert [type(each) for each in pooled] == [connection_bounds.BoundedResponses]


@pytest.mark.parametrize(
    ("kind", "fits"),
    [
        ("application/json", True),
        ("Application/JSON ; charset=utf-8", True),
        ("application/scim+json", True),
        ("application/vnd.api-1.0+json;x=y", True),
        ("text/json", True),
        ("", True),
        ("text/html; charset=application/json", False),
        ("text/plain", False),
        ("application/jsonp", False),
        ("application/x json", False),
        ("text/html, application/json", False),
    ],
)
def test_an_answer_says_that_it_is_json(kind: str, fits: bool) -> None:
    """Or nothing at all."""
    assert is_json({"content-type": kind}) is fits


@pytest.mark.parametrize(
    "content",
    [b"[" * 300 + b"]" * 300, b"[" * 100_000, b"[" + b"{}," * 600_000 + b"{}]", b"[" + b"1," * 1_200_000 + b"1]"],
)
def test_json_is_bounded_in_depth_and_number(content: bytes) -> None:
    """Nested too deeply to be written again, and objects of two bytes that take sixty in memory."""
    with pytest.raises(orjson.JSONDecodeError):
        decoded(content)


def test_json_within_the_bounds_is_read() -> None:
    """250 levels, half a million values."""
    assert decoded(b"[" * 250 + b"]" * 250)
    assert len(decoded(b"[" + b"1," * 499_999 + b"1]")) == 500_000


WORDS = [*"Mon, 30 Nov 2026 12:00:00 GMT 99999 0000 0001 +2359 -9999 +99999999999".split(), *':,()1E é\0"']  # noqa: SIM905
"""Parts of dates, and what is none."""


@given(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join) | st.text(max_size=100))
def test_any_text_may_stand_in_date(text: str) -> None:
    """It is a moment, or none."""
    assert moment(text) is None or isinstance(moment(text), float)

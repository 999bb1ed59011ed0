"""Answers that are wrong in some way: each is one question's error, and ends; no clock but ours makes anybody wait."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import orjson
import pytest

from streamproc.adapters.http import http_session
from streamproc.adapters.oauth import StaticToken
from streamproc.compose.clocks import SYSTEM
from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.api import Api, Page, Read
from streamproc.hydrator.directories.directory_error import DirectoryError
from streamproc.hydrator.directories.okta import Okta
from streamproc.hydrator.fetcher import LONG_PATIENCE, PATIENCE, STALE, Fetcher
from streamproc.hydrator.sync import ODD, Sync
from streamproc.settings import NetworkSettings
from tests.support.hydrator import OPTIONS, Clock, Log, World, offered, running
from tests.support.raw_answers import answer, raw_answers

GONE = b'{"errorCode":"E0000007"}'
Reading = Callable[[str], Read]


class Told:
    """A directory that reads as it is told."""

    def __init__(self, clock: Clock, reading: Reading) -> None:
        self.api = Api(None, "http://127.0.0.1/", "Bearer", StaticToken("t"), clock.clocks)  # type: ignore[arg-type]
        self._reading = reading
        self.asked: list[str] = []

    async def read(self, subject: str) -> Read:
        self.asked.append(subject)
        return self._reading(subject)

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        raise NotImplementedError


def found(subject: str, read_at: int = 10) -> Read:
    return Read("found", orjson.dumps({"id": subject}), Micros(read_at))


async def beside(reading: Reading, at: int = 0) -> tuple[str | None, Told, Log]:
    """What becomes of `ill`, while others are answered all along."""
    clock, log = Clock(), Log()
    directory = Told(clock, reading)
    async with running(Fetcher("okta", directory, log.append, clock.clocks)) as fetching:
        ill = offered(fetching, "ill", at)
        while not ill.done():
            assert await offered(fetching, "well") is None
            await asyncio.sleep(0.001)
    return ill.result(), directory, log


@pytest.mark.parametrize(
    "error", [KeyError("id"), RecursionError(), ValueError("year 0"), AttributeError(), TypeError()]
)
async def test_whatever_an_answer_raises_is_one_subjects_error(error: Exception) -> None:
    """It is given up, and told by its kind; the others are answered, and the fetcher goes on."""

    def reading(subject: str) -> Read:
        if subject == "ill":
            raise error
        return found(subject)

    failure, directory, log = await beside(reading)
    assert failure == f"the directory gave an answer that can't be read: {type(error).__name__}"
    assert directory.asked.count("ill") == PATIENCE
    assert {record.key for record in log.records} == {b"well"}


async def test_a_subject_without_an_answer_is_given_up_in_the_end() -> None:
    """Server errors about one, while others are answered: after minutes, not after seconds, and not never."""

    def reading(subject: str) -> Read:
        if subject == "ill":
            raise DirectoryError(500, "answered 500")
        return found(subject)

    failure, directory, _ = await beside(reading)
    assert failure == "the directory answered 500"
    assert directory.asked.count("ill") == LONG_PATIENCE


@pytest.mark.parametrize(("behind", "tries"), [(3000, LONG_PATIENCE), (5, STALE)])
async def test_an_answer_that_stays_older_than_the_hook_is_given_up(behind: int, tries: int) -> None:
    """A cache, or a clock that stands still: the subject is asked for again, for as long as a clock may be wrong."""
    failure, directory, log = await beside(found, at=behind * 1_000_000)
    assert failure == f"the directory answers as of {behind} s before it gave notice"
    assert directory.asked.count("ill") == tries
    assert {record.key for record in log.records} == {b"well"}


async def test_a_subject_that_isnt_shown_is_told() -> None:
    """A hook about somebody who is in no answer: a leaver whom a filter leaves out isn't passed over in silence."""
    failure, _, _ = await beside(
        lambda subject: Read("unknown", b"", Micros(1)) if subject == "ill" else found(subject)
    )
    assert failure == "the directory shows nothing of a subject that it gave notice of"


async def test_who_fills_their_profile_still_leaves() -> None:
    """Too large for a record: that access ends is recorded, and the rest is told."""
    body = {"id": "ill", "status": "DEPROVISIONED", "profile": {"login": "ill@example.com", "nick": "x" * 2_000_000}}
    failure, _, log = await beside(
        lambda subject: Read("found", orjson.dumps(body), Micros(5)) if subject == "ill" else found(subject)
    )
    assert str(failure).endswith("only that access ends is taken from it")
    (record,) = [record for record in log.records if record.key == b"ill"]
    assert [event.attributes["active"] for event in log.parsed(record).events] == [False]


def okta(url: str, session: Any) -> Okta:
    return Okta(Api(session, url, "SSWS", StaticToken("t"), SYSTEM))


@pytest.mark.parametrize(
    ("date", "fits"),
    [
        ("Mon, 30 Nov 2026 12:00:00 +99999999999", True),
        ("Mon, 00 Foo 0000 99:99:99 GMT", True),
        ("Fri, 31 Dec 9999 23:59:59 GMT", True),
        ("", True),
        ("Thu, 01 Jan 1970 00:00:00 GMT", False),
    ],
)
async def test_a_date_is_bounded_by_our_clock(date: str, fits: bool) -> None:
    """What can't be read, or is ahead, counts as now; what is far behind is no answer, not even of a gone one."""

    async def answering(_: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer(GONE, f"Date: {date}", status="404 Not Found"))
        return True

    async with raw_answers(answering) as url, http_session(NetworkSettings()) as session:
        before = time.time()
        if not fits:
            with pytest.raises(DirectoryError, match="s old"):
                await okta(url, session).read("a")
            return
        read = await okta(url, session).read("a")
        assert read.status == "gone"
        assert before - 5 < read.read_at / 1_000_000 <= time.time()


async def test_what_is_no_answer_moves_no_clock() -> None:
    """A proxy's page without a date, while our clock is half an hour ahead: what the directory then says has its time.

    Else it would be newer than the directory's word, half an hour later, that somebody has left.
    """
    pages = [answer(b"", status="502 Bad Gateway"), answer(GONE, f"Date: {formatdate(usegmt=True)}", status="404 None")]

    async def answering(_: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(pages.pop(0))
        return True

    ahead = replace(SYSTEM, clock=lambda: time.time() + 1800)
    async with raw_answers(answering) as url, http_session(NetworkSettings()) as session:
        directory = Okta(Api(session, url, "SSWS", StaticToken("t"), ahead))
        with pytest.raises(DirectoryError, match="502"):
            await directory.read("a")
        assert (await directory.read("a")).read_at / 1_000_000 <= time.time()


@pytest.mark.parametrize("link", ["<//[>", "<http://127.0.0.1:9/x>", "<x y>", "<" + "/x" * 9000 + ">"])
async def test_an_odd_link_is_no_way(link: str) -> None:
    """To another host, or to nowhere: the token isn't taken there, and a part isn't taken for the whole."""

    async def answering(head: bytes, writer: asyncio.StreamWriter) -> bool:
        groups = b"/groups" in head
        writer.write(answer(b"[]" if groups else b'{"id":"a"}', *([f"Link: {link}; rel=next"] if groups else [])))
        return True

    async with raw_answers(answering) as url, http_session(NetworkSettings()) as session:
        with pytest.raises(DirectoryError):
            await okta(url, session).read("a")


async def test_links_in_several_headers_are_followed() -> None:
    """Okta sends `self` and `next` in a header each."""
    asked: list[bytes] = []

    async def answering(head: bytes, writer: asyncio.StreamWriter) -> bool:
        asked.append(head.split(b" ")[1])
        first = asked[-1].endswith(b"/groups")
        links = ['Link: </a>; rel="self"', 'Link: </more>; title="x"; rel="next"'] if first else []
        writer.write(answer(b'[{"id":"g%d"}]' % len(asked) if len(asked) > 1 else b'{"id":"a"}', *links))
        return True

    async with raw_answers(answering) as url, http_session(NetworkSettings()) as session:
        read = await okta(url, session).read("a")
    assert asked[-1] == b"/more"
    assert [group["id"] for group in orjson.loads(read.body)["_embedded"]["groups"]] == ["g2", "g3"]


@pytest.mark.parametrize("subject", ["", ".", ".."])
async def test_an_id_that_leads_elsewhere_is_asked_about_nowhere(subject: str) -> None:
    """No path has it as a part."""
    with pytest.raises(DirectoryError, match="no path can have"):
        await okta("http://127.0.0.1:9", None).read(subject)


async def test_where_a_round_begins_may_be_what_is_odd(world: World) -> None:
    """A point since which nothing sensible is told is given up after some rounds, and everybody is told anew."""

    class Since:
        def __init__(self) -> None:
            self.api = world.directories["okta"].api
            self.rounds: list[bool] = []

        async def read(self, subject: str) -> Read:
            return found(subject)

        async def page(self, since: str, page_token: str, *, full: bool) -> Page:
            self.rounds.append(full)
            if since:
                raise ValueError(since)
            return Page(("ada",), (), Micros(1), "", "later")

    world.directories["okta"] = directory = Since()
    world.cursors["okta"] = replace(await world.load("okta"), since="from another host")
    async with world.fetching("okta") as fetching:
        sync = Sync(fetching, OPTIONS["okta"], world)
        for _ in range(ODD):
            with pytest.raises(DirectoryError):
                await sync.run()
        await sync.run()
    assert directory.rounds == [False] * (ODD * PATIENCE) + [True]
    assert world.cursors["okta"].since == "later"
    assert [record.key for record in world.log.records] == [b"ada"]

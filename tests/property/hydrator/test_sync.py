"""Rounds over pages: each ends, whatever the directory's links and lists say."""

import asyncio
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.records.cursor import Cursor
from streamproc.core.records.units import Micros
from streamproc.hydrator.directories.answer import AGAIN
from streamproc.hydrator.directories.api import Page, Read
from streamproc.hydrator.directories.directory_error import DirectoryError
from streamproc.hydrator.fetcher import Fetcher
from streamproc.hydrator.sync import Sync
from tests.support.answering import Answering
from tests.support.hydrator import OPTIONS, Clock, Log, running

PLACES = "abcd"
PAGES = st.dictionaries(
    st.sampled_from(["", *PLACES]),
    st.tuples(st.lists(st.sampled_from("xyz"), max_size=2, unique=True), st.sampled_from(["", *PLACES])),
)
"""Place → whom its page lists, and the next place."""


class Paged:
    """A directory with these pages, and the cursors of its source."""

    def __init__(self, pages: dict[str, tuple[list[str], str]], place: str) -> None:
        self.api = cast("Any", Answering(lambda _: (200, {}, "")))
        self._pages = pages
        self.asked: list[str] = []
        self.cursor = Cursor("okta", place=place, since="1")

    async def read(self, subject: str) -> Read:
        return Read("found", b'{"id": "%b"}' % subject.encode(), Micros(1))

    async def page(self, since: str, page_token: str, *, full: bool) -> Page:
        self.asked.append(page_token)
        listed, following = self._pages.get(page_token, ([], ""))
        return Page(tuple(listed), (), Micros(1), following, since)

    async def load(self, source: str) -> Cursor:
        return self.cursor

    async def save(self, cursor: Cursor) -> None:
        self.cursor = cursor


@given(PAGES, st.sampled_from(["", *PLACES]), st.booleans())
def test_a_round_ends_whatever_its_pages_say(pages: dict[str, tuple[list[str], str]], place: str, full: bool) -> None:
    """No page is asked for twice; who is listed is asked for, whatever the end; after an error the next begins anew."""
    directory, clock, log = Paged(pages, place), Clock(), Log()
    begin = "" if full else place
    way, at = [], begin
    while at not in way:
        way.append(at)
        at = pages.get(at, ([], ""))[1]
        if not at:
            break

    async def run() -> bool:
        async with running(Fetcher("okta", directory, log.append, clock.clocks)) as fetching:
            try:
                await Sync(fetching, OPTIONS["okta"], directory).run(full=full)
            except DirectoryError:
                return False
            return True

    ended = asyncio.run(run())
    assert directory.asked == way[: len(directory.asked)]
    assert directory.cursor.place == ""
    lists = [tuple(pages.get(each, ([], ""))[0]) for each in way]
    circle = bool(at)
    again = any(lists.count(each) > AGAIN for each in lists if each)
    assert ended == (not circle and not again)
    asked = (pages.get(each, ([], ""))[0] for each in directory.asked)  # also the page that leads into the circle
    assert {record.key.decode() for record in log.records} == {each for listed in asked for each in listed}

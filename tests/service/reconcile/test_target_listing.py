"""All that a target shows, page by page, where it is in order and where it isn't."""

from collections.abc import Callable
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from streamproc.core.errors import TargetError
from streamproc.core.scim.dialect import DIALECTS
from streamproc.reconcile.target_listing import TargetListing
from streamproc.reconcile.target_reader import TargetReader

Answer = Callable[[str, dict[str, str]], dict[str, Any]]


class Reader:
    """Answers as a test says."""

    def __init__(self, answer: Answer, dialect: str = "genesys") -> None:
        self.dialect = DIALECTS[dialect]
        self._answer = answer
        self.asked: list[str] = []

    async def body(self, path: str, _what: str) -> dict[str, Any]:
        """See TargetReader."""
        self.asked.append(path)
        parts = urlsplit(path)
        return self._answer(parts.path, {name: each[0] for name, each in parse_qs(parts.query).items()})


def listing(answer: Answer, dialect: str = "genesys") -> TargetListing:
    """Of a target that answers so."""
    reader = cast(TargetReader, Reader(answer, dialect))
    return TargetListing(reader, reader)


def user(number: int) -> dict[str, Any]:
    """An account."""
    return {"id": f"g-{number}", "userName": f"u{number}@example.com"}


def page(shown: list[dict[str, Any]], total: int) -> dict[str, Any]:
    """A ListResponse."""
    return {"totalResults": total, "Resources": shown}


async def ids(of: TargetListing) -> list[str]:
    """Of all accounts, as they come."""
    return [each["id"] async for shown in of.users() for each in shown]


async def test_everybody_is_listed_once_however_the_list_moves() -> None:
    """Somebody who is deactivated meanwhile is on both lists, and is taken once; pages overlap, too."""

    def answer(_: str, query: dict[str, str]) -> dict[str, Any]:
        start = int(query["startIndex"])
        if query["filter"] == "active eq false":
            return page([user(1)] if start == 1 else [], 1)
        return page([user(n) for n in range(max(start - 2, 1), start + 25) if n <= 60], 60)

    of = listing(answer)
    assert await ids(of) == [f"g-{number}" for number in range(1, 61)]
    assert of.unseen == 0


async def test_who_is_on_no_page_is_counted() -> None:
    """An operator is told to give the command again where the target shows fewer than it counts."""

    def answer(_: str, query: dict[str, str]) -> dict[str, Any]:
        first = query["filter"] == "active eq true" and query["startIndex"] == "1"
        return page([user(1), user(2)] if first else [], 4 if query["filter"] == "active eq true" else 0)

    of = listing(answer)
    assert await ids(of) == ["g-1", "g-2"]
    assert of.unseen == 2


async def test_a_target_that_always_shows_the_same_page_ends() -> None:
    """A server that ignores startIndex keeps nobody waiting for ever."""
    of = listing(lambda *_: page([user(1)], 1_000))
    assert await ids(of) == ["g-1"]


async def test_what_is_no_list_is_told() -> None:
    """A wrong URL isn't taken for an organization without people."""
    with pytest.raises(TargetError, match="STREAMPROC_SCIM_URL"):
        await ids(listing(lambda *_: {"id": "x"}))


async def test_members_are_read_where_users_do_not_tell_them() -> None:
    """Other servers than Genesys's show members with each group; at Genesys the users say it."""

    def answer(path: str, _: dict[str, str]) -> dict[str, Any]:
        group = {"id": "t/1", "displayName": "Sales"}
        return page([group], 1) if path == "/Groups" else {**group, "members": [{"value": "g-1"}]}

    rfc = listing(answer, "rfc7644")
    assert [each["members"] async for shown in rfc.groups() for each in shown] == [[{"value": "g-1"}]]
    member = {**user(1), "groups": [{"value": "t/1"}, "x", {}]}
    assert rfc.members(member) == []
    assert listing(answer).members(member) == ["t/1"]

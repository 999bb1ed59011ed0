"""An answer of a directory, taken apart. What isn't about the question, or has another shape, is told and not believed.

Rule 1: a list is one only where it stands in the place that the vendor's documents name. A page without it says
nothing, least of all that nobody is on it.
Rule 2: an answer about somebody else is no answer.
Rule 3: a 404 says that somebody is gone only in the vendor's own words. Proxies and wrong addresses answer 404 as well.
Rule 4: a way from page to page has an end: a page that was asked for before, or that comes again, is an error.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, TypeAlias

import orjson

from streamproc.adapters.http import decoded
from streamproc.core.errors import StreamprocError
from streamproc.core.records.units import Micros

MOST: Final = 20_000
"""Pages on one way; at 50 people a page, a million."""
OF_ONE: Final = 1_000
"""Pages about one subject: somebody's groups, a group's members."""
AGAIN: Final = 3
"""So often the same page may come on a way on which changes are repeated, as in Graph's delta query."""


class DirectoryError(StreamprocError):
    """There is no usable answer. `status` None: there is none, or it isn't the directory's.

    `odd`: there is an answer, but not to what was asked; asking often makes it no better.
    """

    def __init__(self, status: int | None, detail: str, *, odd: bool = False) -> None:
        super().__init__(detail)
        self.status = status
        self.odd = odd


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    content: bytes
    read_at: Micros
    next: str = ""
    """URL of the next page, from the Link header; "" without one."""

    def json(self) -> Any:
        """The decoded content. Raises DirectoryError: what isn't JSON is hardly the directory's."""
        try:
            content = decoded(self.content)
            orjson.dumps([[[[content]]]])  # inside of something else it can be written, too
        except orjson.JSONDecodeError:
            raise DirectoryError(None, f"answered {self.status} with something that isn't JSON", odd=True) from None
        except orjson.JSONEncodeError:
            raise odd(f"answered {self.status} with JSON that is nested too deeply") from None
        return content

    def record(self) -> dict[str, Any]:
        """The JSON object. Raises DirectoryError."""
        content = self.json()
        if not isinstance(content, dict):
            raise odd(f"answered {self.status} with something else than an object")
        return content

    def about(self, subject: str, name: str = "id") -> dict[str, Any]:
        """The JSON object, whose `name` is the subject. Raises DirectoryError."""
        return about(self.record(), subject, name)

    def word(self, *names: str) -> str:
        """The text inside of these names; "" where there is none."""
        try:
            return link(self.json(), *names)
        except DirectoryError:
            return ""

    def entries(self, *names: str) -> list[dict[str, Any]]:
        """The objects of the list, which is inside of these names. Raises DirectoryError where it isn't."""
        content = self.json()
        for name in names:
            content = content.get(name) if isinstance(content, dict) else None
        return listed(content)


def odd(detail: str) -> DirectoryError:
    """The error for an answer that isn't one."""
    return DirectoryError(None, detail, odd=True)


def about(content: Any, subject: str, name: str = "id") -> dict[str, Any]:
    """The content, if it is about the subject. Raises DirectoryError. A number is as good as its text."""
    said = content.get(name) if isinstance(content, dict) else None
    if isinstance(said, bool) or not isinstance(said, str | int) or str(said) != subject:
        raise DirectoryError(200, "answered about somebody else", odd=True)
    return dict(content)


def listed(content: Any) -> list[dict[str, Any]]:
    """The content, if it is a list of objects. Raises DirectoryError."""
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise odd("answered without the list that was asked for")
    return content


def name_of(entry: dict[str, Any], name: str = "id") -> str:
    """Who an entry of a list is. Raises DirectoryError where it doesn't say."""
    said = entry.get(name)
    if isinstance(said, bool) or not isinstance(said, str | int) or said == "":
        raise odd("listed somebody without an id")
    return str(said)


def names_of(entries: Iterable[dict[str, Any]], name: str = "id") -> tuple[tuple[str, ...], str]:
    """Who is on a page of everybody, and a word on those of whom that isn't told: they hold up nobody else."""
    found: list[str] = []
    nameless = 0
    for entry in entries:
        try:
            found.append(name_of(entry, name))
        except DirectoryError:
            nameless += 1
    return tuple(found), f"{nameless} are listed without an id" if nameless else ""


def link(content: Any, *names: str) -> str:
    """The link inside of these names; "" where there is none. Raises DirectoryError where it is something else."""
    for name in names:
        if content is None:
            return ""
        if not isinstance(content, dict):
            raise odd("gave something else than a link")
        content = content.get(name)
    if content is not None and not isinstance(content, str):
        raise odd("gave something else than a link")
    return content or ""


@dataclass(slots=True)
class Trail:
    """A way from page to page (rule 4). `again`: how often the same page may come."""

    again: int = 1
    most: int = MOST
    _asked: set[str] = field(default_factory=set)
    _came: dict[bytes, int] = field(default_factory=dict)

    def ask(self, place: str) -> str:
        """The place, of which no page was asked for yet. Raises DirectoryError."""
        if place in self._asked:
            raise odd("gave a link to a page that was there before")
        if len(self._asked) >= self.most:
            raise odd(f"gave more than {self.most} pages")
        self._asked.add(place)
        return place

    def came(self, content: Any) -> None:
        """What a page listed; nothing may come as often as it likes. Raises DirectoryError."""
        if not content:
            return
        digest = sha256(orjson.dumps(content)).digest()
        self._came[digest] = self._came.get(digest, 0) + 1
        if self._came[digest] > self.again:
            raise odd("gave a page that was there before")


Listing: TypeAlias = Callable[[Answer], tuple[list[dict[str, Any]], str]]
"""What a page lists, and the link to the next; "" where it is the last."""


async def whole(ask: Callable[[str], Awaitable[Answer]], url: str, read: Listing) -> list[dict[str, Any]]:
    """What all pages list, from the one at `url` on. Raises DirectoryError: a part in place of the whole is nothing."""
    trail, found = Trail(most=OF_ONE), list[dict[str, Any]]()
    while url:
        entries, url = read(await ask(trail.ask(url)))
        trail.came(entries)
        found += entries
    return found

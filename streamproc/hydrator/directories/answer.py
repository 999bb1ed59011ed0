"""An answer of a directory, taken apart. What isn't about the question, or has another shape, is told and not believed.

Rule 1: a list is one only where it stands in the place that the vendor's documents name. A page without it says
nothing, least of all that nobody is on it.
Rule 2: an answer about somebody else is no answer.
Rule 3: a 404 says that somebody is gone only in the vendor's own words. Proxies and wrong addresses answer 404 as well.
Rule 4: a way from page to page has an end: a page that was asked for before, or that comes again, is an error.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, TypeAlias

import orjson

from streamproc.adapters.http import decoded
from streamproc.core.records.units import Micros
from streamproc.hydrator.directories import entries
from streamproc.hydrator.directories.directory_error import DirectoryError, odd
from streamproc.hydrator.directories.entries import Entries

MOST: Final = 20_000
"""Pages on one way; at 50 people a page, a million."""
OF_ONE: Final = 1_000
"""Pages about one subject: somebody's groups, a group's members."""
OF_ONE_BYTES: Final = 1024 * 1024
"""Bytes of these, as they are kept."""
EVERYBODY: Final = 2_000_000
"""Entries on one way."""
OF_A_PAGE: Final = 100_000
"""People whom one page may name."""
LONGEST: Final = 8192
"""Characters of a link, or of a cursor."""
LONGEST_ID: Final = 1024
"""Characters of an id."""
AGAIN: Final = 3
"""So often the same page may come on a way on which changes are repeated, as in Graph's delta query."""


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
            return decoded(self.content)
        except orjson.JSONDecodeError as error:
            raise odd(f"answered {self.status} with something that isn't JSON: {error.msg}") from None

    def record(self) -> dict[str, Any]:
        """The JSON object. Raises DirectoryError."""
        content = self.json()
        if not isinstance(content, dict):
            raise odd(f"answered {self.status} with something else than an object")
        return content

    def about(self, subject: str, name: str = "id") -> dict[str, Any]:
        """The JSON object, whose `name` is the subject. Raises DirectoryError."""
        return about(self.record(), subject, name)

    def part(self, *names: str) -> entries.Bytes | None:
        """What is inside of these names, as JSON; None where nothing is. Raises DirectoryError where it isn't JSON."""
        return entries.part(self.content, *names)

    def value(self, *names: str) -> Any:
        """The same, decoded; None also where it can't be."""
        return entries.value(self.content, *names)

    def word(self, *names: str) -> str:
        """The text inside of these names; "" where there is none."""
        try:
            return self.link(*names)
        except DirectoryError:
            return ""

    def link(self, *names: str) -> str:
        """The link inside of these names; "" where there is none. Raises DirectoryError where it is something else."""
        found: entries.Bytes | None = self.content
        for depth in range(len(names)):
            if found is None or entries.is_null(found):
                return ""
            if not entries.is_object(found):
                raise odd("gave something else than a link")
            found = self.part(*names[: depth + 1])
        if found is None or entries.is_null(found):
            return ""
        said = entries.value(found)
        if not isinstance(said, str):
            raise odd("gave something else than a link")
        return bounded(said)

    def entries(self, *names: str) -> Entries:
        """The objects of the list, which is inside of these names. Raises DirectoryError where it isn't."""
        return entries.entries(self.content, *names)


def bounded(url: str) -> str:
    """The link, or cursor. Raises DirectoryError where no server can mean it."""
    if len(url) > LONGEST:
        raise odd(f"gave a link of {len(url)} characters")
    return url


def about(content: Any, subject: str, name: str = "id") -> dict[str, Any]:
    """The content, if it is about the subject. Raises DirectoryError. A number is as good as its text."""
    said = content.get(name) if isinstance(content, dict) else None
    if isinstance(said, bool) or not isinstance(said, str | int) or str(said) != subject:
        raise DirectoryError(200, "answered about somebody else", odd=True)
    return dict(content)


def name_of(said: Any) -> str:
    """Who an entry of a list is, by its id. Raises DirectoryError where that says nobody."""
    if isinstance(said, bool) or not isinstance(said, str | int) or said == "":
        raise odd("listed somebody without an id")
    if len(str(said)) > LONGEST_ID:
        raise odd("listed somebody with an id that is too long")
    return str(said)


def names_of(listed: Entries | list[Any], name: str = "id") -> tuple[tuple[str, ...], str]:
    """Who is on a page of everybody, and a word on those of whom that isn't told: they hold up nobody else.

    `listed`: the entries, or their ids. Raises DirectoryError where there are too many.
    """
    if len(listed) > OF_A_PAGE:
        raise odd(f"listed more than {OF_A_PAGE} at once")
    found: list[str] = []
    nameless = 0
    for place in range(len(listed)):
        try:
            found.append(name_of(listed.value(place, name) if isinstance(listed, Entries) else listed[place]))
        except DirectoryError:
            nameless += 1
    return tuple(found), f"{nameless} are listed without an id that can be read" if nameless else ""


@dataclass(slots=True)
class Trail:
    """A way from page to page (rule 4). `again`: how often the same page may come."""

    again: int = 1
    most: int = MOST
    _asked: set[bytes] = field(default_factory=set)
    """Digests, as links are long."""
    _came: dict[bytes, int] = field(default_factory=dict)
    _listed: int = 0

    def ask(self, place: str) -> str:
        """The place, of which no page was asked for yet. Raises DirectoryError."""
        asked = sha256(place.encode("utf-8", "replace")).digest()
        if asked in self._asked:
            raise odd("gave a link to a page that was there before")
        if len(self._asked) >= self.most:
            raise odd(f"gave more than {self.most} pages")
        self._asked.add(asked)
        return place

    def came(self, digest: bytes, number: int) -> None:
        """What a page listed, and of how many; nothing may come as often as it likes. Raises DirectoryError."""
        if not number:
            return
        self._listed += number
        if self._listed > EVERYBODY:
            raise odd(f"listed more than {EVERYBODY} in one way over pages")
        self._came[digest] = self._came.get(digest, 0) + 1
        if self._came[digest] > self.again:
            raise odd("gave a page that was there before")


Listing: TypeAlias = Callable[[Answer], tuple[Entries, str]]
"""What a page lists, and the link to the next; "" where it is the last."""


async def whole(ask: Callable[[str], Awaitable[Answer]], url: str, read: Listing, most: int = OF_ONE_BYTES) -> bytes:
    """What all pages list, from the one at `url` on, as JSON. Raises DirectoryError: a part isn't the whole."""
    trail, found = Trail(most=OF_ONE), list[bytes]()
    while url:
        listed, url = read(await ask(trail.ask(url)))
        if len(listed):
            page = orjson.dumps(listed[:])
            trail.came(sha256(page).digest(), len(listed))
            found.append(page[1:-1])
        if sum(map(len, found)) > most:
            raise odd(f"listed more than {most} bytes of one subject")
    return b"[%b]" % b",".join(found)

"""The objects of a list in an answer, each decoded when it is looked at.

So a page takes the memory of its bytes: decoded, JSON takes up to thirty times as much. And what can't be read of one
entry is that entry's: the others are read.
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, TypeAlias, overload

import msgspec
import orjson

from streamproc.adapters.http import decoded
from streamproc.hydrator.directories.directory_error import DirectoryError, odd

MOST: Final = 1_000_000
"""Objects in one answer."""
Bytes: TypeAlias = bytes | memoryview

BOM: Final = b"\xef\xbb\xbf"
_OBJECT: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
_NULL: Final = re.compile(rb"\s*n")


class _Object(msgspec.Struct, gc=False):
    """Any."""


_OBJECTS: Final = msgspec.json.Decoder(list[_Object])
_PARTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ALL: Final = msgspec.json.Decoder(msgspec.Raw)


class Listed(Sequence[Any]):
    """A list of what is made only when it is looked at."""

    @overload
    def __getitem__(self, place: int) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        return self._made(place)

    @abstractmethod
    def _made(self, place: int) -> Any:
        """The one at a place."""


class Entries(Listed):
    """The objects of a list. Looking at one raises DirectoryError where it can't be read.

    `shape`: what becomes of each.
    """

    def __init__(self, parts: Sequence[msgspec.Raw], shape: Callable[[dict[str, Any]], Any] = dict) -> None:
        self._parts = parts
        self._shape = shape

    def __len__(self) -> int:
        return len(self._parts)

    def _made(self, place: int) -> Any:
        try:
            return self._shape(decoded(bytes(self._parts[place])))
        except orjson.JSONDecodeError:
            raise odd("listed something that can't be read") from None

    def value(self, place: int, name: str) -> Any:
        """What one says by that name; None where it says nothing, or nothing that can be read."""
        return value(memoryview(self._parts[place]), name)

    def shaped(self, shape: Callable[[dict[str, Any]], Any]) -> "Entries":
        """The same entries, of which something else becomes."""
        return Entries(self._parts, shape)


def readable(listed: Entries) -> Iterator[Any]:
    """Those that can be read."""
    for place in range(len(listed)):
        with suppress(DirectoryError):
            yield listed[place]


def entries(content: bytes, *names: str) -> Entries:
    """The list of objects inside of these names. Raises DirectoryError where there is none."""
    missing = odd("answered without the list that was asked for")
    if content.count(b"{") > MOST:
        raise odd(f"listed more than {MOST} at once")
    if (found := part(content, *names)) is None:
        raise missing
    try:
        _OBJECTS.decode(found)  # before each takes memory: nothing else than objects is there
        return Entries(_PARTS.decode(found))
    except msgspec.ValidationError:
        raise missing from None


def part(content: Bytes, *names: str) -> Bytes | None:
    """What is inside of these names, as JSON; None where nothing is. Raises DirectoryError where it isn't JSON."""
    content = content.removeprefix(BOM) if isinstance(content, bytes) else content
    try:
        if not names:
            return memoryview(_ALL.decode(content))
        for name in names:
            content = memoryview(_inside(name).decode(content).part)
            if not content:
                return None
    except msgspec.ValidationError:
        return None  # something else than an object
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise odd("answered with something that isn't JSON") from None
    except RecursionError:
        raise odd("answered with JSON that is nested too deeply") from None
    return content


def is_object(content: Bytes) -> bool:
    """Whether this JSON is an object, by its beginning."""
    return _OBJECT.match(content) is not None


def is_null(content: Bytes) -> bool:
    """Whether this JSON is null, by its beginning."""
    return _NULL.match(content) is not None


def value(content: Bytes, *names: str) -> Any:
    """What is inside of these names; None where it is nothing, or nothing that can be read."""
    found = part(content, *names)
    try:
        return None if found is None else decoded(bytes(found))
    except orjson.JSONDecodeError:
        return None


@lru_cache(maxsize=128)
def _inside(name: str) -> Any:
    fields = [("part", msgspec.Raw, msgspec.field(default=msgspec.Raw(), name=name))]
    return msgspec.json.Decoder(msgspec.defstruct("Inside", fields))

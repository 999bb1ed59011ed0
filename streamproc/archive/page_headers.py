"""What the pages of a Parquet file say that they unpack to: Arrow believes each of them, whatever the footer says.

A page header is a struct in Thrift's compact protocol (github.com/apache/thrift, doc/specs/thrift-compact-protocol.md;
github.com/apache/parquet-format, parquet.thrift): what isn't needed of it is passed over.
"""

from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

LONGEST: Final = 64 * 1024
"""Bytes of a page's header, at most."""
DEEPEST: Final = 8
"""Structs within structs."""
_I16, _I32, _I64, _STRUCT = 4, 5, 6, 12


class Page(NamedTuple):
    """A page: bytes when unpacked, and values; 0 where it doesn't say."""

    size: int
    values: int


def pages(source: BinaryIO, begin: int, length: int) -> Iterator[Page]:
    """The pages of a column chunk. Raises ValueError where they aren't as long as the chunk."""
    at, end = begin, begin + length
    while at < end:
        source.seek(at)
        header = _Header(source.read(min(LONGEST, end - at)))
        fields = header.struct()
        size, packed = fields.get((2,), -1), fields.get((3,), -1)
        if size < 0 or packed < 0:
            raise ValueError("a page without a size")
        yield Page(size, max(fields.get((kind, 1), 0) for kind in (5, 7, 8)))  # data, dictionary, data of version 2
        at += header.at + packed
    if at != end:
        raise ValueError("pages that are longer than their column")


class _Header:
    def __init__(self, content: bytes) -> None:
        self._content, self.at = content, 0

    def struct(self, path: tuple[int, ...] = ()) -> dict[tuple[int, ...], int]:
        """Path of field numbers → each whole number within."""
        if len(path) > DEEPEST:
            raise ValueError("a page header that is nested too deeply")
        found: dict[tuple[int, ...], int] = {}
        field = 0
        while (head := self._byte()) != 0:
            field = field + (head >> 4) if head >> 4 else self._number()
            kind, here = head & 15, (*path, field)
            if kind in {_I16, _I32, _I64}:
                found[here] = self._number()
            elif kind == _STRUCT:
                found |= self.struct(here)
            else:
                self._pass(kind, here)
        return found

    def _pass(self, kind: int, path: tuple[int, ...]) -> None:
        match kind:
            case 1 | 2:
                pass
            case 3:
                self._skip(1)
            case 7:
                self._skip(8)
            case 8:
                self._skip(self._length())
            case _:  # a page header has no lists, sets or maps
                raise ValueError(f"a page header with a field of type {kind} at {path}")

    def _byte(self) -> int:
        if self.at >= len(self._content):
            raise ValueError("a page header without an end")
        self.at += 1
        return self._content[self.at - 1]

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self._content):
            raise ValueError("a page header without an end")

    def _length(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise ValueError("a number without an end")

    def _number(self) -> int:
        value = self._length()
        return (value >> 1) ^ -(value & 1)

"""Keeps lines and bytes out of memory, in a temporary file, while a bundle is redacted."""

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from streamproc.audit.evidence.bundle_zip import PIECE
from streamproc.audit.evidence.raw_line import Line, line_of


class Spool:
    """In a file that nobody else has."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = 0
        self._values: list[tuple[int, int]] = []
        self._runs: dict[tuple[str, int], list[int]] = {}

    def put(self, value: bytes) -> int:
        """Put bytes away. Returns the index to get them by."""
        self._values.append((self._end, len(value)))
        self._append(value)
        return len(self._values) - 1

    def get(self, index: int) -> bytes:
        """Bytes that were put away."""
        begin, size = self._values[index]
        self._file.flush()
        return os.pread(self._file.fileno(), size, begin)

    def fill(self, name: str, lines: Iterable[Line]) -> None:
        """Put lines away, partition by partition."""
        for line in lines:
            begun = self._runs.setdefault((name, line.partition), [self._end, self._end])
            self._append(line.encoded())
            begun[1] = self._end
        self._file.flush()

    def partitions(self, name: str) -> list[int]:
        """Those of which there are lines of that name."""
        return sorted(partition for each, partition in self._runs if each == name)

    def read(self, name: str, partition: int) -> Iterator[Line]:
        """The lines of a partition. Several may be read side by side."""
        at, end = self._runs.get((name, partition), (0, 0))
        rest = b""
        while at < end:
            piece = os.pread(self._file.fileno(), min(PIECE, end - at), at)
            at += len(piece)
            *complete, rest = (rest + piece).split(b"\n")
            yield from map(line_of, complete)

    def _append(self, content: bytes) -> None:
        self._file.write(content)
        self._end += len(content)

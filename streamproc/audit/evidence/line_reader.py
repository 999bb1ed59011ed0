"""Reads a file of raw lines, partition by partition, with each line's number. Reports what can't be read."""

from collections.abc import Callable, Iterator

from streamproc.audit.evidence.finding import KEPT, Finding
from streamproc.audit.evidence.format import Contents, UnreadableError, lines
from streamproc.audit.evidence.raw_line import Line, line_of


class LineReader:
    """A file of raw lines, read partition by partition."""

    def __init__(self, contents: Contents, file: str, find: Callable[[Finding], None]) -> None:
        self.file = file
        self.ranges: dict[str, list[int]] = {}
        """Partition → offset of the first and the last line."""
        self._find = find
        self._lines = self._read(contents)
        self._next = next(self._lines, None)

    @property
    def partition(self) -> int | None:
        """The partition of the next line; None: there is none."""
        return None if self._next is None else self._next[1].partition

    def of(self, partition: int) -> Iterator[tuple[int, Line]]:
        """The lines of the partition, if it is the next one, with their numbers."""
        while self._next is not None and self._next[1].partition == partition:
            yield self._next
            self._next = next(self._lines, None)

    def _read(self, contents: Contents) -> Iterator[tuple[int, Line]]:
        if self.file not in contents.names:
            return
        last = (-1, -1)
        number = bad = 0
        try:
            for number, text in enumerate(lines(contents, self.file), 1):
                try:
                    line = line_of(text)
                except ValueError as error:
                    self._find(Finding("altered", self.file, f"not a line of a bundle: {error}", number))
                    bad += 1
                    if bad == KEPT:
                        raise UnreadableError(f"{bad} of them are no lines of a bundle") from None
                    continue
                if line.position <= last:
                    what = f"offset {line.offset} of partition {line.partition} is there twice, or out of its order"
                    self._find(Finding("added" if line.position == last else "altered", self.file, what, number))
                    if line.partition < last[0]:
                        continue
                last = max(last, line.position)
                ends = self.ranges.setdefault(str(line.partition), [line.offset, line.offset])
                ends[1] = line.offset
                yield number, line
        except UnreadableError as error:
            self._find(Finding("altered", self.file, f"can't be read beyond line {number}: {error}"))

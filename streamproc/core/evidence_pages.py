"""Pages: a bundle's raw lines, partition by partition, and what is noted of each user on the way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from streamproc.core.evidence import Contents, Finding, Line, UnreadableError, line_of, lines
from streamproc.core.fold import FIRST


@dataclass(frozen=True, slots=True)
class Folded:
    """A record as the fold gives it; of its bytes and its cause only the digests are kept."""

    prev: int
    before: str
    hash: str
    effect: str
    cause: bytes
    value: bytes


@dataclass(slots=True)
class Account:
    """One user. `folded` by seq; `fates`: (since, seq, line) of each final outcome, as the file has them."""

    user: str
    partition: int
    events: int = 0
    folded: dict[int, Folded] = field(default_factory=dict)
    recorded: set[int] = field(default_factory=set)
    fates: list[tuple[int, int, int]] = field(default_factory=list)
    why: set[str] = field(default_factory=set)
    outcomes: int = 0

    @property
    def compacted(self) -> list[int]:
        """Seqs of records that are no more (rule 2)."""
        newest = max(self.recorded, default=FIRST)
        return [seq for seq in self.folded if seq not in self.recorded and seq < newest]

    @property
    def unwritten(self) -> list[int]:
        """Seqs of records that aren't there yet."""
        newest = max(self.recorded, default=FIRST)
        return [seq for seq in self.folded if seq > newest]

    @property
    def open(self) -> list[int]:
        """Seqs whose fate wasn't told yet (rule 3)."""
        told = max((seq for _, seq, _ in self.fates), default=FIRST)
        return [seq for seq in self.folded if seq > told]

    def shown(self) -> dict[str, Any]:
        """Its line of `chain.jsonl`."""
        return {
            "user": self.user,
            "partition": self.partition,
            "why": sorted(self.why),
            "events": self.events,
            "outcomes": self.outcomes,
            "records": [
                {"seq": seq, "prev": each.prev, "before": each.before, "hash": each.hash}
                for seq, each in self.folded.items()
            ],
            "head": next((each.hash for each in reversed(self.folded.values())), ""),
            "compacted": self.compacted,
            "unwritten": self.unwritten,
            "open": self.open,
        }


class Pages:
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
        """Of the next line; None: there is none."""
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
        number = 0
        try:
            for number, text in enumerate(lines(contents, self.file), 1):
                try:
                    line = line_of(text)
                except ValueError as error:
                    self._find(Finding("altered", self.file, f"not a line of a bundle: {error}", number))
                    continue
                if line.place <= last:
                    what = f"offset {line.offset} of partition {line.partition} is there twice, or out of its order"
                    self._find(Finding("added" if line.place == last else "altered", self.file, what, number))
                    if line.partition < last[0]:
                        continue
                last = max(last, line.place)
                ends = self.ranges.setdefault(str(line.partition), [line.offset, line.offset])
                ends[1] = line.offset
                yield number, line
        except UnreadableError as error:
            self._find(Finding("altered", self.file, f"can't be read beyond line {number}: {error}"))

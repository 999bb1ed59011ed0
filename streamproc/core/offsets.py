"""Offsets: which prefix of a partition is finished, so that a commit never passes unfinished work."""


class Offsets:
    """One partition's records between being read and being finished.

    Start offsets in ascending order; finish them in any. Not an offset is skipped: control records and gaps left by
    compaction are simply never started.
    """

    __slots__ = ("_done", "_open", "_reached")

    def __init__(self) -> None:
        self._open: dict[int, None] = {}  # in the order of their start
        self._done: set[int] = set()
        self._reached: int | None = None

    def start(self, offset: int) -> None:
        """The record at `offset` was read."""
        if self._reached is not None and offset < self._reached:
            raise ValueError(f"offset {offset} was started after {self._reached - 1}")
        self._open[offset] = None
        self._reached = offset + 1

    def finish(self, offset: int) -> None:
        """The record at `offset` needs nothing more. One that was never started is ignored (it was revoked)."""
        if offset not in self._open:
            return
        self._done.add(offset)
        while self._open and (first := next(iter(self._open))) in self._done:
            del self._open[first]
            self._done.remove(first)

    def committable(self) -> int | None:
        """The offset to commit: the first unfinished record's, else the one after the last. None: nothing was read."""
        return next(iter(self._open), self._reached)

    def __len__(self) -> int:
        """Records that are read and hold back the commit."""
        return len(self._open)

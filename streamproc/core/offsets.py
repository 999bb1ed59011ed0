"""Offsets: which prefix of a partition is finished, so that a commit never passes unfinished work."""


class Offsets:
    """One partition's records between being read and being finished.

    Offsets start in ascending order, and finish in any. Those of control records, and those that compaction removed,
    never start.
    """

    __slots__ = ("_done", "_open", "_reached")

    def __init__(self, begin: int | None = None) -> None:
        self._open: dict[int, None] = {}  # in the order of their start
        self._done: set[int] = set()
        self._reached = begin

    def start(self, offset: int) -> bool:
        """The record at `offset` was read. False: it was read before, and is being or has been worked on."""
        if self._reached is not None and offset < self._reached:
            return False
        self._open[offset] = None
        self._reached = offset + 1
        return True

    def finish(self, offset: int) -> None:
        """The record at `offset` needs nothing more. One that was never started is ignored (it was revoked)."""
        if offset not in self._open:
            return
        self._done.add(offset)
        while self._open and (first := next(iter(self._open))) in self._done:
            del self._open[first]
            self._done.remove(first)

    @property
    def reached(self) -> int | None:
        """The offset after the last that was read, or where reading is to begin. None: not known."""
        return self._reached

    def committable(self) -> int | None:
        """The offset to commit: the first unfinished record's, else the one after the last. None: nothing was read."""
        return next(iter(self._open), self._reached)

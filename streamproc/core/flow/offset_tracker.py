"""Offsets: which prefix of a partition is finished, so that a commit never passes unfinished work."""

from collections import deque


class OffsetTracker:
    """One partition's records between being read and being finished.

    Offsets start in ascending order, and finish in any. Those of transactions' marks, and of what compaction removed,
    never start.
    """

    __slots__ = ("_open", "_order", "_reached")

    def __init__(self, begin: int | None = None) -> None:
        self._open: set[int] = set()
        self._order: deque[int] = deque()
        """From the first that is open on, as they started. A dict takes ever longer to find its first key."""
        self._reached = begin

    def start(self, offset: int) -> bool:
        """The record at `offset` was read. False: it was read before, and is being or has been worked on."""
        if self._reached is not None and offset < self._reached:
            return False
        self._open.add(offset)
        self._order.append(offset)
        self._reached = offset + 1
        return True

    def finish(self, offset: int) -> None:
        """The record at `offset` needs nothing more. One that was never started is ignored (it was revoked)."""
        if offset not in self._open:
            return
        self._open.remove(offset)
        while self._order and self._order[0] not in self._open:
            self._order.popleft()

    def skip_to(self, offset: int) -> bool:
        """Nothing below `offset` is to come but what has started. False: that was known."""
        if self._reached is not None and self._reached >= offset:
            return False
        self._reached = offset
        return True

    @property
    def reached(self) -> int | None:
        """The offset after the last that was read, or where reading is to begin. None: not known."""
        return self._reached

    def committable(self) -> int | None:
        """The offset to commit: the first unfinished record's, else the one after the last. None: nothing was read."""
        return self._order[0] if self._order else self._reached

"""Predecessor: what the sink before us may still have in the air."""

from msgspec import Struct

from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Turn


class Predecessor(Struct, frozen=True):
    """The sink that had the partition before us. Its requests for records below `until` may not have landed yet."""

    until: int = 0
    lands: float | None = None
    """Ticks until which they may. None: that time was waited for."""

    def had(self, turn: Turn[Work]) -> bool:
        """Whether it may have had a record of the turn."""
        return turn.offset < self.until or self.had_older(turn)

    def had_older(self, turn: Turn[Work]) -> bool:
        """The same of records that the turn passes over, or that compaction has removed, wherever they were."""
        gaps = (work.gap is not None for work in (turn.work, *(work for _, work in turn.superseded)))
        return any(gaps) or any(offset < self.until for offset, _ in turn.superseded)

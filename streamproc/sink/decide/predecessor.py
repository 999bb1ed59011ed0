"""Predecessor: what the sink before us may still have in the air."""

from msgspec import Struct


class Predecessor(Struct, frozen=True):
    """The sink that had the partition before us. Its requests for records below `until` may not have landed yet."""

    until: int = 0
    lands: float | None = None
    """Ticks until which they may. None: that time was waited for."""

"""Groups of the target: name to id and ETag, looked up once, and one change of a group at a time from this sink.

A membership is written with If-Match, so that a sink which was paused can't undo what its successor did. The ETag is
only as good as the moment at which it was read: see `Group.read`.
"""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Group:
    """One group. Hold `lock` from looking at the ETag until the answer is in."""

    name: str
    id: str = ""
    etag: str | None = None
    known: bool = False
    """Whether `etag` is the latest that was told; None too may be: not every target has ETags."""
    read: float = 0.0
    """Ticks at which the ETag was learned. A partition must have been confirmed as ours since, before it is used."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Groups:
    """What is known of the target's groups, by name."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}

    def get(self, name: str) -> Group:
        """The entry for `name`; its `id` is empty until it was looked up."""
        return self._groups.setdefault(name, Group(name))

    def ids(self) -> dict[str, str]:
        """Id → name, of the groups that were looked up."""
        return {group.id: name for name, group in self._groups.items() if group.id}

"""What watchers see of a run, as plain values, and where they say what is wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

FIRST = -1
"""`prev` of a user's first record, and `since` of somebody of whom nothing was told."""


class Record(NamedTuple):
    """A record of a topic that may be read: its transaction, if any, was committed. `body`: its value, if JSON."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    body: Any
    headers: dict[str, bytes]


class Write(NamedTuple):
    """A write that the target carried out. `seq` and `home` (a partition) are of the event that it was sent for.

    `user`: whose account it was, or who came into a group or left it; None: somebody unknown. `inactive`: it took the
    access of somebody who had it. `group`: the name of the group that was written to.
    """

    method: str
    path: str
    user: str | None
    account: str | None
    request_id: str
    home: int
    seq: int
    if_match: str | None
    changed: bool
    created: bool
    inactive: bool
    body: Any
    group: str | None = None


@dataclass(slots=True)
class Telling:
    """Where watchers tell what is wrong (`fail`: which invariant, and how), and that they had something to look at."""

    fail: Callable[[str, str], None]
    count: Callable[[str], None]


@dataclass(slots=True)
class Known:
    """What several watchers need: who is where."""

    users: dict[tuple[int, int], str] = field(default_factory=dict)
    """Partition and offset of an event in identity.changes → its user; "" of a mapping, which is about all."""
    homes: dict[str, int] = field(default_factory=dict)
    """User → partition."""
    accounts: dict[str, str] = field(default_factory=dict)
    """The target's id → user."""
    latest: dict[str, dict[str, Any]] = field(default_factory=dict)
    """User → newest record, by its seq."""
    deliveries: dict[str, dict[str, Any]] = field(default_factory=dict)
    """User → newest value of scim.deliveries."""
    strangers: set[str] = field(default_factory=set)
    """Users of whom no record says that they are, or were, in scope."""
    names: dict[str, set[str]] = field(default_factory=dict)
    """User ID or userName → users who have it, or had it, by any source's word."""
    inside: dict[str, bool] = field(default_factory=dict)
    """The target's id → whether that account is active."""
    let_in: set[str] = field(default_factory=set)
    """The target's ids of accounts that are active because somebody else made them so."""
    asked: dict[str, set[str]] = field(default_factory=dict)
    """User → groups that any record has asked for."""
    released: dict[str, set[str]] = field(default_factory=dict)
    """User → groups in which they may have been when they were released, also those that they were about to lose. From
    then on those are others': they may stay in them.
    """
    unnoted: dict[str, set[str]] = field(default_factory=dict)
    """User → of those groups, since a sink told of the release, the ones of which none has told that they are in it."""

    def told(self, delivery: dict[str, Any]) -> None:
        """A value of scim.deliveries."""
        user, held = delivery["user"], delivery["held"]
        self.deliveries[user] = delivery
        if held is None:
            self.unnoted[user] = self.released.setdefault(user, set())
        elif left := self.unnoted.get(user):
            self.unnoted[user] = left.difference(held.get("groups", ()))

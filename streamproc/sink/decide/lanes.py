"""Lanes: whose turn it is. A decider with no I/O, clock or asyncio: the sink tells it what happened and asks what next.

Rule 1: one user, one lane. At most one piece of work of a user is in flight, and never an older one after a newer.
Rule 2: pending work of one user coalesces to the newest; each one passed over is told as superseded by the newest.
Rule 3: a retry holds its lane: newer work of that user waits or coalesces, other users go on.
Rule 4: a lower urgency value goes first, oldest first within it.
Rule 5: nobody starves. Revocations always go first: each ends somebody's access, so they come to an end. Of the rest,
after `SHARE` turns in a row that passed over less urgent work, one turn goes to whoever of that waits longest.
Rule 6: commits never pass unfinished work; what a partition held is forgotten when it is revoked.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from streamproc.core.flow.offset_tracker import OffsetTracker
from streamproc.core.fold.plan import Urgency

Work = TypeVar("Work")

SHARE: Final = 8


@dataclass(frozen=True, slots=True)
class Turn(Generic[Work]):
    """The newest work of one user, with the older ones that it stands for, oldest first."""

    user: str
    partition: int
    offset: int
    urgency: Urgency
    work: Work
    superseded: list[tuple[int, Work]] = field(default_factory=list)
    """The lanes go on adding to it: a user who changes ten thousand times must not cost that squared."""


@dataclass(slots=True)
class _Lane(Generic[Work]):
    flying: Turn[Work] | None = None
    pending: Turn[Work] | None = None
    queued: tuple[int, int] | None = None
    """(urgency, ticket) under which `pending` waits in the queue; any other entry of the user is stale."""


@dataclass(slots=True)
class Lanes(Generic[Work]):
    """All users' lanes of the partitions held. Offers come in offset order within a partition."""

    condense: Callable[[Work], Work] = lambda work: work
    """What is kept of work that is passed over."""
    _lanes: dict[str, _Lane[Work]] = field(default_factory=dict)
    _queues: dict[Urgency, deque[tuple[int, str]]] = field(
        default_factory=lambda: {urgency: deque() for urgency in Urgency}
    )
    _offsets: dict[int, OffsetTracker] = field(default_factory=dict)
    _ticket: int = 0
    _passed: int = 0
    """Turns in a row that passed over less urgent work."""

    def offer(self, turn: Turn[Work]) -> None:
        """New work. What the user had pending is superseded by it; what is in flight goes on first."""
        if not self._offsets.setdefault(turn.partition, OffsetTracker()).start(turn.offset):
            return  # read twice
        lane = self._lanes.setdefault(turn.user, _Lane())
        if lane.pending is not None:
            passed = lane.pending.superseded
            passed.append((lane.pending.offset, self.condense(lane.pending.work)))
            turn = replace(turn, superseded=passed, urgency=min(turn.urgency, lane.pending.urgency))
        lane.pending = turn
        self._enqueue(turn.user, lane)

    def skip(self, partition: int, offset: int) -> None:
        """A record that needs no work."""
        offsets = self._offsets.setdefault(partition, OffsetTracker())
        if offsets.start(offset):
            offsets.finish(offset)

    def skip_to(self, partition: int, offset: int) -> bool:
        """All records below the offset were offered or skipped; the rest are marks. False: that was known."""
        return self._offsets.setdefault(partition, OffsetTracker()).skip_to(offset)

    def again(self, turn: Turn[Work]) -> None:
        """Another attempt at work whose fate was told. It holds no offset; a user with other work needs none."""
        if turn.user not in self._lanes:
            lane: _Lane[Work] = _Lane(pending=turn)
            self._lanes[turn.user] = lane
            self._enqueue(turn.user, lane)

    def take(self, *, revocations: bool = False) -> Turn[Work] | None:
        """The next turn to start, or None. It is in flight until `finish`. `revocations`: only one of these."""
        waiting = [urgency for urgency in Urgency if self._front(urgency) is not None]
        if not waiting or (revocations and waiting[0] is not Urgency.REVOKE):
            return None
        first, *less = waiting
        if first is not Urgency.REVOKE:
            if less and self._passed >= SHARE:
                first = min(less, key=lambda urgency: self._queues[urgency][0])
            self._passed = self._passed + 1 if first is waiting[0] and less else 0
        _, user = self._queues[first].popleft()
        lane = self._lanes[user]
        lane.flying, lane.pending, lane.queued = lane.pending, None, None
        return lane.flying

    def has_newer(self, user: str) -> bool:
        """Whether newer work of the user waits behind the one in flight."""
        lane = self._lanes.get(user)
        return lane is not None and lane.pending is not None and lane.flying is not None

    def last(self, user: str) -> Turn[Work] | None:
        """The user's newest work, waiting or in flight. None: they have none."""
        lane = self._lanes.get(user)
        return None if lane is None else lane.pending or lane.flying

    def newest(self, user: str) -> Turn[Work] | None:
        """Before a retry: the user's newest work instead of the one in flight, which it supersedes. None: no newer."""
        lane = self._lanes.get(user)
        if lane is None or lane.pending is None or lane.flying is None:
            return None  # also where the partition was revoked meanwhile
        flying, pending = lane.flying, lane.pending
        passed = flying.superseded
        passed.append((flying.offset, self.condense(flying.work)))
        passed += pending.superseded
        lane.flying, lane.pending, lane.queued = replace(pending, superseded=passed), None, None
        return lane.flying

    def finish(self, turn: Turn[Work]) -> None:
        """The turn in flight reached its fate, and with it all that it stands for."""
        lane = self._lanes.get(turn.user)
        if lane is None or lane.flying is None or lane.flying.offset != turn.offset:
            return  # its partition was revoked meanwhile
        offsets = self._offsets.setdefault(turn.partition, OffsetTracker())
        for offset, _ in turn.superseded:
            offsets.finish(offset)
        offsets.finish(turn.offset)
        lane.flying = None
        if lane.pending is None:
            del self._lanes[turn.user]
        else:
            self._enqueue(turn.user, lane)

    def drain(self, partition: int) -> None:
        """Start nothing more of the partition; what is in flight may finish."""
        for user, lane in list(self._lanes.items()):
            if lane.pending is not None and lane.pending.partition == partition:
                lane.pending, lane.queued = None, None
                if lane.flying is None:
                    del self._lanes[user]

    def revoke(self, partition: int) -> None:
        """Forget the partition: its new owner reads it again from the committed offset."""
        self._offsets.pop(partition, None)
        for user, lane in list(self._lanes.items()):
            turn = lane.flying or lane.pending
            if turn is not None and turn.partition == partition:
                del self._lanes[user]

    def committable(self, partition: int) -> int | None:
        """The offset that may be committed for the partition; None before anything was offered."""
        offsets = self._offsets.get(partition)
        return None if offsets is None else offsets.committable()

    def flying(self, partition: int) -> list[Turn[Work]]:
        """Turns of the partition that are in flight."""
        return [
            lane.flying
            for lane in self._lanes.values()
            if lane.flying is not None and lane.flying.partition == partition
        ]

    def __contains__(self, user: str) -> bool:
        """Whether the user has work in flight or pending."""
        return user in self._lanes

    def __len__(self) -> int:
        """Users with work in flight or pending."""
        return len(self._lanes)

    def depth(self) -> dict[Urgency, int]:
        """Users whose work waits, by its urgency."""
        counted = dict.fromkeys(Urgency, 0)
        for lane in self._lanes.values():
            if lane.pending is not None:
                counted[lane.pending.urgency] += 1
        return counted

    def _enqueue(self, user: str, lane: _Lane[Work]) -> None:
        if lane.flying is not None or lane.pending is None:
            return
        if lane.queued is not None and lane.queued[0] <= lane.pending.urgency:
            return  # a user who changes all the time keeps the place that was first taken
        self._ticket += 1
        lane.queued = (lane.pending.urgency, self._ticket)
        self._queues[lane.pending.urgency].append((self._ticket, user))

    def _front(self, urgency: Urgency) -> str | None:
        """Who of this urgency waits longest; entries that don't hold any more are dropped on the way."""
        queue = self._queues[urgency]
        while queue:
            ticket, user = queue[0]
            lane = self._lanes.get(user)
            if lane is not None and lane.queued == (urgency, ticket) and lane.pending and lane.flying is None:
                return user
            queue.popleft()
        return None

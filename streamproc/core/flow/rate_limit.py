"""Rate limiter: when may the next request to the target go out? A decider with no I/O, clock or asyncio.

The target counts the requests of one token in a window. Each answer tells how many there were (`inin-ratelimit-count`),
how many there may be (`-allowed`) and how many whole seconds are left (`-reset`). The count is everybody's, so several
sinks on one token needn't talk to each other: they steer by the same number.

Rule 1: a line runs through the window, from half of what may be used at its start to all of it at its end. While the
count is below the line, requests go at once; at the line they are spread evenly over the rest. A burst of few requests
never waits, a backlog uses the window up, and what wasn't used early may be used later.
Rule 2: what is in flight isn't in the last count yet, so it is added. Nor are the other sinks' requests in flight: a
sink takes in flight no more than its own part of what is left, which is the part of the count that was its own.
Rule 3: without a recent answer (none for a second, or the window is over) a few requests lead, and the rest wait for
what their answers say. However the seconds were rounded and whoever was busy meanwhile, the margin has room for them.
Rule 4: a share of the window is kept for urgent requests, which don't wait for the line. A fiftieth stays unused, for
what others have in flight.
Rule 5: a 429 that concerns everybody (`too_many.py`) closes the gate for everybody, until Retry-After.

A target that never told its limit isn't waited for.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from streamproc.core.flow.too_many import TooManyRequests
from streamproc.core.scim.retry_after import asked_to_wait

BURST: Final = 0.5
"""Where the line begins: the part of the window that may be used at once."""
MARGIN: Final = 0.02
"""Part of the window that stays unused; requests that may lead come out of it."""
STALE: Final = 1.0
"""Seconds after which the count may have moved on without us."""
WINDOW: Final = 120.0
"""Seconds that a window is taken to last at most; Genesys Cloud's is a minute."""
LOOK: Final = 0.05
"""Seconds until it is worth asking again where only an answer can tell more."""


class RateLimiter:
    """One sink's view of its token's window. `now`: seconds of a clock that never goes back.

    When `wait` says 0, `sent` has to follow before anything else happens, and after it `answered` or `lost`, once.
    """

    def __init__(self, reserve: float = 0.1) -> None:
        """`reserve`: the share of the window that is kept for urgent requests; what stays unused comes out of it."""
        self._kept = max(reserve, MARGIN)
        self._allowed: int | None = None
        self._count = 0
        """The highest that this window's answers told."""
        self._mine = 0
        """This window's answers: the part of the count that is surely ours."""
        self._ends = -math.inf
        """When the window is surely over: the earliest of what its answers said."""
        self._rounding = 0.0
        """1 once it was seen that the target rounds the seconds left down: it says 0 in the last one."""
        self._length = 0.0
        """The longest that a window was seen to have left."""
        self._heard = -math.inf
        self.closed_until = -math.inf
        """Until then nobody sends, since a 429 said so."""
        self._too_many = TooManyRequests()
        self._flying = 0
        self._unheard = 0
        """Sent by rule 3 since the last answer."""
        self._lost = 0
        """Not answered in this window; the count may have them already, or not."""

    def wait(self, now: float, *, urgent: bool = False) -> float:
        """Seconds until it is worth asking again, or until any answer comes; 0: send now."""
        if now < self.closed_until:
            return self.closed_until - now
        if self._allowed is None:
            return 0.0
        part = min(1.0, self._mine / max(1, self._count))
        over = now >= self._ends
        line = self._line(now, urgent=urgent)
        if not over and self._count + self._lost + self._flying + 1 > line:
            return max(LOOK, self._reached(self._count + self._lost + 1, urgent=urgent) - now)
        if over or now - self._heard > STALE:
            few = MARGIN * self._allowed * part
            room, taken = max(1.0, few if urgent else few / 2), self._unheard
        else:
            room, taken = max(1.0, (line - self._count - self._lost) * part), self._flying
        return 0.0 if taken + 1 <= room else LOOK

    def sent(self, now: float) -> None:
        """A request goes out."""
        self._flying += 1
        if now >= self._ends or now - self._heard > STALE:
            self._unheard += 1

    def lost(self) -> None:
        """No answer will tell of a request that was sent; it may have been counted."""
        self._flying -= 1
        self._unheard = max(0, self._unheard - 1)
        self._lost += 1

    def answered(
        self,
        now: float,
        status: int | None,
        headers: dict[str, str],
        body: Mapping[str, Any] | None = None,
        user: str | None = None,
    ) -> None:
        """What came of a user's request: lower-case header names, Retry-After in seconds. `status` None: no answer."""
        allowed, count, reset = (
            _number(headers.get(f"inin-ratelimit-{name}")) for name in ("allowed", "count", "reset")
        )
        if status == 429 and self._too_many.hit(user, count, allowed):
            self.closed_until = max(self.closed_until, now + (asked_to_wait(headers, body or {}) or 1.0))
        elif status not in {None, 429}:
            self._too_many.served(user)
        if not allowed or count is None or reset is None or (count > allowed and status != 429):
            self.lost()  # it doesn't say, or says that it won't do what it has just done
            return
        self._flying -= 1
        self._allowed, reset = max(1, int(allowed)), min(reset, WINDOW)
        self._length = max(self._length, reset)
        self._rounding = max(self._rounding, 1.0 - reset)
        ends, over = now + reset + self._rounding, now >= self._ends
        if ends > self._ends + max(1.0, self._length / 2):
            self._count, self._mine, self._lost, self._ends = 0, 0, 0, ends
        elif over:  # a late answer of the window that is over, or it isn't
            self._ends = ends if reset == 0 else self._ends
            self._unheard = max(0, self._unheard - 1)
            return
        self._count, self._ends = max(self._count, int(count)), min(self._ends, ends)
        self._mine += 1
        self._heard, self._unheard = now, 0

    def headroom(self, now: float) -> int | None:
        """Requests that are left in the window, the reserve among them; None: no limit is known."""
        if self._allowed is None:
            return None
        counted = 0 if now >= self._ends else self._count + self._lost
        return max(0, self._top(urgent=True) - counted - self._flying)

    def _top(self, *, urgent: bool) -> int:
        assert self._allowed is not None
        return max(1, int(self._allowed * (1.0 - (MARGIN if urgent else self._kept))))

    def _line(self, now: float, *, urgent: bool) -> float:
        """Rule 1: what the count may be at `now`."""
        top = self._top(urgent=urgent)
        if urgent:
            return top
        left = min(1.0, max(0.0, self._ends - now) / self._length) if self._length else 0.0
        return max(1.0, top * (1.0 - (1.0 - BURST) * left))

    def _reached(self, count: int, *, urgent: bool) -> float:
        """When the line is at `count`; it may be past."""
        top = self._top(urgent=urgent)
        if count > top:
            return self._ends
        return -math.inf if urgent else self._ends - self._length * (1.0 - count / top) / (1.0 - BURST)


def _number(said: str | None) -> float | None:
    try:
        number = float(said or "")
    except ValueError:
        return None
    return number if 0.0 <= number < math.inf else None  # nor is NaN at least 0

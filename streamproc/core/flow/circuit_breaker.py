"""Circuit breaker: is something wrong with one user, or with the target as a whole? It has no I/O and no clock.

Rule 1: trouble of several users in a row, with nothing good between, is the target's: refused connections, 5xx,
timeouts, 401 and 403. Then everybody waits, and one request at a time goes out as a probe: first of those who weren't
in trouble, then of those who were longest ago. Else users who are in trouble of their own would probe for ever, in
front of everybody who would show that all is well.
Rule 2: reads and writes are told apart, since rights to write can go while reading goes on. A write that is accepted
clears both; a good read clears reads.
Rule 3: anything that only the request itself can be blamed for (400, 404, 409, 429) counts as good.
"""

import math
from typing import Final

DOWN_AFTER: Final = 3
"""Users in trouble with nothing good between."""
PROBE_FIRST: Final = 0.5
PROBE_MOST: Final = 5.0
"""Seconds between probes: doubling from the first to the most."""
ASKED_MOST: Final = 60.0
"""Seconds for which a target that is down can ask for no probe: a leaver waits for it."""


class CircuitBreaker:
    """Of one target. `now`: seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._troubled: dict[bool, dict[str, int]] = {False: {}, True: {}}
        self._failures = 0
        self._probing = False
        self._next = 0.0
        self._between = PROBE_FIRST
        self.recoveries = 0
        """Times that it was down and came back: what waited because of it needn't any more."""

    @property
    def down(self) -> bool:
        """Whether everybody waits."""
        return any(len(users) >= DOWN_AFTER for users in self._troubled.values())

    def wait(self, now: float) -> float:
        """Seconds until the next request may go out; infinite while a probe is under way."""
        if not self.down:
            return 0.0
        return math.inf if self._probing else max(0.0, self._next - now)

    def failed(self, user: str) -> int:
        """The place of the user's last failure among all; 0: the user isn't in trouble."""
        return max(users.get(user, 0) for users in self._troubled.values())

    def sent(self) -> None:
        """A request went out."""
        self._probing = self.down

    def answered(self, user: str, *, write: bool, status: int | None, now: float, after: float = 0.0) -> None:
        """What came of a request. `status` None: no answer came, or none could be asked for. `after`: seconds for which
        the target doesn't want requests (RFC 9110 §15.6.4).
        """
        was_down = self.down
        self._probing = False
        if status is not None and status not in {401, 403} and status < 500:
            if write:
                self._troubled[True].clear()
            self._troubled[False].clear()
            self._between, self._next = PROBE_FIRST, now
            self.recoveries += was_down and not self.down
            return
        self._failures += 1
        self._troubled[write][user] = self._failures
        if self.down:
            self._between = min(PROBE_MOST, self._between * 2) if was_down else PROBE_FIRST
            self._next = now + max(self._between, min(after, ASKED_MOST))

    def lost(self) -> None:
        """The request under way was given up, and nobody will hear of its answer."""
        self._probing = False

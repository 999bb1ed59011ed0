"""How fast one connection may go on: a bucket that holds a second's requests."""

from typing import Final

PER_SECOND: Final = 100


class Pace:
    """Of one connection in one process."""

    def __init__(self, per_second: float = PER_SECOND) -> None:
        self._rate = per_second
        self._left = per_second
        self._seen = 0.0

    def take(self, now: float, *, must: bool = False) -> bool:
        """Whether a request may go on. `now`: seconds that never go back. One that must goes on, and isn't counted."""
        if must:
            return True
        self._left = min(self._rate, self._left + max(now - self._seen, 0.0) * self._rate)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def spend(self, seconds: float) -> None:
        """So long a gateway did nothing else for this connection, which costs it what it could have asked meanwhile.

        So a client whose filters look at every user leaves half of the time to all others.
        """
        self._left -= seconds * self._rate

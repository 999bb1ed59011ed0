"""Too many requests: does a 429 concern everybody, or one user? A decider with no I/O, clock or asyncio.

Rule 1: where the answer's own count has reached the limit, it is the token's, and everybody's.
Rule 2: where the count is below it, the user's own limit was meant (or that of what was asked for), and others go on;
unless several users in a row are answered so with nothing served between.
Rule 3: without a count it is everybody's, unless it hits a user again while others were served in between, and nobody
else new was hit. So whoever is always refused closes the gate once, and a limit of all closes it each time.

Whoever it concerns waits for Retry-After, a single user by the delivery decider.
"""

from typing import Final

ALL_AFTER: Final = 3
"""Users in a row."""
REMEMBERED: Final = 1000


class TooManyRequests:
    """What was answered so far. User None: nobody's in particular, so everybody's."""

    def __init__(self) -> None:
        self._answers = 0
        self._hit: dict[str, int] = {}
        """User whose last answer was a 429, to its number among all answers."""
        self._row: set[str] = set()
        """Users who were hit with nothing served between."""
        self._served = 0
        """Number of the last answer that wasn't a 429."""
        self._new = 0
        """Number of the last 429 to a user who hadn't been hit before."""

    def served(self, user: str | None) -> None:
        """A request was answered, and not by 429."""
        self._answers += 1
        self._served = self._answers
        self._row.clear()
        if user is not None:
            self._hit.pop(user, None)

    def hit(self, user: str | None, count: float | None, allowed: float | None) -> bool:
        """A request was answered by 429; `count` of `allowed` requests, by the answer. True: all have to wait."""
        self._answers += 1
        if user is None:
            return True
        before = self._hit.pop(user, None)
        again = before is not None and self._served > before >= self._new
        self._hit[user] = self._answers
        self._row.add(user)
        if before is None:
            self._new = self._answers
        if len(self._hit) > REMEMBERED:
            del self._hit[next(iter(self._hit))]
        if count is None or not allowed:
            return not again
        return count >= allowed or len(self._row) >= ALL_AFTER

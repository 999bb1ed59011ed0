"""Gate watch: says why no request goes out, and what to do: once for each cause, and again only after a while."""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import structlog

log = structlog.get_logger("streamproc.sink")

TELL_EVERY: Final = 300.0
"""Seconds between two lines about the same cause."""

Cause: TypeAlias = Literal["paused", "token", "connection", "target", "rate_limit"]
CAUSES: Final[dict[Cause, str]] = {
    "paused": "streamproc sink resume",
    "token": "check STREAMPROC_TOKEN_URL, STREAMPROC_CLIENT_ID and STREAMPROC_CLIENT_SECRET, or STREAMPROC_TOKEN",
    "connection": "check STREAMPROC_SCIM_URL, STREAMPROC_HTTPS_PROXY, STREAMPROC_HTTPS_CA and the network",
    "target": "nothing, unless it lasts: then ask who runs the target; after 401 or 403 check the token and its roles",
    "rate_limit": "nothing, unless it comes again and again: then something else uses the same token",
}
"""Cause to what to do about it."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Why nothing goes out. `because`: without personal data and secrets. `seconds`: until something is tried."""

    cause: Cause
    because: str
    seconds: float | None = None


@dataclass(slots=True)
class GateWatch:
    """Of one gate. `now`: seconds of a clock that never goes back."""

    closed: Closed | None = None
    _told: dict[Cause, float] = field(default_factory=dict)
    _pending: bool = False
    """Somebody was told that nothing goes out, and not yet that it is over."""

    def look(self, closed: Closed | None, waiting: int, now: float) -> None:
        """How things stand now. `waiting`: requests that wait for their turn."""
        self.closed = closed
        if closed is None:
            if self._pending:
                self._pending = False
                log.info("requests go out again")
        elif now - self._told.get(closed.cause, -TELL_EVERY) >= TELL_EVERY:
            self._told[closed.cause] = now
            self._pending = True
            log.warning(
                "no request goes out",
                cause=closed.cause,
                because=closed.because,
                seconds=None if closed.seconds is None else round(closed.seconds, 1),
                waiting=waiting,
                do=CAUSES[closed.cause],
            )

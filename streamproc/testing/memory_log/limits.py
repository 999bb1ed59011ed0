"""After how long the broker gives up on a client."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of the loop's time."""

    session: float = 6.0
    """A member that was silent before it became one, and still is, is out of the group."""
    rebalance: float = 6.0
    """Whoever hasn't joined by then is out of the group; aiokafka says the session's time here."""
    heartbeat: float = 1.5
    """A member hears at its next heartbeat that the group begins anew."""
    transaction: float = 30.0
    """A transaction that is open for longer is aborted, and its producer fenced."""
    sweep: float = 10.0
    """How often the broker looks for such transactions."""

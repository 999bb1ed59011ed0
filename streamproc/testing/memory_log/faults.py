"""What can go wrong between clients and the broker: drawn, on each occasion, by a callback.

Each of these shows to a client as it does with aiokafka against a real cluster, which retries by itself whatever may
be retried: as time that passes, as a request that is carried out later than its client lives, or as an error of the
kind that `adapters/kafka/log.py` names.
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias


class Chance(Protocol):
    """How long, how much, and so on: a `random.Random`."""

    def random(self) -> float:
        """0..1."""


Fault: TypeAlias = Callable[[str], Chance | None]
"""Whether a fault of this kind happens now: if so, chance for how it happens."""

HALF_BATCH: Final = "kafka.half_batch"
"""`getmany` gives the first few of the records that are there."""
LATE_RECORDS: Final = "kafka.late_records"
"""A fetch doesn't see the newest records of a partition yet; they come some time later."""
REQUEST_LOST: Final = "kafka.request_lost"
"""A request never arrives; the client asks again when its connection is reset, or its time is over."""
REQUEST_LATE: Final = "kafka.request_late"
"""A request arrives late: also after its process was killed."""
ANSWER_LOST: Final = "kafka.answer_lost"
"""A request is carried out, and asked for again."""
COORDINATOR_LOADING: Final = "kafka.coordinator_loading"
"""A group's or a transaction's coordinator has moved, and isn't ready: who asks it waits."""
TRANSACTION_EXPIRED: Final = "kafka.transaction_expired"
"""A transaction was open for too long: it is aborted, and its producer fenced."""
SESSION_EXPIRED: Final = "kafka.session_expired"
"""A member's heartbeats come too late, though it lives: the group goes on without it, and it joins again."""
MARKERS_LATE: Final = "kafka.markers_late"
"""A transaction was committed, and others see that later: the last stable offset stays behind."""

KINDS: Final = (
    HALF_BATCH,
    LATE_RECORDS,
    REQUEST_LOST,
    REQUEST_LATE,
    ANSWER_LOST,
    COORDINATOR_LOADING,
    TRANSACTION_EXPIRED,
    SESSION_EXPIRED,
    MARKERS_LATE,
)


def never(_: str) -> None:
    """No fault at all."""


def middling() -> float:
    """No chance at all."""
    return 0.5

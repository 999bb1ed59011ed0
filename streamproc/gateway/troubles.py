"""What is wrong with a gateway now."""

from collections.abc import Iterable, Iterator
from typing import Final

from streamproc.health.decide.conditions import Trouble

GRACE: Final = 10.0
"""Seconds for which the brokers may be silent."""


def gateway_troubles(*, brokers: bool, refused: Iterable[str], key_failures: int) -> Iterator[Trouble]:
    """`brokers`: they answer. `refused`: topics that may not be written to. `key_failures`: in a row."""
    if not brokers:
        yield Trouble("brokers", "kafka", "degraded", "no broker answers: senders get 503, and try again", GRACE)
    for topic in sorted(refused):
        reason = "Kafka doesn't allow writing to it, so its door answers 503: `streamproc topics --acls`"
        yield Trouble("door_closed", topic, "degraded", reason)
    if key_failures:
        reason = "the issuer's keys can't be fetched, so its tokens get 503: check STREAMPROC_SET_JWKS and the network"
        yield Trouble("keys", "set", "blind", reason, GRACE)

"""Lag as trouble: who is far behind doesn't see what happens now."""

from collections.abc import Iterable, Iterator
from typing import Final

from streamproc.health.decide.conditions import Trouble

GRACE: Final = 60.0
"""Seconds for a burst to be worked off."""


def lag_troubles(behind: Iterable[tuple[str, int, int]], limit: int) -> Iterator[Trouble]:
    """One for each topic of which more than `limit` records are unread, all partitions together; 0: there is no limit.

    `behind`: topic, partition, records.
    """
    topics: dict[str, int] = {}
    for topic, _, records in behind:
        topics[topic] = topics.get(topic, 0) + records
    for topic, records in sorted(topics.items()):
        if 0 < limit < records:
            yield Trouble(
                "lag",
                topic,
                "blind",
                f"{records} records are there and not yet done: what happens now is seen late. "
                "More processes of this kind share the work, up to the number of partitions",
                GRACE,
            )

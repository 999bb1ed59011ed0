"""Confirmation: nothing is written unless the partition is ours, by a transaction that was begun a moment ago.

A transaction may take longer than it is good for: then there is another one, so many times in a row. After that a
leaver is sent all the same, which lets nobody in, and anybody else is set aside.
"""

from collections.abc import Callable
from typing import Final

import structlog

from streamproc.sink.decide.progress import Progress
from streamproc.sink.delivery_store import DeliveryStore, PartitionLostError

log = structlog.get_logger("streamproc.sink")

SLOW: Final = 5
"""Transactions in a row that take too long to write by, after which Kafka is of no use."""
SLOW_FOR_LEAVER: Final = 2
"""The same, after which a leaver doesn't wait for it."""


class SlowKafkaError(Exception):
    """Nobody can say in time that the partition is ours. The message says what to look at."""


async def make_sure(
    progress: Progress,
    store: DeliveryStore,
    rests_on: float,
    slow: int,
    *,
    fresh: float,
    ticks: Callable[[], float],
    newer: Callable[[str], bool],
) -> int:
    """Return once a write that rests on a read at `rests_on` may go out; or newer work of the user came in.

    `slow`: transactions that have taken too long for this write; returns how many it are now. `fresh`: seconds for
    which one is good. Raises PartitionLostError and SlowKafkaError.
    """
    while _unsure(store, rests_on, fresh, ticks) and not newer(progress.user):
        if progress.leaver and slow >= SLOW_FOR_LEAVER:
            if slow == SLOW_FOR_LEAVER:
                log.warning("Kafka is slow: a leaver is sent all the same", partition=progress.turn.partition)
            return slow + 1
        if slow >= SLOW:
            raise SlowKafkaError(
                f"Kafka's transactions take longer than {fresh:g} s, {slow} in a row, and by then another sink may "
                "have the partition: are the brokers overloaded?"
            )
        await store.confirm()
        slow += 1
    return slow


def _unsure(store: DeliveryStore, rests_on: float, fresh: float, ticks: Callable[[], float]) -> bool:
    if store.lost:
        raise PartitionLostError
    confirmed = store.confirmed
    return confirmed < rests_on or ticks() - confirmed > fresh

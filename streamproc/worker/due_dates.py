"""Timer: says in the log that a date has come. If two workers say it, the fold takes no notice of the second."""

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn

from streamproc.core.records.change_event import encode_event
from streamproc.core.records.topic_names import CHANGES
from streamproc.core.records.units import Millis
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.decide.due_dates import DueDates, due

TICK: Final = 0.25
"""Seconds between two looks at the dates."""


async def announce_due_dates(
    dates: DueDates,
    known: Callable[[bytes, int], bytes | None],
    producer: BatchingProducer,
    clock: Callable[[], Millis],
    settled: Callable[[], bool],
) -> NoReturn:
    """Until cancelled. `known`: user and partition → newest record. `clock`: ms since 1970.

    `settled`: whether partitions are where they belong, and their users are known.
    """
    while True:
        await asyncio.sleep(TICK)
        if not settled():
            continue
        now = clock()
        for user, partition in dates.passed(now):
            found = due(known(user, partition), partition, now)
            if found is not None:
                for notification in found.refetches:
                    producer.put(notification.topic, notification.key, notification.value, headers=notification.headers)
                producer.put(CHANGES, user, encode_event(found.event), partition=partition)

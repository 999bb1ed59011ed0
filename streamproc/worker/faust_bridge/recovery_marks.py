"""Transactions' marks at the end of a changelog: Faust's recovery waits for ever for the records that they aren't.

We write to changelogs without transactions, but somebody else may. Faust passes such marks only where it is in
transactions itself (`detect_aborted_tx`); here it is done for it. Positions alone prove nothing: a process that was
stopped for a while may see those of before. So what lies between is read once more, and only if that is nothing, state
is complete.
"""

import asyncio
from typing import Final, NoReturn

import structlog

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Log
from streamproc.worker.faust_bridge.protocols import App, TopicPartition

log = structlog.get_logger("streamproc.worker")

LOOK_EVERY: Final = 1.0
"""Seconds. Two looks have to agree: what was fetched before the first is in the queue, or applied, by the second."""


async def pass_marks(app: App, kafka: Log) -> NoReturn:
    """While tables recover, take a changelog for read that the consumer has come to the end of. Raises KafkaError."""
    before: dict[TopicPartition, int] = {}
    while True:
        await asyncio.sleep(LOOK_EVERY)
        tables, found = app.tables, dict[TopicPartition, int]()
        if app.in_recovery and tables.changelog_queue.empty():
            recovery = tables.recovery
            for place, last in list(recovery.active_highwaters.items()):
                applied = recovery.active_offsets.get(place)
                if applied is None:
                    continue  # where the changelog begins isn't known yet, or it has gone meanwhile
                if applied < last and (await reading.position_of(app.consumer, place) or 0) > last:
                    found[place] = applied
                    if before.get(place) == applied and await _is_empty(kafka, place, applied + 1, last + 1):
                        now = recovery.active_offsets.get(place), recovery.active_highwaters.get(place)
                        if now != (applied, last):
                            continue  # recovery has gone on, or begun anew
                        log.info("a changelog ends with marks of transactions", topic=place.topic, offset=last)
                        recovery.active_offsets[place] = last
        before = found


async def _is_empty(kafka: Log, place: TopicPartition, first: int, end: int) -> bool:
    """Whether there is no record at these offsets."""
    async for _ in reading.read_range(kafka, place.topic, place.partition, max(0, first), end):
        return False
    return True

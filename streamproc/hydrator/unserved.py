"""Notifications that nobody fetches, because no directory of their source is configured: counted, and told."""

from collections.abc import Iterable

import structlog

from streamproc import telemetry
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka.log import KafkaError, Log
from streamproc.adapters.kafka.reading import assigned, partitions_of
from streamproc.core.records.topic_names import notifications_topic
from streamproc.hydrator.troubles import Beside

log = structlog.get_logger("streamproc.hydrator")

EVERY = 60.0
"""Seconds between two counts."""


async def watch(kafka: Log, sources: Iterable[str], clocks: Clocks, beside: Beside) -> None:
    """Count them until cancelled. They stay in Kafka for 30 days, and are fetched once a directory is there.

    A hydrator that may only see its own directories' topics says so once, and doesn't count the others'.
    """
    told: set[str] = set()
    while True:
        for source in sources:
            try:
                waiting = await _waiting(kafka, notifications_topic(source))
            except KafkaError as error:
                if source not in told:
                    told.add(source)
                    log.warning("notifications can't be counted", source=source, reason=type(error).__name__)
                continue
            beside.unfetched[source] = waiting
            telemetry.UNFETCHED.labels(source).set(waiting)
            if waiting and source not in told:
                told.add(source)
                log.error("nobody fetches whom these notifications name", source=source, notifications=waiting)
        await clocks.pause(EVERY)


async def _waiting(kafka: Log, topic: str) -> int:
    partitions = partitions_of(kafka, topic)
    async with assigned(kafka, partitions) as consumer:
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    return sum(ends[each] - begins[each] for each in partitions)

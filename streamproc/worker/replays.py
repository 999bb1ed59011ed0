"""Carries out orders to take a rejected input up again (`decide/replay.py`)."""

from collections.abc import Callable

import structlog

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Log
from streamproc.core.records.control import Control
from streamproc.core.records.topic_names import REJECTIONS
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.decide.replay import replay
from streamproc.worker.raw_record import RawRecord

log = structlog.get_logger("streamproc.worker")


async def carry_out(
    kafka: Log, raw: RawRecord, control: Control, producer: BatchingProducer, done: Callable[[], None]
) -> None:
    """Append again what the order in `raw` names; `done` is called when the brokers have it.

    Raises RejectedInputError where there is nothing that can be replayed, KafkaError.
    """
    key, value = await _rejection(kafka, producer.partition((control.input or "").encode()), control.since)
    again = replay(raw, control, key, value)
    log.warning("ordered", action=control.action, by=control.by, topic=again.topic, partition=again.partition)
    producer.put(again.topic, again.key, again.value, done, again.partition, again.headers)


async def _rejection(kafka: Log, partition: int, offset: int | None) -> tuple[bytes | None, bytes | None]:
    """Key and value of a record of `events.rejected`; nothing where there is none."""
    end = (await reading.end_offsets(kafka, REJECTIONS))[partition]
    if offset is not None and 0 <= offset < end:
        async for records in reading.read_range(kafka, REJECTIONS, partition, offset, offset + 1):
            for record in records:
                if record.offset == offset:
                    return record.key, record.value
    return None, None

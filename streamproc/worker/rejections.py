"""Rejections: what can't be understood is set aside, whole, with the reason."""

from collections.abc import Callable

import structlog

from streamproc import telemetry
from streamproc.core.records.rejected import encode_rejected
from streamproc.core.records.topic_names import REJECTIONS
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.raw_record import RawRecord

log = structlog.get_logger("streamproc.worker")


def reject(raw: RawRecord, code: str, reason: str, producer: BatchingProducer, done: Callable[[], None]) -> None:
    """Set a record aside; `done` is called when the brokers have it."""
    rejected = encode_rejected(
        raw.topic,
        raw.partition,
        raw.offset,
        raw.timestamp,
        code,
        reason,
        key=raw.key,
        value=raw.value,
        headers=raw.headers.items(),
    )
    telemetry.REJECTED.labels(code).inc()
    log.warning("rejected", topic=raw.topic, partition=raw.partition, offset=raw.offset, code=code)
    producer.put(REJECTIONS, raw.address, rejected, done)

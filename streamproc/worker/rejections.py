"""Rejections: what can't be understood is set aside, whole, with the reason."""

from base64 import b64encode
from collections.abc import Callable

import orjson
import structlog

from streamproc import telemetry
from streamproc.core.records.rejected import Rejected
from streamproc.core.records.topic_names import REJECTIONS
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.raw_record import RawRecord

log = structlog.get_logger("streamproc.worker")


def reject(raw: RawRecord, code: str, reason: str, producer: BatchingProducer, done: Callable[[], None]) -> None:
    """Set a record aside; `done` is called when the brokers have it."""
    rejected = Rejected(
        raw.topic,
        raw.partition,
        raw.offset,
        raw.timestamp,
        code,
        reason,
        None if raw.key is None else b64encode(raw.key).decode(),
        None if raw.value is None else b64encode(raw.value).decode(),
        [(name, b64encode(content or b"").decode()) for name, content in raw.headers.items()],
    )
    telemetry.REJECTED.labels(code).inc()
    log.warning("rejected", topic=raw.topic, partition=raw.partition, offset=raw.offset, code=code)
    producer.put(REJECTIONS, raw.address, orjson.dumps(rejected), done)

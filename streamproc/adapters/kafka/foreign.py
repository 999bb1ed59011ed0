"""Records in our own topics that aren't ours: tombstones and strange values, by a stray producer or a tool."""

from typing import Final

import structlog

from streamproc import telemetry
from streamproc.adapters.kafka.log import Located

log = structlog.get_logger("streamproc.kafka")

TOMBSTONE: Final = "a tombstone"
STRANGE: Final = "not what streamproc writes there"


def passed_over(record: Located, what: str, then: str) -> None:
    """Tell of one. `then`: what happens now, or what to do."""
    telemetry.FOREIGN.labels(record.topic, str(record.partition)).inc()
    log.error(
        "a record that isn't ours was passed over: who may write there?",
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        what=what,
        then=then,
    )

"""The topology as data: every topic with its key, value, partitions and retention, who writes it and who reads it."""

from dataclasses import dataclass, field
from typing import Any, Final

from streamproc.core.delivery import DELIVERY, OUTCOME, REJECTED
from streamproc.core.events import CHANGE_EVENT
from streamproc.core.fold import USER_RECORD
from streamproc.sources import SOURCES
from streamproc.sources.hris import HrisEvent

FOREVER: Final = "-1"
DAY: Final = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `value` is the pydantic model or TypeAdapter of its values."""

    name: str
    key: str
    value: Any
    writer: str
    reader: str
    purpose: str
    config: dict[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> str:
        """File of the value's JSON Schema under schemas/."""
        return f"{self.name}.schema.json"


_APPENDED = {"message.timestamp.type": "LogAppendTime"}  # the clock that latencies and effective dates are told by
_KEPT = {"cleanup.policy": "delete", "retention.ms": FOREVER}
_COMPACTED = {
    "cleanup.policy": "compact",
    "min.compaction.lag.ms": str(7 * DAY),  # readers that are days behind still see every record
}

CHANGES: Final = "identity.changes"
OPERATIONS: Final = "scim.operations"
OUTCOMES: Final = "scim.outcomes"
DELIVERIES: Final = "scim.deliveries"
REJECTIONS: Final = "events.rejected"

TOPICS: Final[tuple[Topic, ...]] = (
    *(
        Topic(
            f"events.{source}",
            "the source's subject id",
            HrisEvent,
            "producers",
            "worker (resolve)",
            "raw events, as received",
            _APPENDED | {"cleanup.policy": "delete", "retention.ms": str(30 * DAY)},
        )
        for source in SOURCES
    ),
    Topic(
        REJECTIONS,
        "topic/partition/offset of the input",
        REJECTED,
        "worker",
        "operators",
        "input that can't become an event, with the reason and the original bytes",
        _KEPT,
    ),
    Topic(
        CHANGES,
        "user ID",
        CHANGE_EVENT,
        "worker (resolve)",
        "worker (fold)",
        "canonical events: the system of record",
        _APPENDED | _KEPT,
    ),
    Topic(
        OPERATIONS,
        "user ID",
        USER_RECORD,
        "worker (fold)",
        "sink; the worker's table `users`",
        "record, desired state and operation per user",
        _COMPACTED,
    ),
    Topic(
        OUTCOMES,
        "user ID",
        OUTCOME,
        "sink",
        "auditors",
        "every attempt and verdict: the audit log",
        _KEPT,
    ),
    Topic(
        DELIVERIES,
        "user ID",
        DELIVERY,
        "sink",
        "sink",
        "what Genesys holds, per user",
        {"cleanup.policy": "compact"},
    ),
)


def picture() -> str:
    """The way of an event, drawn from TOPICS."""
    raw = [topic.name for topic in TOPICS if topic.name.startswith("events.") and topic.name != REJECTIONS]
    lines = ["HRIS producers", "      │"]
    lines += [f"      ├─► {name}" for name in raw[:-1]] + [f"      └─► {raw[-1]}"]
    lines += [
        "              │",
        f"      worker: resolve ──► {REJECTIONS}",
        "              │",
        f"        {CHANGES}",
        "              │",
        "      worker: fold (table users)",
        "              │",
        f"        {OPERATIONS}",
        "              │",
        "            sink ─────────► Genesys Cloud SCIM 2.0",
        "              │",
        f"              ├─► {OUTCOMES}",
        f"              └─► {DELIVERIES}",
    ]
    return "\n".join(lines)

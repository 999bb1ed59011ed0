"""The topology as data: every topic with its key, value, partitions and retention, who writes it and who reads it."""

from dataclasses import dataclass, field
from typing import Any, Final

from streamproc.core.records.change_event import CHANGE_EVENT
from streamproc.core.records.control import CONTROL
from streamproc.core.records.cursor import CURSOR
from streamproc.core.records.delivery import DELIVERED_STATE
from streamproc.core.records.link import LINK
from streamproc.core.records.mapping_in_force import MAPPING_IN_FORCE
from streamproc.core.records.outcome import OUTCOME
from streamproc.core.records.rejected import REJECTED
from streamproc.core.records.topic_names import (
    CHANGES,
    CONTROLS,
    CURSORS,
    DAY,
    DELIVERIES,
    LINKS,
    MAPPINGS,
    OPERATIONS,
    OUTCOMES,
    REJECTIONS,
)
from streamproc.core.records.user_record import USER_RECORD
from streamproc.sources import SOURCES
from streamproc.sources.hris.contract import HrisEvent

FOREVER: Final = "-1"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `value` is the pydantic model or TypeAdapter of its values; None: as the source sends it."""

    name: str
    key: str
    value: Any
    writer: str
    reader: str
    purpose: str
    config: dict[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> str:
        """File of the value's JSON Schema under schemas/; "" where the value is the source's own."""
        return "" if self.value is None else f"{self.name}.schema.json"


_APPENDED = {"message.timestamp.type": "LogAppendTime"}  # the clock that latencies and effective dates are told by
_LARGE = {"max.message.bytes": str(2 * 1024 * 1024)}  # a request's body of 1 MiB, and in base64 where it is rejected
_RAW = _APPENDED | _LARGE | {"cleanup.policy": "delete", "retention.ms": str(30 * DAY)}
_KEPT = {"cleanup.policy": "delete", "retention.ms": FOREVER}
_COMPACTED = {
    "cleanup.policy": "compact",
    "min.compaction.lag.ms": str(7 * DAY),  # readers that are days behind still see every record
}


_WRITERS: Final = {
    "hris": "producers; gateway; hydrator",
    "entra": "producers; gateway; hydrator",  # the audit log comes by way of Event Hubs, which is Kafka
    "workday": "producers; gateway; hydrator",
    "debezium": "producers",
    "set": "gateway",
}
"""Who writes raw events. The others' come by their hooks, and from the hydrator, which asks for whole subjects."""

TOPICS: Final[tuple[Topic, ...]] = (
    *(
        Topic(
            f"events.{source}",
            "the source's subject id",
            HrisEvent if source == "hris" else None,
            _WRITERS.get(source, "gateway; hydrator"),
            "worker (resolve)",
            "raw events, as received",
            _RAW,
        )
        for source in SOURCES
    ),
    *(
        Topic(
            f"notifications.{source.name}",
            "the source's subject id",
            None,
            "gateway; worker",
            "hydrator, if the source's directory is configured",
            "hooks that say only that something changed, as received",
            _RAW,
        )
        for source in SOURCES.values()
        if source.fetched
    ),
    Topic(
        REJECTIONS,
        "topic/partition/offset of the input; of a request gateway/source/hash",
        REJECTED,
        "worker; gateway; hydrator",
        "worker; operators",
        "input that can't be understood, or of which a part can't, with the reason and the original bytes",
        _KEPT | _LARGE,
    ),
    Topic(
        CHANGES,
        "user ID",
        CHANGE_EVENT,
        "worker (resolve)",
        "worker (fold)",
        "canonical events and changes of the mapping: the system of record",
        _APPENDED | _KEPT,
    ),
    Topic(
        LINKS,
        "SOURCE/SUBJECT",
        LINK,
        "worker (resolve)",
        "worker (resolve); operators",
        "which user each source's subject is, what it has said, and what waits",
        _COMPACTED,
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
        DELIVERED_STATE,
        "sink",
        "sink",
        "what Genesys holds, per user",
        {"cleanup.policy": "compact"},
    ),
    Topic(
        CONTROLS,
        "user ID, subject, name of a rejected input, `sink` or `mapping`",
        CONTROL,
        "operators",
        "sink; worker (resolve)",
        "operators' orders: release, reject, retry, skip, pause, resume; link, split; mapping; replay, drop",
        _APPENDED | _KEPT,
    ),
    Topic(
        MAPPINGS,
        "partition",
        MAPPING_IN_FORCE,
        "worker (fold)",
        "the worker's table `rules`; operators",
        "which mapping is in force in each partition of identity.changes, from which offset on",
        _COMPACTED,
    ),
    Topic(
        CURSORS,
        "source",
        CURSOR,
        "hydrator",
        "hydrator",
        "how far the synchronisation of each source has come",
        {"cleanup.policy": "compact"},
    ),
)


def picture() -> str:
    """The way of an event, drawn from TOPICS."""
    names = [topic.name for topic in TOPICS]
    hooks = [name for name in names if name.startswith("notifications.")]
    raw = [name for name in names if name.startswith("events.") and name != REJECTIONS]
    lines = ["hooks of Okta, Entra, PingOne, Workday, HR systems; security event tokens"]
    lines += ["      │", "   gateway", "      │"]
    lines += [f"      ├─► {name}" for name in hooks[:-1]] + [f"      ├─► {hooks[-1]} ──► hydrator ◄─► {CURSORS}"]
    lines += ["      │", "      │   producers, change data capture, hydrator", "      │      │", "      └──────┤"]
    lines += [f"             ├─► {name}" for name in raw[:-1]] + [f"             └─► {raw[-1]}"]
    lines += [
        "                     │",
        f"             worker: resolve ──► {REJECTIONS} ◄── gateway",
        f"                     ├─◄─► {LINKS}",
        "                     │",
        f"               {CHANGES}",
        "                     │",
        "             worker: fold (table users)",
        f"                     ├─◄─► {MAPPINGS}",
        "                     │",
        f"               {OPERATIONS}",
        "                     │",
        "                   sink ─────────► Genesys Cloud SCIM 2.0",
        "                     │",
        f"                     ├─◄ {CONTROLS}",
        f"                     ├─► {OUTCOMES}",
        f"                     └─► {DELIVERIES}",
    ]
    return "\n".join(lines)

"""The topology as data: every topic with its key, value, partitions and retention, who writes it and who reads it."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from streamproc.core.provider.event import SCIM_EVENT
from streamproc.core.records.change_event import CHANGE_EVENT
from streamproc.core.records.control import CONTROL
from streamproc.core.records.cursor import CURSOR
from streamproc.core.records.delivery import DELIVERED_STATE
from streamproc.core.records.finding import FINDING
from streamproc.core.records.link import LINK
from streamproc.core.records.mapping_in_force import MAPPING_IN_FORCE
from streamproc.core.records.outcome import OUTCOME
from streamproc.core.records.rejected import REJECTED
from streamproc.core.records.service_state import SERVICE_STATE
from streamproc.core.records.topic_identity import TOPIC_IDENTITY
from streamproc.core.records.topic_names import (
    CHANGES,
    CONTROLS,
    CURSORS,
    DAY,
    DELIVERIES,
    FINDINGS,
    FORWARDS,
    IDENTITIES,
    LINKS,
    MAPPINGS,
    OPERATIONS,
    OUTCOMES,
    PRODUCED,
    PUSHED,
    REJECTIONS,
    RESOURCES,
    STATUS,
    events_topic,
    intake_topic,
    is_input,
    notifications_topic,
)
from streamproc.core.records.user_record import USER_RECORD
from streamproc.sources import SOURCES
from streamproc.sources.hris.contract import HrisEvent
from streamproc.sources.scim.known_record import KNOWN
from streamproc.sources.scim.read import SOURCE as SCIM

FOREVER: Final = "-1"

Role: TypeAlias = Literal["producers", "gateway", "hydrator", "worker", "sink", "reconcile", "operators", "auditors"]
"""Who connects to Kafka, each with what it needs and no more (`rights.py`)."""


class Party(NamedTuple):
    """Who reads or writes a topic, and with what of its own."""

    role: Role
    part: str = ""

    def __str__(self) -> str:
        return f"{self.role} ({self.part})" if self.part else self.role


PRODUCERS: Final = Party("producers")
GATEWAY: Final = Party("gateway")
SCIM_DOOR: Final = Party("gateway", "if SCIM is served")
HYDRATOR: Final = Party("hydrator")
DIRECTORIES: Final = Party("hydrator", "if the directory is configured")
WORKER: Final = Party("worker")
RESOLVE: Final = Party("worker", "resolve")
PUSH: Final = Party("worker", "push")
FOLD: Final = Party("worker", "fold")
USERS: Final = Party("worker", "table `users`")
RULES: Final = Party("worker", "table `rules`")
PROVIDER: Final = Party("worker", "table `provider`")
SINK: Final = Party("sink")
RECONCILE: Final = Party("reconcile")
OPERATORS: Final = Party("operators")
AUDITORS: Final = Party("auditors")
RAW_AUDITORS: Final = Party("auditors", "--raw")


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `value` is the pydantic model or TypeAdapter of its values; None: as the source sends it."""

    name: str
    key: str
    value: Any
    writers: tuple[Party, ...]
    readers: tuple[Party, ...]
    purpose: str
    config: dict[str, str] = field(default_factory=dict)

    @property
    def writer(self) -> str:
        """Who writes it, in words."""
        return "; ".join(map(str, self.writers))

    @property
    def reader(self) -> str:
        """Who reads it, in words."""
        return "; ".join(map(str, self.readers))

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


_TOLD: Final = {"set": (GATEWAY,)}
"""Who writes what a source has told us. The hydrator asks for whole subjects, where there is a directory."""

TOPICS: Final[tuple[Topic, ...]] = (
    *(
        Topic(
            events_topic(source),
            "the source's subject id",
            HrisEvent if source == "hris" else None,
            (PRODUCERS,) if source in PRODUCED else _TOLD.get(source, (GATEWAY, HYDRATOR)),
            (RESOLVE, RAW_AUDITORS),
            "raw events, as received",
            _RAW,
        )
        for source in SOURCES
        if source != SCIM
    ),
    Topic(
        PUSHED,
        "connection; each has one partition, which is set",
        SCIM_EVENT,
        (SCIM_DOOR, OPERATORS),
        (SCIM_DOOR, PUSH, OPERATORS, RAW_AUDITORS),
        "writes of SCIM clients, as they were decided on: the system of record of their users and groups",
        _APPENDED | _LARGE | _KEPT,  # a record of a year ago says which id somebody has
    ),
    *(
        Topic(
            intake_topic(source.name),
            "the source's subject id",
            None,
            (GATEWAY, HYDRATOR),
            (RESOLVE, RAW_AUDITORS),
            "the same of a source with outside producers: what gateway and hydrator had themselves",
            _RAW,
        )
        for source in SOURCES.values()
        if source.name in PRODUCED and source.fetched
    ),
    *(
        Topic(
            notifications_topic(source.name),
            "the source's subject id",
            None,
            (GATEWAY, WORKER),
            (DIRECTORIES, RAW_AUDITORS),
            "hooks that say only that something changed, as received",
            _RAW,
        )
        for source in SOURCES.values()
        if source.fetched
    ),
    Topic(
        FORWARDS,
        "the subject, or the key of a replayed input",
        None,
        (RESOLVE, PUSH),
        (RESOLVE, RAW_AUDITORS),
        "what was said of each linked subject, orders about it, and replayed inputs, in one order",
        _RAW,
    ),
    Topic(
        REJECTIONS,
        "topic/partition/offset of the input; of a request gateway/source/hash",
        REJECTED,
        (WORKER, GATEWAY, HYDRATOR),
        (WORKER, OPERATORS, AUDITORS),
        "input that can't be understood, or of which a part can't, with the reason and the original bytes",
        _LARGE | {"cleanup.policy": "delete", "retention.ms": str(90 * DAY)},  # whole bodies, and so people's data
    ),
    Topic(
        CHANGES,
        "user ID",
        CHANGE_EVENT,
        (RESOLVE,),
        (FOLD, OPERATORS, AUDITORS),
        "canonical events and changes of the mapping: the system of record",
        _APPENDED | _KEPT,
    ),
    Topic(
        LINKS,
        "SOURCE/SUBJECT",
        LINK,
        (RESOLVE,),
        (RESOLVE, HYDRATOR, SCIM_DOOR, OPERATORS, AUDITORS),
        "which user each source's subject is, what it has said, and what waits",
        _COMPACTED,
    ),
    Topic(
        RESOURCES,
        '["CONNECTION", "ID"], or ["CONNECTION", "GROUP", "MEMBER"]',
        KNOWN,
        (PUSH,),
        (PROVIDER, RAW_AUDITORS),
        "what is known of the users, groups and memberships of SCIM clients",
        _COMPACTED,
    ),
    Topic(
        OPERATIONS,
        "user ID",
        USER_RECORD,
        (FOLD,),
        (SINK, USERS, RECONCILE, OPERATORS, AUDITORS),
        "record, desired state and operation per user",
        _COMPACTED,
    ),
    Topic(
        OUTCOMES, "user ID", OUTCOME, (SINK,), (SCIM_DOOR, AUDITORS), "every attempt and verdict: the audit log", _KEPT
    ),
    Topic(
        DELIVERIES,
        "user ID",
        DELIVERED_STATE,
        (SINK,),
        (SINK, RECONCILE, SCIM_DOOR, OPERATORS, AUDITORS),
        "what Genesys holds, per user",
        {"cleanup.policy": "compact"},
    ),
    Topic(
        FINDINGS,
        "user ID, or account/ID",
        FINDING,
        (RECONCILE,),
        (RECONCILE, SINK, OPERATORS, AUDITORS),
        "where Genesys differs from what is desired, since when, and by whom",
        _APPENDED | _KEPT,
    ),
    Topic(
        CONTROLS,
        "user ID, subject, name of a rejected input, `sink`, `mapping` or `connections`",
        CONTROL,
        (OPERATORS,),
        (SCIM_DOOR, SINK, RESOLVE, RECONCILE, OPERATORS, AUDITORS),
        "operators' orders about what is parked, held, rejected or found, about links, sinks, mapping and connections",
        _APPENDED | _KEPT,
    ),
    Topic(
        MAPPINGS,
        "partition",
        MAPPING_IN_FORCE,
        (FOLD,),
        (RULES, OPERATORS, AUDITORS),
        "which mapping is in force in each partition of identity.changes, from which offset on",
        _COMPACTED,
    ),
    Topic(
        CURSORS,
        "source",
        CURSOR,
        (HYDRATOR,),
        (HYDRATOR,),
        "how far the synchronisation of each source has come",
        {"cleanup.policy": "compact"},
    ),
    Topic(
        IDENTITIES,
        "topic",
        TOPIC_IDENTITY,
        (WORKER, SINK, HYDRATOR, RECONCILE, OPERATORS),
        (SCIM_DOOR, WORKER, SINK, HYDRATOR, RECONCILE),
        "Kafka's id of each topic that is in use: one that is made anew has another",
        {"cleanup.policy": "compact"},
    ),
    Topic(
        STATUS,
        "SERVICE/INSTANCE",
        SERVICE_STATE,
        (GATEWAY, HYDRATOR, WORKER, SINK, RECONCILE),
        (OPERATORS,),
        "how each service is, as it says itself",
        # Whoever looks reads all of it: so it is kept short, and who is gone for days is forgotten.
        _APPENDED | {"cleanup.policy": "compact,delete", "retention.ms": str(7 * DAY), "segment.ms": str(DAY // 24)},
    ),
)

RESOLVED: Final = (
    *(topic.name for topic in TOPICS if is_input(topic.name) and RESOLVE in topic.readers),
    FORWARDS,
    CONTROLS,
)
"""What the worker's agent `resolve` reads."""

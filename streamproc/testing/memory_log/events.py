"""What the broker tells its watchers, at the moment when it happens there."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from streamproc.adapters.kafka.log import TopicPartition
from streamproc.testing.memory_log.partition import MemoryRecord

BROKER = "broker"
"""Who did it, where no client did."""


@dataclass(frozen=True, slots=True)
class RecordAppended:
    """A record lies in the log. `by`: the client's process. It counts at once, unless `record.transaction`."""

    by: str
    record: MemoryRecord


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """Its records and offsets count from now on, or never. `by`: BROKER where it was aborted for its producer."""

    by: str
    transactional_id: str
    committed: bool
    records: tuple[MemoryRecord, ...]
    """In the order in which they were appended."""
    offsets: dict[tuple[str, TopicPartition], int]
    """By group and partition. Where it was committed, an OffsetCommitted follows for each."""


@dataclass(frozen=True, slots=True)
class OffsetCommitted:
    """A group will go on from here, by its member's order or by the end of a transaction."""

    by: str
    group: str
    place: TopicPartition
    offset: int
    before: int | None
    """What was committed until now."""
    transactional_id: str | None = None


@dataclass(frozen=True, slots=True)
class ProducerStarted:
    """A transactional id is somebody else's from now on; whoever had it before is fenced."""

    by: str
    transactional_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class GroupChanged:
    """Members of a group have new shares of its partitions, by the name of each one's process."""

    group: str
    generation: int
    shares: tuple[tuple[str, tuple[TopicPartition, ...]], ...]


@dataclass(frozen=True, slots=True)
class MemberRemoved:
    """The broker hasn't heard of a member for too long: `why` is "session" or "rebalance"."""

    by: str
    group: str
    why: Literal["session", "rebalance"]


@dataclass(frozen=True, slots=True)
class RecordsRemoved:
    """What compaction or retention took away: offsets, ascending."""

    place: TopicPartition
    offsets: tuple[int, ...]
    why: Literal["compaction", "retention"]


BrokerEvent: TypeAlias = (
    RecordAppended
    | TransactionEnded
    | OffsetCommitted
    | ProducerStarted
    | GroupChanged
    | MemberRemoved
    | RecordsRemoved
)

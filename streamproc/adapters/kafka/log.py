"""The log as the processes see it: what they need of Kafka's consumers and producers, in aiokafka's own words.

`adapters/kafka/client.py` gives out aiokafka's clients themselves, so nothing stands between a process and its
records; `testing/memory_log` keeps the same promises without a broker. `tests/contract/log` holds both to them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalOperation,
    IllegalStateError,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaConnectionError,
    KafkaError,
    OffsetOutOfRangeError,
    ProducerClosed,
    ProducerFenced,
    RebalanceInProgressError,
    TransactionalIdAuthorizationFailed,
    UnknownProducerId,
)
from aiokafka.errors import GroupAuthorizationFailedError as GroupNotAllowedError
from aiokafka.errors import TopicAuthorizationFailedError as NotAllowedError

from streamproc.core.records.units import Millis

__all__ = [
    "FORGOTTEN",
    "NOT_ALLOWED",
    "Batch",
    "CommitFailedError",
    "Consumer",
    "ConsumerRebalanceListener",
    "ConsumerRecord",
    "ConsumerStoppedError",
    "Headers",
    "IllegalOperation",
    "IllegalStateError",
    "InvalidTxnState",
    "KafkaConnectionError",
    "KafkaError",
    "Located",
    "Log",
    "NotAllowedError",
    "OffsetAndTimestamp",
    "OffsetOutOfRangeError",
    "Producer",
    "ProducerClosed",
    "ProducerFenced",
    "RebalanceInProgressError",
    "RecordMetadata",
    "TopicPartition",
    "started",
]

if TYPE_CHECKING:  # aiokafka comes without types

    class TopicPartition(NamedTuple):
        """A partition of a topic."""

        topic: str
        partition: int

    class OffsetAndTimestamp(NamedTuple):
        """Where a record is, and when it was appended, in ms since 1970."""

        offset: int
        timestamp: int

    class ConsumerRebalanceListener:
        """Awaited while a consumer's partitions move: nothing is read until `on_partitions_revoked` has returned."""

        async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
            """All of the consumer's partitions go; empty where it has just joined."""

        async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
            """These are the consumer's from now on. Their records may be read while this is still running."""

else:
    from aiokafka.abc import ConsumerRebalanceListener
    from aiokafka.structs import OffsetAndTimestamp, TopicPartition

FORGOTTEN: Final = (InvalidProducerIdMapping, UnknownProducerId)
"""The brokers don't know a producer's id any more: it was idle for too long. Nobody else has taken its place."""
NOT_ALLOWED: Final = (NotAllowedError, GroupNotAllowedError, TransactionalIdAuthorizationFailed)
"""What a missing right is told by."""
UNDONE: Final = (KafkaError, IllegalOperation, AssertionError, OSError)
"""A transaction doesn't commit: fencing may show as an unknown code, or as the client's complaint of a wrong moment."""
Headers = Sequence[tuple[str, bytes]]
Client = TypeVar("Client", "Consumer", "Producer")


class Located(Protocol):
    """Where a record lies."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...


class RecordMetadata(Located, Protocol):
    """Where a record was appended, and when."""

    @property
    def timestamp(self) -> Millis:
        """In ms since 1970."""


class ConsumerRecord(RecordMetadata, Protocol):
    """A record as it was read."""

    @property
    def key(self) -> Any:
        """bytes, or None where records of the topic may have none."""

    @property
    def value(self) -> Any:
        """bytes, or None: a tombstone."""

    @property
    def headers(self) -> Headers: ...


class Consumer(Protocol):
    """Reads; it commits nothing by itself. Its requests raise KafkaError."""

    async def start(self) -> None:
        """Connect. A member of a group joins when it has subscribed, in the background."""

    async def stop(self) -> None:
        """Leave the group at once, and disconnect."""

    # Which partitions

    def subscribe(self, topics: Sequence[str], *, listener: ConsumerRebalanceListener | None = None) -> None:
        """Share these topics with the group's other members."""

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read these, whoever else does. Not together with `subscribe`."""

    def assignment(self) -> set[TopicPartition]:
        """What it reads; while partitions move, what it read before."""

    def pause(self, *partitions: TopicPartition) -> None:
        """Give no records of these until `resume`, or until they are assigned anew."""

    def resume(self, *partitions: TopicPartition) -> None:
        """Give records of these again."""

    def paused(self) -> set[TopicPartition]:
        """Of its partitions, those that are paused."""

    # Records

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        """The next records of these partitions, or of all, in each one's order; empty where none came in time.

        While partitions move it waits for the end of that, however long it takes.
        """

    # Offsets

    async def position(self, partition: TopicPartition) -> int:
        """The next record's offset at the earliest: the committed offset to begin with, or the partition's first."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on from this offset."""

    async def seek_to_beginning(self, *partitions: TopicPartition) -> object:
        """Go on from the first record of these, or of all."""

    async def seek_to_end(self, *partitions: TopicPartition) -> object:
        """Go on from what is appended from now on."""

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Offset of each one's first record."""

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Offset of each one's next record; where only committed ones are read, below the first open transaction."""

    async def offsets_for_times(
        self, timestamps: dict[TopicPartition, int]
    ) -> Mapping[TopicPartition, OffsetAndTimestamp | None]:
        """Each one's first record at or after a time (ms since 1970). None: there is none."""

    def highwater(self, partition: TopicPartition) -> int | None:
        """End of the partition when something was last fetched from it. None: nothing was."""

    def last_stable_offset(self, partition: TopicPartition) -> int | None:
        """Where its first open transaction began, else its end, when something was last fetched. None: nothing was."""

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Keep for the group where to go on.

        Raises CommitFailedError, RebalanceInProgressError or IllegalStateError where they aren't the consumer's now.
        """

    async def committed(self, partition: TopicPartition) -> int | None:
        """What the group has kept. None: nothing yet."""


class Batch(Protocol):
    """Records of one partition that go out together."""

    def append(self, *, timestamp: int | None, key: bytes | None, value: bytes | None, headers: Headers) -> Any:
        """None: the batch is full, and doesn't have the record. `timestamp` None: now."""


class Producer(Protocol):
    """Idempotent, acks=all: what it acknowledged is kept, once and in order. Its requests raise KafkaError."""

    async def start(self) -> None:
        """Connect. With a transactional id: abort the transaction of who had that id before, and fence them."""

    async def stop(self) -> None:
        """Send what is waiting, and disconnect. An open transaction stays open until its id is fenced or it expires."""

    async def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        *,
        headers: Headers | None = None,
    ) -> asyncio.Future[RecordMetadata]:
        """Returns when the record is on its way; the future is done when the brokers have it.

        `partition` None: by the key.
        """

    async def send_and_wait(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        *,
        headers: Headers | None = None,
    ) -> RecordMetadata:
        """The same, and returns when the brokers have it."""

    def create_batch(self) -> Batch:
        """An empty one, for `send_batch`."""

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:
        """Returns when a batch of this producer is on its way; the future tells where its first record is."""

    # Transactions: for a producer with a transactional id

    async def begin_transaction(self) -> None:
        """What is sent from now on counts together, or not at all."""

    async def send_offsets_to_transaction(self, offsets: Mapping[TopicPartition, int], group_id: str) -> None:
        """Keep these for the group, if the transaction commits. Raises KafkaError where the producer was fenced."""

    async def commit_transaction(self) -> None:
        """Raises KafkaError where it was fenced: nothing of the transaction counts then.

        Others may see what was committed a moment later; who starts a producer with the same id sees it at once.
        """

    async def abort_transaction(self) -> None:
        """Nothing of the transaction counts."""


class Log(Protocol):
    """Where clients come from. None of them is started yet."""

    @property
    def partitions(self) -> int:
        """Of each topic."""

    def consumer(self, *, group: str | None = None, committed_only: bool = True) -> Consumer:
        """Begins at the group's offset, else with the first record. `committed_only`: nothing of other transactions."""

    def producer(self, transactional_id: str | None = None) -> Producer:
        """At most one producer at a time may use a transactional id: a new one fences the one before."""


@asynccontextmanager
async def started(client: Client) -> AsyncIterator[Client]:
    """A client for the time of the block. Raises KafkaError where nobody answers."""
    try:
        await client.start()
        yield client
    finally:
        await asyncio.sleep(0)  # aiokafka's consumer can't be stopped before its own tasks have begun
        await client.stop()

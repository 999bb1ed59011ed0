"""What we use of Faust, as types: mypy doesn't follow its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol, TypeAlias

Getmany: TypeAlias = "Callable[[set[TopicPartition], float], Awaitable[Mapping[TopicPartition, Any]]]"


class TopicPartition(Protocol):
    """A pair: it equals the tuple, and aiokafka's TopicPartition, of the same topic and partition."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    def __hash__(self) -> int: ...


class Consumer(Protocol):
    """`faust.transport.consumer.Consumer`."""

    flow_active: bool
    """Whether records may be handed out."""
    should_stop: bool
    suspend_flow: asyncio.Event
    """Set when records may no longer be handed out."""
    _acked: MutableMapping[TopicPartition, list[int]]
    """Offsets that agents have acknowledged. It makes a missing key."""
    _getmany: Getmany
    """Partitions and a timeout in seconds → records."""
    _thread: Any
    """Makes aiokafka's consumer, in a thread of its own."""
    _new_offset: Callable[[TopicPartition], int | None]
    """Partition → the offset to commit; None: none yet."""

    _commit: Callable[[Mapping[TopicPartition, int]], Awaitable[bool]]
    """Have the group keep offsets. False: it didn't, because partitions have moved."""
    _should_commit: Callable[[TopicPartition, int], bool]
    """Whether the offset isn't committed yet."""

    def assignment(self) -> set[TopicPartition]:
        """The partitions that are here."""

    async def position(self, tp: TopicPartition, /) -> int | None:
        """The offset that is fetched next."""

    def highwater(self, tp: TopicPartition, /) -> int:
        """The offset at which the partition ends."""

    async def wait_first(self, *waiting: Awaitable[object]) -> object:
        """Wait for the first of them, or until the consumer stops."""


class Queue(Protocol):
    """The queue of a channel, which Faust clears on a rebalance."""

    def empty(self) -> bool:
        """Whether nothing waits in it."""

    def force_put_nowait(self, value: object) -> None:
        """Append, also where it is full or suspended."""


class Channel(Protocol):
    """`faust.Topic`, as one that is read."""

    topics: Sequence[str]
    queue: Queue


class Stream(Protocol):
    """What an agent reads."""

    channel: Channel

    def __aiter__(self) -> Any: ...


class Recovery(Protocol):
    """`faust.tables.recovery.Recovery`."""

    active_highwaters: MutableMapping[TopicPartition, int]
    """Offset of each changelog's last record, as the brokers said when recovery began."""
    active_offsets: MutableMapping[TopicPartition, int | None]
    """The last that was applied. None: recovery has only begun."""

    def active_remaining_total(self) -> int:
        """Records of changelogs that are still to be read."""


class Tables(Protocol):
    """`faust.tables.manager.TableManager`."""

    recovery: Recovery
    changelog_queue: Queue
    """What was fetched and not yet applied."""

    async def wait_until_recovery_completed(self) -> bool:
        """All tables are whole."""

    def add(self, table: object) -> object:
        """Register a table."""

    async def on_rebalance(self, assigned: set[TopicPartition], /, *rest: object) -> None:
        """Partitions have moved, and those that are assigned are here: begin to recover the tables."""


class App(Protocol):
    """`faust.App`."""

    conf: Any
    consumer: Consumer
    consumer_generation_id: int
    """The consumer group's."""
    crash_reason: BaseException | None
    flow_control: Any
    in_recovery: bool
    monitor: Any
    on_partitions_assigned: Any
    on_partitions_revoked: Any
    rebalancing: bool
    tables: Tables

    def agent(self, channel: object, *, name: str) -> Callable[[Callable[[Any], Any]], object]:
        """Decorate an async generator that reads the channel's stream."""

    def topic(self, *names: str, **options: object) -> Any:
        """Describe topics."""

    def finalize(self) -> None:
        """Nothing more is declared."""

    async def start(self) -> None:
        """Join the group, and recover the tables."""

    async def stop(self) -> None:
        """Leave the group."""

    async def wait_until_stopped(self) -> None:
        """Wait until it has stopped or crashed."""

    async def crash(self, reason: BaseException) -> None:
        """Stop everything, for this reason."""

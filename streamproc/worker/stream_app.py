"""What the worker needs of whatever runs its agents: a place in the consumer group, and tables that are recovered.

`faust_bridge/` has Faust do it. Nothing else of the worker knows Faust, so something else may take its place.
"""

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import NoReturn, Protocol, TypeAlias

from streamproc.adapters.kafka.log import ConsumerRecord, TopicPartition

Take: TypeAlias = Callable[[TopicPartition, Sequence[ConsumerRecord]], Awaitable[None]]
"""Handles records of one partition, in order."""


class StateTable(Protocol):
    """Key → encoded record with a `seq`, both as bytes, kept in a changelog (`table_recovery.py`)."""

    regressed: dict[bytes, int]
    """Keys whose last record in the changelog isn't their newest, or isn't ours, with the partition; by recovery."""

    def read(self, key: bytes, partition: int) -> bytes | None:
        """The key's record; None: none yet."""

    def records(self) -> Iterator[tuple[bytes, bytes, int]]:
        """All keys that are here, with their records and partitions."""

    def keys_of(self, partition: int) -> list[bytes]:
        """All keys that are here of one partition."""

    def keep(self, key: bytes, value: bytes, partition: int) -> None:
        """Set what the brokers have acknowledged, unless recovery has brought something newer."""

    def on_recover(self, call: Callable[[], Awaitable[None]], /) -> object:
        """Await this each time the table is whole again, before any record is handled."""


class StreamApp(Protocol):
    """One worker's. Agents and tables are declared before it runs.

    Partitions of the same number go to the same worker, of inputs and of changelogs.
    """

    @property
    def group(self) -> str:
        """The consumer group."""

    def table(self, name: str, changelog: str) -> StateTable:
        """A table whose changelog is this topic."""

    def agent(self, name: str, topics: Sequence[str], take: Take) -> None:
        """Have records of these topics taken, batch by batch. What `take` raises ends the app."""

    def on_partitions_moved(self, call: Callable[..., Awaitable[None]]) -> None:
        """Await this when partitions have gone, and when they have come."""

    def before_recovery(self, call: Callable[[Collection[TopicPartition]], Awaitable[None]]) -> None:
        """Await this with all partitions that are here, each time they have come and before their tables are read."""

    def settled(self) -> bool:
        """Whether partitions are where they belong, and tables whole."""

    def recovery_remaining(self) -> int:
        """Records of changelogs that are still to be read before tables are whole."""

    def assignment(self) -> set[TopicPartition]:
        """The partitions that are here."""

    def highwater(self, partition: TopicPartition, /) -> int | None:
        """Where a partition that is here ends. None: nothing was fetched of it yet."""

    def last_stable_offset(self, partition: TopicPartition, /) -> int | None:
        """Where its first open transaction begins, else its end. None: nothing was fetched of it yet."""

    def commits(self, partition: TopicPartition) -> None:
        """This partition has something to commit, though nothing of it was given to an agent."""

    async def run(self, committable: Callable[[TopicPartition], int | None], ready: Callable[[], None]) -> NoReturn:
        """Work until cancelled. Raises what the app crashed of.

        `committable`: partition → the offset to commit; None: none yet. `ready` is called when tables are whole.
        """

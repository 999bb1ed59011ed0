"""The broker: partitions of topics that exist as soon as they are named, producers' epochs, and groups."""

import asyncio
from collections.abc import Callable
from typing import Literal

from streamproc.adapters.kafka.log import ProducerFenced, TopicPartition
from streamproc.testing.memory_log.group import Group
from streamproc.testing.memory_log.partition import Partition, Transaction


class MemoryBroker:
    """All of a cluster. `clock`: ms since 1970, for records' time stamps."""

    def __init__(self, partitions: int, clock: Callable[[], int]) -> None:
        self.partitions = partitions
        """Of each topic."""
        self.clock = clock
        self._partitions: dict[TopicPartition, Partition] = {}
        self._groups: dict[str, Group] = {}
        self._epochs: dict[str, int] = {}
        self._transactions: dict[str, Transaction] = {}
        self._watchers: dict[asyncio.Future[None], None] = {}

    def partition(self, place: TopicPartition) -> Partition:
        """Raises AssertionError where a topic doesn't have so many."""
        assert 0 <= place.partition < self.partitions, f"{place.topic} has {self.partitions} partitions"
        if place not in self._partitions:
            self._partitions[place] = Partition(*place)
        return self._partitions[place]

    def group(self, name: str) -> Group:
        """Empty at first."""
        if name not in self._groups:
            self._groups[name] = Group(self.partitions)
        return self._groups[name]

    async def more(self, seconds: float) -> bool:
        """Wait until there may be more to read. False: it took longer than so many seconds."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers[future] = None
        try:
            await asyncio.wait([future], timeout=seconds)
        finally:
            self._watchers.pop(future, None)
        return future.done()

    def notify(self) -> None:
        """There may be more to read."""
        watchers, self._watchers = self._watchers, {}
        for future in watchers:
            future.set_result(None)

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """What retention does: records below an offset go."""
        self.partition(TopicPartition(topic, partition)).delete_before(offset)

    def compact(self, topic: str) -> None:
        """What the log cleaner does: of each key, only the last record stays."""
        for number in range(self.partitions):
            self.partition(TopicPartition(topic, number)).compact()

    # Transactions

    def fence(self, transactional_id: str) -> int:
        """A producer's new epoch: whoever had the id before is refused from now on."""
        self._end(transactional_id, "aborted")
        self._epochs[transactional_id] = self._epochs.get(transactional_id, -1) + 1
        return self._epochs[transactional_id]

    def transaction(self, transactional_id: str, epoch: int) -> Transaction:
        """The one that is open, or a new one. Raises ProducerFenced."""
        self._check(transactional_id, epoch)
        return self._transactions.setdefault(transactional_id, Transaction())

    def end(self, transactional_id: str, epoch: int, *, commit: bool) -> None:
        """Of a transaction. Raises ProducerFenced."""
        self._check(transactional_id, epoch)
        self._end(transactional_id, "committed" if commit else "aborted")

    def expire_transaction(self, transactional_id: str) -> None:
        """The transaction was open for too long: it is aborted, and its producer fenced."""
        self.fence(transactional_id)

    def _check(self, transactional_id: str, epoch: int) -> None:
        if self._epochs[transactional_id] != epoch:
            raise ProducerFenced

    def _end(self, transactional_id: str, state: Literal["committed", "aborted"]) -> None:
        transaction = self._transactions.pop(transactional_id, None)
        if transaction is None:
            return
        transaction.end(state)
        if state == "committed":
            for (group, place), offset in transaction.offsets.items():
                self.group(group).offsets[place] = offset
        self.notify()

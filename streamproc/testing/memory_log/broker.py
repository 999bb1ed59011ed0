"""The broker: partitions of topics that exist as soon as they are named, producers' transactions, and groups."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from streamproc.adapters.kafka.log import TopicPartition
from streamproc.testing.memory_log.cluster import Cluster
from streamproc.testing.memory_log.events import RecordAppended, RecordsRemoved
from streamproc.testing.memory_log.faults import Fault, middling, never
from streamproc.testing.memory_log.group import Group
from streamproc.testing.memory_log.limits import Limits
from streamproc.testing.memory_log.partition import Entry, MemoryRecord, Partition, Transaction
from streamproc.testing.memory_log.transactions import Coordinator


class MemoryBroker(Cluster):
    """All of a cluster. `clock`: ms since 1970, for records' time stamps. `limits` None: it waits for everybody.

    `fault` decides on what goes wrong (`faults.py`), `chance` (0..1) on what a cluster leaves open.
    """

    def __init__(
        self,
        partitions: int,
        clock: Callable[[], int],
        *,
        fault: Fault = never,
        chance: Callable[[], float] = middling,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(partitions, clock, fault, chance, limits)
        self.coordinator = Coordinator(self, self._keep)
        self._partitions: dict[TopicPartition, Partition] = {}
        self._groups: dict[str, Group] = {}

    # Records

    def partition(self, place: TopicPartition) -> Partition:
        """Raises AssertionError where a topic doesn't have so many."""
        found = self._partitions.get(place)
        if found is None:
            assert 0 <= place.partition < self.partitions, f"{place.topic} has {self.partitions} partitions"
            found = self._partitions[place] = Partition(*place)
        return found

    def append(
        self,
        by: str,
        partition: Partition,
        entries: Sequence[Entry],
        transaction: Transaction | None,
    ) -> list[MemoryRecord]:
        """A batch."""
        at = self.clock()
        records = [partition.append(at, entry, transaction) for entry in entries]
        for record in records:
            self.tell(RecordAppended(by, record))
        partition.wake()
        return records

    def records(self, topic: str) -> list[MemoryRecord]:
        """All that count and are still there, partition by partition."""
        places = [TopicPartition(topic, number) for number in range(self.partitions)]
        return [record for place in places for record in self.partition(place).read(0, committed_only=True)]

    def behind(self, group: str, topics: Iterable[str]) -> Iterator[tuple[TopicPartition, int, int]]:
        """Partitions of which the group hasn't committed all that can be read: its offset, and where that ends."""
        offsets, partitions = self.group(group).offsets, self._partitions
        for topic in topics:
            for number in range(self.partitions):
                place = TopicPartition(topic, number)
                partition = partitions.get(place)  # else nobody has written to it or read it
                if partition is not None and (offset := offsets.get(place, 0)) < partition.stable:
                    yield place, offset, partition.stable

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """What retention does: records below an offset go."""
        place = TopicPartition(topic, partition)
        if removed := self.partition(place).delete_before(offset):
            self.tell(RecordsRemoved(place, tuple(removed), "retention"))

    def compact(self, topic: str, lag_ms: int = 0) -> None:
        """What the log cleaner does: of each key, only the last record stays, and what is newer than `lag_ms`."""
        for number in range(self.partitions):
            place = TopicPartition(topic, number)
            if removed := self.partition(place).compact(self.clock() - lag_ms):
                self.tell(RecordsRemoved(place, tuple(removed), "compaction"))

    # Clients

    def group(self, name: str) -> Group:
        """Empty at first."""
        if name not in self._groups:
            self._groups[name] = Group(self, name)
        return self._groups[name]

    def _keep(self, by: str, group: str, place: TopicPartition, offset: int, transactional_id: str) -> None:
        self.group(group).keep(by, place, offset, transactional_id)

    def expire_transaction(self, transactional_id: str) -> None:
        """The transaction was open for too long: it is aborted, and its producer fenced."""
        self.coordinator.expire(transactional_id)

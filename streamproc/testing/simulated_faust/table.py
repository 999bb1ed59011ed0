"""Tables: what a worker has of its changelogs, in memory or on a disk that outlives it."""

from collections.abc import Awaitable, Callable, Iterable, Iterator

from streamproc.adapters.kafka.log import ConsumerRecord, TopicPartition
from streamproc.worker.decide.encoded_record import regresses
from streamproc.worker.table_recovery import newest_of


class Shelf:
    """One partition of a table."""

    __slots__ = ("applied", "records")

    def __init__(self) -> None:
        self.records: dict[bytes, bytes] = {}
        self.applied: int | None = None
        """Offset in the changelog of the last record that recovery has applied. None: it has applied nothing."""


Disk = dict[TopicPartition, Shelf]
"""Changelogs' partitions → what lies there of them. It may be emptied while no process runs on it."""


class ChangelogRecord:
    """As recovery gives it."""

    __slots__ = ("key", "message", "value")

    def __init__(self, record: ConsumerRecord) -> None:
        self.key: bytes = record.key
        self.value: bytes | None = record.value
        self.message = record


class SimulatedTable:
    """`worker/stream_app.py: StateTable`. `disk` None: a partition's records leave with it."""

    def __init__(self, changelog: str, disk: Disk | None) -> None:
        self.changelog = changelog
        self.regressed: dict[bytes, int] = {}
        self._shelves: Disk = {} if disk is None else disk
        self._lasts = disk is not None
        self._here: dict[int, Shelf] = {}
        self._recovered: list[Callable[[], Awaitable[None]]] = []

    def read(self, key: bytes, partition: int) -> bytes | None:
        shelf = self._here.get(partition)
        return None if shelf is None else shelf.records.get(key)

    def records(self) -> Iterator[tuple[bytes, bytes, int]]:
        for partition, shelf in self._here.items():
            for key, value in shelf.records.items():
                yield key, value, partition

    def keys_of(self, partition: int) -> list[bytes]:
        shelf = self._here.get(partition)
        return [] if shelf is None else list(shelf.records)

    def keep(self, key: bytes, value: bytes, partition: int) -> None:
        shelf = self._shelf(partition)
        if not regresses(shelf.records.get(key), value):
            shelf.records[key] = value

    def on_recover(self, call: Callable[[], Awaitable[None]]) -> None:
        self._recovered.append(call)

    # For recovery

    def move(self, partitions: Iterable[int]) -> None:
        """From now on these are here. What was applied of others is forgotten, where it isn't on a disk."""
        self._here = {partition: self._kept(partition) for partition in partitions}
        if not self._lasts:
            self._shelves.clear()
            self._shelves |= {TopicPartition(self.changelog, number): shelf for number, shelf in self._here.items()}

    def applied(self, partition: int) -> int | None:
        """Offset of the last record that was applied of a partition that is here."""
        return self._shelf(partition).applied

    def apply(self, records: Iterable[ConsumerRecord]) -> None:
        """Records of the changelog, of partitions that are here, in order."""
        batch = [ChangelogRecord(record) for record in records]
        for each in newest_of(batch, self.read, self.regressed):
            assert each.value is not None
            self._shelf(each.message.partition).records[each.key] = each.value
        for each in batch:
            self._shelf(each.message.partition).applied = each.message.offset

    async def recovered(self) -> None:
        """It is whole."""
        for call in self._recovered:
            await call()

    def _kept(self, partition: int) -> Shelf:
        return self._shelves.setdefault(TopicPartition(self.changelog, partition), Shelf())

    def _shelf(self, partition: int) -> Shelf:
        if partition not in self._here:  # an acknowledgement may come after a partition has left
            self._here[partition] = self._kept(partition)
        return self._here[partition]

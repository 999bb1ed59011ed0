"""The coordinator of transactions: whose each transactional id is, which transaction it has open, and its end."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from streamproc.adapters.kafka.log import InvalidTxnState, ProducerFenced, TopicPartition
from streamproc.testing.memory_log import faults
from streamproc.testing.memory_log.cluster import Cluster
from streamproc.testing.memory_log.events import BROKER, ProducerStarted, TransactionEnded
from streamproc.testing.memory_log.link import BusyError
from streamproc.testing.memory_log.partition import Partition, Transaction

Keep: TypeAlias = Callable[[str, str, TopicPartition, int, str], None]
"""Client, group, partition, offset, transactional id."""
LATE = 2.0
"""Seconds that a marker takes at most where it is late, and that a transaction lives where it expires early."""


class Coordinator:
    """Its methods raise ProducerFenced where a transactional id is somebody else's now, and InvalidTxnState where a
    request doesn't fit; BusyError while the transaction before is being completed.
    """

    def __init__(self, cluster: Cluster, keep: Keep) -> None:
        self._cluster = cluster
        self._keep = keep
        self._epochs: dict[str, int] = {}
        self._open: dict[str, Transaction] = {}
        self._ended: dict[str, Transaction] = {}
        """The last one of each id."""
        self._completing: dict[str, int] = {}
        """How many markers of it are on their way."""
        self._sweeping = False

    def start(self, transactional_id: str, by: str) -> int:
        """A producer's new epoch: whoever had the id before is refused from now on."""
        self._check_ready(transactional_id)
        if transactional_id in self._open:
            self._epochs[transactional_id] += 1  # what its producer still has on its way is refused meanwhile
            self._end(transactional_id, BROKER, committed=False)
            self._check_ready(transactional_id)
        self._epochs[transactional_id] = epoch = self._epochs.get(transactional_id, -1) + 1
        self._cluster.tell(ProducerStarted(by, transactional_id, epoch))
        return epoch

    def add_partition(self, transactional_id: str, epoch: int, by: str, partition: Partition) -> None:
        """From now on it may write there. The first of a transaction begins it."""
        self._begun(transactional_id, epoch, by).partitions[partition] = None

    def add_offsets(
        self, transactional_id: str, epoch: int, by: str, group: str, offsets: Mapping[TopicPartition, int]
    ) -> None:
        """Keep these for the group, if it is committed."""
        transaction = self._begun(transactional_id, epoch, by)
        transaction.offsets.update({(group, place): offset for place, offset in offsets.items()})

    def written(self, transactional_id: str, epoch: int, partition: Partition) -> Transaction:
        """The transaction that a record for the partition belongs to."""
        self._check(transactional_id, epoch)
        transaction = self._open.get(transactional_id)
        if transaction is None or partition not in transaction.partitions:
            raise InvalidTxnState
        return transaction

    def end(self, transactional_id: str, epoch: int, by: str, *, commit: bool) -> None:
        """Asked for once more, it says the same."""
        self._check(transactional_id, epoch)
        self._check_ready(transactional_id)
        if transactional_id in self._open:
            self._end(transactional_id, by, committed=commit)
            return
        ended = self._ended.get(transactional_id)
        if ended is None or (ended.state == "committed") != commit:
            raise InvalidTxnState

    def expire(self, transactional_id: str) -> None:
        """Its transaction was open for too long, if it has one: it is aborted, and its producer fenced."""
        if transactional_id in self._open:
            self._epochs[transactional_id] += 1
            self._end(transactional_id, BROKER, committed=False)

    def _check(self, transactional_id: str, epoch: int) -> None:
        if self._epochs.get(transactional_id) != epoch:
            raise ProducerFenced

    def _check_ready(self, transactional_id: str) -> None:
        if transactional_id in self._completing:
            raise BusyError

    def _begun(self, transactional_id: str, epoch: int, by: str) -> Transaction:
        self._check(transactional_id, epoch)
        self._check_ready(transactional_id)
        if transactional_id not in self._open:
            self._open[transactional_id] = Transaction(transactional_id, by, self._cluster.time())
            if self._cluster.limits is not None and not self._sweeping:
                self._sweeping = True
                self._cluster.later(self._cluster.limits.sweep, self._sweep)
            if chance := self._cluster.fault(faults.TRANSACTION_EXPIRED):
                self._cluster.later(LATE * chance.random(), partial(self._expire, self._open[transactional_id]))
        return self._open[transactional_id]

    def _sweep(self) -> None:
        """Only while there is something to wait for: nobody else may be left to do anything."""
        limits = self._cluster.limits
        assert limits is not None
        for transaction in [*self._open.values()]:
            if self._cluster.time() - transaction.begun >= limits.transaction:
                self.expire(transaction.id)
        self._sweeping = bool(self._open)
        if self._sweeping:
            self._cluster.later(limits.sweep, self._sweep)

    def _expire(self, transaction: Transaction) -> None:
        if transaction.state == "open":
            self.expire(transaction.id)

    def _end(self, transactional_id: str, by: str, *, committed: bool) -> None:
        """Decided at once; the markers, which say so to readers, may take their time."""
        transaction = self._ended[transactional_id] = self._open.pop(transactional_id)
        transaction.state = "committed" if committed else "aborted"
        self._cluster.tell(
            TransactionEnded(by, transactional_id, committed, tuple(transaction.records), transaction.offsets)
        )
        marks: list[Callable[[], None]] = [partial(self._mark, transaction, each) for each in transaction.partitions]
        if committed and transaction.offsets:
            marks.append(partial(self._keep_offsets, transaction))
        chance = self._cluster.fault(faults.MARKERS_LATE)
        if chance is None or not marks:
            for mark in marks:
                mark()
            return
        self._completing[transactional_id] = len(marks)
        for mark in marks:
            self._cluster.later(LATE * chance.random(), partial(self._complete, transactional_id, mark))

    def _complete(self, transactional_id: str, mark: Callable[[], None]) -> None:
        mark()
        self._completing[transactional_id] -= 1
        if not self._completing[transactional_id]:
            del self._completing[transactional_id]

    def _mark(self, transaction: Transaction, partition: Partition) -> None:
        partition.mark(transaction, self._cluster.clock())
        partition.wake()

    def _keep_offsets(self, transaction: Transaction) -> None:
        for (group, place), offset in transaction.offsets.items():
            self._keep(transaction.by, group, place, offset, transaction.id)

"""Batches that can't be read: a wrong checksum, an unknown codec, content that doesn't decompress.

aiokafka 0.14.0 raises out of `getmany` there, forgets the records that it had read before in the same answer, and asks
for the batch again for ever. Here each such batch is told by topic, partition and offsets, and then:

- In topics that others write to, one record without a value stands in its place, at its last offset, with the reason in
  the header `streamproc-unreadable`. What comes after it is read; the worker rejects it like other input.
- In our own topics nobody goes on: what is missing could be a leaver. `getmany` raises, as often as it is called.

Whoever makes consumers calls `install` before. It replaces `PartitionRecords` of `aiokafka.consumer.fetcher`.
"""

import time
from collections.abc import Iterator
from typing import Any, Final

import structlog
from aiokafka.consumer import fetcher
from aiokafka.structs import ConsumerRecord

from streamproc import telemetry
from streamproc.core.errors import HistoryError
from streamproc.core.records.headers import UNREADABLE
from streamproc.core.records.topic_names import REJECTIONS

log = structlog.get_logger("streamproc.kafka")

OTHERS: Final = ("events.", "notifications.")
"""What the names of topics begin with that others write to."""


def install() -> None:
    """For all consumers of this process."""
    fetcher.PartitionRecords = ReadableRecords


class ReadableRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one answer for one partition."""

    next_fetch_offset: int

    def __init__(self, tp: Any, records: Any, *rest: Any, **options: Any) -> None:
        self._batches = _Batches(records)
        super().__init__(tp, self._batches, *rest, **options)

    def _unpack_records(self) -> Iterator[Any]:
        (topic, partition), begin = self._tp, self.next_fetch_offset
        while True:
            try:
                yield from super()._unpack_records()
            except Exception as error:  # each codec raises what it likes
                skipped = topic != REJECTIONS and topic.startswith(OTHERS)
                if not skipped and self.next_fetch_offset != begin:
                    return  # they would be lost; the batch is the next answer's first
                first, end = self._unreadable()
                told = f"offsets {first} to {end - 1} can't be read ({type(error).__name__}: {error})"
                telemetry.UNREADABLE.labels(topic, str(partition)).inc(end - first)
                log.error("batch can't be read", topic=topic, partition=partition, told=told)  # noqa: TRY400
                if not skipped:
                    raise HistoryError(f"{topic}, partition {partition}: {told}") from error
                self.next_fetch_offset = end
                yield _placeholder(topic, partition, end - 1, told)
                if self._batches.current is None:
                    return  # nor can be told where the next one begins: the brokers know
            else:
                return

    def _unreadable(self) -> tuple[int, int]:
        """First offset of the batch at hand, and the one after its last.

        A wrong checksum says that its header may be wrong, too: the batch after it limits it.
        """
        first, batch = self.next_fetch_offset, self._batches.current
        end = first + 1 if batch is None else batch.next_offset
        following = getattr(self._batches.following(), "base_offset", end)  # old formats don't say
        return first, max(min(end, following), first + 1)


class _Batches:
    """aiokafka's `MemoryRecords`, which remembers the batch at hand."""

    def __init__(self, records: Any) -> None:
        self._records = records
        self._ahead: Any = None
        self.current: Any = None

    def has_next(self) -> bool:
        """Whether there is another batch."""
        return self._ahead is not None or bool(self._records.has_next())

    def next_batch(self) -> Any:
        """The next one. Raises where its header can't be read."""
        self.current, self._ahead = self._ahead, None
        if self.current is None:
            self.current = self._records.next_batch()
        return self.current

    def following(self) -> Any:
        """The batch after the one at hand; None: there is none, or it can't be read either."""
        if self._ahead is None and self._records.has_next():
            try:
                self._ahead = self._records.next_batch()
            except Exception:  # noqa: BLE001 - told when its turn comes: the answer after this one begins with it
                return None
        return self._ahead


def _placeholder(topic: str, partition: int, offset: int, told: str) -> ConsumerRecord[bytes, bytes]:
    """What stands in the place of a batch. Its timestamp is when that was found."""
    found = int(time.time() * 1000)
    return ConsumerRecord(topic, partition, offset, found, 0, None, None, None, -1, -1, ((UNREADABLE, told.encode()),))

"""What can't be read: batches with a wrong checksum, an unknown codec or too much in them, and records that are gone.

aiokafka 0.14.0 raises out of `getmany` at such a batch, forgets the records that it had read before in the same answer,
and asks for the batch again for ever. Where an offset is gone, it goes on elsewhere without a word. Here each is told
by topic, partition and offsets, and then:

- In topics of sources, one record without a value stands in the place of what can't be read, or was removed before it
  was read; it has the last of these offsets, and the reason in the header `streamproc-unreadable`, in bytes of a type
  that no broker sends. What comes after it is read; the worker rejects it like other input.
- In our own topics nobody goes on: what is missing could be a leaver. `getmany` raises, as often as it is called. So it
  does in all topics at an offset beyond the end, which only a topic has that was made anew, or that lost records.

Whoever makes consumers calls `install` before. It replaces `Fetcher` and `PartitionRecords` of aiokafka.
"""

import time
from collections.abc import Iterator
from typing import Any, Final

import structlog
from aiokafka.consumer import consumer, fetcher
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord

from streamproc import telemetry
from streamproc.adapters.kafka import decompression
from streamproc.core.errors import HistoryError
from streamproc.core.records.headers import UNREADABLE, Unread
from streamproc.core.records.topic_names import is_raw

log = structlog.get_logger("streamproc.kafka")


def install() -> None:
    """For all consumers of this process."""
    decompression.install()
    fetcher.PartitionRecords = ReadableRecords
    consumer.Fetcher = ExactFetcher


def told(topic: str, partition: int, first: int, end: int, why: str) -> str:
    """Tell that offsets `first` to `end - 1` can't be read. Returns it in words.

    Raises HistoryError where nobody may go on without them.
    """
    words = f"offsets {first} to {end - 1} {why}"
    telemetry.UNREADABLE.labels(topic, str(partition)).inc(end - first)
    log.error("unread", topic=topic, partition=partition, told=words)
    if not is_raw(topic):
        raise HistoryError(f"{topic}, partition {partition}: {words}")
    return words


def beyond(topic: str, partition: int, offset: int) -> HistoryError:
    """Where reading should go on at an offset that isn't there yet."""
    return HistoryError(
        f"{topic}, partition {partition}: offset {offset} is beyond its end. It was made anew, or has lost records"
    )


GONE: Final = "were removed before they were read"


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
            except Exception as error:  # noqa: BLE001 - each codec raises what it likes
                if not is_raw(topic) and self.next_fetch_offset != begin:
                    return  # they would be lost; the batch is the next answer's first
                first, end = self._unreadable()
                words = told(topic, partition, first, end, f"can't be read: {_reason(error)}")
                self.next_fetch_offset = end
                yield placeholder(topic, partition, end - 1, words, _now())
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


class ExactFetcher(fetcher.Fetcher):  # type: ignore[misc]
    """Begins with a partition's first record where nothing is committed, and never goes on elsewhere than it was."""

    _default_reset_strategy: int

    def __init__(self, *positional: Any, **options: Any) -> None:
        super().__init__(*positional, **options)
        self._begins = self._default_reset_strategy == fetcher.OffsetResetStrategy.EARLIEST
        self._default_reset_strategy = fetcher.OffsetResetStrategy.NONE
        self._gone: dict[Any, int] = {}
        """Offsets that were asked for and aren't there, of partitions whose first one is being asked for."""

    def _set_error(self, tp: Any, error: Exception) -> None:
        state = self._subscriptions.subscription.assignment.state_value(tp)
        if isinstance(error, OffsetOutOfRangeError) and self._begins:
            self._gone[tp] = state.position
        elif not (isinstance(error, NoOffsetForPartitionError) and self._begins):
            super()._set_error(tp, error)
            return
        state.await_reset(fetcher.OffsetResetStrategy.EARLIEST)

    async def _update_fetch_positions(self, assignment: Any, node_id: Any, tps: Any) -> bool:
        wakeup = bool(await super()._update_fetch_positions(assignment, node_id, tps))
        for tp in tps:
            state = assignment.state_value(tp)
            if not state.has_valid_position or (first := self._gone.pop(tp, None)) is None:
                continue
            begin = state.position
            state.seek(first)
            try:
                gone = _Gone(tp, first, begin)
            except HistoryError as error:
                super()._set_error(tp, error)
            else:
                self._records[tp] = fetcher.FetchResult(
                    tp, assignment=assignment, partition_records=gone, backoff=self._prefetch_backoff
                )
            wakeup = True
        return wakeup

    def request_offset_reset(self, tps: Any, strategy: Any) -> Any:
        for tp in tps:
            self._gone.pop(tp, None)
        return super().request_offset_reset(tps, strategy)

    def seek_to(self, tp: Any, offset: int) -> None:
        self._gone.pop(tp, None)
        super().seek_to(tp, offset)


def _reason(error: Exception) -> str:
    """In aiokafka's words, or the codec's; aiokafka adds the partition, which stands before it already."""
    said = str(error.args[0]).partition(" - TopicPartition")[0] if error.args else ""
    return said or type(error).__name__


class _Gone:
    """Stands for an answer: one record in the place of those from `first` to `begin`, which isn't gone."""

    def __init__(self, tp: Any, first: int, begin: int) -> None:
        """Raises HistoryError where nobody may go on."""
        topic, partition = tp
        if begin <= first:
            raise beyond(topic, partition, first)
        self._record = placeholder(topic, partition, begin - 1, told(topic, partition, first, begin, GONE), _now())
        self._begin = begin
        self.next_fetch_offset = first

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.next_fetch_offset == self._begin:
            raise StopIteration
        self.next_fetch_offset = self._begin
        return self._record


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


def placeholder(topic: str, partition: int, offset: int, words: str, found: int) -> ConsumerRecord[bytes, bytes]:
    """What stands in the place of what can't be read. `found`: when, in ms since 1970; it is the record's timestamp."""
    headers = ((UNREADABLE, Unread(words.encode())),)
    return ConsumerRecord(topic, partition, offset, found, 0, None, None, None, -1, -1, headers)


def _now() -> int:
    return int(time.time() * 1000)

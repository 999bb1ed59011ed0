"""One partition of `events.scim` as this process follows it: state that goes on with the log, and our records in it.

Rule 1: what counts is what lies in the log, in its order. An append whose answer is lost is decided by the record: it
comes by here, or it doesn't in time.
Rule 2: the file holds what all records up to an offset have done, and nothing else (`Store.batch`). Whoever waits hears
of a record when that is committed.
Rule 3: a question about the log's end is of use only to those who asked before it went out: what was answered to
somebody since then may lie behind it. So one is on its way at a time, and the next one serves all who came meanwhile.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog

from streamproc.adapters.kafka.foreign import STRANGE, TOMBSTONE, passed_over
from streamproc.adapters.kafka.log import (
    Consumer,
    ConsumerRecord,
    KafkaError,
    Log,
    NotAllowedError,
    Producer,
    TopicPartition,
    started,
)
from streamproc.core.errors import StreamprocError
from streamproc.core.provider.event import NotAnEventError, ScimEvent, decode, encode
from streamproc.core.provider.fold import Void, fold
from streamproc.core.provider.state import Folded
from streamproc.core.records.topic_names import PUSHED
from streamproc.gateway.scim.shared_log import Seen, UnavailableError
from streamproc.gateway.scim.store import Store, StoredResources

log = structlog.get_logger("streamproc.gateway")

TOPIC: Final = PUSHED
STRAY: Final = "a connection's that has another partition"
BARRIER: Final = 1.0
"""Seconds that a read waits at most to be as new as the log."""
APPEND: Final = 10.0
"""Seconds that a write waits at most to be folded."""
POLL_MS: Final = 500
AT_ONCE: Final = 100
"""Records that are folded at most before others have their turn."""


class AnotherLogError(StreamprocError):
    """The file is of another log than this one, or the log has lost records. Delete the file: it is made anew."""


@dataclass(eq=False, slots=True)
class _Waiter:
    """Somebody whose record is on its way."""

    seen: Callable[[Folded | Void], Any]
    done: asyncio.Future[Any]


class Tail:
    """Of one partition. `run` follows it; until it has begun, and after it has ended, nobody is served."""

    def __init__(
        self, kafka: Log, partition: int, store: Store, belongs: Callable[[str], bool] = lambda _: True
    ) -> None:
        """`belongs`: whether a connection has its records here. Others' are passed over: nobody reads them."""
        self._kafka = kafka
        self._belongs = belongs
        self._place = TopicPartition(TOPIC, partition)
        self._store = store
        self._next = store.next_offset
        self._consumer: Consumer | None = None
        self._asker: Consumer | None = None
        """Asks for the log's end. The broker answers a connection's requests in turn, and the consumer's are held until
        there is something to read."""
        self._producer: Producer | None = None
        self._waiters: dict[str, _Waiter] = {}
        """By request id: each has one record on its way at a time."""
        self._reaching: list[tuple[int, asyncio.Future[None]]] = []
        """Who waits for all below an offset to be folded."""
        self._asked: asyncio.Task[int] | None = None
        """The question that is on its way."""
        self._next_question: asyncio.Task[int] | None = None
        self._failed: asyncio.Future[None] | None = None

    @property
    def next_offset(self) -> int:
        """All below it is folded."""
        return self._next

    @property
    def is_following(self) -> bool:
        """Whether it serves."""
        return self._consumer is not None

    def resources(self, connection: str) -> StoredResources:
        """Its resources, now."""
        return self._store.of(connection)

    async def run(self) -> None:
        """Follows the log, until it is cancelled.

        Raises KafkaError where the producer can't go on, or nobody answers; AnotherLogError; LaterFormatError;
        sqlite3.Error where the file can't be written. None of them has harmed the log: start anew.
        """
        self._failed = asyncio.get_running_loop().create_future()
        try:
            async with (
                started(self._kafka.producer()) as producer,
                started(self._kafka.consumer()) as consumer,
                started(self._kafka.consumer()) as asker,
            ):
                consumer.assign([self._place])
                await self._check(consumer)
                consumer.seek(self._place, self._next)
                self._consumer, self._asker, self._producer = consumer, asker, producer
                following = asyncio.ensure_future(self._follow(consumer))
                try:
                    await asyncio.wait([following, self._failed], return_when=asyncio.FIRST_COMPLETED)
                    if self._failed.done():
                        self._failed.result()
                    following.result()
                finally:
                    following.cancel()
                    with suppress(asyncio.CancelledError, KafkaError):
                        await following
        finally:
            self._consumer = self._asker = self._producer = None
            self._give_up()

    async def append(self, event: ScimEvent, seen: Callable[[Folded | Void], Seen]) -> Seen:
        """See SharedLog."""
        if self._producer is None:
            raise UnavailableError("The log can't be written now.")
        waiter = _Waiter(seen, asyncio.get_running_loop().create_future())
        self._waiters[event.request.id] = waiter
        try:
            async with asyncio.timeout(APPEND):
                await self._send(self._producer, event)
                result: Seen = await waiter.done
                return result
        except TimeoutError:
            raise UnavailableError("Whether it was written isn't known yet.") from None
        finally:
            del self._waiters[event.request.id]
            waiter.done.cancel()

    async def barrier(self) -> None:
        """See SharedLog."""
        try:
            async with asyncio.timeout(BARRIER):
                end = await asyncio.shield(self._question())
                await self._reached(end)
        except (TimeoutError, KafkaError):
            raise UnavailableError("What is so now can't be read in time.") from None

    async def _send(self, producer: Producer, event: ScimEvent) -> None:
        try:
            sent = await producer.send(TOPIC, encode(event), event.connection.encode(), partition=self._place.partition)
        except NotAllowedError:
            raise UnavailableError("The log may not be written.") from None
        except KafkaError as error:
            self.fail(error)
            raise UnavailableError("The log can't be written now.") from None
        sent.add_done_callback(lambda done: self._acknowledged(done, event.request.id))

    def _acknowledged(self, sent: asyncio.Future[Any], request: str) -> None:
        """Where it lies doesn't matter: it comes by. Only what never will is told."""
        if sent.cancelled() or (error := sent.exception()) is None:
            return
        if isinstance(error, NotAllowedError):
            waiter = self._waiters.get(request)
            if waiter is not None and not waiter.done.done():
                waiter.done.set_exception(UnavailableError("The log may not be written."))
        else:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """End `run` by this. Of a producer's errors, all: it asks again itself where that is of use, and after anything
        else its numbers have a gap.
        """
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)

    def _question(self) -> asyncio.Task[int]:
        """The end of the log, asked for from now on (rule 3)."""
        if self._next_question is None:
            self._next_question = asyncio.create_task(self._ask(self._asked))
            self._next_question.add_done_callback(_looked_at)
        return self._next_question

    async def _ask(self, before: asyncio.Task[int] | None) -> int:
        if before is not None:
            await asyncio.wait([before])
        self._asked, self._next_question = self._next_question, None
        if self._asker is None:
            raise UnavailableError("The log can't be read now.")
        return (await self._asker.end_offsets([self._place]))[self._place]

    async def _reached(self, end: int) -> None:
        if self._next >= end:
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reaching.append((end, reached))
        try:
            await reached
        finally:
            self._reaching = [each for each in self._reaching if each[1] is not reached]

    async def _check(self, consumer: Consumer) -> None:
        first = (await consumer.beginning_offsets([self._place]))[self._place]
        end = (await consumer.end_offsets([self._place]))[self._place]
        if not first <= self._next <= end:
            raise AnotherLogError(f"{self._store.path}: up to {self._next}, and the log has {first} to {end}")

    async def _follow(self, consumer: Consumer) -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=POLL_MS, max_records=AT_ONCE)).values():
                self._take(records)
            # Markers and what was never committed are no records, and lie below the end as well.
            self._go_on(max(self._next, await consumer.position(self._place)))

    def _take(self, records: Sequence[ConsumerRecord]) -> None:
        if records[0].offset < self._next:
            raise AnotherLogError(f"{self._store.path}: up to {self._next}, and the log goes on at {records[0].offset}")
        told: list[tuple[_Waiter, Any, Exception | None]] = []
        after = records[-1].offset + 1
        with self._store.batch(after):
            for record in records:
                self._fold(record, told)
        for waiter, result, error in told:
            if waiter.done.done():
                continue
            if error is None:
                waiter.done.set_result(result)
            else:
                waiter.done.set_exception(error)
        self._go_on(after)

    def _fold(self, record: ConsumerRecord, told: list[tuple[_Waiter, Any, Exception | None]]) -> None:
        """Raises LaterFormatError."""
        if record.value is None:
            passed_over(record, TOMBSTONE, "it has no effect")
            return
        try:
            event = decode(record.value)
        except NotAnEventError:
            passed_over(record, STRANGE, "it has no effect")
            return
        if not self._belongs(event.connection):
            passed_over(record, STRAY, "it has no effect")
            return
        resources = self._store.of(event.connection)
        done = fold(resources, event, partition=self._place.partition, offset=record.offset)
        if isinstance(done, Folded):
            resources.apply(done)
        else:
            log.info("a write came second", connection=event.connection, offset=record.offset, why=done.reason)
        waiter = self._waiters.get(event.request.id)
        if waiter is not None:
            try:
                told.append((waiter, waiter.seen(done), None))
            except Exception as error:  # noqa: BLE001 - who waits is told; the log goes on
                told.append((waiter, None, error))

    def _go_on(self, after: int) -> None:
        self._next = after
        for end, reached in self._reaching:
            if end <= after and not reached.done():
                reached.set_result(None)

    def _give_up(self) -> None:
        """Nobody follows the log any more."""
        gone = "The log can't be read now."
        for waiter in self._waiters.values():
            if not waiter.done.done():
                waiter.done.set_exception(UnavailableError(gone))
        for _, reached in self._reaching:
            if not reached.done():
                reached.set_exception(UnavailableError(gone))


def _looked_at(question: asyncio.Task[int]) -> None:
    """Who asked may be gone by the time it fails."""
    if not question.cancelled():
        question.exception()

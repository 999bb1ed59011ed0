"""Hydrator: fetches whom notifications name, and appends the directories' answers to `events.<source>`.

A notification's offset is committed when the brokers have the answer, or a rejection, for everybody whom it names:
after a crash in between, it is fetched again. The process also synchronises each source on a schedule, and renews
Graph's subscription.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

import structlog

from streamproc import telemetry
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka.log import (
    CommitFailedError,
    Consumer,
    ConsumerRebalanceListener,
    ConsumerRecord,
    IllegalStateError,
    RebalanceInProgressError,
    TopicPartition,
)
from streamproc.adapters.kafka.open_transactions import OpenTransactions
from streamproc.adapters.kafka.reading import position_of
from streamproc.adapters.wait import task_group, wait_unless
from streamproc.core.flow.offset_tracker import OffsetTracker
from streamproc.core.parsed_payload import EVERYBODY, FetchRequest
from streamproc.core.records.believed_headers import Placed, believed, words
from streamproc.core.records.rejected import Problem
from streamproc.core.records.units import Micros
from streamproc.health.decide.conditions import Trouble
from streamproc.hydrator.directories.directory_error import DirectoryError
from streamproc.hydrator.fetcher import Fetcher, Ticket
from streamproc.hydrator.rejections import rejection
from streamproc.hydrator.sync import Sync
from streamproc.hydrator.troubles import Beside, troubles
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions
from streamproc.sources.raw_record import HARMLESS, parse_record

log = structlog.get_logger("streamproc.hydrator")

READ_AHEAD = 20_000
"""Subjects with work ahead before reading waits."""
HELD = 32 * 1024 * 1024
"""Bytes of notifications with work ahead, of all sources, before reading waits."""
AT_ONCE = 100
"""Records that are read at once."""
LOOK_EVERY = 3.0
"""Seconds between two looks for open transactions."""
TOPIC = "notifications."


class Hydrator(ConsumerRebalanceListener):
    """The process; `consumer` isn't started yet.

    `syncs`: each with the seconds between two rounds. `whole_every`: seconds between two rounds that read everybody.
    `watching`: runs as long as the hydrator does, and tells `beside` what it finds.
    """

    def __init__(
        self,
        consumer: Consumer,
        fetchers: Mapping[str, Fetcher],
        options: Mapping[str, SourceOptions],
        clocks: Clocks,
        syncs: Iterable[tuple[Sync, float]] = (),
        watching: Iterable[Coroutine[Any, Any, None]] = (),
        beside: Beside | None = None,
        whole_every: float = 0.0,
    ) -> None:
        self._consumer = consumer
        self._fetchers = fetchers
        self._options = options
        self._clocks = clocks
        self._syncs = list(syncs)
        self._changed = {sync.source: asyncio.Event() for sync, _ in self._syncs}
        """Source → set where something has changed, and nobody says of whom."""
        self._watching = list(watching)
        self._beside = Beside() if beside is None else beside
        self._whole_every = whole_every
        self._turned = self._clocks.ticks()
        self._offsets: dict[TopicPartition, OffsetTracker] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._tickets: dict[Ticket, tuple[TopicPartition, int]] = {}
        """Where the notification of each lies, and its bytes."""
        self._held = 0
        """Bytes of notifications that aren't answered or rejected yet."""
        self._failures: asyncio.Queue[tuple[TopicPartition, ConsumerRecord, list[Problem], bool]] = asyncio.Queue()
        """Notifications that can't be read, or with a subject that was given up, and why; whether the rest was done."""

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Hydrate until cancelled. Raises what the producer couldn't overcome: a restart begins where it ended."""
        await self._consumer.start()
        self._consumer.subscribe([TOPIC + source for source in self._fetchers], listener=self)
        try:
            async with task_group() as tasks:
                for fetcher in self._fetchers.values():
                    tasks.create_task(fetcher.run())
                for sync, every in self._syncs:
                    tasks.create_task(self._scheduled(sync, every))
                for other in self._watching:
                    tasks.create_task(other)
                tasks.create_task(self._reject())
                tasks.create_task(self._watch())
                await self._read(ready)
        finally:
            await self._commit()
            await self._consumer.stop()

    def troubles(self, lag_limit: int) -> list[Trouble]:
        """What is wrong now. `lag_limit`: records of a topic; 0: there is none."""
        idle, behind = self._clocks.ticks() - self._turned, telemetry.behind(self._consumer, self._committed.get)
        return troubles(self._fetchers.values(), self._syncs, self._beside, behind, idle, lag_limit)

    def measure(self) -> None:
        """Set the gauges."""
        for fetcher in self._fetchers.values():
            fetcher.measure()

    async def _read(self, ready: Callable[[], None]) -> None:
        announced = False
        while True:
            self._turned = self._clocks.ticks()
            batches = await self._consumer.getmany(timeout_ms=100, max_records=AT_ONCE)
            for partition, records in batches.items():
                for record in records:
                    self._accept(partition, record)
            if not batches:
                await self._pass_marks()
            await self._commit()
            self._limit()
            if not announced and self._consumer.assignment():
                announced = True
                ready()

    async def _pass_marks(self) -> None:
        """Nothing came: what the consumer has passed behind the last records are marks of transactions."""
        for partition, offsets in list(self._offsets.items()):
            if (position := await position_of(self._consumer, partition)) is not None:
                offsets.skip_to(position)

    def _accept(self, partition: TopicPartition, record: ConsumerRecord) -> None:
        offsets = self._offsets.setdefault(partition, OffsetTracker())
        if not offsets.start(record.offset):
            return  # read twice
        source = partition.topic.removeprefix(TOPIC)
        requests, problems, foreign = self._requests(source, record)
        if not requests:
            log.warning("notification names nobody", source=source, partition=partition.partition, offset=record.offset)
            self._close(partition, record, [*problems, *foreign])
            return
        if any(request.subject == EVERYBODY for request in requests):
            self._synchronise(source, partition, record, foreign)
            return
        ticket = Ticket(lambda _: None)
        ticket.on_end = partial(self._end, ticket, partition, record, foreign)
        self._tickets[ticket] = partition, _size(record)
        self._held += _size(record)
        self._fetchers[source].offer(ticket, [self._bounded(request, record) for request in requests])

    def _bounded(self, request: FetchRequest, record: ConsumerRecord) -> FetchRequest:
        """What was told when we had the notification had happened before that, whatever its sender's clock says."""
        had = min(Micros(record.timestamp * 1000), self._clocks.micros())
        return request if request.at <= had else replace(request, at=had)

    def _synchronise(
        self, source: str, partition: TopicPartition, record: ConsumerRecord, foreign: list[Problem]
    ) -> None:
        """Something changed, and nobody says of whom: a round begins soon, as one does after every restart."""
        if source in self._changed:
            self._changed[source].set()
            self._close(partition, record, foreign, partial=True)
        else:
            reason = f"it names nobody, and {source}_sync_every is 0: nobody is synchronised"
            self._close(partition, record, [Problem("not_fetched", reason), *foreign])

    def _close(
        self, partition: TopicPartition, record: ConsumerRecord, problems: list[Problem], *, partial: bool = False
    ) -> None:
        """Its work is over. What is wrong with it is told first. `partial`: what isn't was carried out."""
        if not problems:
            self._finish(partition, record.offset)
            return
        self._held += _size(record)
        self._failures.put_nowait((partition, record, problems, partial))

    def _requests(
        self, source: str, record: ConsumerRecord
    ) -> tuple[tuple[FetchRequest, ...], list[Problem], list[Problem]]:
        """Whom a notification names; where it names nobody, what somebody should look at: it may be a leaver's.

        The last are headers that don't count, whomever it names.
        """
        headers, names = believed(Placed(record.topic, record.key, record.timestamp), dict(record.headers))
        foreign = [Problem("foreign_header", words(names))] if names else []
        try:
            parsed = parse_record(SOURCES[source].read, self._options[source], record.value, headers, record.timestamp)
        except Exception as error:
            log.exception("parser failed", topic=record.topic, partition=record.partition, offset=record.offset)
            return (), [Problem("internal", type(error).__name__)], foreign
        strange = [each for each in parsed.ignored if each.code not in HARMLESS]
        problems = [each.problem for each in strange[:1]]
        return parsed.notifications, problems, foreign

    def _end(
        self,
        ticket: Ticket,
        partition: TopicPartition,
        record: ConsumerRecord,
        foreign: list[Problem],
        failure: str | None,
    ) -> None:
        self._held -= self._tickets.pop(ticket, (partition, 0))[1]
        failed = [] if failure is None else [Problem("not_fetched", failure, ticket.subject)]
        self._close(partition, record, [*failed, *foreign], partial=not failed)

    async def _reject(self) -> None:
        while True:
            partition, record, problems, rest_done = await self._failures.get()
            source, code = partition.topic.removeprefix(TOPIC), problems[0].code
            for problem in problems:
                telemetry.REJECTED.labels(source, problem.code, problem.field or "").inc()
            words_ = "not understood" if rest_done else "rejected"
            log.warning(words_, topic=record.topic, partition=record.partition, offset=record.offset, code=code)
            await self._fetchers[source].append(rejection(record, problems, partial=rest_done))
            self._held -= _size(record)
            self._finish(partition, record.offset)

    async def _watch(self) -> NoReturn:
        waiting = OpenTransactions(self._consumer, self._clocks.ticks)
        while True:
            await self._clocks.pause(LOOK_EVERY)
            waiting.look()

    def _finish(self, partition: TopicPartition, offset: int) -> None:
        if partition in self._offsets:
            self._offsets[partition].finish(offset)

    async def _commit(self) -> None:
        done = {partition: tracker.committable() for partition, tracker in self._offsets.items()}
        new = {
            partition: offset
            for partition, offset in done.items()
            if offset is not None and self._committed.get(partition) != offset
        }
        if not new:
            return
        try:
            await self._consumer.commit(new)
        except (CommitFailedError, IllegalStateError, RebalanceInProgressError):
            return  # partitions are moving: uncommitted records are read again
        self._committed |= new

    def _limit(self) -> None:
        """Stop reading sources with enough work ahead; the consumer goes on polling, to stay in its group."""
        full = {
            TOPIC + source
            for source, fetcher in self._fetchers.items()
            if len(fetcher) >= READ_AHEAD or self._held >= HELD
        }
        paused = self._consumer.paused()
        if stop := {partition for partition in self._consumer.assignment() - paused if partition.topic in full}:
            self._consumer.pause(*stop)
        if go := {partition for partition in paused if partition.topic not in full}:
            self._consumer.resume(*go)

    async def _scheduled(self, sync: Sync, every: float) -> None:
        while True:
            try:
                counts: Any = await sync.run(whole_every=self._whole_every)
                log.info("synchronised", source=sync.source, counts=str(counts))
            except DirectoryError as error:
                log.error("not synchronised", source=sync.source, reason=str(error))  # noqa: TRY400 - it says all
            await wait_unless(sync.clocks.pause, every, self._changed[sync.source])
            self._changed[sync.source].clear()

    # The consumer group

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._commit()
        gone = set(revoked)
        for fetcher in self._fetchers.values():
            fetcher.forget(lambda ticket: ticket in self._tickets and self._tickets[ticket][0] in gone)
        for ticket in [ticket for ticket, (partition, _) in self._tickets.items() if partition in gone]:
            self._held -= self._tickets.pop(ticket)[1]
        for partition in gone:
            self._offsets.pop(partition, None)
            self._committed.pop(partition, None)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        log.info("partitions assigned", topics=sorted({partition.topic for partition in assigned}))


def _size(record: ConsumerRecord) -> int:
    return len(record.value or b"") + 1024

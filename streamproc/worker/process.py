"""Worker: the Faust app. Agent `resolve` makes ChangeEvents of raw events, agent `fold` folds them into table `users`.

What has a date waits in its user's record. A timer says in the log that it has come, late ones at once after a restart;
if two workers do, the fold takes no notice of the second.

Faust reads, balances and recovers. Three things are done otherwise (see the README's decisions): records reach the
agents in batches (`inbox.py`), each once and in order (`reading.py`, which also says what may be committed); and what
an agent writes is acknowledged by the brokers before its input counts as done (`outbox.py`).
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import orjson
import structlog

from streamproc import telemetry
from streamproc.adapters.kafka import client, reading
from streamproc.adapters.kafka.mappings_in_force import in_force
from streamproc.core.errors import RejectedInputError
from streamproc.core.fold.decode_cache import DecodeCache
from streamproc.core.fold.fold import passed
from streamproc.core.fold.mapping import Mapping as Rules
from streamproc.core.fold.mapping_switch import unheard_partitions
from streamproc.core.records.change_event import Origin
from streamproc.core.records.topic_names import CHANGES, CONTROLS, LINKS, MAPPINGS, OPERATIONS
from streamproc.core.records.user_record import decode, due_of
from streamproc.settings import KafkaSettings, WorkerSettings
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.due_dates import DueDates
from streamproc.worker.due_refetch import due_refetches
from streamproc.worker.faust_bridge.app import make_app, settled, topic_of
from streamproc.worker.faust_bridge.batch_fetch import BatchFetch
from streamproc.worker.faust_bridge.state_table import StateTable
from streamproc.worker.fold import FoldProcessor
from streamproc.worker.mapping_store import MappingStore
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.record_sequencer import Handler, RecordSequencer
from streamproc.worker.rejections import reject
from streamproc.worker.resolve import Resolver, brought

log = structlog.get_logger("streamproc.worker")

GARBAGE = (50_000, 20, 100)
"""Thresholds of Python's collector, far above its own: our objects hold no cycles, and it goes through all of them."""
IN_FLIGHT = 2_000
"""Records sent and not yet acknowledged, before reading waits."""
TICK = 0.25
"""Seconds between two looks at the calendar."""
TELL_EVERY = 3.0
"""Seconds between two words on what meant nothing."""


class Worker:
    """See above. Everything but Faust itself comes in as an argument."""

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: WorkerSettings,
        mapping: tuple[str, str],
        options: Mapping[str, SourceOptions],
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """`mapping`: text and name of the settings' file. `clock`: ms since 1970. Raises MappingError."""
        self._clock = clock
        self._calendar = DueDates()
        self._failure: asyncio.Future[None] | None = None
        self._kafka = kafka
        self._app = make_app(kafka, settings)
        users = StateTable.declare(self._app, "users", OPERATIONS, settings.table_store)
        users.on_recover(partial(self._recovered, users, OPERATIONS))
        links = StateTable.declare(self._app, "links", LINKS, settings.table_store)
        links.on_recover(partial(self._recovered, links, LINKS))
        rules = StateTable.declare(self._app, "rules", MAPPINGS, settings.table_store)
        rules.on_recover(partial(self._recovered, rules, MAPPINGS))
        self._rules = MappingStore(kafka, rules, mapping, clock, chosen=settings.mapping is not None)
        decoded = DecodeCache()
        self._resolver = Resolver(links, options, decoded)
        self._app.on_partitions_revoked.connect(self._forget, weak=False)
        self._app.on_partitions_assigned.connect(self._forget, weak=False)
        raw = [*(f"events.{source}" for source in SOURCES), CONTROLS]
        handlers: dict[str, Handler] = {**dict.fromkeys(raw, self._resolve), CHANGES: self._fold}
        self._reading = RecordSequencer(kafka, self._app, handlers)
        done, term = self._reading.done, self._reading.term
        self._folding = FoldProcessor(users, self._rules, self._calendar, self._reject, done, term, decoded)
        self._inbox = BatchFetch(self._app, list(handlers))
        self._app.agent(topic_of(self._app, *raw), name="resolve")(self._consume)
        self._app.agent(topic_of(self._app, CHANGES), name="fold")(self._consume)

    _outbox: BatchingProducer

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Work until cancelled. Raises where going on would lose something: a restart recovers from the log."""
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        self._failure = asyncio.get_running_loop().create_future()
        producer = client.producer(self._kafka)
        await producer.start()
        self._outbox = BatchingProducer(producer, self._kafka.partitions, IN_FLIGHT)
        await self._reading.start(self._outbox.room)
        self._inbox.install()
        tasks = [
            self._failure,
            asyncio.ensure_future(self._outbox.run()),
            asyncio.ensure_future(self._stopped(ready)),
            asyncio.ensure_future(self._reading.sweep()),
            asyncio.ensure_future(self._watch()),
            asyncio.ensure_future(self._tell()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for done in tasks:
                if done.done():
                    done.result()
        finally:
            await self._app.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._reading.stop()
            await producer.stop()

    async def _stopped(self, ready: Callable[[], None]) -> None:
        self._app.finalize()
        await self._app.start()
        await self._app.tables.wait_until_recovery_completed()
        ready()
        await self._app.wait_until_stopped()
        if (crash := self._app.crash_reason) is not None:
            raise crash

    async def _consume(self, stream: Any) -> AsyncIterator[None]:
        """An agent."""
        self._inbox.open(stream)
        async for batch in stream:
            try:
                if self._inbox.taken(batch):
                    await self._reading.take((batch.topic, batch.partition), batch.records)
            except Exception as error:
                log.exception("agent failed")
                self._fail(error)  # Faust would count the event as done, and go on
                return
        if False:  # pragma: no cover - makes this an async generator, whose results Faust passes over
            yield

    async def _watch(self) -> None:
        """Say in the log that a date has come."""
        while True:
            await asyncio.sleep(TICK)
            if not settled(self._app):
                continue
            now = self._clock()
            for user, partition in self._calendar.passed(now):
                value = self._folding.known(user, partition)
                due = None if value is None else due_of(value)
                if value is not None and due is not None and due <= now * 1000:
                    record = decode(value)
                    event = passed(record, Origin(CHANGES, partition, record.seq, now))
                    for asked in due_refetches(record, now):
                        self._outbox.put(asked.topic, asked.key, asked.value, headers=asked.headers)
                    self._outbox.put(CHANGES, user, orjson.dumps(event), partition=partition)

    async def _tell(self) -> None:
        """Say what meant nothing."""
        while True:
            await asyncio.sleep(TELL_EVERY)
            for (source, code), count in self._resolver.ignored.items():
                log.info("ignored", source=source, code=code, n=count)
            self._resolver.ignored.clear()

    def _resolve(self, raw: RawRecord) -> Awaitable[None] | None:
        if raw.topic == CONTROLS and (mapping := brought(raw.value)) is not None:
            return self._bring(raw, mapping)
        self._resolve_now(raw)
        return None

    async def _bring(self, raw: RawRecord, mapping: Rules) -> None:
        """A mapping comes after each partition's first, and only where what it reads can be heard everywhere."""
        await self._rules.begin(self._outbox)
        if unheard_partitions(
            mapping, await in_force(self._kafka), await reading.beginning_offsets(self._kafka, CHANGES)
        ):
            self._reject(raw, "mapping", f"it reads other facts, and the first records of {CHANGES} are gone")
        else:
            self._resolve_now(raw)

    def _resolve_now(self, raw: RawRecord) -> None:
        handle = self._resolver.obey if raw.topic == CONTROLS else self._resolver.take
        try:
            handle(raw, self._outbox, partial(self._reading.done, raw))
        except RejectedInputError as error:
            self._reject(raw, error.code, error.detail)
        except Exception as error:
            log.exception("parser failed", topic=raw.topic, partition=raw.partition, offset=raw.offset)
            self._reject(raw, "internal", type(error).__name__)

    def _fold(self, raw: RawRecord) -> Awaitable[None] | None:
        return self._folding.fold(raw, self._outbox)

    def _reject(self, raw: RawRecord, code: str, reason: str) -> None:
        reject(raw, code, reason, self._outbox, partial(self._reading.done, raw))

    def measure(self) -> None:
        """Set the gauges."""
        app = self._app
        telemetry.RECOVERY.set(app.tables.recovery.active_remaining_total() if app.in_recovery else 0)
        self._rules.measure()
        self._reading.measure()

    async def _forget(self, *_: Any, **__: Any) -> None:
        self._reading.forget()
        self._folding.forget()
        self._resolver.forget()
        self._rules.forget()
        self._calendar.forget()

    async def _recovered(self, table: StateTable, changelog: str) -> None:
        """Append again what an older record was appended after (invariant 3: no regress), and note who has dates."""
        for key, partition in table.regressed.items():
            value = table.read(key, partition)
            if value is not None:
                self._outbox.put(changelog, key, value, partition=partition)
        if table.regressed:
            log.warning("records that had regressed were appended again", topic=changelog, n=len(table.regressed))
            table.regressed.clear()
        if changelog == OPERATIONS:
            for user, value, partition in table.records():
                self._calendar.note(user, value, partition)

    def _fail(self, error: BaseException) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

"""Worker: the Faust app. Agent `resolve` makes ChangeEvents of raw events, agent `fold` folds them into table `users`.

What has a date waits in its user's record. A timer says in the log that it has come, late ones at once after a restart;
if two workers do, the fold takes no notice of the second.

Faust reads, balances and recovers. Three things are done here instead (see the README's decisions): records reach the
agents in batches (`inbox.py`); what an agent writes is acknowledged by the brokers before its input counts as done; and
the offset that is committed is the one that our own count allows.
"""

import asyncio
import gc
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import orjson
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streamproc import telemetry
from streamproc.adapters import kafka
from streamproc.config import Settings
from streamproc.core.delivery import Rejected
from streamproc.core.errors import RejectedInputError
from streamproc.core.events import Origin
from streamproc.core.fold import decode, passed
from streamproc.core.mapping import Mapping as Rules
from streamproc.core.offsets import Offsets
from streamproc.services.app import make_app, topic_of
from streamproc.services.calendar import Calendar, due_of
from streamproc.services.folding import Folding
from streamproc.services.inbox import Inbox
from streamproc.services.mappings import in_force, unheard
from streamproc.services.outbox import Outbox
from streamproc.services.resolver import Raw, Resolver, brought
from streamproc.services.rules import InForce
from streamproc.services.table import StateTable
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions
from streamproc.topics import CHANGES, CONTROLS, LINKS, MAPPINGS, OPERATIONS, REJECTIONS

log = structlog.get_logger("streamproc.worker")

SWEEP_EVERY = 3.0
"""Seconds; a partition that hasn't moved for one interval is compared with its end."""
TURN = 64
"""Records that an agent handles before others have their turn."""
GARBAGE = (50_000, 20, 100)
"""Thresholds of Python's collector, far above its own: our objects hold no cycles, and it goes through all of them."""
IN_FLIGHT = 2_000
"""Records sent and not yet acknowledged, before reading waits."""
TICK = 0.25
"""Seconds between two looks at the calendar."""

Handler: TypeAlias = Callable[[Raw], Awaitable[None] | None]
"""Handles a record at once, or returns what is to be awaited before the partition's next one."""


class Worker:
    """See above. Everything but Faust itself comes in as an argument."""

    def __init__(
        self,
        settings: Settings,
        mapping: tuple[str, str],
        options: Mapping[str, SourceOptions],
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """`mapping`: text and name of the settings' file. `clock`: ms since 1970. Raises MappingError."""
        self._clock = clock
        self._calendar = Calendar()
        self._reader: AIOKafkaConsumer | None = None
        self._reading = asyncio.Lock()
        self._offsets: dict[tuple[str, int], Offsets] = {}
        self._turns: dict[tuple[str, int], asyncio.Lock] = {}
        """A partition's records are handled one after the other, also where one takes long."""
        self._failure: asyncio.Future[None] | None = None
        self._settings = settings
        self._app = make_app(settings)
        users = StateTable.declare(self._app, "users", OPERATIONS, settings.table_store)
        users.on_recover(partial(self._recovered, users, OPERATIONS))
        links = StateTable.declare(self._app, "links", LINKS, settings.table_store)
        links.on_recover(partial(self._recovered, links, LINKS))
        rules = StateTable.declare(self._app, "rules", MAPPINGS, settings.table_store)
        rules.on_recover(partial(self._recovered, rules, MAPPINGS))
        self._rules = InForce(settings, rules, mapping, clock)
        self._resolver = Resolver(links, options)
        self._folding = Folding(users, self._rules, self._calendar, self._reject, self._done, self._offsets.get)
        self._app.on_partitions_revoked.connect(self._forget, weak=False)
        self._app.on_partitions_assigned.connect(self._forget, weak=False)
        raw = [*(f"events.{source}" for source in SOURCES), CONTROLS]
        self._handlers: dict[str, Handler] = {**dict.fromkeys(raw, self._resolve), CHANGES: self._fold}
        self._inbox = Inbox(self._app, list(self._handlers))
        self._app.agent(topic_of(self._app, *raw), name="resolve")(self._agent(self._resolve))
        self._app.agent(topic_of(self._app, CHANGES), name="fold")(self._agent(self._fold))

    _outbox: Outbox

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Work until cancelled. Raises where going on would lose something: a restart recovers from the log."""
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        self._failure = asyncio.get_running_loop().create_future()
        producer = kafka.producer(self._settings)
        await producer.start()
        self._outbox = Outbox(producer, self._settings.partitions, IN_FLIGHT)
        self._reader = kafka.consumer(self._settings, group=self._app.conf.id)
        await self._reader.start()
        self._inbox.install()
        self._app.consumer._new_offset = self._committable  # noqa: SLF001 - see above; faust-streaming is pinned
        tasks = [
            self._failure,
            asyncio.ensure_future(self._outbox.run()),
            asyncio.ensure_future(self._stopped(ready)),
            asyncio.ensure_future(self._sweep()),
            asyncio.ensure_future(self._watch()),
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
            await self._reader.stop()
            await producer.stop()

    async def _stopped(self, ready: Callable[[], None]) -> None:
        self._app.finalize()
        await self._app.start()
        await self._app.tables.wait_until_recovery_completed()
        ready()
        await self._app.wait_until_stopped()
        if (crash := self._app.crash_reason) is not None:
            raise crash

    def _agent(self, handle: Handler) -> Callable[[Any], Any]:
        async def consume(stream: Any) -> AsyncIterator[None]:
            self._inbox.open(stream)
            async for batch in stream:
                try:
                    if self._inbox.taken(batch):
                        await self._take((batch.topic, batch.partition), batch.records, handle)
                except Exception as error:
                    log.exception("agent failed")
                    self._fail(error)  # Faust would count the event as done, and go on
                    return
            if False:  # pragma: no cover - makes this an async generator, whose results Faust passes over
                yield

        return consume

    async def _take(self, place: tuple[str, int], records: Sequence[ConsumerRecord], handle: Handler) -> None:
        """Handle records that Faust gives, each after any before it that Faust has left out.

        Around a rebalance Faust may give a batch that it fetched before, and drop what comes before that batch.
        """
        async with self._turns.setdefault(place, asyncio.Lock()):
            await self._take_turn(place, records, handle)

    async def _take_turn(self, place: tuple[str, int], records: Sequence[ConsumerRecord], handle: Handler) -> None:
        offsets = self._offsets.get(place)
        if offsets is None:
            offsets = Offsets(await self._committed(*place))
            if self._offsets.setdefault(place, offsets) is not offsets:
                return  # partitions moved meanwhile, and the records will come again
        for number, record in enumerate(records, 1):
            left_out: list[ConsumerRecord] = []
            if offsets.reached is not None and offsets.reached < record.offset:
                left_out = await self._between(*place, offsets.reached, record.offset)
            for each in (*left_out, record):
                if not self._outbox.room.is_set():
                    await self._outbox.room.wait()
                if self._offsets.get(place) is not offsets:
                    return
                if offsets.start(each.offset):  # else Faust gives it for the second time
                    waiting = handle(_raw_of(each))
                    if waiting is not None:
                        await waiting
            if left_out:
                log.info("records that Faust left out were read", topic=place[0], partition=place[1], n=len(left_out))
            if number % TURN == 0:
                await asyncio.sleep(0)

    async def _sweep(self) -> None:
        """Read what Faust has left out at the end of a partition, where no later record shows that it is missing."""
        before: dict[tuple[str, int], int | None] = {}
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            self._tell_ignored()
            app, handlers = self._app, self._handlers
            if not self._settled:
                before = {}
                continue
            now: dict[tuple[str, int], int | None] = {}
            for place in [(each.topic, each.partition) for each in app.consumer.assignment() if each.topic in handlers]:
                offsets = self._offsets.get(place)
                now[place] = None if offsets is None else offsets.reached
                if place not in before or before[place] != now[place] or self._busy(place):
                    continue  # it moves, or has just come
                end = await self._end(*place)
                begin = now[place]
                if begin is None:
                    begin = await self._committed(*place)
                if begin < end and (left_out := await self._between(*place, begin, end)):
                    await self._take(place, left_out, handlers[place[0]])
            before = now

    def _busy(self, place: tuple[str, int]) -> bool:
        turn = self._turns.get(place)
        return turn is not None and turn.locked()

    async def _watch(self) -> None:
        """Say in the log that a date has come."""
        while True:
            await asyncio.sleep(TICK)
            if not self._settled:
                continue
            now = self._clock()
            for user, partition in self._calendar.passed(now):
                value = self._folding.known(user, partition)
                due = None if value is None else due_of(value)
                if value is not None and due is not None and due <= now * 1000:
                    record = decode(value)
                    event = passed(record, Origin(CHANGES, partition, record.seq, now))
                    self._outbox.put(CHANGES, user, orjson.dumps(event), partition=partition)

    @property
    def _settled(self) -> bool:
        """Whether partitions are where they belong, and tables whole."""
        app = self._app
        return not app.rebalancing and not app.in_recovery and app.flow_control.is_active()

    def _tell_ignored(self) -> None:
        for (source, code), count in self._resolver.ignored.items():
            log.info("ignored", source=source, code=code, n=count)
        self._resolver.ignored.clear()

    async def _end(self, topic: str, partition: int) -> int:
        place = TopicPartition(topic, partition)
        async with self._reading:
            assert self._reader is not None
            return int((await self._reader.end_offsets([place]))[place])

    async def _committed(self, topic: str, partition: int) -> int:
        """Where reading begins: the committed offset, else the partition's first."""
        place = TopicPartition(topic, partition)
        async with self._reading:
            assert self._reader is not None
            committed = await self._reader.committed(place)
            if committed is not None:
                return int(committed)
            return int((await self._reader.beginning_offsets([place]))[place])

    async def _between(self, topic: str, partition: int, first: int, end: int) -> list[ConsumerRecord]:
        """Records at offsets `first` to `end - 1`. None, where these are a transaction's markers or were compacted."""
        found: list[ConsumerRecord] = []
        async for records in kafka.stretch(self._settings, topic, partition, first, end):
            found += records
        return found

    def _resolve(self, raw: Raw) -> Awaitable[None] | None:
        if raw.topic == CONTROLS and (mapping := brought(raw.value)) is not None:
            return self._bring(raw, mapping)
        self._resolve_now(raw)
        return None

    async def _bring(self, raw: Raw, mapping: Rules) -> None:
        """A mapping comes after each partition's first, and only where what it reads can be heard everywhere."""
        await self._rules.begin(self._outbox)
        if unheard(mapping, await in_force(self._settings), await kafka.beginnings(self._settings, CHANGES)):
            self._reject(raw, "mapping", f"it reads other facts, and the first records of {CHANGES} are gone")
        else:
            self._resolve_now(raw)

    def _resolve_now(self, raw: Raw) -> None:
        handle = self._resolver.obey if raw.topic == CONTROLS else self._resolver.take
        try:
            handle(raw, self._outbox, partial(self._done, raw))
        except RejectedInputError as error:
            self._reject(raw, error.code, error.detail)
        except Exception as error:
            log.exception("parser failed", topic=raw.topic, partition=raw.partition, offset=raw.offset)
            self._reject(raw, "internal", type(error).__name__)

    def _fold(self, raw: Raw) -> Awaitable[None] | None:
        return self._folding.fold(raw, self._outbox)

    def _reject(self, raw: Raw, code: str, reason: str) -> None:
        rejected = Rejected(
            raw.topic,
            raw.partition,
            raw.offset,
            raw.timestamp,
            code,
            reason,
            None if raw.key is None else b64encode(raw.key).decode(),
            None if raw.value is None else b64encode(raw.value).decode(),
            [(name, b64encode(content or b"").decode()) for name, content in raw.headers.items()],
        )
        key = f"{raw.topic}/{raw.partition}/{raw.offset}".encode()
        telemetry.REJECTED.labels(code).inc()
        log.warning("rejected", topic=raw.topic, partition=raw.partition, offset=raw.offset, code=code)
        self._outbox.put(REJECTIONS, key, orjson.dumps(rejected), lambda: self._done(raw))

    def measure(self) -> None:
        """Set the gauges."""
        app = self._app
        telemetry.RECOVERY.set(app.tables.recovery.active_remaining_total() if app.in_recovery else 0)
        telemetry.LAG.clear()
        self._rules.measure()
        for place in app.consumer.assignment():
            offsets = self._offsets.get((place.topic, place.partition))
            end = app.consumer.highwater(place)
            if end is not None and offsets is not None and (done := offsets.committable()) is not None:
                telemetry.LAG.labels(place.topic, str(place.partition)).set(max(0, end - done))

    def _done(self, raw: Raw) -> None:
        offsets = self._offsets.get((raw.topic, raw.partition))
        if offsets is not None:
            offsets.finish(raw.offset)

    def _committable(self, place: Any) -> int | None:
        """Stands in for Faust's own count (see above)."""
        offsets = self._offsets.get((place.topic, place.partition))
        return offsets.committable() if offsets else None

    async def _forget(self, *_: Any, **__: Any) -> None:
        self._offsets.clear()
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


def _raw_of(record: ConsumerRecord) -> Raw:
    headers = dict(record.headers)
    return Raw(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, headers)

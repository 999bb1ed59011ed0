"""Worker: the Faust app. Agent `resolve` makes ChangeEvents of raw events, agent `fold` folds them into table `users`.

Faust reads, balances and recovers. Two things are done here instead (see the README's decisions): what an agent writes
is acknowledged by the brokers before its input counts as done, and the offset that is committed is the one that our
own count allows, because Faust also acks events that it skips during a rebalance.
"""

import asyncio
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import faust
import orjson
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import ValidationError

from streamproc.adapters import kafka
from streamproc.config import Settings
from streamproc.core.delivery import Rejected
from streamproc.core.errors import RejectedInputError
from streamproc.core.events import CHANGE_EVENT, Origin
from streamproc.core.fold import encode, fold, recall
from streamproc.core.mapping import Mapping
from streamproc.core.offsets import Offsets
from streamproc.services.outbox import Outbox
from streamproc.services.table import UsersTable
from streamproc.sources import SOURCES
from streamproc.topics import CHANGES, OPERATIONS, REJECTIONS

log = structlog.get_logger("streamproc.worker")

SWEEP_EVERY = 3.0
"""Seconds; a partition that hasn't moved for one interval is compared with its end."""
IN_FLIGHT = 2_000
"""Records sent and not yet acknowledged, before reading waits."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One record as it was read. `timestamp`: ms since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


class Worker:
    """See above. Everything but Faust itself comes in as an argument."""

    def __init__(self, settings: Settings, mapping: Mapping) -> None:
        self._mapping = mapping
        self._reader: AIOKafkaConsumer | None = None
        self._reading = asyncio.Lock()
        self._offsets: dict[tuple[str, int], Offsets] = {}
        self._unacknowledged: dict[bytes, bytes] = {}
        """Users whose newest record is on its way to the brokers: it is the state until the table has it."""
        self._failure: asyncio.Future[None] | None = None
        self._settings = settings
        self._app = _app(settings)
        self._table = UsersTable.declare(self._app, settings.table_store)
        self._table.on_recover(self._rewrite_regressed)
        self._app.on_partitions_revoked.connect(self._forget, weak=False)
        self._app.on_partitions_assigned.connect(self._forget, weak=False)
        self._parsers = {f"events.{source}": parse for source, parse in SOURCES.items()}
        self._app.agent(_bytes(self._app, *self._parsers), name="resolve")(self._agent(self._resolve))
        self._app.agent(_bytes(self._app, CHANGES), name="fold")(self._agent(self._fold))

    _outbox: Outbox

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Work until cancelled. Raises where going on would lose something: a restart recovers from the log."""
        self._failure = asyncio.get_running_loop().create_future()
        producer = kafka.producer(self._settings)
        await producer.start()
        self._outbox = Outbox(producer, self._settings.partitions, IN_FLIGHT)
        self._reader = kafka.consumer(self._settings, group=self._app.conf.id)
        await self._reader.start()
        self._app.consumer._new_offset = self._committable  # noqa: SLF001 - see above; faust-streaming is pinned
        tasks = [
            self._failure,
            asyncio.ensure_future(self._outbox.run()),
            asyncio.ensure_future(self._stopped(ready)),
            asyncio.ensure_future(self._sweep()),
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

    def _agent(self, handle: Callable[[Raw], None]) -> Callable[[Any], Any]:
        async def consume(stream: Any) -> AsyncIterator[None]:
            ours = stream.noack()
            async for _ in ours:
                try:
                    event = ours.current_event
                    await self._take(_raw_of(event.message), handle)
                    event.ack()
                except Exception as error:
                    log.exception("agent failed")
                    self._fail(error)  # Faust would count the event as done, and go on
                    return
            if False:  # pragma: no cover - makes this an async generator, whose results Faust passes over
                yield

        return consume

    async def _take(self, raw: Raw, handle: Callable[[Raw], None]) -> None:
        """Handle a record that Faust gives, after any before it that Faust has left out.

        Around a rebalance Faust may give a batch that it fetched before, and drop what comes before that batch.
        """
        place = (raw.topic, raw.partition)
        offsets = self._offsets.get(place)
        if offsets is None:
            offsets = Offsets(await self._committed(*place))
            if self._offsets.setdefault(place, offsets) is not offsets:
                return  # partitions moved meanwhile, and the record will come again
        left_out: list[Raw] = []
        if offsets.reached is not None and offsets.reached < raw.offset:
            left_out = await self._between(*place, offsets.reached, raw.offset)
        for each in (*left_out, raw):
            if not self._outbox.room.is_set():
                await self._outbox.room.wait()
            if self._offsets.get(place) is not offsets:
                return
            if offsets.start(each.offset):  # else Faust gives it for the second time
                handle(each)
        if left_out:
            log.info("records that Faust left out were read", topic=place[0], partition=place[1], records=len(left_out))

    async def _sweep(self) -> None:
        """Read what Faust has left out at the end of a partition, where no later record shows that it is missing."""
        before: dict[tuple[str, int], int | None] = {}
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            app = self._app
            if app.rebalancing or app.in_recovery or not app.flow_control.is_active():
                before = {}
                continue
            now: dict[tuple[str, int], int | None] = {}
            handlers = dict.fromkeys(self._parsers, self._resolve) | {CHANGES: self._fold}
            for place in [(each.topic, each.partition) for each in app.consumer.assignment() if each.topic in handlers]:
                offsets = self._offsets.get(place)
                now[place] = None if offsets is None else offsets.reached
                if place not in before or before[place] != now[place]:
                    continue  # it moves, or has just come
                end = await self._end(*place)
                begin = now[place]
                if begin is None:
                    begin = await self._committed(*place)
                if begin < end and (left_out := await self._between(*place, begin, end)):
                    await self._take(left_out[-1], handlers[place[0]])
            before = now

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

    async def _between(self, topic: str, partition: int, first: int, end: int) -> list[Raw]:
        """Records at offsets `first` to `end - 1`. None, where these are a transaction's markers or were compacted."""
        place = TopicPartition(topic, partition)
        found: list[Raw] = []
        async with self._reading:
            reader = self._reader
            assert reader is not None
            reader.assign([place])
            reader.seek(place, first)
            while await reader.position(place) < end:
                for record in (await reader.getmany(place, timeout_ms=1000)).get(place, ()):
                    if record.offset < end:
                        headers = dict(record.headers)
                        found.append(
                            Raw(topic, partition, record.offset, record.timestamp, record.key, record.value, headers)
                        )
                if found and found[-1].offset == end - 1:
                    break
        return found

    def _resolve(self, raw: Raw) -> None:
        origin = Origin(raw.topic, raw.partition, raw.offset, raw.timestamp)
        try:
            changes = self._parsers[raw.topic](raw.value, raw.headers, origin)
        except RejectedInputError as error:
            self._reject(raw, error.code, error.detail)
            return
        except Exception as error:
            log.exception("parser failed", topic=raw.topic, partition=raw.partition, offset=raw.offset)
            self._reject(raw, "internal", type(error).__name__)
            return
        for change in changes[:-1]:
            self._outbox.put(CHANGES, change.user.encode(), orjson.dumps(change))
        last = changes[-1]
        self._outbox.put(CHANGES, last.user.encode(), orjson.dumps(last), lambda: self._done(raw))

    def _fold(self, raw: Raw) -> None:
        try:
            change = CHANGE_EVENT.validate_json(raw.value or b"")
        except ValidationError:
            self._reject(raw, "invalid", "not a ChangeEvent; only the worker may write here")
            return
        user = change.user.encode()
        value = self._unacknowledged.get(user) or self._table.read(user, raw.partition)
        known = None if value is None else recall(value)
        record = fold(known, raw.offset, change, self._mapping)
        if record is known:  # folded before a restart
            self._done(raw)
            return
        value = encode(record)
        self._unacknowledged[user] = value

        def kept(value: bytes = value) -> None:
            self._table.keep(user, value, raw.partition)
            if self._unacknowledged.get(user) is value:
                del self._unacknowledged[user]
            self._done(raw)

        self._outbox.put(OPERATIONS, user, value, kept, raw.partition)

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
        log.warning("rejected", topic=raw.topic, partition=raw.partition, offset=raw.offset, code=code)
        self._outbox.put(REJECTIONS, key, orjson.dumps(rejected), lambda: self._done(raw))

    def _done(self, raw: Raw) -> None:
        offsets = self._offsets.get((raw.topic, raw.partition))
        if offsets is not None:
            offsets.finish(raw.offset)

    def _committable(self, place: Any) -> int | None:
        """Stands in for Faust's own count (see above), and clears it."""
        consumer = self._app.consumer
        consumer._acked[place].clear()  # noqa: SLF001
        consumer._acked_index[place].clear()  # noqa: SLF001
        offsets = self._offsets.get((place.topic, place.partition))
        return offsets.committable() if offsets else None

    async def _forget(self, *_: Any, **__: Any) -> None:
        self._offsets.clear()
        self._unacknowledged.clear()

    async def _rewrite_regressed(self) -> None:
        """Append again what an older record was appended after (invariant 3: no regress)."""
        for user, partition in self._table.regressed.items():
            value = self._table.read(user, partition)
            if value is not None:
                self._outbox.put(OPERATIONS, user, value, partition=partition)
        if self._table.regressed:
            log.warning("records that had regressed were appended again", users=len(self._table.regressed))
            self._table.regressed.clear()

    def _fail(self, error: BaseException) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)


def _app(settings: Settings) -> Any:
    """The Faust app. Its web server, its leader topic and its own creation of topics are off."""
    options: dict[str, Any] = {
        "broker": [f"kafka://{server}" for server in settings.kafka.split(",")],
        "datadir": settings.data if settings.table_store == "rocksdb" else tempfile.gettempdir(),
        "store": "memory://" if settings.table_store == "memory" else "rocksdb://",
        "autodiscover": False,
        "web_enabled": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "topic_partitions": settings.partitions,
        "key_serializer": "raw",
        "value_serializer": "raw",
        "consumer_auto_offset_reset": "earliest",
        "broker_session_timeout": settings.session_timeout,
        "broker_heartbeat_interval": settings.session_timeout / 4,
        "broker_commit_interval": 1.0,
        "broker_commit_livelock_soft_timeout": 300.0,
        "stream_wait_empty": False,
        "stream_recovery_delay": 0.0,
        "stream_buffer_maxsize": 8192,
        "logging_config": None,
        "loghandlers": [],
    }
    if settings.kafka_security != "PLAINTEXT":
        options["broker_credentials"] = _credentials(settings)
    return faust.App(f"{settings.group}-worker", **options)


def _credentials(settings: Settings) -> Any:
    context = settings.ssl_context()
    if not settings.kafka_security.startswith("SASL"):
        return faust.SSLCredentials(context)
    secret = settings.kafka_password
    return faust.SASLCredentials(
        username=settings.kafka_username,
        password=secret.get_secret_value() if secret else None,
        mechanism=settings.kafka_sasl_mechanism,
        ssl_context=context,
    )


def _raw_of(message: Any) -> Raw:
    """A record as Faust gives it: its timestamp is in seconds."""
    timestamp = round(message.timestamp * 1000)
    headers = dict(message.headers or ())
    return Raw(message.topic, message.partition, message.offset, timestamp, message.key, message.value, headers)


def _bytes(app: Any, *names: str) -> Any:
    """A topic of bytes: what can't be parsed must reach us, not Faust's decoder, which would drop it."""
    return app.topic(*names, key_type=bytes, value_type=bytes, allow_empty=True)

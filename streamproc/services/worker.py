"""Worker: the Faust app. Agent `resolve` makes ChangeEvents of raw events, agent `fold` folds them into table `users`.

Faust reads, balances and recovers. Two things are done here instead (see the README's decisions): what an agent writes
is acknowledged by the brokers before its input counts as done, and the offset that is committed is the one that our
own count allows, because Faust also acks events that it skips during a rebalance.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Any

import faust
import orjson
import structlog
from aiokafka import AIOKafkaProducer
from pydantic import ValidationError

from streamproc.adapters import kafka
from streamproc.config import Settings
from streamproc.core.delivery import Rejected
from streamproc.core.errors import RejectedInputError
from streamproc.core.events import CHANGE_EVENT, Origin
from streamproc.core.fold import decode, encode, fold
from streamproc.core.mapping import Mapping
from streamproc.core.offsets import Offsets
from streamproc.services.table import UsersTable
from streamproc.sources import SOURCES, Parser
from streamproc.topics import CHANGES, OPERATIONS, REJECTIONS

log = structlog.get_logger("streamproc.worker")

IN_FLIGHT = 2_000
"""Records sent and not yet acknowledged, before reading waits."""


class Worker:
    """See above. Everything but Faust itself comes in as an argument."""

    def __init__(self, settings: Settings, mapping: Mapping) -> None:
        self._mapping = mapping
        self._producer: AIOKafkaProducer | None = None
        self._offsets: dict[tuple[str, int], Offsets] = {}
        self._unacknowledged: dict[bytes, bytes] = {}
        """Users whose newest record is on its way to the brokers: it is the state until the table has it."""
        self._sent = 0
        self._room = asyncio.Event()
        self._room.set()
        self._failure: asyncio.Future[None] | None = None
        self._settings = settings
        self._app = _app(settings)
        self._table = UsersTable.declare(self._app, settings.table_store)
        self._table.on_recover(self._rewrite_regressed)
        self._app.on_partitions_revoked.connect(self._forget, weak=False)
        parsers = {f"events.{source}": parse for source, parse in SOURCES.items()}
        self._app.agent(_raw(self._app, *parsers), name="resolve")(self._agent(lambda e: self._resolve(e, parsers)))
        self._app.agent(_raw(self._app, CHANGES), name="fold")(self._agent(self._fold))

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Work until cancelled. Raises where going on would lose something: a restart recovers from the log."""
        self._failure = asyncio.get_running_loop().create_future()
        self._producer = kafka.producer(self._settings)
        await self._producer.start()
        self._app.consumer._new_offset = self._committable  # noqa: SLF001 - see above; faust-streaming is pinned
        stopped = asyncio.ensure_future(self._stopped(ready))
        try:
            await asyncio.wait([stopped, self._failure], return_when=asyncio.FIRST_COMPLETED)
            for done in (self._failure, stopped):
                if done.done():
                    done.result()
        finally:
            stopped.cancel()
            self._failure.cancel()
            await asyncio.gather(stopped, return_exceptions=True)
            await self._app.stop()
            await self._producer.stop()

    async def _stopped(self, ready: Callable[[], None]) -> None:
        self._app.finalize()
        await self._app.start()
        await self._app.tables.wait_until_recovery_completed()
        ready()
        await self._app.wait_until_stopped()
        if (crash := self._app.crash_reason) is not None:
            raise crash

    def _agent(self, handle: Callable[[Any], Any]) -> Callable[[Any], Any]:
        async def consume(stream: Any) -> AsyncIterator[None]:
            async for event in stream.noack().events():
                message = event.message
                offsets = self._offsets.setdefault((message.topic, message.partition), Offsets())
                if not offsets.start(message.offset):
                    event.ack()  # Faust gives the last record before a commit twice now and then
                    continue
                await self._room.wait()
                try:
                    await handle(event)
                except Exception as error:  # noqa: BLE001 - Faust would count the event as done, and go on
                    log.exception("agent failed", topic=message.topic, partition=message.partition, offset=message.offset)
                    self._fail(error)
                    return
            if False:  # pragma: no cover - makes this an async generator, whose results Faust passes over
                yield

        return consume

    async def _resolve(self, event: Any, parsers: dict[str, Parser]) -> None:
        message = event.message
        origin = Origin(message.topic, message.partition, message.offset, round(message.timestamp * 1000))
        headers = dict(message.headers or ())
        try:
            changes = parsers[message.topic](message.value, headers, origin)
        except RejectedInputError as error:
            await self._reject(event, origin, error.code, error.detail)
            return
        except Exception as error:
            log.exception("parser failed", topic=origin.topic, partition=origin.partition, offset=origin.offset)
            await self._reject(event, origin, "internal", type(error).__name__)
            return
        for change in changes[:-1]:
            await self._send(CHANGES, change.user.encode(), orjson.dumps(change), None, lambda: None)
        last = changes[-1]
        await self._send(CHANGES, last.user.encode(), orjson.dumps(last), None, lambda: self._done(event))

    async def _fold(self, event: Any) -> None:
        message = event.message
        try:
            change = CHANGE_EVENT.validate_json(message.value or b"")
        except ValidationError:
            origin = Origin(message.topic, message.partition, message.offset, round(message.timestamp * 1000))
            await self._reject(event, origin, "invalid", "not a ChangeEvent; only the worker may write here")
            return
        user = change.user.encode()
        value = self._unacknowledged.get(user) or self._table.read(user, message.partition)
        known = None if value is None else decode(value)
        record = fold(known, message.offset, change, self._mapping)
        if record is known:  # folded before a restart
            self._done(event)
            return
        value = encode(record)
        self._unacknowledged[user] = value

        def kept(value: bytes = value) -> None:
            self._table.keep(user, value, message.partition)
            if self._unacknowledged.get(user) is value:
                del self._unacknowledged[user]
            self._done(event)

        await self._send(OPERATIONS, user, value, message.partition, kept)

    async def _reject(self, event: Any, origin: Origin, code: str, reason: str) -> None:
        message = event.message
        headers = [(name, b64encode(content).decode()) for name, content in dict(message.headers or ()).items()]
        rejected = Rejected(
            origin.topic,
            origin.partition,
            origin.offset,
            origin.appended,
            code,
            reason,
            None if message.key is None else b64encode(message.key).decode(),
            None if message.value is None else b64encode(message.value).decode(),
            headers,
        )
        key = f"{origin.topic}/{origin.partition}/{origin.offset}".encode()
        log.warning("rejected", topic=origin.topic, partition=origin.partition, offset=origin.offset, code=code)
        await self._send(REJECTIONS, key, orjson.dumps(rejected), None, lambda: self._done(event))

    async def _send(
        self, topic: str, key: bytes, value: bytes, partition: int | None, acknowledged: Callable[[], None]
    ) -> None:
        assert self._producer is not None
        self._sent += 1
        if self._sent >= IN_FLIGHT:
            self._room.clear()

        def answered(future: asyncio.Future[Any]) -> None:
            self._sent -= 1
            if self._sent < IN_FLIGHT:
                self._room.set()
            error = None if future.cancelled() else future.exception()
            if error is not None:
                self._fail(error)
            elif not future.cancelled():
                acknowledged()

        sent = await self._producer.send(topic, value, key=key, partition=partition)
        sent.add_done_callback(answered)

    def _done(self, event: Any) -> None:
        message = event.message
        offsets = self._offsets.get((message.topic, message.partition))
        if offsets is not None:
            offsets.finish(message.offset)
        event.ack()

    def _committable(self, place: Any) -> int | None:
        """Stands in for Faust's own count (see above), and clears it."""
        consumer = self._app.consumer
        consumer._acked[place].clear()  # noqa: SLF001
        consumer._acked_index[place].clear()  # noqa: SLF001
        offsets = self._offsets.get((place.topic, place.partition))
        return offsets.committable() if offsets else None

    async def _forget(self, *_: Any, **__: Any) -> None:
        self._offsets.clear()

    async def _rewrite_regressed(self) -> None:
        """Append again what an older record was appended after (invariant 3: no regress)."""
        for user, partition in self._table.regressed.items():
            value = self._table.read(user, partition)
            if value is not None:
                await self._send(OPERATIONS, user, value, partition, lambda: None)
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
        "datadir": settings.data,
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


def _raw(app: Any, *names: str) -> Any:
    """A topic of bytes: what can't be parsed must reach us, not Faust's decoder, which would drop it."""
    return app.topic(*names, key_type=bytes, value_type=bytes, allow_empty=True)

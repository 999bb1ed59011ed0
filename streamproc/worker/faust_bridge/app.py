"""The worker's Faust app: its place in the consumer group, its agents and its tables."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import Any, Literal, NoReturn

import faust
import structlog
from aiokafka import TopicPartition

from streamproc.adapters.kafka import unreadable
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import NOT_ALLOWED
from streamproc.settings import KafkaSettings, WorkerSettings
from streamproc.worker.faust_bridge.batch_fetch import BatchFetch
from streamproc.worker.faust_bridge.kept_offsets import KeptOffsets
from streamproc.worker.faust_bridge.protocols import App, Stream
from streamproc.worker.faust_bridge.recovery_marks import pass_marks
from streamproc.worker.faust_bridge.state_table import StateTable
from streamproc.worker.stream_app import Take

log = structlog.get_logger("streamproc.worker")


class FaustApp:
    """One worker's. Agents and tables are declared before it runs."""

    def __init__(self, kafka: KafkaSettings, settings: WorkerSettings) -> None:
        unreadable.install()
        self._log = KafkaLog(kafka)
        self._store: Literal["memory", "rocksdb"] = settings.table_store
        self._app: App = faust.App(f"{kafka.group}-worker", **_options(kafka, settings))
        self._batches = BatchFetch(self._app)

    @property
    def group(self) -> str:
        """The consumer group."""
        return str(self._app.conf.id)

    def table(self, name: str, changelog: str) -> StateTable:
        """A table whose changelog is this topic."""
        return StateTable.declare(self._app, name, changelog, self._store)

    def agent(self, name: str, topics: Sequence[str], take: Take) -> None:
        """Have records of these topics taken, batch by batch. What `take` raises ends the app."""
        self._batches.expect(topics)

        async def consume(stream: Stream) -> AsyncIterator[None]:
            self._batches.open(stream)
            async for batch in stream:
                try:
                    if self._batches.is_current(batch):
                        await take(TopicPartition(batch.topic, batch.partition), batch.records)
                except NOT_ALLOWED as error:
                    await self._app.crash(error)
                    return
                except Exception as error:
                    log.exception("agent failed")
                    await self._app.crash(error)  # Faust would count the event as done, and go on
                    return
            if False:  # pragma: no cover - makes this an async generator, whose results Faust passes over
                yield

        # Bytes: what can't be parsed must reach us, not Faust's decoder, which would drop it.
        channel = self._app.topic(*topics, key_type=bytes, value_type=bytes, allow_empty=True)
        self._app.agent(channel, name=name)(consume)

    def on_partitions_moved(self, call: Callable[..., Awaitable[None]]) -> None:
        """Call this when partitions have come or gone."""
        self._app.on_partitions_revoked.connect(call, weak=False)
        self._app.on_partitions_assigned.connect(call, weak=False)

    def before_recovery(self, call: Callable[[Collection[TopicPartition]], Awaitable[None]]) -> None:
        """Await this with all partitions that are here, each time they have come and before their tables are read."""
        tables = self._app.tables
        begin = tables.on_rebalance

        async def called(assigned: set[TopicPartition], *rest: object) -> None:
            await call([TopicPartition(each.topic, each.partition) for each in assigned])
            await begin(assigned, *rest)

        tables.on_rebalance = called  # type: ignore[method-assign]

    def settled(self) -> bool:
        """Whether partitions are where they belong, and tables whole."""
        return bool(not self._app.rebalancing and not self._app.in_recovery and self._app.flow_control.is_active())

    def recovery_remaining(self) -> int:
        """Records of changelogs that are still to be read before tables are whole."""
        return self._app.tables.recovery.active_remaining_total() if self._app.in_recovery else 0

    def assignment(self) -> set[TopicPartition]:
        """The partitions that are here."""
        return {TopicPartition(each.topic, each.partition) for each in self._app.consumer.assignment()}

    def highwater(self, partition: TopicPartition) -> int | None:
        """Where a partition that is here ends. None: nothing was fetched of it yet."""
        return self._state(partition, "highwater")

    def last_stable_offset(self, partition: TopicPartition) -> int | None:
        """Where its first open transaction begins, else its end. None: nothing was fetched of it yet."""
        return self._state(partition, "lso")

    def commits(self, partition: TopicPartition) -> None:
        """This partition has something to commit, though nothing of it was given to an agent."""
        self._app.consumer._acked[partition]  # noqa: SLF001 - Faust commits the partitions that it finds here

    async def run(self, committable: Callable[[TopicPartition], int | None], ready: Callable[[], None]) -> NoReturn:
        """Work until cancelled. Raises what the app crashed of.

        `committable`: partition → the offset to commit, in the place of Faust's own count, which doesn't know what is
        still being worked on. `ready` is called when tables are whole.
        """
        self._batches.install()
        self._app.consumer._new_offset = committable  # noqa: SLF001
        self.on_partitions_moved(KeptOffsets(self._app.consumer).forget)
        self._read_committed()
        marks = asyncio.create_task(self._pass_marks(), name="recovery marks")
        try:
            self._app.finalize()
            await self._app.start()
            await self._app.tables.wait_until_recovery_completed()
            if self._app.crash_reason is None:
                ready()
            await self._app.wait_until_stopped()
            raise self._app.crash_reason or RuntimeError("Faust has stopped by itself")
        finally:
            marks.cancel()
            await self._app.stop()

    async def _pass_marks(self) -> None:
        """Without it, recovery might wait for ever."""
        try:
            await pass_marks(self._app, self._log)
        except Exception as error:
            log.exception("marks of transactions can't be passed")
            await self._app.crash(error)

    def _state(self, partition: TopicPartition, name: str) -> int | None:
        subscription = self._app.consumer._thread._consumer._subscription.subscription  # noqa: SLF001
        if subscription is None or subscription.assignment is None or partition not in subscription.assignment.tps:
            return None
        found = getattr(subscription.assignment.state_value(partition), name)
        return None if found is None else int(found)

    def _read_committed(self) -> None:
        """Records of open and aborted transactions are nothing. Faust by itself would read them."""
        thread = self._app.consumer._thread  # noqa: SLF001
        make = thread._create_worker_consumer  # noqa: SLF001

        def made(transport: Any) -> Any:
            consumer = make(transport)
            consumer._isolation_level = "read_committed"  # noqa: SLF001
            return consumer

        thread._create_worker_consumer = made  # noqa: SLF001


def _options(kafka: KafkaSettings, worker: WorkerSettings) -> dict[str, Any]:
    """Its web server, its leader topic and its own creation of topics are off."""
    options: dict[str, Any] = {
        "broker": [f"kafka://{server}" for server in kafka.bootstrap_servers.split(",")],
        "datadir": worker.data if worker.table_store == "rocksdb" else tempfile.gettempdir(),
        "store": "memory://" if worker.table_store == "memory" else "rocksdb://",
        "table_standby_replicas": 0 if worker.table_store == "memory" else 1,  # of those in memory Faust keeps nothing
        "autodiscover": False,
        "web_enabled": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "topic_partitions": kafka.partitions,
        "key_serializer": "raw",
        "value_serializer": "raw",
        "consumer_auto_offset_reset": "earliest",
        "broker_session_timeout": kafka.session_timeout,
        "broker_heartbeat_interval": kafka.session_timeout / 4,
        "broker_max_poll_records": 1_000,
        "broker_commit_interval": 1.0,
        "broker_commit_livelock_soft_timeout": 300.0,
        "stream_wait_empty": False,
        "stream_recovery_delay": 0.0,
        "stream_buffer_maxsize": 8192,
        "logging_config": None,
        "loghandlers": [],
    }
    if kafka.security != "PLAINTEXT":
        options["broker_credentials"] = _credentials(kafka)
    return options


def _credentials(kafka: KafkaSettings) -> Any:
    context = kafka.ssl_context()
    if not kafka.security.startswith("SASL"):
        return faust.SSLCredentials(context)
    secret = kafka.password
    return faust.SASLCredentials(
        username=kafka.username,
        password=secret.get_secret_value() if secret else None,
        mechanism=kafka.sasl_mechanism,
        ssl_context=context,
    )

"""Worker: a stream app. Agent `resolve` makes ChangeEvents of raw records, agent `fold` folds them into table `users`.

Faust balances partitions and recovers tables. The rest is done otherwise (see the README's decisions): records reach
the agents in batches (`faust_bridge/batch_fetch.py`), each once and in order (`record_sequencer.py`, which also says
what may be committed), and what an agent writes is acknowledged by the brokers before its input counts as done
(`batching_producer.py`).
"""

import asyncio
from collections import abc
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, NoReturn

import structlog

from streamproc import telemetry
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.connections_in_force import ConnectionsInForce
from streamproc.adapters.kafka.log import Log, Producer
from streamproc.adapters.kafka.mappings_in_force import in_force
from streamproc.core.errors import RejectedInputError
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.mapping_switch import unheard_partitions
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.topic_names import (
    CHANGES,
    CONTROLS,
    FORWARDS,
    LINKS,
    MAPPINGS,
    OPERATIONS,
    PUSHED,
    RESOURCES,
)
from streamproc.health.decide.conditions import Trouble
from streamproc.health.decide.lag import lag_troubles
from streamproc.sources.options import SourceOptions
from streamproc.sources.scim.read import SOURCE as SCIM
from streamproc.topics import RESOLVED
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.decide.due_dates import DueDates
from streamproc.worker.decide.replay import ordered_replay
from streamproc.worker.decide.route_control import mapping_in
from streamproc.worker.decide.user_states import UserStates
from streamproc.worker.due_dates import announce_due_dates
from streamproc.worker.fold import FoldProcessor
from streamproc.worker.mapping_store import MappingStore
from streamproc.worker.pushes import Pushes
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.record_sequencer import Handler, RecordSequencer
from streamproc.worker.rejections import Rejections
from streamproc.worker.replays import Replays
from streamproc.worker.resolve import Resolver
from streamproc.worker.source_watch import LEADS, SourceWatch
from streamproc.worker.stream_app import StateTable, StreamApp
from streamproc.worker.troubles import order_troubles, recovery_troubles

log = structlog.get_logger("streamproc.worker")

IN_FLIGHT: Final = 2_000
"""Records sent and not yet acknowledged, before reading waits."""
TELL_EVERY: Final = 3.0
"""Seconds between two log lines on what meant nothing."""


class Worker:
    """One worker process."""

    def __init__(
        self,
        kafka: Log,
        app: StreamApp,
        producer: Producer,
        mapping: tuple[str, str],
        options: abc.Mapping[str, SourceOptions],
        clocks: Clocks,
        *,
        chosen: bool,
        silences: abc.Mapping[str, float] | None = None,
        connections: abc.Iterable[ConnectionDefinition] = (),
    ) -> None:
        """`producer` has been started, `app` hasn't. `mapping`: text and name of the settings' file; `chosen`: it
        isn't the one that is shipped. `silences`: source → seconds that it may be silent. `connections`: SCIM
        connections that are defined in a file.

        Raises MappingError.
        """
        self._kafka = kafka
        self._clock = clocks.millis
        self._due_dates = DueDates()
        self._states = UserStates()
        self._producer = BatchingProducer(producer, kafka.partitions, IN_FLIGHT)
        self._app = app
        users = self._table("users", OPERATIONS)
        links = self._table("links", LINKS)
        known = self._table("provider", RESOURCES)
        mappings = self._table("rules", MAPPINGS)
        self._mappings = MappingStore(kafka, mappings, mapping, clocks.millis, self._producer, chosen=chosen)
        self._rejections = Rejections(self._producer, options)
        self._resolver = Resolver(links, options, self._producer, self._rejections)
        handlers: dict[str, Handler] = {
            **dict.fromkeys(RESOLVED, self._resolve),
            PUSHED: self._push,
            CHANGES: self._fold,
        }
        self._sequencer = RecordSequencer(kafka, self._app, handlers, self._producer.room, clocks)
        self._replays = Replays(kafka, self._producer, self._rejections, self._sequencer.done)
        self._connections = ConnectionsInForce(kafka, connections)
        self._pushes = Pushes(
            known,
            self._connections,
            options[SCIM],
            self._producer,
            self._rejections,
            self._resolver.ignored,
            self._sequencer.done,
        )
        self._processor = FoldProcessor(
            users, self._mappings, self._due_dates, self._states, self._producer, self._sequencer, self._rejections
        )
        self._watch = SourceWatch(
            kafka, silences or {}, lambda: app.settled() and LEADS in app.assignment(), clocks.millis
        )
        self._brings = 0
        """Mappings that were ordered, and aren't on their way yet."""
        self._app.before_recovery(self._sequencer.begin)
        self._app.on_partitions_moved(self._forget)
        self._app.agent("resolve", RESOLVED, self._sequencer.take)
        self._app.agent("push", [PUSHED], self._sequencer.take)
        self._app.agent("fold", [CHANGES], self._sequencer.take)

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Work until cancelled. Raises where going on would lose something: a restart recovers from the log."""
        await self._sequencer.start()
        try:
            await self._connections.start()
            async with asyncio.TaskGroup() as tasks:
                known, settled = self._processor.known, self._app.settled
                tasks.create_task(self._producer.run())
                tasks.create_task(self._sequencer.sweep())
                tasks.create_task(announce_due_dates(self._due_dates, known, self._producer, self._clock, settled))
                tasks.create_task(self._replays.run())
                tasks.create_task(self._watch.run())
                tasks.create_task(self._connections.run())
                tasks.create_task(self._pushes.run())
                tasks.create_task(self._log_ignored())
                await self._app.run(self._sequencer.committable, ready)
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            await self._connections.stop()
            await self._sequencer.stop()

    def troubles(self, lag_limit: int) -> list[Trouble]:
        """What is wrong now. `lag_limit`: records of a topic; 0: there is none."""
        return [
            *recovery_troubles(self._app.recovery_remaining(), settled=self._app.settled()),
            *lag_troubles(self._sequencer.behind(), lag_limit),
            *order_troubles(waits=self._brings > 0),
            *self._watch.troubles(),
        ]

    def measure(self) -> None:
        """Set the gauges."""
        telemetry.RECOVERY.set(self._app.recovery_remaining())
        for state, users in self._states.counts().items():
            telemetry.USERS.labels(state).set(users)
        self._mappings.measure()
        self._sequencer.measure()

    def _table(self, name: str, changelog: str) -> StateTable:
        table = self._app.table(name, changelog)
        table.on_recover(partial(self._recovered, table, changelog))
        return table

    def _leads(self) -> bool:
        return self._app.settled() and LEADS in self._app.assignment()

    def _resolve(self, raw: RawRecord) -> Awaitable[None] | None:
        if raw.topic == CONTROLS and (mapping := mapping_in(raw.value)) is not None:
            return self._bring(raw, mapping)
        if raw.topic == CONTROLS and (order := ordered_replay(raw.value)) is not None:
            self._replays.take(raw, order)
            return None
        self._resolve_now(raw)
        return None

    async def _bring(self, raw: RawRecord, mapping: Mapping) -> None:
        """A mapping comes after each partition's first, and only where what it reads can be heard everywhere."""
        self._brings += 1
        try:
            await self._mappings.find_all()
            known, beginnings = await in_force(self._kafka), await reading.beginning_offsets(self._kafka, CHANGES)
        finally:
            self._brings -= 1
        if unheard_partitions(mapping, known, beginnings):
            self._reject(raw, "mapping", f"it reads other facts, and the first records of {CHANGES} are gone")
        else:
            self._resolve_now(raw)

    def _push(self, raw: RawRecord) -> Awaitable[None] | None:
        return self._pushes.take(raw)

    def _resolve_now(self, raw: RawRecord) -> None:
        if raw.topic == FORWARDS:
            self._pushes.came(raw)
        try:
            self._resolver.take(raw, partial(self._sequencer.done, raw))
        except RejectedInputError as error:
            self._rejections.reject(raw, error, partial(self._sequencer.done, raw))
        except Exception as error:
            log.exception("parser failed", topic=raw.topic, partition=raw.partition, offset=raw.offset)
            self._reject(raw, "internal", type(error).__name__)

    def _fold(self, raw: RawRecord) -> Awaitable[None] | None:
        return self._processor.fold(raw)

    def _reject(self, raw: RawRecord, code: str, reason: str) -> None:
        self._rejections.reject(raw, RejectedInputError(code, reason), partial(self._sequencer.done, raw))

    async def _log_ignored(self) -> NoReturn:
        """Say what meant nothing."""
        while True:
            await asyncio.sleep(TELL_EVERY)
            for (source, code), count in self._resolver.ignored.items():
                log.info("ignored", source=source, code=code, n=count)
            self._resolver.ignored.clear()

    async def _forget(self, *_: Any, **__: Any) -> None:
        """Partitions have moved."""
        self._sequencer.forget()
        self._processor.forget()
        self._resolver.forget()
        self._pushes.forget()
        self._replays.forget()
        self._mappings.forget()
        self._due_dates.forget()

    async def _recovered(self, table: StateTable, changelog: str) -> None:
        """Append again what an older record was appended after (invariant 3: no regress), and note who has dates."""
        for key, partition in table.regressed.items():
            value = table.read(key, partition)
            if value is not None:
                self._producer.put(changelog, key, value, partition=partition)
        if table.regressed:
            log.warning("records that had regressed were appended again", topic=changelog, n=len(table.regressed))
            table.regressed.clear()
        if changelog == RESOURCES:
            await self._pushes.restore()
        if changelog == OPERATIONS:
            self._states.forget()
            for user, value, partition in table.records():
                self._due_dates.note(user, value, partition)
                self._states.add(user, value)

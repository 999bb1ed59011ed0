"""Pushes: what the worker does with a record of `events.scim`, a write of a SCIM client.

Rule 1: records of a connection are folded in their order, and what one has done is known to the next at once. What it
says goes to the brokers first, then what is kept of it in table `provider`, then it counts as done; and what is kept is
sent in the records' order. So all up to the newest one that is kept is done, and comes to nothing if it comes again.
Rule 2: a record about more subjects than go together is forwarded beside the agent, part by part, each once the one
before has come to the links of this worker. Whoever is disabled meanwhile waits for one part.
Rule 3: of one subject all is said in the records' order: what an earlier record still has to say of it goes first.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final, NoReturn

import structlog
from msgspec import structs
from pydantic import ValidationError

from streamproc import telemetry
from streamproc.adapters.kafka.connections_in_force import ConnectionsInForce
from streamproc.core.errors import RejectedInputError
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.provider.event import ScimEvent
from streamproc.core.provider.fold import Void, fold
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.headers import FORWARDED
from streamproc.core.records.topic_names import RESOURCES
from streamproc.sources.options import SourceOptions
from streamproc.sources.scim.known_record import Known, decode_known, ids_in
from streamproc.sources.scim.read import SOURCE
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.decide.connection_state import ConnectionState, Kept, restored
from streamproc.worker.decide.pushed import STRAY, event_in, forwarded, said_by
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.rejections import Rejections
from streamproc.worker.stream_app import StateTable

log = structlog.get_logger("streamproc.worker")

TOGETHER: Final = 128
"""Subjects that are forwarded together."""
MOST: Final = 20_000
"""Subjects that wait to be forwarded, before nothing more is folded."""
TURN: Final = 1_000
"""Records that are restored before others have their turn."""


@dataclass(eq=False, slots=True)
class _Push:
    """A record that isn't done yet. `said`: what is still to be forwarded, by subject; `before`: what goes before that;
    `on_their_way`: parts that the brokers don't have yet.
    """

    raw: RawRecord
    said: dict[str, list[SourceEvent]]
    before: dict[str, list[SourceEvent]]
    kept: Sequence[Kept]
    on_their_way: int = 0


class Pushes:
    """For one worker. `options`: of the source; `ignored`: source and code → how often something meant nothing here;
    `done` is called with a record that needs nothing more.
    """

    def __init__(
        self,
        table: StateTable,
        connections: ConnectionsInForce,
        options: SourceOptions,
        producer: BatchingProducer,
        rejections: Rejections,
        ignored: Counter[tuple[str, str]],
        done: Callable[[RawRecord], None],
    ) -> None:
        self._table = table
        self._connections = connections
        self._options = options
        self._producer = producer
        self._rejections = rejections
        self._ignored = ignored
        self._done = done
        self._states: dict[tuple[int, str], ConnectionState] | None = None
        """By partition and connection; None: partitions have moved since."""
        self._undefined: set[str] = set()
        """Connections that were asked for, and that only gateways know."""
        self._lines: dict[int, deque[_Push]] = {}
        """Partition → records that aren't done, in their order."""
        self._waiting = 0
        """Subjects that are still to be forwarded."""
        self._some = asyncio.Event()
        """Set while there are any."""
        self._room = asyncio.Event()
        self._room.set()
        self._came = asyncio.Event()
        self._awaited: bytes | None = None
        """Place of the record of which a part is on its way to the links."""

    def take(self, raw: RawRecord) -> Awaitable[None] | None:
        """Carry a record out. What is returned has to be awaited before the partition's next one.

        Raises LaterFormatError.
        """
        try:
            event = event_in(raw)
        except RejectedInputError as error:
            self._rejections.reject(raw, error, partial(self._done, raw))
            return None
        known = self._connections.connections.get(event.connection)
        asks = known is None and event.connection not in self._undefined
        if asks or self._states is None or not self._room.is_set():
            return self._ask(raw, event)
        self._carry_out(raw, event, known)
        return None

    def came(self, raw: RawRecord) -> None:
        """A record of the worker's own topic has come to the links."""
        if self._awaited is not None and raw.headers.get(FORWARDED) == self._awaited:
            self._came.set()

    def forget(self) -> None:
        """Partitions have moved."""
        self._states = None
        self._lines = {}
        self._waiting = 0
        self._some.clear()
        self._room.set()
        self._came.set()

    async def restore(self) -> None:
        """From the table, which is whole."""
        self.forget()
        lines, found = self._lines, dict[tuple[int, str], list[tuple[tuple[str, ...], Known]]]()
        for number, (key, value, partition) in enumerate(list(self._table.records()), 1):
            if number % TURN == 0:
                await asyncio.sleep(0)
            connection, *ids = ids_in(key) or ("",)
            try:
                found.setdefault((partition, connection), []).append((tuple(ids), decode_known(value)))
            except ValidationError:
                log.warning("passed over", topic=RESOURCES, partition=partition, why="a value that isn't ours")
        if self._lines is lines:  # else partitions have moved meanwhile
            self._states = {place: restored(place[1], known) for place, known in found.items()}

    async def run(self) -> NoReturn:
        """Forward what is too much at once (rule 2), until cancelled."""
        while True:
            await self._some.wait()
            await self._producer.room.wait()
            push = next((each for line in self._lines.values() for each in line if each.said), None)
            if push is None:
                self._some.clear()
                continue
            self._came.clear()
            self._awaited = push.raw.placed
            if self._forward(push, list(islice(push.said, TOGETHER))):
                await self._came.wait()
            else:
                await asyncio.sleep(0)
            self._awaited = None

    async def _ask(self, raw: RawRecord, event: ScimEvent) -> None:
        """Whether the connection has another partition, once for each name, or what was before."""
        if self._states is None:
            await self.restore()
        await self._room.wait()
        lines = self._lines
        definition = await self._connections.definition(event.connection)
        if definition is None:
            self._undefined.add(event.connection)
        if self._lines is lines and self._states is not None:  # else the record comes again
            self._carry_out(raw, event, definition)

    def _carry_out(self, raw: RawRecord, event: ScimEvent, definition: ConnectionDefinition | None) -> None:
        """`definition` None: it isn't known here, but in a gateway's settings file."""
        assert self._states is not None
        if definition is not None and definition.partition != raw.partition:
            self._rejections.reject(raw, STRAY, partial(self._done, raw), denies=False)
            return
        place = raw.partition, event.connection
        state = self._states.get(place)
        if state is None:
            state = self._states[place] = ConnectionState(event.connection)
        if raw.offset <= state.folded:  # done before a restart
            self._done(raw)
            return
        done = fold(state.resources, event, partition=raw.partition, offset=raw.offset)
        if isinstance(done, Void):
            telemetry.PUSHED.labels(done.reason).inc()
            self._done(raw)
            return
        telemetry.PUSHED.labels("valid").inc()
        said = said_by(raw, event, done, state.subjects, self._options)
        self._ignored.update((SOURCE, each.code) for each in said.ignored)
        self._rejections.tell(raw, said.problems, denies=said.denies)
        kept = state.learn(raw.offset, done, said.learned)
        self._line_up(_Push(said.record, said.by_subject, said.before, kept))

    def _line_up(self, push: _Push) -> None:
        """After what earlier records still have to say of its subjects (rule 3)."""
        line = self._lines.setdefault(push.raw.partition, deque())
        for earlier in list(line):
            if both := earlier.said.keys() & push.said.keys():
                self._forward(earlier, both)
        line.append(push)
        self._waiting += len(push.said)
        if len(push.said) <= TOGETHER:
            self._forward(push, list(push.said))
            self._advance(line)
            return
        self._some.set()
        if self._waiting > MOST:
            self._room.clear()

    def _forward(self, push: _Push, subjects: Collection[str]) -> bool:
        """Whether some of it comes by the links of this worker."""
        before = [push.before.pop(each) for each in subjects if each in push.before]
        said = [push.said.pop(each) for each in subjects]
        # Else the link would take both for the same record, of which only the newest holds.
        apart = structs.replace(push.raw, topic=RESOURCES)
        first, _ = forwarded(apart, before, self._producer.partition)
        records, problems = forwarded(push.raw, said, self._producer.partition)
        records = first + records
        self._rejections.tell(push.raw, problems)
        for each in records:
            self._producer.put(each.topic, each.key, each.value, headers=each.headers)
        push.on_their_way += 1
        self._waiting -= len(said)
        if self._waiting <= MOST:
            self._room.set()
        self._producer.then(partial(self._acknowledged, push, self._lines))
        return any(self._producer.partition(each.key) == push.raw.partition for each in records)

    def _acknowledged(self, push: _Push, lines: dict[int, deque[_Push]]) -> None:
        """The brokers have a part."""
        push.on_their_way -= 1
        if self._lines is lines:
            self._advance(lines[push.raw.partition])

    def _advance(self, line: deque[_Push]) -> None:
        """Keep what is known by those of which all is said, in their order (rule 1)."""
        while line and not line[0].said and not line[0].on_their_way:
            push = line.popleft()
            for key, value in push.kept:
                self._producer.put(RESOURCES, key, value, partition=push.raw.partition)
            self._producer.then(partial(self._keep, push))

    def _keep(self, push: _Push) -> None:
        """The brokers have it."""
        for key, value in push.kept:
            self._table.keep(key, value, push.raw.partition)
        self._done(push.raw)

"""Which SCIM connections there are, read from `streamproc.controls`, and followed while the process runs.

Rule 1: what counts is decided by `core/provider/connections.py` alone, so every process comes to the same.
Rule 2: only the partition of their key is read, since orders elsewhere would have no order among these.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Final

import structlog
from pydantic import ValidationError

from streamproc.adapters.kafka.foreign import STRANGE, TOMBSTONE, passed_over
from streamproc.adapters.kafka.log import Consumer, ConsumerRecord, Log, TopicPartition, started
from streamproc.adapters.kafka.reading import read_to
from streamproc.core.errors import StreamprocError
from streamproc.core.provider.connections import Connections
from streamproc.core.records import partitioner
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.control import CONNECTIONS, CONTROL
from streamproc.core.records.topic_names import CONTROLS

log = structlog.get_logger("streamproc.connections")

PATIENCE: Final = 30.0
"""Seconds within which the present end of the orders has to be reached at start."""
POLL_MS: Final = 500
_ENDED: Final = "orders about connections aren't followed any more"


class NotFollowedError(StreamprocError):
    """Nobody reads the orders any more, so what is asked can't be known."""


def place_of(kafka: Log) -> TopicPartition:
    """Where all orders about connections are."""
    return TopicPartition(CONTROLS, partitioner.partition_of(CONNECTIONS.encode(), kafka.partitions))


class ConnectionsInForce:
    """Of one process: `start`, then `run` as a task, then `stop`.

    `fixed`: those of a settings file. `changed` is called after each reading that put an order into force, never in
    `start`: `served` is different then.
    """

    def __init__(
        self, kafka: Log, fixed: Iterable[ConnectionDefinition] = (), changed: Callable[[], None] = lambda: None
    ) -> None:
        self._kafka = kafka
        self._place = place_of(kafka)
        self._changed = changed
        self._stack = AsyncExitStack()
        self._consumer: Consumer | None = None
        self._next = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._ended = False
        self.connections: Final = Connections.with_fixed(kafka.partitions, fixed)

    async def start(self) -> None:
        """Read what there is, to the present end. Raises KafkaError, and TimeoutError where that isn't reached."""
        self._consumer = consumer = await self._stack.enter_async_context(started(self._kafka.consumer()))
        consumer.assign([self._place])
        await consumer.seek_to_beginning()
        async with asyncio.timeout(PATIENCE):
            ends = await consumer.end_offsets([self._place])
            async for records in read_to(consumer, ends):
                self._take(records)
        self._go_on(await consumer.position(self._place))

    async def run(self) -> None:
        """Follow until cancelled. Raises KafkaError where nobody answers."""
        assert self._consumer is not None, "start comes first"
        try:
            while True:
                taken = False
                for records in (await self._consumer.getmany(timeout_ms=POLL_MS)).values():
                    taken |= self._take(records)
                if taken:
                    self._changed()
                self._go_on(await self._consumer.position(self._place))
        finally:
            self._give_up()

    async def stop(self) -> None:
        """Let go of the connection to Kafka."""
        await self._stack.aclose()

    async def definition(self, name: str) -> ConnectionDefinition | None:
        """The connection of that name, also a removed one. None: by all that was ordered before this was called, there
        is none.

        Where it isn't known yet, the orders are read to their present end first, while `run` follows them. Raises
        what `caught_up` raises, and TimeoutError where that end isn't reached.
        """
        if (known := self.connections.get(name)) is None:
            async with asyncio.timeout(PATIENCE):
                await self.caught_up()
            known = self.connections.get(name)
        return known

    async def caught_up(self) -> None:
        """Returns when all is known that was ordered before this was called; `run` follows meanwhile.

        Raises KafkaError, and NotFollowedError where `run` has ended.
        """
        assert self._consumer is not None, "start comes first"
        end = (await self._consumer.end_offsets([self._place]))[self._place]
        if self._next >= end:
            return
        if self._ended:
            raise NotFollowedError(_ENDED)
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((end, reached))
        await reached

    def _take(self, records: Sequence[ConsumerRecord]) -> bool:
        """Whether something came into force."""
        taken = False
        for record in records:
            if record.value is None:
                passed_over(record, TOMBSTONE, "it has no effect")
                continue
            try:
                control = CONTROL.validate_json(record.value)
            except ValidationError:
                passed_over(record, STRANGE, "it has no effect")
                continue
            if control.action != "connection":
                continue
            if (why := self.connections.take(control, record.offset)) is None:
                taken = True
            else:
                log.warning("an order about a connection doesn't count", why=why, offset=record.offset, by=control.by)
        return taken

    def _go_on(self, after: int) -> None:
        self._next = max(self._next, after)
        for end, reached in self._waiting:
            if end <= self._next and not reached.done():
                reached.set_result(None)
        self._waiting = [each for each in self._waiting if not each[1].done()]

    def _give_up(self) -> None:
        self._ended = True
        for _, reached in self._waiting:
            if not reached.done():
                reached.set_exception(NotFollowedError(_ENDED))
        self._waiting = []

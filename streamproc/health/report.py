"""Reporter: appends a service's state to `streamproc.status` every few seconds, and once more when it ends.

Nothing depends on it: where the topic isn't there, or may not be written to, that is told once, and all goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NoReturn

import orjson
import structlog

from streamproc.adapters.kafka.log import KafkaError, Log, Producer
from streamproc.adapters.wait import wait_unless
from streamproc.core.errors import StreamprocError
from streamproc.core.records.topic_names import STATUS
from streamproc.health.health import Health

log = structlog.get_logger("streamproc.health")

EVERY: Final = 10.0
"""Seconds between two states."""
AGAIN: Final = 60.0
"""The same after one that nobody took."""
PATIENCE: Final = 5.0
"""Seconds for one to be taken, and to connect."""
LAST: Final = 2.0
"""The same of the last one, and to disconnect: the process is about to end."""


@asynccontextmanager
async def reporting(
    kafka: Log,
    health: Health,
    problem: Callable[[], Awaitable[Exception | None]],
    sleep: Callable[[float], Coroutine[Any, Any, object]] = asyncio.sleep,
) -> AsyncIterator[None]:
    """Report while the context is open, and at its end. `problem`: what keeps us from Kafka, None: nothing."""
    reporter = Reporter(kafka, health, problem, sleep)
    task = asyncio.create_task(reporter.run(), name="state of the service")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await reporter.last()


class Reporter:
    """Of one service. Its producer is its own: one that was refused a topic may be of no more use to others."""

    def __init__(
        self,
        kafka: Log,
        health: Health,
        problem: Callable[[], Awaitable[Exception | None]],
        sleep: Callable[[float], Coroutine[Any, Any, object]],
    ) -> None:
        self._kafka = kafka
        self._health = health
        self._problem = problem
        self._sleep = sleep
        self._works: bool | None = None
        """Whether the last one was taken. None: there was none yet."""

    async def run(self) -> NoReturn:
        """Until cancelled."""
        while True:
            try:
                async with self._producing() as producer:
                    while True:
                        await self._report(producer)
            except (KafkaError, StreamprocError, OSError) as error:
                await self._failed(error)

    async def _report(self, producer: Producer) -> None:
        """Once, and the wait after it. A producer whom nobody answers goes on trying by itself, and is kept."""
        starting = not self._health.working.is_set()
        if self._health.cut_off is not None:
            await self._look()
        try:
            await self._append(producer, PATIENCE)
        except TimeoutError as error:
            await self._failed(error)
        else:
            self._health.cut_off = None
            self._note(None)
            await self._pause(starting=starting)

    async def _pause(self, *, starting: bool) -> None:
        """That it works now is told at once."""
        if starting:
            await wait_unless(self._sleep, EVERY, self._health.working)
        else:
            await self._sleep(EVERY)

    async def _failed(self, error: Exception) -> None:
        """Nobody took it. That may be the topic's fault, or there is no Kafka, which is looked at more often."""
        self._note(type(error).__name__)
        await self._look()
        await self._sleep(AGAIN if self._health.cut_off is None else EVERY)

    async def _look(self) -> None:
        problem = await self._problem()
        self._health.cut_off = None if problem is None else str(problem)

    async def last(self) -> None:
        """The state with which it ends. It isn't worth a word where nobody takes it."""
        if not self._works:
            return
        try:
            async with self._producing() as producer:
                await self._append(producer, LAST)
        except (KafkaError, StreamprocError, OSError, TimeoutError):
            pass

    @asynccontextmanager
    async def _producing(self) -> AsyncIterator[Producer]:
        """One that keeps nobody from ending: it would try for long to send what nobody takes."""
        producer = self._kafka.producer()
        try:
            async with asyncio.timeout(PATIENCE):
                await producer.start()
            yield producer
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST):
                    await producer.stop()

    async def _append(self, producer: Producer, seconds: float) -> None:
        state = self._health.state()
        async with asyncio.timeout(seconds):
            await producer.send_and_wait(STATUS, orjson.dumps(state), key=state.key.encode())

    def _note(self, failure: str | None) -> None:
        if failure is not None and self._works is not False:
            log.warning("`streamproc status` doesn't hear of this service", topic=STATUS, reason=failure)
        self._works = failure is None

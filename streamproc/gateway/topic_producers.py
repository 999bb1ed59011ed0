"""Who the gateway writes with: one producer for all topics, until Kafka's ACLs refuse one of these.

Records that were refused leave a gap in their producer's numbering of the topic, which brokers take for a loss. So the
topic is left alone for a while, and then tried with another producer: its door answers 503 meanwhile, and the others
don't notice.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

import structlog

from streamproc.adapters.kafka.log import KafkaError, Log, NotAllowedError, Producer

log = structlog.get_logger("streamproc.gateway")

PAUSE: Final = 5.0
"""Seconds that a topic is left alone after it was refused."""


class TopicProducers:
    """`first` has been started. `renewed` stops a producer, if there is one, and starts another."""

    def __init__(
        self, first: Producer, renewed: Callable[[Producer | None], Awaitable[Producer]], ticks: Callable[[], float]
    ) -> None:
        self._first = first
        self._renewed = renewed
        self._ticks = ticks
        self._own: dict[str, Producer] = {}
        """By topic, of those that were refused once."""
        self._refused: dict[str, float | None] = {}
        """Topic → when; None: it isn't any more."""
        self._starting = asyncio.Lock()

    def refused(self) -> list[str]:
        """Topics that are left alone now."""
        return [topic for topic, since in self._refused.items() if since is not None]

    async def send(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        """Returns as soon as the record is on its way. It, or the future, raises NotAllowedError, KafkaError."""
        producer = self._first if topic not in self._refused else await self._own_of(topic)
        try:
            sent: asyncio.Future[Any] = await producer.send(topic, value, key, headers=headers)
        except NotAllowedError:
            self._refuse(topic, producer)
            raise
        sent.add_done_callback(partial(self._done, topic, producer))
        return sent

    async def _own_of(self, topic: str) -> Producer:
        async with self._starting:
            if (since := self._refused[topic]) is not None:
                if self._ticks() - since < PAUSE:
                    raise NotAllowedError(topic)
                self._own[topic] = await self._renewed(self._own.get(topic))
                self._refused[topic] = None
            return self._own[topic]

    def _done(self, topic: str, producer: Producer, sent: asyncio.Future[Any]) -> None:
        if not sent.cancelled() and isinstance(sent.exception(), NotAllowedError):
            self._refuse(topic, producer)

    def _refuse(self, topic: str, producer: Producer) -> None:
        if producer is not self._own.get(topic, self._first) or self._refused.get(topic) is not None:
            return  # several that were on their way are refused together
        log.error("Kafka doesn't allow writing to this topic: its door is closed", topic=topic, tried_again_after=PAUSE)
        self._refused[topic] = self._ticks()


@asynccontextmanager
async def topic_producers(kafka: Log, first: Producer, ticks: Callable[[], float]) -> AsyncIterator[TopicProducers]:
    """For the time of the block."""
    others: set[Producer] = set()

    async def stop(producer: Producer) -> None:
        others.discard(producer)
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(PAUSE):
                await producer.stop()

    async def renewed(old: Producer | None) -> Producer:
        if old is not None:
            await stop(old)
        others.add(producer := kafka.producer())
        await producer.start()
        return producer

    try:
        yield TopicProducers(first, renewed, ticks)
    finally:
        await asyncio.gather(*map(stop, list(others)))

"""Controls: follows `streamproc.controls` from its beginning, and tells the sink what operators order now.

Every sink reads all of it, without a group: there is little, and `pause` is for all. The latest control about a user
counts; whether it (still) applies is decided where the user's delivery is.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import ValidationError

from streamproc.adapters.kafka import client
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import CONTROL, WORKER, Control
from streamproc.core.records.topic_names import CONTROLS
from streamproc.settings import KafkaSettings

log = structlog.get_logger("streamproc.controls")

PATIENCE: Final = 30.0
"""Seconds within which the present end of the topic has to be reached at start."""


@dataclass(frozen=True, slots=True)
class ReceivedCommand:
    """A control, and where it lies in the log."""

    control: Control
    origin: Origin


class ControlFollower:
    """See above. `tell` is called for each control about a user that comes after `start`."""

    def __init__(
        self, kafka: KafkaSettings, tell: Callable[[ReceivedCommand], None], pause: Callable[[bool], None]
    ) -> None:
        self._kafka = kafka
        self._tell = tell
        self._pause = pause
        self._latest: dict[str, ReceivedCommand] = {}
        self._consumer: AIOKafkaConsumer | None = None

    def latest(self, user: str) -> ReceivedCommand | None:
        """The last control about the user."""
        return self._latest.get(user)

    async def start(self) -> None:
        """Read what there is. Raises KafkaError, and TimeoutError where the topic can't be read to its end."""
        self._consumer = consumer = client.consumer(self._kafka)
        await consumer.start()
        places = [TopicPartition(CONTROLS, partition) for partition in range(self._kafka.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        async with asyncio.timeout(PATIENCE):
            for place in places:
                while await consumer.position(place) < ends[place]:
                    await self._next(lambda _: None)

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            await self._next(self._tell)

    async def stop(self) -> None:
        """Let go of the connection."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def _next(self, tell: Callable[[ReceivedCommand], None]) -> None:
        assert self._consumer is not None
        batches = await self._consumer.getmany(timeout_ms=1000)
        for place, records in batches.items():
            for record in records:
                try:
                    control = CONTROL.validate_json(record.value or b"")
                except ValidationError:
                    log.warning("not a control; only the commands of streamproc may write here", offset=record.offset)
                    continue
                if control.action in WORKER:
                    continue
                ordered = ReceivedCommand(
                    control, Origin(place.topic, place.partition, record.offset, record.timestamp)
                )
                if control.action in {"pause", "resume"}:
                    log.warning("ordered", action=control.action, by=control.by)
                    self._pause(control.action == "pause")
                elif control.user is not None:
                    self._latest[control.user] = ordered
                    tell(ordered)

"""Controls: follows `streamproc.controls` from its beginning, and tells the sink what operators order now.

Every sink reads all of it, without a group: there is little, and `pause` is for all. The latest control about a user
counts; whether it (still) applies is decided where the user's delivery is.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from pydantic import ValidationError

from streamproc.adapters.kafka.log import Consumer, ConsumerRecord, Log
from streamproc.adapters.kafka.reading import partitions_of, read_to
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import CONTROL, RECONCILE, WORKER, Control
from streamproc.core.records.topic_names import CONTROLS

log = structlog.get_logger("streamproc.controls")

PATIENCE: Final = 30.0
"""Seconds within which the present end of the topic has to be reached at start."""


@dataclass(frozen=True, slots=True)
class ReceivedCommand:
    """A control, and where it lies in the log."""

    control: Control
    origin: Origin


class ControlFollower:
    """Of one sink. `tell` is called for each control about a user that comes after `start`."""

    def __init__(self, kafka: Log, tell: Callable[[ReceivedCommand], None], pause: Callable[[bool], None]) -> None:
        self._kafka = kafka
        self._tell = tell
        self._pause = pause
        self._latest: dict[str, ReceivedCommand] = {}
        self._unfreezing: dict[str, dict[str | None, ReceivedCommand]] = {}
        self._consumer: Consumer | None = None

    def latest(self, user: str) -> ReceivedCommand | None:
        """The last control about what is set aside of the user."""
        return self._latest.get(user)

    def orders(self, user: str) -> list[ReceivedCommand]:
        """All that may still have to be carried out: the last control, and the last about each of what was frozen."""
        latest = [] if (last := self._latest.get(user)) is None else [last]
        return sorted([*self._unfreezing.get(user, {}).values(), *latest], key=lambda each: each.origin.offset)

    async def start(self) -> None:
        """Read what there is. Raises KafkaError, and TimeoutError where the topic can't be read to its end."""
        self._consumer = consumer = self._kafka.consumer()
        await consumer.start()
        partitions = partitions_of(self._kafka, CONTROLS)
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        async with asyncio.timeout(PATIENCE):
            async for records in read_to(consumer, await consumer.end_offsets(partitions)):
                self._take(records, lambda _: None)

    async def run(self) -> None:
        """Follow until cancelled."""
        assert self._consumer is not None
        while True:
            for records in (await self._consumer.getmany(timeout_ms=1000)).values():
                self._take(records, self._tell)

    async def stop(self) -> None:
        """Let go of the connection."""
        if self._consumer is not None:
            await self._consumer.stop()

    def _take(self, records: Sequence[ConsumerRecord], tell: Callable[[ReceivedCommand], None]) -> None:
        for record in records:
            try:
                control = CONTROL.validate_json(record.value or b"")
            except ValidationError:
                log.warning("not a control; only the commands of streamproc may write here", offset=record.offset)
                continue
            if control.action in WORKER | RECONCILE:
                continue
            ordered = ReceivedCommand(control, Origin(record.topic, record.partition, record.offset, record.timestamp))
            if control.action in {"pause", "resume"}:
                log.warning("ordered", action=control.action, by=control.by)
                self._pause(control.action == "pause")
            elif control.user is not None:
                if control.action == "unfreeze":
                    self._unfreezing.setdefault(control.user, {})[control.attribute] = ordered
                else:
                    self._latest[control.user] = ordered
                tell(ordered)

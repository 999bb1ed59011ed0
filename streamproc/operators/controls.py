"""Orders: what is set aside, read from `scim.deliveries`, and operators' controls, for `streamproc.controls`."""

import asyncio
from collections.abc import Iterable

import orjson

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Log, RecordMetadata, started
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import Action, Control
from streamproc.core.records.delivery import DeliveredState, decode_delivery
from streamproc.core.records.topic_names import CONTROLS, DELIVERIES
from streamproc.core.records.units import Millis


async def set_aside(kafka: Log) -> list[DeliveredState]:
    """Everybody of whom something is set aside now, by user ID. Raises KafkaError."""
    found: dict[str, DeliveredState] = {}
    async for user, delivery in reading.read_topic(kafka, DELIVERIES, decode_delivery):
        found.pop(user, None)
        if delivery is not None and delivery.parked is not None:
            found[user] = delivery
    return [found[user] for user in sorted(found)]


async def order(kafka: Log, controls: Iterable[Control]) -> list[Origin]:
    """Append the controls; returns where, when the brokers have them. Raises KafkaError."""
    async with started(kafka.producer()) as producer:
        sent: list[asyncio.Future[RecordMetadata]] = [
            await producer.send(CONTROLS, orjson.dumps(control), key=control.key.encode()) for control in controls
        ]
        appended = await asyncio.gather(*sent)
        return [Origin(CONTROLS, each.partition, each.offset, each.timestamp) for each in appended]


def control(action: Action, delivery: DeliveredState | None, by: str, reason: str, at: Millis) -> Control:
    """An order about what is set aside of a user; `delivery` None: about the sinks. `at`: ms since 1970."""
    if delivery is None or delivery.parked is None:
        return Control(f"{action}-{at}", action, None, None, by, reason, at)
    since = delivery.parked.since
    return Control(f"{action}-{delivery.user}-{since}-{at}", action, delivery.user, since, by, reason, at)

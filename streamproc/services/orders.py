"""Orders: what is set aside, read from `scim.deliveries`, and operators' controls, for `streamproc.controls`."""

from collections.abc import Iterable

import orjson
from aiokafka import TopicPartition

from streamproc.adapters import kafka
from streamproc.config import Settings
from streamproc.core.controls import SINK, Action, Control
from streamproc.core.delivery import DELIVERY, Delivery
from streamproc.topics import CONTROLS, DELIVERIES


async def set_aside(settings: Settings) -> list[Delivery]:
    """Everybody of whom something is set aside now, by user ID. Raises KafkaError."""
    found: dict[str, Delivery] = {}
    reader = kafka.consumer(settings, committed_only=True)
    await reader.start()
    try:
        places = [TopicPartition(DELIVERIES, partition) for partition in range(settings.partitions)]
        reader.assign(places)
        await reader.seek_to_beginning()
        ends = await reader.end_offsets(places)
        for place in places:
            while await reader.position(place) < ends[place]:
                for records in (await reader.getmany(timeout_ms=1000)).values():
                    for record in records:
                        _note(found, record.key.decode(), record.value)
    finally:
        await reader.stop()
    return [found[user] for user in sorted(found)]


def _note(found: dict[str, Delivery], user: str, value: bytes) -> None:
    found.pop(user, None)
    if orjson.loads(value)["parked"] is not None:
        found[user] = DELIVERY.validate_json(value)


async def order(settings: Settings, controls: Iterable[Control]) -> None:
    """Append the controls; returns when the brokers have them. Raises KafkaError."""
    producer = kafka.producer(settings)
    await producer.start()
    try:
        for control in controls:
            subject = (control.subject or "").partition("/")[2]
            key = (subject or control.user or SINK).encode()
            await producer.send(CONTROLS, orjson.dumps(control), key=key)
        await producer.flush()
    finally:
        await producer.stop()


def control(action: Action, delivery: Delivery | None, by: str, reason: str, at: int) -> Control:
    """An order about what is set aside of a user; `delivery` None: about the sinks. `at`: ms since 1970."""
    if delivery is None or delivery.parked is None:
        return Control(f"{action}-{at}", action, None, None, by, reason, at)
    since = delivery.parked.since
    return Control(f"{action}-{delivery.user}-{since}-{at}", action, delivery.user, since, by, reason, at)

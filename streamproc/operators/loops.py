"""What goes to and fro, as `scim.deliveries` says it, and the order that lets it go."""

from collections.abc import Iterable
from dataclasses import dataclass

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Log
from streamproc.core.flow.loop_case import Case, case
from streamproc.core.records.control import Control
from streamproc.core.records.delivery import DeliveredState, Frozen, decode_delivery
from streamproc.core.records.topic_names import DELIVERIES
from streamproc.core.records.units import Millis


@dataclass(frozen=True, slots=True)
class FrozenItem:
    """One item of one user."""

    user: str
    item: str
    frozen: Frozen
    delivery: DeliveredState

    @property
    def case(self) -> Case:
        """Between whom it goes to and fro."""
        return case(self.item, self.frozen)


async def frozen_items(kafka: Log) -> list[FrozenItem]:
    """All that is frozen now, the oldest first. Raises KafkaError."""
    found: dict[str, DeliveredState] = {}
    async for user, delivery in reading.read_topic(kafka, DELIVERIES, decode_delivery):
        found.pop(user, None)
        if delivery is not None and delivery.frozen:
            found[user] = delivery
    every = [
        FrozenItem(user, item, frozen, delivery)
        for user, delivery in found.items()
        for item, frozen in delivery.frozen.items()
    ]
    return sorted(every, key=lambda each: (each.frozen.at, each.user, each.item))


def unfreeze(users: Iterable[str], items: Iterable[str], by: str, reason: str, at: Millis) -> list[Control]:
    """Orders that let these items of the users go; no items: all of them. `at`: ms since 1970."""
    named: list[str | None] = [*items] or [None]
    return [
        Control(f"unfreeze-{user}-{at}-{number}", "unfreeze", user, None, by, reason, at, attribute=item)
        for user in users
        for number, item in enumerate(named)
    ]

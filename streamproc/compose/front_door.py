"""The gateway's SCIM side: its partitions over Kafka, with their files, and who is served."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

from streamproc import rights
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka.log import Log
from streamproc.adapters.kafka.topic_identity import made_anew, of_cluster
from streamproc.adapters.kafka.topics import admin_of
from streamproc.adapters.wait import task_group
from streamproc.compose.boot import boot_id
from streamproc.compose.clocks import SYSTEM
from streamproc.core.errors import TopologyError
from streamproc.gateway.scim.connections_followed import ConnectionsFollowed
from streamproc.gateway.scim.delivery import Deliveries
from streamproc.gateway.scim.delivery_follower import DeliveryFollower
from streamproc.gateway.scim.front_door import FrontDoor
from streamproc.gateway.scim.partition import LOOK_EVERY, Partition
from streamproc.gateway.scim.service import Surroundings
from streamproc.gateway.scim.tail import TOPIC
from streamproc.health.decide.conditions import Trouble
from streamproc.settings import KafkaSettings, Settings, secrets

AT_START: Final = 3.0
"""Seconds that a gateway which starts waits for SCIM clients to be served, so that they don't notice a restart. Those
of hooks are served then, whatever is still to be read."""


@dataclass(frozen=True, slots=True)
class OpenedDoor:
    """The front door of a gateway, whose connections are followed. `door` None: no SCIM is served."""

    door: FrontDoor | None
    troubles: Callable[[], Iterator[Trouble]]
    """What is wrong now."""


def make_front_door(
    settings: Settings,
    kafka: Log,
    folder: Path,
    identity: Callable[[], Awaitable[str]],
    clocks: Clocks = SYSTEM,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    deliveries: Deliveries | None = None,
) -> FrontDoor:
    """One that serves nobody yet. `identity`: of the topic. `deliveries`: see FrontDoor."""
    around = Surroundings(clocks.millis, clocks.ticks, new_id)

    def partition(number: int) -> Partition:
        return Partition(kafka, number, folder, identity, clocks, door.belongs)

    door = FrontDoor(partition, around, secrets(settings.gateway.scim_keys), deliveries)
    return door


@asynccontextmanager
async def opened_front_door(settings: Settings, kafka: Log, clocks: Clocks = SYSTEM) -> AsyncIterator[OpenedDoor]:
    """For the time of the block, if SCIM is to be served. Raises SettingsError."""
    folder = settings.gateway.scim_state
    if folder is None:
        yield OpenedDoor(None, lambda: iter(()))
        return
    fixed = settings.connections()
    async with admin_of(settings.kafka, rights.gateway(["scim"])) as admin:
        identity = SharedAnswer(partial(topic_identity, settings.kafka, admin), clocks.ticks)
        deliveries = DeliveryFollower(kafka)
        front_door = make_front_door(settings, kafka, folder, identity, clocks, deliveries=deliveries)
        async with front_door as door, task_group() as tasks:
            followed = ConnectionsFollowed(kafka, fixed, door, clocks)
            following = tasks.create_task(followed.run(), name="connections")
            delivered = tasks.create_task(deliveries.run(), name="deliveries")
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(AT_START):
                        await door.until_served(clocks.pause)
                yield OpenedDoor(door, lambda: chain(followed.troubles(), door.troubles()))
            finally:
                following.cancel()
                delivered.cancel()


async def topic_identity(kafka: KafkaSettings, admin: Any) -> str:
    """Of which log a file is: cluster, topic, and this start of the machine (see Store).

    Brokers that don't tell could have made the topic anew since the process before ran, so there no file outlives its
    process. Raises KafkaError, and TopologyError where the topic isn't the one that the others' state is of.
    """
    if await made_anew(kafka, admin, [TOPIC]):
        raise TopologyError(
            f"{TOPIC} was made anew: clients would be told that nobody is there. Restore it with the same offsets, or "
            f"begin anew; then `streamproc topics --accept {TOPIC}`"
        )
    return f"{await of_cluster(admin, TOPIC) or _PROCESS}/{boot_id()}"


_PROCESS: Final = uuid.uuid4().hex


class SharedAnswer:
    """One question for all who ask at about the same time."""

    def __init__(self, ask: Callable[[], Awaitable[str]], ticks: Callable[[], float]) -> None:
        self._ask = ask
        self._ticks = ticks
        self._asking = asyncio.Lock()
        self._answered = float("-inf")
        self._answer = ""

    async def __call__(self) -> str:
        async with self._asking:
            if self._ticks() - self._answered >= LOOK_EVERY / 2:
                self._answer = await self._ask()
                self._answered = self._ticks()
            return self._answer

"""The gateway's SCIM side: its partitions over Kafka, with their files, and who is served."""

import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

from streamproc.adapters.boot import boot_id
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka.log import Log
from streamproc.adapters.kafka.topic_identity import of_cluster
from streamproc.compose.clocks import SYSTEM
from streamproc.gateway.scim.front_door import FrontDoor
from streamproc.gateway.scim.partition import Partition
from streamproc.gateway.scim.service import Surroundings
from streamproc.gateway.scim.tail import TOPIC
from streamproc.settings import KafkaSettings, Settings, secrets


def make_front_door(
    settings: Settings,
    kafka: Log,
    folder: Path,
    identity: Callable[[], Awaitable[str]],
    clocks: Clocks = SYSTEM,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> FrontDoor:
    """One that serves nobody yet. `identity`: of the topic."""
    around = Surroundings(clocks.millis, clocks.ticks, new_id)

    def partition(number: int) -> Partition:
        return Partition(kafka, number, folder, identity, clocks, door.belongs)

    door = FrontDoor(partition, around, secrets(settings.gateway.scim_keys))
    return door


async def topic_identity(kafka: KafkaSettings) -> str:
    """Of which log a file is: cluster, topic, and this start of the machine (see Store).

    Brokers that don't tell could have made the topic anew meanwhile, so there a file is another process's.
    """
    return f"{await of_cluster(kafka, TOPIC) or uuid.uuid4().hex}/{boot_id()}"

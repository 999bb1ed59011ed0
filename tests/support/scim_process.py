"""Gateways as processes that serve SCIM on a real Kafka, and orders about their connections."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import started
from streamproc.core.provider.connection_token import hashed
from streamproc.core.records.connection_definition import ConnectionDefinition, ConnectionToken
from streamproc.core.records.control import CONNECTIONS, Control
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import Millis
from streamproc.demo.processes import Child
from streamproc.settings import Settings, environment, load_settings

KEY = "k" * 32
"""Signs fetched tokens."""


@asynccontextmanager
async def scim_gateway(settings: Settings, folder: Path, name: str = "one", **changed: Any) -> AsyncIterator[Child]:
    """A process, with its state and its log in a folder. `start` starts it, and returns its port."""
    given = {"gateway_scim_state": str(folder / name), "gateway_scim_keys": KEY, "gateway_port": 0}
    bootstrap = settings.kafka.bootstrap_servers
    child = Child(
        "gateway", ("gateway",), environment(load_settings(kafka=bootstrap, **given | changed)), folder / f"{name}.log"
    )
    try:
        yield child
    finally:
        await child.stop()


def definition(name: str, *tokens: str, partition: int = 0, **more: Any) -> ConnectionDefinition:
    """A connection with these tokens."""
    return ConnectionDefinition(name, partition, tuple(ConnectionToken(hashed(each)) for each in tokens), **more)


async def order(settings: Settings, wanted: ConnectionDefinition) -> int:
    """Bring it into force. Returns the order's offset, which the next definition of the name is based on."""
    control = Control(uuid.uuid4().hex, "connection", None, None, "Kim", "a test", Millis(1), connection=wanted)
    async with started(KafkaLog(settings.kafka).producer()) as producer:
        sent = await producer.send_and_wait(CONTROLS, orjson.dumps(control), CONNECTIONS.encode())
    return int(sent.offset)

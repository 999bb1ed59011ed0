"""Connections, followed in a log in memory."""

import asyncio

import orjson
import pytest
from msgspec.structs import replace

from streamproc.adapters.kafka import connections_in_force, foreign
from streamproc.adapters.kafka.connections_in_force import ConnectionsInForce, NotFollowedError, place_of
from streamproc.core.records.connection_definition import ConnectionDefinition, ConnectionToken
from streamproc.core.records.control import CONNECTIONS, Control
from streamproc.core.records.topic_names import CONTROLS
from streamproc.core.records.units import Millis
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.support.logged import logged

OKTA = ConnectionDefinition("okta", 1, (ConnectionToken("a" * 64),))
ENTRA = ConnectionDefinition("entra", 0, (ConnectionToken("b" * 64),))


def memory() -> MemoryLog:
    """Of four partitions."""
    return MemoryLog(MemoryBroker(4, lambda: 0))


async def put(kafka: MemoryLog, value: bytes | None, partition: int | None = None) -> None:
    """A record in the topic of orders."""
    await kafka.producer().send_and_wait(CONTROLS, value, CONNECTIONS.encode(), partition)


async def ordered(kafka: MemoryLog, definition: ConnectionDefinition, partition: int | None = None) -> None:
    """To bring it into force."""
    control = Control("c", "connection", None, None, "Kim", "ready", Millis(1), connection=definition)
    await put(kafka, orjson.dumps(control), partition)


async def test_what_was_ordered_is_in_force_after_the_start_and_what_comes_is_told() -> None:
    """A gateway that runs takes a new connection's token without being started anew."""
    kafka = memory()
    await ordered(kafka, OKTA)
    changed = asyncio.Event()
    here = ConnectionsInForce(kafka, changed=changed.set)
    await here.start()
    assert list(here.connections.served()) == ["okta"]
    assert not changed.is_set()
    following = asyncio.create_task(here.run())
    await ordered(kafka, ENTRA)
    await changed.wait()
    assert list(here.connections.served()) == ["entra", "okta"]
    following.cancel()
    await here.stop()


async def test_a_name_that_is_not_known_yet_is_looked_for_up_to_the_end() -> None:
    """A record that comes right after its connection was ordered is never taken for a stranger's."""
    kafka = memory()
    here = ConnectionsInForce(kafka)
    await here.start()
    following = asyncio.create_task(here.run())
    await ordered(kafka, OKTA)
    assert await here.definition("okta") == OKTA
    assert await here.definition("nobody") is None
    following.cancel()
    await asyncio.wait([following])
    await ordered(kafka, ENTRA)
    with pytest.raises(NotFollowedError):
        await here.definition("entra")
    assert await here.definition("okta") == OKTA
    await here.stop()


async def test_a_waiter_is_told_when_nobody_follows_any_more() -> None:
    """Nothing waits for ever for a reader that has ended."""
    kafka = memory()
    here = ConnectionsInForce(kafka)
    await here.start()
    await ordered(kafka, OKTA)
    waiting = asyncio.create_task(here.definition("okta"))
    await asyncio.sleep(0)
    following = asyncio.create_task(here.run())
    await asyncio.sleep(0)
    following.cancel()
    with pytest.raises(NotFollowedError):
        await waiting
    await here.stop()


async def test_what_is_strange_or_elsewhere_is_told_and_has_no_effect() -> None:
    """Garbage, a tombstone, an order in another partition and a bad definition stop nobody."""
    kafka = memory()
    await put(kafka, b"{}")
    await put(kafka, None)
    await ordered(kafka, replace(OKTA, name="BAD"))
    await ordered(kafka, ENTRA, partition=(place_of(kafka).partition + 1) % 4)
    await ordered(kafka, OKTA)
    here = ConnectionsInForce(kafka)
    with logged(connections_in_force, foreign) as lines:
        await here.start()
    assert list(here.connections.all()) == ["okta"]
    assert [each["event"].split()[0:2] for each in lines] == [["a", "record"], ["a", "record"], ["an", "order"]]
    await here.stop()


async def test_those_of_the_settings_are_there_from_the_beginning() -> None:
    """A name that is in both is told to whoever starts the process."""
    kafka = memory()
    await ordered(kafka, OKTA)
    here = ConnectionsInForce(kafka, [replace(OKTA, partition=3), ENTRA])
    await here.start()
    assert here.connections.clashing == ["okta"]
    assert here.connections.all() == {"entra": ENTRA, "okta": replace(OKTA, partition=3)}
    await here.stop()

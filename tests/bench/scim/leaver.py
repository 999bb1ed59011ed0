"""From a PATCH to revoked access, at idle: a part of `python -m tests.bench.front_door`.

The whole pipeline, on one machine: gateway, worker, sink, and the stand-in for Genesys. One leaver after the other,
each made by a POST before. The clock starts before the PATCH `active: false` is sent. `push_to_revoked` ends at the
outcome's `read_back`, when Genesys had said that the user is inactive; `accepted_answered` when the client has its
answer, and `delivered_answered` as well, of a connection whose answers wait for that.
"""

import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.records.topic_names import OUTCOMES
from streamproc.demo.processes import stack
from streamproc.embedded import embedded_kafka
from streamproc.settings import load_settings
from tests.bench import say, size
from tests.bench.cpu import usage
from tests.bench.hook import fates
from tests.bench.scim.client import Client, client
from tests.bench.scim.people import ENTERPRISE, user
from tests.bench.scim.served import connections_file, gateway, token

LEAVERS: Final = size(60, 15)
"""Of each connection."""
PAUSE: Final = 0.25
ACCEPTED, DELIVERED = "accepted", "delivered"
"""The two connections, after how they answer a deactivation."""


async def measure() -> dict[str, Any]:
    """Hire them all, and let them go."""
    figures: dict[str, Any] = {}
    async with AsyncExitStack() as exit_stack:
        broker = await exit_stack.enter_async_context(embedded_kafka(progress=lambda _: None))
        folder = Path(exit_stack.enter_context(tempfile.TemporaryDirectory()))
        connections = connections_file(folder, {ACCEPTED: 0, DELIVERED: 1}, {DELIVERED})
        settings = load_settings(
            kafka=broker.bootstrap,
            guard_count=10**6,
            guard_day_count=10**6,
            gateway_port=0,
            gateway_scim_state=str(folder / "state"),
            scim_connections=str(connections),
        )
        await ensure_topics(settings.kafka)
        running = await exit_stack.enter_async_context(stack(settings, folder))
        await running.start("worker", "sink")
        serving = await exit_stack.enter_async_context(gateway(running.settings, folder / "gateway.log", ACCEPTED))
        follower = KafkaLog(settings.kafka).consumer()
        await exit_stack.enter_async_context(follower)
        follower.assign([TopicPartition(OUTCOMES, number) for number in range(settings.kafka.partitions)])
        begun = usage(broker.pid)
        for connection in (ACCEPTED, DELIVERED):
            async with client(serving.port, token(connection)) as at:
                answered, revoked = await _gone(at, connection, follower)
            figures |= _row(f"{connection}_answered", answered)
            if connection == ACCEPTED:
                figures |= _row("push_to_revoked", revoked)
        used = usage(broker.pid) - begun
    return {**figures, "leavers": 2 * LEAVERS, **used.row("push_")}


async def _gone(at: Client, connection: str, follower: AIOKafkaConsumer) -> tuple[list[float], list[float]]:
    """The leavers of one connection: ms until each was answered, and until the read-back."""
    numbers = [f"{connection[0].upper()}{number:03}" for number in range(LEAVERS)]
    ids = [await _hire(at, index, number) for index, number in enumerate(numbers)]
    await fates(follower, set(numbers), "delivered")
    answered, revoked = [], []
    for number, id_ in zip(numbers, ids, strict=True):
        await asyncio.sleep(PAUSE)
        begun = time.time() * 1000
        answer = await at.replace("Users", id_, {"op": "replace", "value": {"active": False}})
        answered.append(answer.seconds * 1000)
        revoked.append((await fates(follower, {number}, "revoked"))[number]["read_back"] - begun)
    say(f"{LEAVERS} leavers of {connection}: {min(revoked):.0f} to {max(revoked):.0f} ms")
    return answered, revoked


async def _hire(at: Client, index: int, number: str) -> str:
    content = user(index)
    name = f"{number.lower()}@example.com"
    content[ENTERPRISE]["employeeNumber"] = number
    told = await at.send("POST", "/Users", content | {"userName": name, "emails": [{"value": name, "type": "work"}]})
    return str(told.body["id"])


def _row(what: str, took: list[float]) -> dict[str, float]:
    took = sorted(took)
    p99 = took[min(int(len(took) * 0.99), len(took) - 1)]
    return {f"{what}_p50_ms": round(statistics.median(took), 1), f"{what}_p99_ms": round(p99, 1)}

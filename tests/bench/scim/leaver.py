"""From a PATCH to revoked access, at idle: a part of `python -m tests.bench.front_door`.

The whole pipeline, on one machine: gateway, worker, sink, and the stand-in for Genesys. One leaver after the other,
each made by a POST before. The clock starts before the PATCH `active: false` is sent. `push_to_revoked` ends at the
outcome's `read_back`, when Genesys had said that the user is inactive; `push_answered` when the client has its answer,
and `delivered_answered` as well, of a connection whose answers wait for that.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.records.topic_names import OUTCOMES
from streamproc.demo.processes import stack
from streamproc.embedded import embedded_kafka
from streamproc.settings import Settings, load_settings
from tests.bench import say, size
from tests.bench.cpu import usage
from tests.bench.hook import fates
from tests.bench.scim.client import Client, client
from tests.bench.scim.people import ENTERPRISE, user
from tests.bench.scim.served import connections_file, gateway, token

LEAVERS: Final = size(60, 15)
"""Of each connection."""
PAUSE: Final = 0.25


async def measure() -> dict[str, Any]:
    """Hire them all, and let them go."""
    figures: dict[str, Any] = {}
    async with embedded_kafka(progress=lambda _: None) as broker:
        plain = load_settings(kafka=broker.bootstrap, guard_count=10**6, guard_day_count=10**6, gateway_port=0)
        await ensure_topics(plain.kafka)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            async with stack(plain, folder) as running:
                await running.start("worker", "sink")
                follower = KafkaLog(plain.kafka).consumer()
                await follower.start()
                try:
                    follower.assign([TopicPartition(OUTCOMES, n) for n in range(plain.kafka.partitions)])
                    begun = usage(broker.pid)
                    for number, (connection, delivered) in enumerate([("accepted", False), ("delivered", True)]):
                        settings = running.settings.changed(
                            gateway_scim_state=str(folder / connection),
                            scim_connections=str(connections_file(folder, {connection: number}, delivered=delivered)),
                        )
                        figures |= await _gone(settings, folder, connection, follower)
                    used = usage(broker.pid) - begun
                finally:
                    await follower.stop()
    return {**figures, "leavers": 2 * LEAVERS, **used.row("push_")}


async def _gone(settings: Settings, folder: Path, connection: str, follower: AIOKafkaConsumer) -> dict[str, Any]:
    """The leavers of one connection."""
    async with (
        gateway(settings, folder / f"{connection}.log", connection) as serving,
        client(serving.port, token(connection)) as at,
    ):
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
    if connection == "delivered":
        return _row("delivered_answered", answered)
    return _row("push_to_revoked", revoked) | _row("push_answered", answered)


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

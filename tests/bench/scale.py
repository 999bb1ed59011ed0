"""100,000 users in state: memory and recovery of worker and sink: `python -m tests.bench.scale [--json] [--rocksdb]`.

The topics are filled with one hired user after another, folded by the core. Then each service starts with nothing but
Kafka, and is measured when it is ready: resident memory of its process, and seconds from its start.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
import psutil
import uvloop
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from streamproc.adapters.kafka import client
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.topic_names import DELIVERIES, OPERATIONS
from streamproc.core.records.user_record import encode
from streamproc.demo.processes import Stack, stack
from streamproc.embedded import embedded_kafka
from streamproc.settings import Settings, load_settings
from tests.bench import say, show

USERS = 100_000


async def measure() -> dict[str, Any]:
    """Fill, start, look."""
    store = "rocksdb" if "--rocksdb" in sys.argv else "memory"
    async with embedded_kafka(progress=say) as broker:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            settings = load_settings(kafka=broker.bootstrap, table_store=store, data=folder / "data")
            await ensure_topics(settings.kafka)
            await _fill(settings)
            async with stack(settings, folder) as running:
                worker_mb, worker_s = await _start(running, "worker")
                sink_mb, sink_s = await _start(running, "sink")
    return {
        "worker_mb": worker_mb,
        "sink_mb": sink_mb,
        "worker_recovery_s": worker_s,
        "sink_recovery_s": sink_s,
        "users": USERS,
        "store": store,
    }


async def _start(running: Stack, name: str) -> tuple[int, float]:
    begun = time.monotonic()
    await running.start(name)
    taken = time.monotonic() - begun
    process = running.children[name].process
    assert process is not None
    megabytes = psutil.Process(process.pid).memory_info().rss // 2**20
    await running.children[name].stop()
    return megabytes, round(taken, 1)


async def _fill(settings: Settings) -> None:
    mapping = parse_mapping(*settings.worker.mapping_text())
    producer = client.producer(settings.kafka)
    await producer.start()
    for number in range(USERS):
        user = f"E{number:07}"
        origin = Origin("events.hris", number % 8, number, 1_790_000_000_000 + number)
        event = ChangeEvent(
            user,
            "hris",
            user,
            f"e{number}",
            "snapshot",
            (1_790_000_000_000 + number, 0, f"e{number}"),
            _person(user),
            origin,
        )
        record = fold(None, number, event, mapping)
        await producer.send(OPERATIONS, encode(record), key=user.encode())
        there = DeliveredState(
            user, number, f"00000000-0000-4000-8000-{number:012}", '"1"', record.desired, None, 1_790_000_000_000
        )
        await producer.send(DELIVERIES, orjson.dumps(there), key=user.encode())
        if number % 20_000 == 19_999:
            say(f"{number + 1} of {USERS} users written")
    await producer.stop()
    group = client.consumer(settings.kafka, group=f"{settings.kafka.group}-sink")
    await group.start()
    places = [TopicPartition(OPERATIONS, n) for n in range(settings.kafka.partitions)]
    group.assign(places)
    ends = await group.end_offsets(places)
    await group.commit({place: OffsetAndMetadata(end, "") for place, end in ends.items()})
    await group.stop()


def _person(user: str) -> dict[str, Any]:
    return {
        "userName": f"{user.lower()}@example.com",
        "displayName": f"Given Family {user}",
        "active": True,
        "job": "Senior Agent",
        "department": "Spanish Support",
        "division": "Care",
        "phone": "+13175550100",
        "employeeNumber": user,
        "manager": "E0000001",
        "genesysQueue": "Billing",
        "genesysLanguage": "English:5, French",
    }


def main() -> None:
    """Command line."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        show(f"{USERS} users in state", runner.run(measure()))


if __name__ == "__main__":
    main()

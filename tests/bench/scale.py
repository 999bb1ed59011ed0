"""Users in state, memory and recovery of worker and sink: `python -m tests.bench.scale [--quick] [--json] [--rocksdb]`.

The topics are filled with one hired user after another, folded by the core. Then each service starts with nothing but
Kafka, and is measured when it is ready: resident memory of its process, and wall and CPU seconds from its start. The
last rows are of both starts, with the stand-in for Genesys. `--quick`: a tenth of the users.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import orjson
import psutil
import uvloop
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.topic_names import DELIVERIES, OPERATIONS
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import encode
from streamproc.demo.processes import Stack, stack
from streamproc.embedded import embedded_kafka
from streamproc.settings import Settings, load_settings
from tests.bench import parser, say, show, size
from tests.bench.cpu import process_cpu, usage

USERS = size(100_000, 10_000)


async def measure(store: Literal["memory", "rocksdb"]) -> dict[str, Any]:
    """Fill, start, look."""
    async with embedded_kafka(progress=say) as broker:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            settings = load_settings(kafka=broker.bootstrap, table_store=store, data=folder / "data")
            await ensure_topics(settings.kafka)
            await fill(settings, USERS)
            begun = usage(broker.pid)
            async with stack(settings, folder) as running:
                worker = await _start(running, "worker")
                sink = await _start(running, "sink")
            used = usage(broker.pid) - begun
    return {
        **worker,
        **sink,
        "users": USERS,
        "store": store,
        **used.row(),
    }


async def _start(running: Stack, name: str) -> dict[str, float]:
    begun = time.monotonic()
    await running.start(name)
    taken = time.monotonic() - begun
    process = running.children[name].process
    assert process is not None
    cpu = process_cpu(process.pid)
    megabytes = psutil.Process(process.pid).memory_info().rss // 2**20
    await running.children[name].stop()
    return {
        f"{name}_mb": megabytes,
        f"{name}_recovery_s": round(taken, 1),
        f"{name}_recovery_cpu_s": round(cpu, 2),
    }


async def fill(settings: Settings, users: int) -> None:
    """Records and deliveries of users who are hired, as worker and sink leave them."""
    mapping = parse_mapping(*settings.worker.mapping_text())
    producer = KafkaLog(settings.kafka).producer()
    await producer.start()
    for number in range(users):
        user = f"E{number:07}"
        origin = Origin("events.hris", number % 8, number, Millis(1_790_000_000_000 + number))
        event = ChangeEvent(
            user,
            "hris",
            user,
            f"e{number}",
            "snapshot",
            (Micros(1_790_000_000_000 + number), 0, f"e{number}"),
            _person(user),
            origin,
        )
        record = fold(None, number, event, mapping)
        await producer.send(OPERATIONS, encode(record), key=user.encode())
        there = DeliveredState(
            user,
            number,
            f"00000000-0000-4000-8000-{number:012}",
            '"1"',
            record.desired,
            None,
            Millis(1_790_000_000_000),
        )
        await producer.send(DELIVERIES, orjson.dumps(there), key=user.encode())
        if number % 20_000 == 19_999:
            say(f"{number + 1} of {users} users written")
    await producer.stop()
    group = KafkaLog(settings.kafka).consumer(group=f"{settings.kafka.group}-sink")
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
    arguments = parser(__doc__)
    arguments.add_argument("--rocksdb", action="store_true", help="the worker's tables in RocksDB, not in memory")
    options = arguments.parse_args()
    store: Literal["memory", "rocksdb"] = "rocksdb" if options.rocksdb else "memory"
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        show(f"{USERS} users in state", runner.run(measure(store)), json=options.json)


if __name__ == "__main__":
    main()

"""Idle latency, event appended to PATCH acknowledged: `python -m tests.bench.latency [--json]`.

One change at a time, for users whom Genesys knows already, over all partitions. The clock starts with the broker's own
append time of the raw event and ends with the answer of the PATCH, both on this machine.
"""

import asyncio
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import uvloop
from aiokafka import TopicPartition

from streamproc.adapters.kafka import client
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.records.topic_names import OUTCOMES
from streamproc.demo.processes import stack
from streamproc.embedded import embedded_kafka
from streamproc.settings import load_settings
from tests.bench import say, show

USERS, CHANGES, PAUSE = 20, 300, 0.05


def _event(subject: str, number: int, kind: str, attributes: dict[str, Any]) -> bytes:
    time_ = datetime.now(UTC).isoformat()
    return orjson.dumps(
        {"id": f"{subject}-{number}", "type": kind, "subject": subject, "time": time_, "attributes": attributes}
    )


async def measure() -> dict[str, Any]:
    """Play the changes; returns the figures."""
    waits: list[int] = []
    requests: list[int] = []
    async with embedded_kafka(progress=say) as broker:
        with tempfile.TemporaryDirectory() as folder:
            settings = load_settings(kafka=broker.bootstrap)
            await ensure_topics(settings.kafka)
            async with stack(settings, Path(folder)) as running:
                await running.start("worker", "sink")
                producer = client.producer(settings.kafka)
                follower = client.consumer(settings.kafka, committed_only=True)
                await producer.start()
                await follower.start()
                follower.assign([TopicPartition(OUTCOMES, n) for n in range(settings.kafka.partitions)])
                await follower.seek_to_end()
                try:
                    for number in range(USERS + CHANGES):
                        subject = f"L{number % USERS:03}"
                        if number < USERS:
                            who = {"userName": f"{subject}@example.com", "displayName": subject, "active": True}
                            value = _event(subject, number, "snapshot", who)
                        else:
                            value = _event(subject, number, "change", {"phone": f"+1317555{number:04}"})
                        sent = await producer.send_and_wait("events.hris", value, key=subject.encode())
                        final = await _fate(follower, sent.partition, sent.offset)
                        if number >= USERS:
                            waits.append(final["requests"][-1]["answered"] - sent.timestamp)
                            requests.append(len(final["requests"]))
                        await asyncio.sleep(PAUSE)
                finally:
                    await producer.stop()
                    await follower.stop()
    waits.sort()
    return {
        "p50_ms": statistics.median(waits),
        "p99_ms": waits[int(len(waits) * 0.99)],
        "max_ms": waits[-1],
        "changes": len(waits),
        "requests_per_change": sum(requests) / len(requests),
    }


async def _fate(follower: Any, partition: int, offset: int) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for records in (await follower.getmany(timeout_ms=200)).values():
            for record in records:
                outcome: dict[str, Any] = orjson.loads(record.value)
                origin = outcome["cause"]["origin"] if outcome["cause"] else {}
                if outcome["final"] and (origin.get("partition"), origin.get("offset")) == (partition, offset):
                    return outcome
    raise TimeoutError(f"no fate for events.hris/{partition}/{offset}")


def main() -> None:
    """Command line."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        show("idle latency, event appended to PATCH acknowledged", runner.run(measure()))


if __name__ == "__main__":
    main()

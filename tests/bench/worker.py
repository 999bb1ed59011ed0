"""The worker against Faust's own no-op agent on the same topic, in turns: `python -m tests.bench.worker [--json]`.

The events wait on events.hris. The worker resolves and folds each: it reads it, writes identity.changes, reads that,
and writes scim.operations. The no-op agent reads it. A round measures one after the other, each alone, from its first
event to its last (the worker by the brokers' clock: first record of identity.changes to last of scim.operations).
"""

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamproc.adapters.kafka import client
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.records.topic_names import CHANGES, OPERATIONS
from streamproc.demo.processes import stack
from streamproc.embedded import embedded_kafka
from streamproc.settings import Settings, load_settings
from tests.bench import say, show
from tests.chaos.history import history

EVENTS, USERS, ROUNDS = 20_000, 2_000, 3


async def measure() -> dict[str, Any]:
    """All rounds, each with a broker of its own."""
    rates: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        rates.append(await _round())
        say(f"round {number + 1} of {ROUNDS}: worker {rates[-1][0]:.0f}/s, no-op {rates[-1][1]:.0f}/s")
    return {
        "events_per_s": round(statistics.median(worker for worker, _ in rates)),
        "noop_events_per_s": round(statistics.median(noop for _, noop in rates)),
        "ratio_to_noop": round(statistics.median(worker / noop for worker, noop in rates), 3),
        "events": EVENTS,
        "rounds": ROUNDS,
    }


async def _round() -> tuple[float, float]:
    async with embedded_kafka(progress=lambda _: None) as broker:
        with tempfile.TemporaryDirectory() as folder:
            settings = load_settings(kafka=broker.bootstrap)
            await ensure_topics(settings.kafka)
            await _fill(settings)
            command = (sys.executable, "-m", "tests.bench.noop", broker.bootstrap, str(EVENTS))
            noop = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            said, _ = await noop.communicate()
            async with stack(settings, Path(folder)) as running:
                await running.start("worker")
                return await _worked(settings), float(said)


async def _fill(settings: Settings) -> None:
    producer = client.producer(settings.kafka)
    await producer.start()
    sent = [each for each in history(1, EVENTS * 11 // 10, USERS) if isinstance(each.value, dict)][:EVENTS]
    for each in sent:
        await producer.send("events.hris", orjson.dumps(each.value), key=each.subject.encode())
    await producer.stop()


async def _worked(settings: Settings) -> float:
    """Wait until every event is folded; events per second."""
    reader = client.consumer(settings.kafka)
    await reader.start()
    try:
        places = [TopicPartition(OPERATIONS, n) for n in range(settings.kafka.partitions)]
        while sum((await reader.end_offsets(places)).values()) < EVENTS:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.2)
        last = max([await _timestamp(reader, place, last=True) for place in places])
        first = min([await _timestamp(reader, TopicPartition(CHANGES, place.partition)) for place in places])
    finally:
        await reader.stop()
    return EVENTS / ((last - first) / 1000)


async def _timestamp(reader: AIOKafkaConsumer, place: TopicPartition, *, last: bool = False) -> int:
    reader.assign([place])
    reader.seek(place, (await reader.end_offsets([place]))[place] - 1 if last else 0)
    return int((await reader.getone(place)).timestamp)


def main() -> None:
    """Command line."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        show("worker against Faust's no-op agent, same topic", runner.run(measure()))


if __name__ == "__main__":
    main()

"""The worker against Faust's no-op agent on one topic, in turns: `python -m tests.bench.worker [--quick] [--json]`.

The events wait on events.hris. The worker resolves and folds each: it reads it, writes identity.changes, reads that,
and writes scim.operations. The no-op agent reads it. A round measures one after the other, each alone, from its first
event to its last (the worker by the brokers' clock: first record of identity.changes to last of scim.operations).
`cpu_us_per_event` is CPU time of the worker's process alone, from the first records it wrote to the last, and
`cpu_ratio_to_noop` what the no-op agent used of that. `wall_s` and what stands beside it include both processes' start.
"""

import asyncio
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.records.topic_names import CHANGES, OPERATIONS
from streamproc.demo.processes import stack
from streamproc.embedded import embedded_kafka
from streamproc.settings import Settings, load_settings
from tests.bench import parser, say, show, size
from tests.bench.cpu import Usage, process_cpu, usage
from tests.chaos.history import history

EVENTS, USERS, ROUNDS = size(20_000, 10_000), size(2_000, 1_000), size(3, 2)


@dataclass(frozen=True, slots=True)
class Round:
    """Events per second and CPU seconds per event of both, and what the round used altogether."""

    rate: float
    cpu: float
    noop_rate: float
    noop_cpu: float
    used: Usage


async def measure() -> dict[str, Any]:
    """All rounds, each with a broker of its own."""
    rounds: list[Round] = []
    for number in range(ROUNDS):
        one = await _round()
        rounds.append(one)
        say(f"round {number + 1} of {ROUNDS}: worker {one.rate:.0f}/s, no-op {one.noop_rate:.0f}/s")
    return {
        "events_per_s": round(statistics.median(one.rate for one in rounds)),
        "noop_events_per_s": round(statistics.median(one.noop_rate for one in rounds)),
        "ratio_to_noop": round(statistics.median(one.rate / one.noop_rate for one in rounds), 3),
        "cpu_us_per_event": round(statistics.median(one.cpu for one in rounds) * 1e6, 1),
        "noop_cpu_us_per_event": round(statistics.median(one.noop_cpu for one in rounds) * 1e6, 1),
        "cpu_ratio_to_noop": round(statistics.median(one.noop_cpu / one.cpu for one in rounds), 3),
        "events": EVENTS,
        "rounds": ROUNDS,
        **sum((one.used for one in rounds), Usage()).row(),
    }


async def _round() -> Round:
    async with embedded_kafka(progress=lambda _: None) as broker:
        with tempfile.TemporaryDirectory() as folder:
            settings = load_settings(kafka=broker.bootstrap)
            await ensure_topics(settings.kafka)
            await _fill(settings)
            begun = usage(broker.pid)
            noop = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.bench.noop", broker.bootstrap, str(EVENTS), stdout=asyncio.subprocess.PIPE
            )
            printed, _ = await noop.communicate()
            noop_rate, noop_us = map(float, printed.split())
            async with stack(settings, Path(folder)) as running:
                await running.start("worker")
                process = running.children["worker"].process
                assert process is not None
                rate, cpu = await _worked(settings, process.pid)
                return Round(rate, cpu, noop_rate, noop_us / 1e6, usage(broker.pid) - begun)


async def _fill(settings: Settings) -> None:
    producer = KafkaLog(settings.kafka).producer()
    await producer.start()
    sent = [each for each in history(1, EVENTS * 11 // 10, USERS) if isinstance(each.value, dict)][:EVENTS]
    for each in sent:
        await producer.send("events.hris", orjson.dumps(each.value), key=each.subject.encode())
    await producer.stop()


async def _worked(settings: Settings, pid: int) -> tuple[float, float]:
    """Wait until every event is folded; events per second, CPU seconds per event."""
    reader = KafkaLog(settings.kafka).consumer()
    await reader.start()
    try:
        operations, changes = (
            [TopicPartition(topic, n) for n in range(settings.kafka.partitions)] for topic in (OPERATIONS, CHANGES)
        )
        samples: list[tuple[float, float]] = []
        folded = 0
        while folded < EVENTS:
            await asyncio.sleep(0.1)
            folded = sum((await reader.end_offsets(operations)).values())
            resolved = sum((await reader.end_offsets(changes)).values())
            if resolved:
                samples.append(((folded + resolved) / 2, process_cpu(pid)))  # an event is one record in each
        last = max([await _timestamp(reader, place, last=True) for place in operations])
        first = min([await _timestamp(reader, place) for place in changes])
    finally:
        await reader.stop()
    (count, cpu), (end_count, end_cpu) = samples[0], samples[-1]
    return EVENTS / ((last - first) / 1000), (end_cpu - cpu) / (end_count - count)


async def _timestamp(reader: AIOKafkaConsumer, place: TopicPartition, *, last: bool = False) -> int:
    reader.assign([place])
    reader.seek(place, (await reader.end_offsets([place]))[place] - 1 if last else 0)
    return int((await reader.getone(place)).timestamp)


def main() -> None:
    """Command line."""
    options = parser(__doc__).parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        show("worker against Faust's no-op agent, same topic", runner.run(measure()), json=options.json)


if __name__ == "__main__":
    main()

"""Idle latency, event appended to PATCH acknowledged: `python -m tests.bench.latency [--quick] [--json]`.

One change at a time, for users whom Genesys knows already, over all partitions. The clock starts with the broker's own
append time of the raw event and ends with the answer of the PATCH, both on this machine, in whole milliseconds.

In turns with it runs the least that could do so, on the same broker and against the same stand-in: one process that
consumes and produces, and one that consumes and sends a PATCH (`hop` and `last-hop` in `bare`). `ratio_to_bare` is
their median to ours. `cpu_ms_per_change` is CPU time of worker and sink alone, `bare_cpu_ms_per_change` of these two,
each in its own rounds, with the pauses between changes.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.records.topic_names import OUTCOMES
from streamproc.demo.processes import Stack, stack
from streamproc.embedded import embedded_kafka
from streamproc.settings import load_settings
from tests.bench import parser, say, show, size
from tests.bench.bare import EVENTS, OPERATIONS, bare, next_line, scim
from tests.bench.cpu import process_cpu, usage

USERS, ROUNDS, CHANGES, PAUSE = 20, 5, size(60, 20), 0.05
"""`CHANGES` are of a round."""


@dataclass(slots=True)
class Waits:
    """Milliseconds from append to answer, and CPU seconds of the processes in between."""

    pids: list[int]
    ms: list[int] = field(default_factory=list)
    cpu: float = 0.0

    @property
    def median(self) -> float:
        """Within the millisecond, as far as whole milliseconds tell it."""
        return statistics.median_grouped(self.ms)


@dataclass(slots=True)
class Ours:
    """Worker and sink."""

    waits: Waits
    producer: AIOKafkaProducer
    follower: AIOKafkaConsumer
    requests: int = 0
    number: int = 0

    async def hire(self) -> None:
        """Everybody whom the changes are about."""
        for number in range(USERS):
            subject = f"L{number:03}"
            facts = {"userName": f"{subject}@example.com", "displayName": subject, "active": True}
            await self._send(subject, "snapshot", facts)

    async def changes(self) -> None:
        """A round."""
        cpu = sum(map(process_cpu, self.waits.pids))
        for _ in range(CHANGES):
            facts = {"phone": f"+1317555{self.number:04}"}
            appended, final = await self._send(f"L{self.number % USERS:03}", "change", facts)
            self.waits.ms.append(final["requests"][-1]["answered"] - appended)
            self.requests += len(final["requests"])
            await asyncio.sleep(PAUSE)
        self.waits.cpu += sum(map(process_cpu, self.waits.pids)) - cpu

    async def _send(self, subject: str, kind: str, facts: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """When it was appended, and its final outcome."""
        self.number += 1
        said = {"id": f"{subject}-{self.number}", "type": kind, "subject": subject, "attributes": facts}
        value = orjson.dumps(said | {"time": datetime.now(UTC).isoformat()})
        sent = await self.producer.send_and_wait("events.hris", value, key=subject.encode())
        return sent.timestamp, await self._outcome(sent.partition, sent.offset)

    async def _outcome(self, partition: int, offset: int) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for records in (await self.follower.getmany(timeout_ms=200)).values():
                for record in records:
                    outcome: dict[str, Any] = orjson.loads(record.value)
                    origin = outcome["cause"]["origin"] if outcome["cause"] else {}
                    if outcome["final"] and (origin.get("partition"), origin.get("offset")) == (partition, offset):
                        return outcome
        raise TimeoutError(f"no outcome for events.hris/{partition}/{offset}")


@dataclass(slots=True)
class Bare:
    """Two hops and a request."""

    waits: Waits
    producer: AIOKafkaProducer
    last_hop: asyncio.subprocess.Process
    users: list[str]
    number: int = 0

    async def warm_up(self) -> None:
        """Connections and groups are there afterwards."""
        for _ in self.users:
            await self._send()

    async def changes(self) -> None:
        """A round."""
        cpu = sum(map(process_cpu, self.waits.pids))
        for _ in range(CHANGES):
            self.waits.ms.append(await self._send())
            await asyncio.sleep(PAUSE)
        self.waits.cpu += sum(map(process_cpu, self.waits.pids)) - cpu

    async def _send(self) -> int:
        self.number += 1
        user = self.users[self.number % len(self.users)]
        sent = await self.producer.send_and_wait(EVENTS, f"Floor {self.number}".encode(), key=user.encode())
        return int(await next_line(self.last_hop)) - int(sent.timestamp)


@asynccontextmanager
async def ours(running: Stack) -> AsyncIterator[Ours]:
    """Worker and sink, started, with everybody hired."""
    settings = running.settings
    await running.start("worker", "sink")
    processes = [running.children[name].process for name in ("worker", "sink")]
    producer, follower = KafkaLog(settings.kafka).producer(), KafkaLog(settings.kafka).consumer()
    async with producer, follower:
        follower.assign([TopicPartition(OUTCOMES, n) for n in range(settings.kafka.partitions)])
        await follower.seek_to_end()
        one = Ours(Waits([process.pid for process in processes if process]), producer, follower)
        await one.hire()
        yield one


@asynccontextmanager
async def theirs(running: Stack, servers: str) -> AsyncIterator[Bare]:
    """The bare processes, warmed up, with topics and users of their own."""
    settings = running.settings.kafka
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    appended = {"message.timestamp.type": "LogAppendTime"}
    await admin.create_topics(
        [NewTopic(name, settings.partitions, 1, topic_configs=appended) for name in (EVENTS, OPERATIONS)]
    )
    await admin.close()
    users: list[str] = []
    async with scim(running.simulator, 1) as http:
        for number in range(USERS):
            names = {"userName": f"bare{number}@example.com", "displayName": f"Bare {number}"}
            async with http.post("Users", data=orjson.dumps(names)) as response:
                users.append((await response.json(content_type=None))["id"])
    async with (
        bare("hop", servers) as (hop, _),
        bare("last-hop", servers, running.simulator) as (last_hop, _),
        KafkaLog(settings).producer() as producer,
    ):
        one = Bare(Waits([hop.pid, last_hop.pid]), producer, last_hop, users)
        await one.warm_up()
        yield one


async def measure() -> dict[str, Any]:
    """All rounds, ours and the bare ones in turn."""
    async with AsyncExitStack() as exit_stack:
        broker = await exit_stack.enter_async_context(embedded_kafka(progress=say))
        folder = exit_stack.enter_context(tempfile.TemporaryDirectory())
        settings = load_settings(kafka=broker.bootstrap)
        await ensure_topics(settings.kafka)
        running = await exit_stack.enter_async_context(stack(settings, Path(folder)))
        one = await exit_stack.enter_async_context(ours(running))
        other = await exit_stack.enter_async_context(theirs(running, broker.bootstrap))
        begun = usage(broker.pid)
        for number in range(ROUNDS):
            await one.changes()
            await other.changes()
            say(f"round {number + 1} of {ROUNDS}: medians {one.waits.median:.1f} ms, bare {other.waits.median:.1f} ms")
        used = usage(broker.pid) - begun
    waits = sorted(one.waits.ms)
    count = len(waits)
    return {
        "p50_ms": statistics.median(waits),
        "p99_ms": waits[int(count * 0.99)],
        "max_ms": waits[-1],
        "bare_p50_ms": statistics.median(other.waits.ms),
        "ratio_to_bare": round(other.waits.median / one.waits.median, 3),
        "cpu_ms_per_change": round(one.waits.cpu / count * 1000, 2),
        "bare_cpu_ms_per_change": round(other.waits.cpu / count * 1000, 2),
        "requests_per_change": one.requests / count,
        "changes": count,
        "rounds": ROUNDS,
        **used.row(),
    }


def main() -> None:
    """Command line."""
    options = parser(__doc__).parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        show("idle latency, event appended to PATCH acknowledged", runner.run(measure()), json=options.json)


if __name__ == "__main__":
    main()

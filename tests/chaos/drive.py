"""What happens during a crash run: events, other mappings, kills and pauses, and waiting until all is at rest."""

import asyncio
import random
import signal
import sys
import time
from typing import Any

import aiohttp
import orjson
from aiokafka import TopicPartition

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.core.records.control import Control
from streamproc.core.records.topic_names import CHANGES, OUTCOMES, REJECTIONS
from streamproc.core.records.units import Millis
from streamproc.demo.processes import Child, ProcessFailedError, Stack
from streamproc.operators.controls import control, order, set_aside
from streamproc.settings import Settings, environment
from tests.chaos.history import Sent
from tests.chaos.plan import Findings, Plan, Records, origin, say

SETTLE_SECONDS = 120.0
LOOKS = 8
OTHER = """
[[rule]]
when = { department = "Sales" }
languages = { French = 2.0 }
[[rule]]
when = { costCenter = "*" }
roles = ["Supervisor"]
"""
"""A rule that gives something, and one that reads a fact which nobody sends: all that was said is heard anew for it."""


async def produce(settings: Settings, sent: list[Sent], seconds: float) -> None:
    producer = KafkaLog(settings.kafka).producer()
    await producer.start()
    begun = time.monotonic()
    try:
        for number, record in enumerate(sent):
            value = record.value if isinstance(record.value, bytes) else orjson.dumps(record.value)
            await producer.send("events.hris", value, key=record.subject.encode())
            ahead = number / len(sent) * seconds - (time.monotonic() - begun)
            if ahead > 0:
                await asyncio.sleep(ahead)
        await producer.flush()
    finally:
        await producer.stop()


async def remap(settings: Settings, plan: Plan) -> None:
    """Order other mappings, evenly over the time; the last is the first one again."""
    text, _ = settings.worker.mapping_text()
    for number in range(plan.mappings):
        await asyncio.sleep(plan.seconds / (plan.mappings + 1))
        now = time.time_ns() // 1_000_000
        other = text + OTHER if number % 2 == 0 else text
        await order(
            KafkaLog(settings.kafka),
            [Control(f"m{number}", "mapping", None, None, "chaos", "another", Millis(now), mapping=other)],
        )


async def torment(running: Stack, name: str, plan: Plan, findings: Findings, number: int) -> None:
    """Kill (or stop and wake) one service at random moments, and bring it back."""
    rng = random.Random(plan.seed * 1000 + number)
    child = running.children[name]
    for _ in range(plan.kills):
        await asyncio.sleep(rng.uniform(0.3, 2.0) * plan.seconds / (plan.kills + 1))
        if plan.pause and rng.random() < 0.5:
            child.signal(signal.SIGSTOP)
            await asyncio.sleep(running.settings.kafka.session_timeout + rng.uniform(1.0, 4.0))
            child.signal(signal.SIGCONT)
            findings.pauses += 1
            await asyncio.sleep(2)
            if not child.running:  # failing as a whole is allowed; a supervisor starts it again
                await start_again(child)
            continue
        await child.kill()
        findings.kills += 1
        if rng.random() < 0.3:
            await asyncio.sleep(rng.uniform(0.0, 5.0))  # a member that leaves for a while
        await start_again(child)


async def meddle(running: Stack, http: aiohttp.ClientSession, plan: Plan, findings: Findings) -> None:
    """As people do who edit users by hand: titles, departments, roles, and who may log in."""
    if not plan.reconcile:
        return
    rng = random.Random(plan.seed * 77)
    until = time.monotonic() + plan.seconds
    while time.monotonic() < until:
        await asyncio.sleep(rng.uniform(0.0, 0.2))
        changes = rng.choice(
            [
                {"title": f"By hand {findings.by_hand}"},
                {"department": "By hand"},
                {"state": "active"},
                {"state": "inactive"},
                {"roles": [{"value": "Supervisor"}]},
                {"title": "Twice", "department": "Twice"},
            ]
        )
        edit = {"user": f"U{rng.randrange(plan.users):04}", "by": "Sue Visor", "changes": changes}
        async with http.post(f"{running.simulator}/_sim/edit", json=edit) as answer:
            findings.by_hand += answer.status == 200  # nobody of that name is there yet


async def retried(settings: Settings, findings: Findings) -> int:
    """What was set aside, since the faults hit the same write three times in a row, is tried again by an operator."""
    log = KafkaLog(settings.kafka)
    now = Millis(time.time_ns() // 1_000_000)
    orders = [control("retry", each, "chaos", "the faults may be over", now) for each in await set_aside(log)]
    await order(log, orders)
    findings.retried = len(orders)
    return len(orders)


async def agree(running: Stack, findings: Findings) -> None:
    """Look until nothing disagrees any more, as an operator would."""
    for _ in range(LOOKS):
        looked = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "streamproc.cli",
            "reconcile",
            "--once",
            "--json",
            env=environment(running.settings),
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await looked.communicate()
        findings.disagreeing = len(orjson.loads(told)["findings"]) if looked.returncode == 1 else looked.returncode or 0
        if findings.disagreeing == 0:
            return
        say(f"  {findings.disagreeing} users differ; looking again")
        await asyncio.sleep(5)


async def start_again(child: Child) -> None:
    """As a supervisor does: one that fails at its start is started again."""
    for attempt in range(3):
        try:
            await child.start()
        except ProcessFailedError:
            if attempt == 2:
                raise
        else:
            return


async def settle(settings: Settings, running: Stack, http: aiohttp.ClientSession, events: int) -> Records:
    """Wait until every record has a fate and nothing moves any more."""
    records = Records({}, set(), [], [])
    follower = KafkaLog(settings.kafka).consumer()
    await follower.start()
    try:
        topics = (CHANGES, OUTCOMES, REJECTIONS)
        follower.assign([TopicPartition(topic, n) for topic in topics for n in range(settings.kafka.partitions)])
        await follower.seek_to_beginning()
        quiet, deadline, last_said = 0, time.monotonic() + SETTLE_SECONDS, time.monotonic()
        while quiet < 8 and time.monotonic() < deadline:
            moved = await follower.getmany(timeout_ms=250)
            for topic_partition, batch in moved.items():
                for record in batch:
                    value = orjson.loads(record.value)
                    if topic_partition.topic == CHANGES and value["kind"] == "mapping":
                        records.mappings.add((topic_partition.partition, record.offset))
                    elif topic_partition.topic == CHANGES:
                        records.changes[topic_partition.partition, record.offset] = value
                    elif topic_partition.topic == OUTCOMES:
                        records.outcomes.append(value)
                    elif not value["partial"]:  # what was carried out otherwise has arrived by itself
                        records.rejected.append(value)
            arrived = len({origin(c["origin"]) for c in records.changes.values()}) + len(records.rejected)
            newest: dict[str, int] = {}
            for (_, offset), change in records.changes.items():
                newest[change["user"]] = max(offset, newest.get(change["user"], -1))
            final = {(outcome["user"], outcome["seq"]) for outcome in records.outcomes if outcome["final"]}
            done = arrived >= events and all(newest_change in final for newest_change in newest.items())
            quiet = quiet + 1 if done and not moved else 0
            if time.monotonic() - last_said > 10:
                last_said = time.monotonic()
                say(f"  {arrived} of {events} arrived, {len(final)} of {len(records.changes)} have a fate")
                for child in running.children.values():
                    if not child.running:
                        say(f"  {child.name} is down: starting it")
                        await child.start()
    finally:
        await follower.stop()
    return records


async def post(http: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> None:
    async with http.post(url, json=body) as answer:
        answer.raise_for_status()

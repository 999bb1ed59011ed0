"""From Okta's hook to revoked access, at idle: a part of `python -m tests.bench.gateway`.

The whole stack, on one machine: Okta's stand-in posts its deactivation to the gateway, the worker folds it, the sink
sends it to the stand-in for Genesys and asks it again. One leaver after the other. The clock starts before Okta is
told, and so before the POST; it ends at the outcome's `read_back`, when Genesys had said that the user is inactive.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.records.topic_names import OUTCOMES
from streamproc.demo.directories import open_doors
from streamproc.demo.processes import stack
from streamproc.embedded import embedded_kafka
from streamproc.settings import load_settings
from tests.bench import say, size
from tests.bench.cpu import usage

LEAVERS, PAUSE, SECONDS = size(50, 20), 0.25, 60.0


async def measure() -> dict[str, Any]:
    """Hire them all, and let them go."""
    took: list[float] = []
    async with embedded_kafka(progress=lambda _: None) as broker, aiohttp.ClientSession() as http:
        settings = load_settings(kafka=broker.bootstrap, guard_count=10**6, guard_day_count=10**6)
        await ensure_topics(settings.kafka)
        with tempfile.TemporaryDirectory() as folder:
            async with stack(settings, Path(folder)) as running:
                await running.start("worker", "sink")
                await open_doors(running, http)
                follower = KafkaLog(settings.kafka).consumer()
                await follower.start()
                try:
                    follower.assign([TopicPartition(OUTCOMES, n) for n in range(settings.kafka.partitions)])
                    people = f"{running.simulator}/_sim/directories/okta/people"
                    users = [f"E{number:03}" for number in range(LEAVERS)]
                    await _tell(http, "POST", people, [_person(user) for user in users])
                    await fates(follower, set(users), "delivered")
                    before = usage(broker.pid)
                    for user in users:
                        await asyncio.sleep(PAUSE)
                        begun = time.time() * 1000
                        await _tell(http, "PATCH", f"{people}/{user}", {"active": False})
                        outcome = (await fates(follower, {user}, "revoked"))[user]
                        took.append(outcome["read_back"] - begun)
                    used = usage(broker.pid) - before
                finally:
                    await follower.stop()
    took.sort()
    say(f"{LEAVERS} leavers took {took[0]:.0f} to {took[-1]:.0f} ms")
    return {
        "hook_to_revoked_p50_ms": round(statistics.median(took), 1),
        "hook_to_revoked_p99_ms": round(took[int(len(took) * 0.99)], 1),
        "leavers": LEAVERS,
        **used.row("hook_"),
    }


def _person(user: str) -> dict[str, Any]:
    login = f"{user.lower()}@example.com"
    return {"employeeNumber": user, "userName": login, "email": login, "displayName": f"Person {user}", "job": "Agent"}


async def _tell(http: aiohttp.ClientSession, method: str, url: str, content: Any) -> None:
    async with http.request(method, url, json=content) as answer:
        answer.raise_for_status()


async def fates(follower: AIOKafkaConsumer, users: set[str], verdict: str) -> dict[str, dict[str, Any]]:
    """The outcomes that tell this fate of these users. Raises TimeoutError."""
    found: dict[str, dict[str, Any]] = {}
    async with asyncio.timeout(SECONDS):
        while found.keys() < users:
            for records in (await follower.getmany(timeout_ms=200)).values():
                told = [orjson.loads(record.value) for record in records]
                found |= {each["user"]: each for each in told if each["verdict"] == verdict and each["user"] in users}
    return found

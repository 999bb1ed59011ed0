"""The crash run through the doors: `python -m tests.chaos.run --sources --seed N --events N --users N --kills N`.

A seeded life of people in the four directories' stand-ins, which lose, repeat and delay their hooks; beside it genuine
events posted to the gateway. Gateway, hydrator, worker and sink are killed meanwhile. What a gateway answered 2xx must
be in the log and have a fate, what hooks missed is found by `sync`, and Genesys must hold what the oracles say.
"""

import asyncio
import hashlib
import random
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import orjson

from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.records.headers import FORWARDED
from streamproc.core.records.topic_names import (
    FORWARDS,
    LINKS,
    events_topic,
    intake_topic,
    notifications_topic,
    source_of,
)
from streamproc.demo.directories import open_doors
from streamproc.demo.play import held
from streamproc.demo.processes import ProcessFailedError, Stack, stack
from streamproc.settings import Settings, load_settings
from tests.chaos.drive import SETTLE_SECONDS, post, settle, start_again, torment
from tests.chaos.history import Sent, history, mismatched
from tests.chaos.history import oracle as told_by_posts
from tests.chaos.judge import check_fates, check_writes, explain, replayed
from tests.chaos.people import SOURCES, Step, life, oracle
from tests.chaos.plan import FAULTS, GROUPS, UNGUARDED, Findings, Plan, Records, say, surroundings
from tests.kafka.test_pipeline import read

TOKEN = "token-of-the-crash-run"
TROUBLES: list[dict[str, Any]] = [
    {"kind": "drop", "probability": 0.06},
    {"kind": "duplicate", "probability": 0.08},
    {"kind": "delay", "probability": 0.1, "delay_ms": 300},
    {"kind": "delay", "probability": 0.08, "delay_ms": 2500},
    {"kind": "replay", "probability": 0.2},
    {"kind": "gone", "probability": 0.1},
    {"kind": "slow", "probability": 0.05, "delay_ms": 200},
    {"kind": "refuse", "probability": 0.02, "status": 503},
    {"kind": "refuse", "probability": 0.01, "status": 429, "retry_after": 1},
]
"""Of each directory; `replay` and `gone` are Graph's alone."""
ANSWERS = [fault for fault in FAULTS if not fault["kind"].startswith("429")]
"""Of Genesys. Limits make everybody wait: nearly all would be superseded, and few states of the directories written."""
SERVICES = ["gateway", "hydrator", "worker-0", "sink-0"]

Place: TypeAlias = tuple[str, int, int]
"""Topic, partition, offset."""
Accepted: TypeAlias = dict[str, int]
"""SHA-256 of a body that was answered 2xx → events in it."""


async def run(plan: Plan) -> Findings:
    """One whole run, in its own Kafka (or an empty one given) and its own stand-ins."""
    begun = time.monotonic()
    async with AsyncExitStack() as exit_stack:
        bootstrap, folder = await surroundings(plan, exit_stack)
        off = {f"{source}_sync_every": 0.0 for source in SOURCES.values()}  # or it would do what hooks are to do
        chosen = {"table_store": plan.store, "data": folder / "data", "request_timeout": 5.0, "gateway_token": TOKEN}
        settings = load_settings(kafka=bootstrap, **chosen, **off, **UNGUARDED)
        await ensure_topics(settings.kafka)
        running = await exit_stack.enter_async_context(stack(settings, folder))
        http = await exit_stack.enter_async_context(aiohttp.ClientSession())
        await post(http, f"{running.simulator}/_sim/config", {"groups": GROUPS})
        await post(http, f"{running.simulator}/_sim/faults", {"faults": ANSWERS, "seed": plan.seed})
        door = await _opened(running, http, folder)
        await _synchronised(running)  # nobody is there yet: the last sync tells only of changes
        for number, directory in enumerate(SOURCES):
            troubles = {"faults": TROUBLES, "seed": plan.seed * 10 + number}
            await post(http, f"{running.simulator}/_sim/directories/{directory}/faults", troubles)
        posts = history(plan.seed, plan.events // 2, max(1, plan.users // 4))
        steps = life(plan.seed, plan.events - len(posts), plan.users)
        findings, producer = Findings(events=plan.events), Producer(http, door)
        storms = min(len(posts) // 2, plan.kills * 100)
        say(f"{len(steps)} changes in directories, {len(posts)} posts, {plan.kills} kills of each of {SERVICES}")
        await asyncio.gather(
            _live(http, running.simulator, steps, plan.seconds),
            producer.all(posts[storms:], plan.seconds),
            _storms(running, producer, posts[:storms], plan, findings),
            *(torment(running, name, plan, findings, number) for number, name in enumerate(SERVICES[1:])),
        )
        say("waiting for hooks and answers ...")
        accepted = producer.accepted | await _hooks(running, http)
        answered = await _answered(running)
        say("synchronising, settling ...")
        await _synchronised(running)
        records, told_places = await _records_and_fates(running, http, answered)
        await asyncio.gather(*(running.children[name].stop() for name in SERVICES))
        ledger = (await _get(http, f"{running.simulator}/_sim/ledger"))["entries"]
        where = f"{running.simulator}/_sim/directories"
        people = {directory: await _get(http, f"{where}/{directory}/people") for directory in SOURCES}
        check_fates(findings, records)
        places = [
            (*_place(change["origin"]), change["subject"], change["event"]) for change in records.changes.values()
        ]
        findings.repeats = len(places) - len(set(places))
        _lost(findings, accepted, await _raw(settings), told_places)
        check_writes(findings, records, ledger)
        wrong = mismatched(oracle(people) | told_by_posts(posts), await held(http, running.simulator))
        findings.mismatched_users = len(wrong)
        findings.details += [f"{user}: {what}" for user, what in sorted(wrong.items())[:10]]
        await replayed(findings, settings)
        explain(findings, plan, running, {"outcomes": records.outcomes, "ledger": ledger, "people": people})
        findings.seconds = round(time.monotonic() - begun, 1)
        return findings


async def _opened(running: Stack, http: aiohttp.ClientSession, folder: Path) -> str:
    """All services, started; the gateway keeps its port."""
    for name in ("worker-0", "sink-0"):
        running.child(name, name.split("-")[0], STREAMPROC_DATA=str(folder / name))
    await asyncio.gather(*(running.children[name].start() for name in ("worker-0", "sink-0")))
    door = await open_doors(running, http)
    running.children["gateway"].environment["STREAMPROC_GATEWAY_PORT"] = door.rpartition(":")[2]
    await post(http, f"{running.simulator}/_sim/directories/config", {"okta_rate_limit": 6000})
    return door


async def _live(http: aiohttp.ClientSession, root: str, steps: list[Step], seconds: float) -> None:
    begun = time.monotonic()
    for number, step in enumerate(steps):
        people = f"{root}/_sim/directories/{step.directory}/people"
        method = "POST" if step.hired else "PATCH" if step.given is not None else "DELETE"
        url = people if step.hired else f"{people}/{step.number}"
        async with http.request(method, url, json=step.given) as answer:
            answer.raise_for_status()
        await asyncio.sleep(max(0.0, number / len(steps) * seconds - (time.monotonic() - begun)))


class Producer:
    """Posts genuine events and rubbish, each until it is answered; keeps what was answered 2xx."""

    def __init__(self, http: aiohttp.ClientSession, door: str) -> None:
        self.accepted: Accepted = {}
        self._http = http
        self._url = f"{door}/v1/events"

    async def post(self, event: Sent) -> None:
        body = event.value if isinstance(event.value, bytes) else orjson.dumps(event.value)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        status, timeout = 0, aiohttp.ClientTimeout(total=5)
        while not 200 <= status < 500:
            try:
                async with self._http.post(self._url, data=body, headers=headers, timeout=timeout) as answer:
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.1)
        if status < 300:
            self.accepted[hashlib.sha256(body).hexdigest()] = 1
        elif isinstance(event.value, dict):
            raise AssertionError(f"a genuine event was answered {status}")

    async def all(self, posts: list[Sent], seconds: float) -> None:
        begun = time.monotonic()
        for number, event in enumerate(posts):
            await self.post(event)
            await asyncio.sleep(max(0.0, number / len(posts) * seconds - (time.monotonic() - begun)))


async def _storms(running: Stack, producer: Producer, posts: list[Sent], plan: Plan, findings: Findings) -> None:
    """The gateway, killed while many requests are in flight: between answer and log, if it ever answers too early."""
    rng, gateway = random.Random(plan.seed), running.children["gateway"]
    for number in range(plan.kills):
        await asyncio.sleep(rng.uniform(0.3, 1.7) * plan.seconds / (plan.kills + 1))
        async with asyncio.TaskGroup() as storm:
            for event in posts[number :: plan.kills]:
                storm.create_task(producer.post(event))
            await asyncio.sleep(rng.uniform(0.0, 0.1))
            await gateway.kill()
            findings.kills += 1
            await asyncio.sleep(rng.choice([0.0, 0.0, 3.0]))
            await start_again(gateway)


async def _hooks(running: Stack, http: aiohttp.ClientSession) -> Accepted:
    """The hooks that were answered 2xx, when none is pending any more."""
    where = f"{running.simulator}/_sim/directories/hooks"
    async with asyncio.timeout(SETTLE_SECONDS):
        while (log := await _get(http, where))["pending"]:
            await _alive(running)
            await asyncio.sleep(0.2)
    return {hook["body"]: len(hook["about"]) for hook in log["hooks"] if "body" in hook and hook["status"] // 100 == 2}


async def _answered(running: Stack) -> set[Place]:
    """Notifications for whose subjects a later answer of the directory is in the log; waits until that's all."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        raw = await _raw(running.settings)
        fetched: dict[tuple[str, bytes], int] = {}
        for record in raw:
            if "streamproc-kind" in dict(record.headers):
                key = source_of(record.topic), record.key
                fetched[key] = max(record.timestamp, fetched.get(key, 0))
        notifications = [record for record in raw if record.topic.startswith("notifications.")]
        answered = {
            _at(record)
            for record in notifications
            if fetched.get((source_of(record.topic), record.key), 0) >= record.timestamp
        }
        if len(answered) == len(notifications) or time.monotonic() > deadline:
            return answered
        await _alive(running)
        await asyncio.sleep(0.5)


async def _synchronised(running: Stack) -> None:
    """`streamproc sync` of each source."""
    await asyncio.gather(*(_sync(running, source) for source in SOURCES.values()))


async def _sync(running: Stack, source: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "streamproc.cli", "sync", source,
        env=running.children["hydrator"].environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, stderr = await process.communicate()
    if process.returncode != 0:
        raise ProcessFailedError(f"sync {source} failed: {stderr.decode()}")


async def _records_and_fates(
    running: Stack, http: aiohttp.ClientSession, answered: set[Place]
) -> tuple[Records, set[Place]]:
    """The log, when nothing moves any more, and which raw records have a fate; waits until all have one."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        records = await settle(running.settings, running, http, 0)
        links = {record.key: orjson.loads(record.value) for record in (await read(running.settings, LINKS))[LINKS]}
        places = {_place(rejected) for rejected in records.rejected} | answered
        places |= {_place(change["origin"]) for change in records.changes.values()}
        places |= {_place(event["origin"]) for link in links.values() for event in link["waiting"]}
        places |= _passed_on((await read(running.settings, FORWARDS))[FORWARDS], places)
        if all(_at(record) in places for record in await _raw(running.settings)) or time.monotonic() > deadline:
            return records, places
        await asyncio.sleep(1)


def _passed_on(forwarded: list[Any], places: set[Place]) -> set[Place]:
    """Raw records of which all that was forwarded has a fate: of each record that is there twice, one copy."""
    fates: dict[Place, dict[bytes, bool]] = {}
    for record in forwarded:
        topic, partition, offset, _ = dict(record.headers)[FORWARDED].decode().split("/")
        by_key = fates.setdefault((topic, int(partition), int(offset)), {})
        by_key[record.key] = by_key.get(record.key, False) or _at(record) in places
    return {first for first, by_key in fates.items() if all(by_key.values())}


def _lost(findings: Findings, accepted: Accepted, raw: list[Any], told_places: set[Place]) -> None:
    """Each event of a body that was answered 2xx must be in the log, and whatever is there must have a fate."""
    values: dict[str, set[bytes]] = {}
    for record in raw:
        body = dict(record.headers).get("streamproc-body")
        if body is not None and _at(record) in told_places:
            values.setdefault(body.decode(), set()).add(record.value)
    missing = {body: events - len(values.get(body, ())) for body, events in accepted.items()}
    findings.lost = sum(max(0, count) for count in missing.values())
    untold = [place for place in map(_at, raw) if place not in told_places]
    findings.unaccounted += len(untold)
    findings.details += [f"no fate: {place}" for place in untold[:5]]
    findings.details += [f"lost: {count} of body {body}" for body, count in missing.items() if count > 0][:5]


async def _raw(settings: Settings) -> list[Any]:
    sources = ("hris", *SOURCES.values())
    names = {name(source) for name in (events_topic, intake_topic, notifications_topic) for source in sources}
    return [record for records in (await read(settings, *names)).values() for record in records]


def _at(record: Any) -> Place:
    return record.topic, record.partition, record.offset


def _place(record: dict[str, Any]) -> Place:
    return record["topic"], record["partition"], record["offset"]


async def _alive(running: Stack) -> None:
    """As a supervisor does."""
    for child in running.children.values():
        if not child.running:
            say(f"  {child.name} is down: starting it")
            await start_again(child)


async def _get(http: aiohttp.ClientSession, url: str) -> Any:
    async with http.get(url) as answer:
        answer.raise_for_status()
        return orjson.loads(await answer.read())

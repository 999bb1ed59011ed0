"""The crash run: `python -m tests.chaos.run --seed N --events N --users N --kills N [--json]`.

Workers and sinks are killed (or stopped past their session and woken) at random moments while events stream in and the
simulator injects faults. Afterwards every event must have one fate, every write must have been applied once and in
order, and Genesys must hold what an oracle says. Exit 1 where anything is off.
"""

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvloop
from aiokafka import TopicPartition

from streamproc.adapters.kafka import client
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.archive.history import opened
from streamproc.archive.per_partition import map_partitions
from streamproc.audit.replay.partition import PartitionRequest
from streamproc.audit.replay.verify import NEEDED, verify
from streamproc.core.records.control import Control
from streamproc.core.records.topic_names import CHANGES, OUTCOMES, REJECTIONS
from streamproc.demo.play import held
from streamproc.demo.processes import Child, ProcessFailedError, Stack, stack
from streamproc.embedded import embedded_kafka
from streamproc.operators.controls import order
from streamproc.settings import Settings, load_settings
from tests.chaos.history import Sent, history, mismatched, oracle

FAULTS: list[dict[str, Any]] = [
    {"kind": "429", "probability": 0.02, "retry_after": 1},
    {"kind": "429_no_retry_after", "probability": 0.02},
    {"kind": "500_before", "probability": 0.01},
    {"kind": "500_after", "probability": 0.02},
    {"kind": "503_before", "probability": 0.01},
    {"kind": "504_after", "probability": 0.01},
    {"kind": "reset", "probability": 0.02},
    {"kind": "lost_answer", "probability": 0.02},
    {"kind": "401", "probability": 0.01},
    {"kind": "version_conflict", "probability": 0.01},
    {"kind": "slow", "probability": 0.05, "delay_ms": 150},
]
GROUPS = ["Sales Queue"]
SETTLE_SECONDS = 120.0
OTHER = """
[[rule]]
when = { department = "Sales" }
languages = { French = 2.0 }
[[rule]]
when = { costCenter = "*" }
roles = ["Supervisor"]
"""
"""A rule that gives something, and one that reads a fact which nobody sends: all that was said is heard anew for it."""
UNGUARDED = {"guard_count": 10**6, "guard_day_count": 10**6}
"""The history has far more leavers than any mass guard lets through."""


@dataclass(slots=True)
class Plan:
    """What a run does."""

    seed: int = 1
    events: int = 5000
    users: int = 200
    kills: int = 4
    workers: int = 1
    sinks: int = 1
    pause: bool = False
    rate_limit: int = 0
    """Requests a window of 3 s that the target takes from each token; 0: no limit."""
    seconds: float = 40.0
    mappings: int = 0
    """Changes of the mapping on the way: there and back again, so an even number."""
    kafka: str | None = None
    store: str = "memory"
    logs: str | None = None


@dataclass(slots=True)
class Found:
    """What a run found. The first five counts and the divergences must be 0."""

    events: int = 0
    kills: int = 0
    pauses: int = 0
    lost: int = 0
    out_of_order: int = 0
    duplicate_writes: int = 0
    unaccounted: int = 0
    mismatched_users: int = 0
    divergences: int = 0
    """Of what was recorded from what folding the log anew gives (`streamproc replay --verify`)."""
    replanned: int = 0
    """Fates of records to which a change of the mapping led."""
    fates: dict[str, int] = field(default_factory=dict)
    repeats: int = 0
    """Raw records that were resolved more than once."""
    gaps: int = 0
    """Outcomes that stand for records which the sink never saw."""
    writes: int = 0
    seconds: float = 0.0
    details: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is off."""
        return not (
            self.lost
            or self.out_of_order
            or self.duplicate_writes
            or self.unaccounted
            or self.mismatched_users
            or self.divergences
        )


async def run(plan: Plan) -> Found:
    """One whole run, in its own Kafka (or an empty one given) and its own simulator."""
    begun = time.monotonic()
    async with AsyncExitStack() as exit_stack:
        bootstrap = plan.kafka
        if bootstrap is None:
            bootstrap = (await exit_stack.enter_async_context(embedded_kafka(progress=_say))).bootstrap
        folder = Path(exit_stack.enter_context(tempfile.TemporaryDirectory(prefix="streamproc-chaos-")))
        chosen = {"table_store": plan.store, "data": folder / "data", "request_timeout": 5.0}
        settings = load_settings(kafka=bootstrap, **chosen, **UNGUARDED)
        await ensure_topics(settings.kafka)
        running = await exit_stack.enter_async_context(stack(settings, folder))
        http = await exit_stack.enter_async_context(aiohttp.ClientSession())
        limit = {"rate_limit": plan.rate_limit, "rate_window_s": 3}
        await _post(http, f"{running.simulator}/_sim/config", {"groups": GROUPS, **limit})
        await _post(http, f"{running.simulator}/_sim/faults", {"faults": FAULTS, "seed": plan.seed})
        names = [f"worker-{n}" for n in range(plan.workers)] + [f"sink-{n}" for n in range(plan.sinks)]
        for name in names:
            running.child(name, name.split("-")[0], STREAMPROC_DATA=str(folder / name))
        await asyncio.gather(*(running.children[name].start() for name in names))
        sent = history(plan.seed, plan.events, plan.users)
        found = Found(events=len(sent))
        _say(f"{len(sent)} events, {plan.kills} kills of each of {', '.join(names)}")
        await asyncio.gather(
            _produce(settings, sent, plan.seconds),
            _remap(settings, plan),
            *(_torment(running, name, plan, found, number) for number, name in enumerate(names)),
        )
        _say("settling ...")
        records = await _settle(settings, running, http, len(sent))
        if plan.logs:
            for name in names:
                running.children[name].signal(signal.SIGUSR1)
            await asyncio.sleep(0.5)
        await asyncio.gather(*(running.children[name].stop() for name in names))
        async with http.get(f"{running.simulator}/_sim/ledger") as answer:
            ledger = orjson.loads(await answer.read())["entries"]
        judge(found, sent, records, ledger, await held(http, running.simulator))
        await replayed(found, settings)
        explain(found, plan, running, {"outcomes": records.outcomes, "ledger": ledger})
        found.seconds = round(time.monotonic() - begun, 1)
        return found


def explain(found: Found, plan: Plan, running: Stack, dossier: dict[str, Any]) -> None:
    """After a run that failed: the ends of the services' logs, and all of them where they are to be kept."""
    if found.good:
        return
    if plan.logs:
        (running.folder / "dossier.json").write_bytes(orjson.dumps(dossier))
        ignored = shutil.ignore_patterns("data", "worker-?")
        shutil.copytree(running.folder, plan.logs, dirs_exist_ok=True, ignore=ignored)
    for name, child in running.children.items():
        tail = child.log.read_text(errors="replace").splitlines()[-20:]
        _say(f"--- {name}\n" + "\n".join(tail))


@dataclass(slots=True)
class Records:
    """The topics, read to their end."""

    changes: dict[tuple[int, int], dict[str, Any]]
    mappings: set[tuple[int, int]]
    """Places of changes of the mapping: what they lead to is judged by replay."""
    outcomes: list[dict[str, Any]]
    rejected: list[dict[str, Any]]


def judge(
    found: Found, sent: list[Sent], records: Records, ledger: list[dict[str, Any]], there: dict[str, dict[str, Any]]
) -> None:
    """Fill in the counts."""
    arrived = Counter(_origin(change["origin"]) for change in records.changes.values())
    refused = {_origin(rejected) for rejected in records.rejected if rejected["topic"] == "events.hris"}
    found.repeats = sum(arrived.values()) - len(arrived)
    found.lost = len(sent) - len(arrived.keys() | refused)
    _fates(found, records)
    _writes(found, records, ledger)
    wrong = mismatched(oracle(sent), there)
    found.mismatched_users = len(wrong)
    found.details += [f"{subject}: {what}" for subject, what in sorted(wrong.items())[:10]]


def _fates(found: Found, records: Records) -> None:
    """Each change needs exactly one fate; the counts must add up to the changes."""
    seqs: dict[str, list[int]] = {}
    home: dict[str, int] = {}
    for (partition, offset), change in records.changes.items():
        seqs.setdefault(change["user"], []).append(offset)
        home[change["user"]] = partition
    told: Counter[tuple[str, int]] = Counter()
    for outcome in records.outcomes:
        if not outcome["final"]:
            continue
        user, seq, since = outcome["user"], outcome["seq"], outcome["since"]
        if (home.get(user), seq) in records.mappings and since is None:
            found.replanned += 1
            continue
        covered = [seq] if since is None else [each for each in seqs.get(user, []) if since < each <= seq]
        for each in covered:
            told[user, each] += 1
            found.fates[outcome["verdict"]] = found.fates.get(outcome["verdict"], 0) + 1
    wanted = {(user, seq) for user, offsets in seqs.items() for seq in offsets}
    untold = [each for each in wanted if told[each] == 0]
    twice = [each for each, count in told.items() if count > 1]
    strange = [each for each in told if each not in wanted]
    found.unaccounted = len(untold) + len(twice) + len(strange)
    found.gaps = sum(outcome["since"] is not None for outcome in records.outcomes)
    found.details += [f"no fate: {each}" for each in sorted(untold)[:5]]
    found.details += [f"two fates: {each}" for each in sorted(twice)[:5]]
    found.details += [f"fate of nothing: {each}" for each in sorted(strange)[:5]]
    found.fates["rejected"] = len({_origin(rejected) for rejected in records.rejected})


def _writes(found: Found, records: Records, ledger: list[dict[str, Any]]) -> None:
    """By the ledger: per user, seqs never fall; nothing was applied twice; no write changed nothing."""
    users = {place: change["user"] for place, change in records.changes.items()}
    asked = {each["id"]: told["user"] for told in records.outcomes for each in told["requests"]}
    last: dict[str, int] = {}
    applied: Counter[str] = Counter()
    created: Counter[str] = Counter()
    for entry in ledger:
        if not entry["applied"]:
            continue
        found.writes += 1
        partition, seq = (int(part) for part in entry["request_id"].split("-")[:2])
        user = users.get((partition, seq)) or asked.get(entry["request_id"])
        applied[entry["request_id"]] += 1
        if user is None:  # a sink that died had it planned anew: by a mapping, of which many users have a record
            assert (partition, seq) in records.mappings
            continue
        if seq < last.get(user, -1):
            found.out_of_order += 1
            found.details.append(f"out of order: {user} {seq} after {last[user]}")
        last[user] = max(seq, last.get(user, -1))
        if entry["method"] == "POST":
            created[user] += 1
        elif not entry["changed"]:
            found.duplicate_writes += 1
            found.details.append(f"changed nothing: {user} {entry['request_id']} {entry['path']} {entry['body']}")
    again = [each for each, count in applied.items() if count > 1] + [user for user, n in created.items() if n > 1]
    found.duplicate_writes += len(again)
    found.details += [f"applied twice: {each}" for each in again[:5]]


def _origin(record: dict[str, Any]) -> tuple[int, int]:
    return record["partition"], record["offset"]


async def _produce(settings: Settings, sent: list[Sent], seconds: float) -> None:
    producer = client.producer(settings.kafka)
    await producer.start()
    begun = time.monotonic()
    try:
        for number, each in enumerate(sent):
            value = each.value if isinstance(each.value, bytes) else orjson.dumps(each.value)
            await producer.send("events.hris", value, key=each.subject.encode())
            ahead = number / len(sent) * seconds - (time.monotonic() - begun)
            if ahead > 0:
                await asyncio.sleep(ahead)
        await producer.flush()
    finally:
        await producer.stop()


async def _remap(settings: Settings, plan: Plan) -> None:
    """Order other mappings, evenly over the time; the last is the first one again."""
    text, _ = settings.worker.mapping_text()
    for number in range(plan.mappings):
        await asyncio.sleep(plan.seconds / (plan.mappings + 1))
        now = time.time_ns() // 1_000_000
        other = text + OTHER if number % 2 == 0 else text
        await order(
            settings.kafka, [Control(f"m{number}", "mapping", None, None, "chaos", "another", now, mapping=other)]
        )


async def replayed(found: Found, settings: Settings) -> None:
    """Fold the log anew, and compare everything with what was recorded."""
    async with opened(settings.kafka, None, topics=NEEDED) as history:
        verdict = await asyncio.to_thread(verify, history, PartitionRequest(), map_partitions)
    found.divergences = sum(each.divergences for each in verdict.partitions)
    if verdict.first is not None:
        found.details.append(f"replay: {verdict.first.told}")


async def _torment(running: Stack, name: str, plan: Plan, found: Found, number: int) -> None:
    """Kill (or stop and wake) one service at random moments, and bring it back."""
    rng = random.Random(plan.seed * 1000 + number)
    child = running.children[name]
    for _ in range(plan.kills):
        await asyncio.sleep(rng.uniform(0.3, 2.0) * plan.seconds / (plan.kills + 1))
        if plan.pause and rng.random() < 0.5:
            child.signal(signal.SIGSTOP)
            await asyncio.sleep(running.settings.kafka.session_timeout + rng.uniform(1.0, 4.0))
            child.signal(signal.SIGCONT)
            found.pauses += 1
            await asyncio.sleep(2)
            if not child.running:  # failing as a whole is allowed; a supervisor starts it again
                await _started(child)
            continue
        await child.kill()
        found.kills += 1
        if rng.random() < 0.3:
            await asyncio.sleep(rng.uniform(0.0, 5.0))  # a member that leaves for a while
        await _started(child)


async def _started(child: Child) -> None:
    """As a supervisor does: one that fails at its start is started again."""
    for attempt in range(3):
        try:
            await child.start()
        except ProcessFailedError:
            if attempt == 2:
                raise
        else:
            return


async def _settle(settings: Settings, running: Stack, http: aiohttp.ClientSession, events: int) -> Records:
    """Wait until every record has a fate and nothing moves any more."""
    records = Records({}, set(), [], [])
    follower = client.consumer(settings.kafka, committed_only=True)
    await follower.start()
    try:
        topics = (CHANGES, OUTCOMES, REJECTIONS)
        follower.assign([TopicPartition(topic, n) for topic in topics for n in range(settings.kafka.partitions)])
        await follower.seek_to_beginning()
        quiet, deadline, told = 0, time.monotonic() + SETTLE_SECONDS, time.monotonic()
        while quiet < 8 and time.monotonic() < deadline:
            moved = await follower.getmany(timeout_ms=250)
            for place, batch in moved.items():
                for record in batch:
                    value = orjson.loads(record.value)
                    if place.topic == CHANGES and value["kind"] == "mapping":
                        records.mappings.add((place.partition, record.offset))
                    elif place.topic == CHANGES:
                        records.changes[place.partition, record.offset] = value
                    else:
                        (records.outcomes if place.topic == OUTCOMES else records.rejected).append(value)
            arrived = len({_origin(c["origin"]) for c in records.changes.values()}) + len(records.rejected)
            newest: dict[str, int] = {}
            for (_, offset), change in records.changes.items():
                newest[change["user"]] = max(offset, newest.get(change["user"], -1))
            final = {(outcome["user"], outcome["seq"]) for outcome in records.outcomes if outcome["final"]}
            done = arrived >= events and all(each in final for each in newest.items())
            quiet = quiet + 1 if done and not moved else 0
            if time.monotonic() - told > 10:
                told = time.monotonic()
                _say(f"  {arrived} of {events} arrived, {len(final)} of {len(records.changes)} have a fate")
                for child in running.children.values():
                    if not child.running:
                        _say(f"  {child.name} is down: starting it")
                        await child.start()
    finally:
        await follower.stop()
    return records


async def _post(http: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> None:
    async with http.post(url, json=body) as answer:
        answer.raise_for_status()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__)
    defaults = Plan()
    for name in ("seed", "events", "users", "kills", "workers", "sinks", "rate_limit", "mappings"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(defaults, name))
    parser.add_argument("--seconds", type=float, default=defaults.seconds, help="over which the events are spread")
    parser.add_argument(
        "--pause", action="store_true", help="half of the kills are SIGSTOP past the session, then SIGCONT"
    )
    parser.add_argument("--store", choices=["memory", "rocksdb"], default="memory")
    parser.add_argument(
        "--logs", help="keep the services' logs in this folder, with what they wait for, if the run fails"
    )
    parser.add_argument("--kafka", help="HOST:PORT of an empty cluster instead of the embedded one")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sources", action="store_true", help="the events come through gateway and hydrator")
    given = parser.parse_args()
    as_json, by_sources = given.json, given.sources
    del given.json, given.sources
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        plan = Plan(**vars(given))
        if by_sources:
            from tests.chaos import sources  # which builds on this module

            found = runner.run(sources.run(plan))
        else:
            found = runner.run(run(plan))
    shown = {name: getattr(found, name) for name in Found.__slots__}
    for name, value in shown.items():
        if name != "details":
            print(f"{name:<18} {value}", file=sys.stderr if as_json else sys.stdout)
    for detail in found.details[:30]:
        print(f"  {detail}", file=sys.stderr)
    if as_json:
        print(orjson.dumps(shown).decode())
    return 0 if found.good else 1


if __name__ == "__main__":
    sys.exit(main())

"""Play the story through a running stack: send each record, follow it to its fate, then check what Genesys holds."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import Consumer, Producer, started
from streamproc.adapters.kafka.reading import assigned, partitions_of
from streamproc.core.records.outcome import OUTCOME, Outcome
from streamproc.core.records.topic_names import OUTCOMES, REJECTIONS
from streamproc.demo.expected import EXPECTED, differences, holds
from streamproc.demo.story import GROUPS, OUTSIDER, SCOPE, STEPS, Step
from streamproc.settings import KafkaSettings, Settings

FATE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a step."""

    title: str
    subject: str
    fate: str
    expected: str
    milliseconds: int | None
    """From the broker's append to the answer of the last write; with `since` a directory, until Genesys shows it."""
    requests: list[dict[str, Any]]
    """Writes that were sent."""
    reads: int
    reason: str | None
    problem: str | None
    """What isn't as the story expects; None: nothing."""
    since: str = "event"
    """From what on the time is counted: the event, or the change in the directory."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the story ended: its steps, and in what the target differs from what is expected."""

    steps: list[Played]
    differences: list[str]

    @property
    def good(self) -> bool:
        """Whether all went as the story says."""
        return not self.differences and all(step.problem is None for step in self.steps)

    def __add__(self, other: "Ending") -> "Ending":
        """Two acts, one after the other."""
        return Ending(self.steps + other.steps, self.differences + other.differences)

    def as_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"ok": self.good, "steps": [asdict(step) for step in self.steps], "differences": self.differences}


def scoped(settings: Settings, folder: Path, scope: str = SCOPE) -> Settings:
    """Settings with the mapping of the story: theirs, with a scope. It is written to a file in `folder`."""
    text, _ = settings.worker.mapping_text()
    file = folder / "mapping.toml"
    file.write_text(text + scope, encoding="utf-8")
    return settings.changed(mapping=file)


async def play(kafka: KafkaSettings, simulator: str, tell: Callable[[Played], None] = lambda _: None) -> Ending:
    """Play and check. What goes wrong in the story is in the Ending, and raises nothing."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        async with http.post(f"{simulator}/_sim/config", json={"groups": GROUPS}) as answer:
            answer.raise_for_status()
        producer, follower = await stack.enter_async_context(sending(KafkaLog(kafka)))
        played = []
        for step in (*STEPS, *OUTSIDER):
            played.append(await play_step(producer, follower, step))
            tell(played[-1])
        return Ending(played, differences(EXPECTED, await held(http, simulator)))


@asynccontextmanager
async def sending(log: KafkaLog) -> AsyncIterator[tuple[Producer, Consumer]]:
    """What `play_step` needs: who sends, and who reads what became of it."""
    async with started(log.producer()) as producer, assigned(log, partitions_of(log, OUTCOMES, REJECTIONS)) as follower:
        await follower.seek_to_end()
        yield producer, follower


async def held(http: aiohttp.ClientSession, simulator: str) -> dict[str, dict[str, Any]]:
    """What the simulator holds, by externalId, in the story's words."""
    async with http.get(f"{simulator}/_sim/users") as answer:
        users = [user for user in orjson.loads(await answer.read()) if user.get("externalId")]
    async with http.get(f"{simulator}/_sim/groups") as answer:
        groups = {group["id"]: group["displayName"] for group in orjson.loads(await answer.read())}
    externals = {user["id"]: user["externalId"] for user in users}
    return {user["externalId"]: holds(user, externals, groups) for user in users}


async def play_step(producer: Producer, follower: Consumer, step: Step) -> Played:
    """Send one record, and follow it to its fate."""
    value = step.event if isinstance(step.event, bytes) else orjson.dumps(step.event)
    headers = [(name, content.encode()) for name, content in step.headers.items()]
    sent = await producer.send_and_wait("events.hris", value, key=step.subject.encode(), headers=headers)
    outcomes: list[Outcome] = []
    deadline = time.monotonic() + FATE_SECONDS
    while time.monotonic() < deadline:
        for topic_partition, records in (await follower.getmany(timeout_ms=200)).items():
            for record in records:
                if topic_partition.topic == REJECTIONS:
                    rejected = orjson.loads(record.value)
                    place = rejected["partition"], rejected["offset"]
                    if place == (sent.partition, sent.offset) and not rejected["partial"]:
                        return _played(step, "rejected", [], None, rejected["reason"])
                    continue
                outcome = OUTCOME.validate_json(record.value)
                cause = outcome.cause
                if cause and (cause.origin.partition, cause.origin.offset) == (sent.partition, sent.offset):
                    outcomes.append(outcome)
        if outcomes and outcomes[-1].final:
            return _played(step, outcomes[-1].verdict, outcomes, sent.timestamp, outcomes[-1].reason)
    return _played(step, "nothing", outcomes, None, f"no fate within {FATE_SECONDS:.0f} s")


def _played(step: Step, fate: str, outcomes: list[Outcome], appended: int | None, reason: str | None) -> Played:
    requests = [request for outcome in outcomes for request in outcome.requests]
    writes = [request for request in requests if request.method != "GET"]
    shown = [f"{request.method} {request.path.split('/')[1]}" for request in writes]
    milliseconds = writes[-1].answered - appended if writes and appended is not None else None
    problem = None
    if fate != step.fate:
        problem = f"ended as {fate}, not {step.fate}"
    elif shown != step.writes:
        problem = f"sent {shown or 'nothing'}, not {step.writes or 'nothing'}"
    elif requests and not step.writes:
        problem = "asked the target, though nothing is to be done"
    sent = [
        {"method": write.method, "path": write.path, "body": write.body, "status": write.status} for write in writes
    ]
    return Played(
        step.title, step.subject, fate, step.fate, milliseconds, sent, len(requests) - len(writes), reason, problem
    )

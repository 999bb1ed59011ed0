"""A sink on a real Kafka and the stand-in for Genesys, with folded records written for it: no worker is needed.

For tests and benches of the sink alone. The sink runs in this process, so that a test can choose its parts.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiokafka import AIOKafkaProducer, TopicPartition

import streamproc
from streamproc import compose
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.compose.sink import make_sink
from streamproc.core.flow.rate_limit import RateLimiter
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Fact, Origin
from streamproc.core.records.topic_names import OPERATIONS, OUTCOMES
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import UserRecord, encode
from streamproc.demo.processes import Stack, stack
from streamproc.settings import Settings
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.process import Sink

MAPPING_TEXT = Path(streamproc.__file__).with_name("mapping.toml").read_text(encoding="utf-8")
MAPPING = parse_mapping(MAPPING_TEXT)


@dataclass(slots=True)
class Rig:
    """See above. `fates`: (user, seq) → the outcome that told it; `told`: outcomes of other attempts, as they came."""

    stack: Stack
    http: aiohttp.ClientSession
    producer: AIOKafkaProducer
    fates: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    mapping: Mapping = MAPPING
    """By which what is said is folded."""
    _records: dict[str, UserRecord] = field(default_factory=dict)
    _seq: int = 0
    _following: asyncio.Task[None] | None = None

    @property
    def settings(self) -> Settings:
        """Settings for the cluster and the stand-in."""
        return self.stack.settings

    @property
    def simulator(self) -> str:
        """http://HOST:PORT of the stand-in."""
        return self.stack.simulator

    async def say(self, user: str, /, **facts: Fact) -> int:
        """An HR event, folded and on its way to the brokers. Returns its seq."""
        return await self.said_by("hris", user, **facts)

    async def said_by(self, source: str, user: str, /, **facts: Fact) -> int:
        """The same of another source."""
        self._seq += 1
        now = time.time_ns() // 1_000_000
        origin = Origin(f"events.{source}", 0, self._seq, Millis(now))
        order = (Micros(now * 1000 + self._seq), 0, f"e{self._seq}")
        event = ChangeEvent(user, source, user, f"e{self._seq}", "change", order, dict(facts), origin)
        self._records[user] = fold(self._records.get(user), self._seq, event, self.mapping)
        await self.producer.send(OPERATIONS, encode(self._records[user]), key=user.encode())
        return self._seq

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        """The stand-in's test API."""
        async with self.http.request(method, f"{self.simulator}/_sim/{path}", json=body) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def until(self, what: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait for something to become true of the fates. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not what():  # noqa: ASYNC110 - it is another task, or process
                await asyncio.sleep(0.01)

    async def all_told(self, seqs: Iterable[tuple[str, int]], seconds: float = 60.0) -> None:
        """Wait until each of these events has its fate."""
        wanted = set(seqs)
        await self.until(lambda: wanted <= self.fates.keys(), seconds)

    async def users(self) -> dict[str, dict[str, Any]]:
        """What the stand-in holds, by externalId."""
        return {each["externalId"]: each for each in await self.sim("GET", "users") if each.get("externalId")}

    @asynccontextmanager
    async def sink(
        self, lanes: Lanes[Work] | None = None, rate_limiter: RateLimiter | None = None, /, **options: Any
    ) -> AsyncIterator[Sink]:
        """One sink. `options`: its settings."""
        settings = self.settings.changed(**options)
        async with compose.target_session(settings.target, settings.network) as http:
            ready = asyncio.Event()
            sink = make_sink(settings, KafkaLog(settings.kafka), http, lanes=lanes, rate_limiter=rate_limiter)
            running = asyncio.create_task(sink.run(ready.set))
            waiting = asyncio.create_task(ready.wait())
            try:
                await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()
                yield sink
                if running.done():
                    running.result()
            finally:
                waiting.cancel()
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running

    @asynccontextmanager
    async def deaf(self) -> AsyncIterator[None]:
        """Don't follow the fates for a while; what was told meanwhile is heard afterwards."""
        await self._stop()
        try:
            yield
        finally:
            self._following = asyncio.create_task(self.follow())

    async def _stop(self) -> None:
        assert self._following is not None
        self._following.cancel()
        with suppress(asyncio.CancelledError):
            await self._following

    async def follow(self) -> None:
        """Keep `fates` and `told` up to date, until cancelled."""
        follower = KafkaLog(self.settings.kafka).consumer()
        await follower.start()
        try:
            follower.assign(
                [TopicPartition(OUTCOMES, partition) for partition in range(self.settings.kafka.partitions)]
            )
            await follower.seek_to_beginning()
            while True:
                for records in (await follower.getmany(timeout_ms=100)).values():
                    for record in records:
                        outcome = orjson.loads(record.value)
                        if outcome["final"]:
                            self.fates[outcome["user"], outcome["seq"]] = outcome
                        else:
                            self.told.append(outcome)
        finally:
            await follower.stop()


@asynccontextmanager
async def rig(settings: Settings, folder: Path, *simulator: str) -> AsyncIterator[Rig]:
    """`settings` of a cluster whose topics exist; `simulator`: arguments of the stand-in's command."""
    async with AsyncExitStack() as exit_stack:
        running = await exit_stack.enter_async_context(stack(settings, folder, simulator))
        http = await exit_stack.enter_async_context(aiohttp.ClientSession())
        producer = KafkaLog(running.settings.kafka).producer()
        await producer.start()
        exit_stack.push_async_callback(producer.stop)
        made = Rig(running, http, producer)
        made._following = asyncio.create_task(made.follow())
        try:
            yield made
        finally:
            await made._stop()


def person(user: str, **more: Fact) -> dict[str, Fact]:
    """Facts of somebody who works here."""
    facts: dict[str, Fact] = {"userName": f"{user.lower()}@example.com", "displayName": f"Person {user}"}
    return {**facts, "active": True, "job": "Agent", **more}

"""People whose userNames go round, over one sink or two, a stand-in that has each name once, and time that jumps."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import orjson
from aiohttp.test_utils import TestServer

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import KafkaError
from streamproc.compose.sink import make_sink
from streamproc.core.fold.fold import fold
from streamproc.core.records.change_event import ChangeEvent, Fact, Origin
from streamproc.core.records.delivery import DeliveredState, decode_delivery
from streamproc.core.records.topic_names import DELIVERIES, OPERATIONS, OUTCOMES
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import UserRecord, encode
from streamproc.settings import load_settings
from streamproc.simulator import SimulatorOptions, create_app
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.field.virtual_loop import VirtualLoop, VirtualTime
from tests.support.reconciler import MAPPING, person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BEGIN: Final = 1_780_000_000.0
PARTITIONS: Final = 4
LEAP: Final = 15.0
"""Seconds in which a long time passes."""
LOOK: Final = 0.25
"""Seconds after each in which everybody goes on."""


@dataclass(frozen=True, slots=True)
class Said:
    """An event about a user, `after` seconds."""

    user: str
    facts: dict[str, Fact]
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Killed:
    """The first sink dies; the other one goes on with all partitions."""

    after: float = 0.0


@dataclass(slots=True)
class Renamed:
    """What came of it."""

    names: dict[str, str] = field(default_factory=dict)
    """User → userName, as the target shows it."""
    ids: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    """User → id, before the events."""
    parked: dict[str, str] = field(default_factory=dict)
    """User → what is set aside, in words."""
    fates: dict[tuple[str, int], str] = field(default_factory=dict)
    """User and seq of the events → their fate."""
    sent: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path and status of each request since the first of the events, in order."""
    seconds: float = 0.0
    """From the last event until nothing was set aside any more."""


def rename(
    people: Sequence[str],
    events: Sequence[Said | Killed],
    *,
    sinks: int = 1,
    faults: Sequence[dict[str, Any]] = (),
    most: float = 7200.0,
    **options: Any,
) -> Renamed:
    """Hire the people, then append the events, and wait until nothing is set aside, `most` seconds at most.

    `options`: of the stand-in.
    """
    time = VirtualTime(BEGIN)
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(time)) as runner:
        return runner.run(_Scene(time, sinks, options).play(people, events, faults, most))


class _Scene:
    def __init__(self, time: VirtualTime, sinks: int, options: dict[str, Any]) -> None:
        self.time = time
        self.sinks = sinks
        self.app = create_app(SimulatorOptions(**{"rate_limit": 0, **options}))
        self.broker = MemoryBroker(PARTITIONS, time.millis)
        self.log = MemoryLog(self.broker)
        self.records: dict[str, UserRecord] = {}
        self.seqs = count(1)
        self.sent: list[tuple[str, str, int]] = []

    async def play(
        self, people: Sequence[str], events: Sequence[Said | Killed], faults: Sequence[dict[str, Any]], most: float
    ) -> Renamed:
        came = Renamed()
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(TestServer(self.app))
            self.root = str(server.make_url("")).rstrip("/")
            self.http = await stack.enter_async_context(aiohttp.ClientSession(trace_configs=[self._watched()]))
            logs = [MemoryLog(self.broker) for _ in range(self.sinks)]
            running = [await stack.enter_async_context(self._sink(log)) for log in logs]
            hired = [await self._say(Said(user, person(user))) for user in people]
            await self._told(hired, 60)
            came.before = {user: each["id"] for user, each in (await self._users()).items()}
            self.sent.clear()
            await self._sim("POST", "faults", {"faults": list(faults)})
            seqs = []
            for event in events:
                await self._pass(event.after)
                if isinstance(event, Said):
                    seqs.append(await self._say(event))
                else:
                    logs[0].kill()
                    running[0].cancel()
                    await asyncio.gather(running[0], return_exceptions=True)
                    logs[0].expire_sessions()
            begin = self.time.now
            await self._told(seqs, most)
            while await self._aside() and self.time.now < begin + most:
                self.time.now += LEAP if self.time.now > begin + LEAP else 0.0
                await asyncio.sleep(LOOK)
            came.seconds = self.time.now - begin
            users, deliveries = await self._users(), await self._deliveries()
            came.fates = {each: verdict for each, verdict in (await self._fates()).items() if each in seqs}
        came.names = {user: each["userName"] for user, each in users.items()}
        came.ids = {user: each["id"] for user, each in users.items()}
        came.parked = {
            user: str(each.parked.attributes or each.parked.reason) for user, each in deliveries.items() if each.parked
        }
        came.sent = self.sent
        return came

    @asynccontextmanager
    async def _sink(self, log: MemoryLog) -> "AsyncIterator[asyncio.Task[None]]":
        settings = load_settings(
            scim_url=f"{self.root}/api/v2/scim/v2", token_url=f"{self.root}/oauth/token", revoke_wait=0.1
        )
        ready = asyncio.Event()
        running = asyncio.create_task(make_sink(settings, log, self.http, clocks=self.time.clocks()).run(ready.set))
        await asyncio.wait([running, asyncio.ensure_future(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        try:
            yield running
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError, KafkaError):
                await running

    async def _pass(self, seconds: float) -> None:
        """A long time passes in leaps; who waited for any moment within one wakes up at its end."""
        end = self.time.now + seconds
        while self.time.now + LEAP + LOOK < end:
            self.time.now += LEAP
            await asyncio.sleep(LOOK)
        await asyncio.sleep(end - self.time.now)

    async def _say(self, said: Said) -> tuple[str, int]:
        seq = next(self.seqs)
        origin = Origin("events.hris", 0, seq, Millis(0))
        event = ChangeEvent(said.user, "hris", said.user, f"e{seq}", "change", (Micros(seq), 0, ""), said.facts, origin)
        record = self.records[said.user] = fold(self.records.get(said.user), seq, event, MAPPING)
        await self.log.producer().send_and_wait(OPERATIONS, encode(record), said.user.encode())
        return said.user, seq

    async def _told(self, seqs: Sequence[tuple[str, int]], seconds: float) -> None:
        end = self.time.now + seconds
        while not set(seqs) <= (await self._fates()).keys():
            assert self.time.now < end, "somebody's fate isn't told"
            await asyncio.sleep(0.25)

    async def _fates(self) -> dict[tuple[str, int], str]:
        told = [each async for _, each in reading.read_topic(self.log, OUTCOMES, orjson.loads) if each is not None]
        return {(each["user"], each["seq"]): each["verdict"] for each in told if each["final"]}

    async def _deliveries(self) -> dict[str, DeliveredState]:
        read = reading.read_topic(self.log, DELIVERIES, decode_delivery)
        return {user: each async for user, each in read if each is not None}

    async def _aside(self) -> bool:
        return any(each.parked for each in (await self._deliveries()).values())

    async def _users(self) -> dict[str, dict[str, Any]]:
        return {each["externalId"]: each for each in await self._sim("GET", "users") if "externalId" in each}

    async def _sim(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, f"{self.root}/_sim/{path}", json=body) as answer:
            return await answer.json()

    def _watched(self) -> aiohttp.TraceConfig:
        """Knows what is on its way, and remembers what was asked."""
        trace = aiohttp.TraceConfig()

        async def start(*_: Any) -> None:
            self.time.in_flight += 1

        async def end(_: Any, __: Any, params: aiohttp.TraceRequestEndParams) -> None:
            self.time.in_flight -= 1
            path = params.url.path_qs
            if "/scim/v2" in path:
                self.sent.append((params.method, path.partition("/scim/v2")[2], params.response.status))

        async def fail(*_: Any) -> None:
            self.time.in_flight -= 1

        trace.on_request_start.append(start)
        trace.on_request_end.append(end)
        trace.on_request_exception.append(fail)
        return trace

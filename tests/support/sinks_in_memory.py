"""Whole sinks on a log in memory, and the stand-in for Genesys behind them."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import KafkaError
from streamproc.compose.clocks import SYSTEM
from streamproc.compose.sink import make_sink
from streamproc.core.records.control import Action, Control
from streamproc.core.records.delivery import DeliveredState, decode_delivery
from streamproc.core.records.finding import Changed, Difference, Finding
from streamproc.core.records.topic_names import CONTROLS, DELIVERIES, FINDINGS, OPERATIONS, OUTCOMES
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import encode
from streamproc.settings import Settings, load_settings
from streamproc.sink.process import Sink
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.support.reconciler import Org

PATIENCE = 30.0
"""Seconds; far more than anything here takes."""
ENDS = {"delivered", "revoked", "no-op", "parked", "held"}


@asynccontextmanager
async def ready(
    run: Callable[[Callable[[], None]], Coroutine[Any, Any, None]], *ends: type[Exception]
) -> AsyncIterator[asyncio.Task[None]]:
    """A process that is ready, until the context ends. `ends`: with what it may have ended by then."""
    is_ready = asyncio.Event()
    running = asyncio.create_task(run(is_ready.set))
    try:
        async with asyncio.timeout(PATIENCE):
            await is_ready.wait()
        yield running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError, *ends):
            await running


class Cluster:
    """A broker, an organisation, and the sinks between them."""

    def __init__(self, org: Org) -> None:
        ticks = itertools.count(1_700_000_000_000)
        self.org = org
        self.broker = MemoryBroker(4, lambda: next(ticks))
        self.log = MemoryLog(self.broker)
        self.sinks: list[Sink] = []
        self.clocks = SYSTEM
        self.offsets: dict[str, int] = {}
        """User to where their newest record lies in its partition."""
        self.settings: Settings = load_settings(
            scim_url=f"{org.root}/api/v2/scim/v2",
            token_url=f"{org.root}/oauth/token",
            revoke_wait=0.1,
            request_timeout=1.0,
        )

    async def say(self, user: str, **facts: Any) -> int:
        """A record of the user, in the log. Returns its seq."""
        record = self.org.folded(user, **facts)
        sent = await self.log.producer().send(OPERATIONS, encode(record), user.encode())
        self.offsets[user] = (await sent).offset
        return record.seq

    async def given(self, user: str, **facts: Any) -> int:
        """The same, and its fate is told."""
        seq = await self.say(user, **facts)
        await self.told((user, seq))
        return seq

    async def find(
        self,
        user: str,
        *differences: str,
        kind: Any = "changed",
        policy: Any = "own",
        held: Any = None,
        changed: Changed | None = None,
        incident: bool = False,
        **other: Any,
    ) -> int:
        """A finding about the user's newest record, in these attributes. `other`: what it says else. Its offset."""
        reason = "changed by hand"
        made = [Difference(each, kind, policy, None, held, reason, changed) for each in differences]
        said = {"seq": self.org.records[user].seq, "offset": self.offsets[user], **other}
        finding = Finding(user, None, None, made, Millis(0), Millis(0), incident=incident, **said)
        sent = await self.log.producer().send(FINDINGS, orjson.dumps(finding), user.encode())
        return (await sent).offset

    async def order(self, action: Action, user: str, **more: Any) -> None:
        """An operator's order about what is set aside of the user."""
        parked = (await self.delivery(user)).parked
        assert parked is not None
        control = Control(f"{action}-1", action, user, parked.since, "Kim", "why", Millis(0), **more)
        await self.log.producer().send_and_wait(CONTROLS, orjson.dumps(control), user.encode())

    async def ordered(self, user: str) -> list[str]:
        """What became of the user's order, in order; requests that only asked apart. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while True:
                told = [
                    each async for name, each in reading.read_topic(self.log, OUTCOMES, orjson.loads) if name == user
                ]
                said = [each["verdict"] for each in told if each and each["cause"]["event"].endswith("-1")]
                if ENDS & set(said):
                    return [verdict for verdict in said if verdict not in {"read", "absent"}]
                await asyncio.sleep(0.01)

    async def delivery(self, user: str) -> DeliveredState:
        """What the sink knows of the target."""
        read = reading.read_topic(self.log, DELIVERIES, decode_delivery)
        found = {name: each async for name, each in read if each is not None}
        return found[user]

    async def lines(self, user: str) -> list[dict[str, Any]]:
        """What was told of looks at the user, in order."""
        return [
            each
            async for name, each in reading.read_topic(self.log, OUTCOMES, orjson.loads)
            if name == user and each is not None and each["cause"] and each["cause"]["event"] == "look"
        ]

    async def looked(self, user: str, finding: int) -> dict[str, Any]:
        """How the look ended that a finding led to. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for each in await self.lines(user):
                    if each["cause"]["origin"]["offset"] == finding and each["verdict"] in ENDS:
                        return each
                await asyncio.sleep(0.01)

    async def outcomes(self) -> dict[tuple[str, int], str]:
        """User and seq → the final verdict, of those that are committed."""
        found: dict[tuple[str, int], str] = {}
        async for _, outcome in reading.read_topic(self.log, OUTCOMES, orjson.loads):
            assert outcome is not None
            if outcome["final"]:
                assert (outcome["user"], outcome["seq"]) not in found, "told twice"
                found[outcome["user"], outcome["seq"]] = outcome["verdict"]
        return found

    async def told(self, *wanted: tuple[str, int]) -> None:
        """Wait until each has its fate. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while not set(wanted) <= (await self.outcomes()).keys():  # noqa: ASYNC110 - it is other tasks
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def sink(self, log: MemoryLog) -> AsyncIterator[asyncio.Task[None]]:
        """One sink that is ready."""
        made = make_sink(self.settings, log, self.org.http, clocks=self.clocks)
        self.sinks.append(made)
        async with ready(made.run, KafkaError) as running:  # of one that was killed
            yield running

"""Whole sinks on a log in memory: partitions, transactions and fencing as on Kafka, in one process."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import orjson
import pytest

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import TopicPartition
from streamproc.compose.sink import make_sink
from streamproc.core.records.delivery import decode_delivery
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import DELIVERIES, OPERATIONS, OUTCOMES
from streamproc.core.records.user_record import encode
from streamproc.settings import Settings, load_settings
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.support.reconciler import Org, person

PATIENCE = 30.0
"""Seconds; far more than anything here takes."""


class Cluster:
    """A broker, an organisation, and the sinks between them."""

    def __init__(self, org: Org) -> None:
        ticks = itertools.count(1_700_000_000_000)
        self.org = org
        self.broker = MemoryBroker(4, lambda: next(ticks))
        self.log = MemoryLog(self.broker)
        self.settings: Settings = load_settings(
            scim_url=f"{org.root}/api/v2/scim/v2",
            token_url=f"{org.root}/oauth/token",
            revoke_wait=0.1,
            request_timeout=1.0,
        )

    async def say(self, user: str, **facts: Any) -> int:
        """A record of the user, in the log. Returns its seq."""
        record = self.org.folded(user, **facts)
        await self.log.producer().send(OPERATIONS, encode(record), user.encode())
        return record.seq

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
        ready = asyncio.Event()
        running = asyncio.create_task(make_sink(self.settings, log, self.org.http).run(ready.set))
        try:
            async with asyncio.timeout(PATIENCE):
                await ready.wait()
            yield running
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


@pytest.fixture
def cluster(org: Org) -> Cluster:
    return Cluster(org)


async def test_operations_reach_the_target_and_are_accounted_for(cluster: Cluster) -> None:
    """Users are created, their outcomes, deliveries and offsets committed, and a second sink begins behind them."""
    users = [f"E{number}" for number in range(8)]
    async with cluster.sink(MemoryLog(cluster.broker)):
        seqs = [(user, await cluster.say(user, **person(user))) for user in users]
        await cluster.told(*seqs)
    assert {each for each in users if await cluster.org.user(each)} == set(users)
    known = {user async for user, _ in reading.read_topic(cluster.log, DELIVERIES, decode_delivery)}
    assert known == set(users)
    async with cluster.sink(MemoryLog(cluster.broker)):
        seq = await cluster.say("E0", department="Sales")
        await cluster.told(("E0", seq))
    assert len(await cluster.outcomes()) == len(users) + 1


async def test_deliveries_that_were_deleted_or_overwritten(cluster: Cluster) -> None:
    """What a sink still finds before them it writes again; of who is lost, all records are read and the target asked.

    A leaver whose record came before the deletion is revoked all the same.
    """
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.told(*[(user, await cluster.say(user, **person(user))) for user in ("E1", "E2", "E3")])
    stray = cluster.log.producer()
    for user, value in (("E1", None), ("E2", b"no json"), ("nobody", b"{}"), ("nobody", None)):
        await stray.send(DELIVERIES, value, user.encode())
    await stray.send(DELIVERIES, b"no key")
    await cluster.say("E3", active=False)
    async with cluster.sink(MemoryLog(cluster.broker)):
        seqs = [(user, await cluster.say(user, active=False)) for user in ("E1", "E2")]
        await cluster.told(*seqs)
    for user in ("E1", "E2", "E3"):
        assert (await cluster.org.user(user) or {})["active"] is False
    lost = cluster.broker.partition(TopicPartition(DELIVERIES, partition_of(b"E1", 4)))
    lost.delete_before(lost.end)
    await stray.send(DELIVERIES, None, b"E1")
    async with cluster.sink(MemoryLog(cluster.broker)):
        seq = await cluster.say("E1", active=True)
        await cluster.told(("E1", seq))
    assert (await cluster.org.user("E1") or {})["active"] is True


async def test_another_sink_takes_over_from_a_killed_one(cluster: Cluster) -> None:
    """Two share the partitions. One dies, its session expires, and the other goes on with everybody."""
    users = [f"E{number}" for number in range(8)]
    doomed = MemoryLog(cluster.broker)
    async with AsyncExitStack() as stack:
        dying = await stack.enter_async_context(cluster.sink(doomed))
        await stack.enter_async_context(cluster.sink(MemoryLog(cluster.broker)))
        await cluster.told(*[(user, await cluster.say(user, **person(user))) for user in users])
        doomed.kill()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        changes = [(user, await cluster.say(user, department="Sales")) for user in users]
        doomed.expire_sessions()
        await cluster.told(*changes)
    assert set((await cluster.outcomes()).values()) <= {"delivered", "created"}

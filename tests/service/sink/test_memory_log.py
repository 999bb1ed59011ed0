"""Whole sinks on a log in memory: partitions, transactions and fencing as on Kafka, in one process."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import TopicPartition
from streamproc.core.records.delivery import decode_delivery
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import DELIVERIES, OPERATIONS
from streamproc.testing.memory_log import MemoryLog
from tests.support.reconciler import Org, person
from tests.support.sinks_in_memory import Cluster


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
        await stray.send_and_wait(DELIVERIES, value, user.encode())
    await stray.send_and_wait(DELIVERIES, b"no key")
    await cluster.say("E3", active=False)
    async with cluster.sink(MemoryLog(cluster.broker)):
        seqs = [(user, await cluster.say(user, active=False)) for user in ("E1", "E2")]
        await cluster.told(*seqs)
    for user in ("E1", "E2", "E3"):
        assert (await cluster.org.user(user) or {})["active"] is False
    lost = cluster.broker.partition(TopicPartition(DELIVERIES, partition_of(b"E1", 4)))
    lost.delete_before(lost.end)
    await stray.send_and_wait(DELIVERIES, None, b"E1")
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


async def test_what_comes_while_the_sink_before_may_go_on_is_shared_with_it(cluster: Cluster) -> None:
    """Its last confirmation is good for half a session. What is in the log by then it may have read; what comes later
    is ours alone.
    """
    cluster.settings = cluster.settings.changed(session_timeout=1.0)
    async with cluster.sink(MemoryLog(cluster.broker)):
        await cluster.given("E1", **person("E1"))
        place = TopicPartition(OPERATIONS, partition_of(b"E1", 4))
        store = cluster.sinks[-1]._stores[place.partition]
        assert (store.alone_from, store.shared(0), store.shared(7)) == (None, 1, 8)
        async with asyncio.timeout(30):
            while store.alone_from is None:  # noqa: ASYNC110 - it is another task
                await asyncio.sleep(0.02)
        assert store.shared(7) == store.alone_from == cluster.broker.partition(place).end > 0

"""Managers in another sink's hands: known from its deliveries, and never asked for at the target."""

import asyncio
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import pytest

from streamproc.core.records.partitioner import partition_of
from streamproc.core.scim.dialect import ENTERPRISE
from streamproc.testing.memory_log import MemoryLog
from tests.support.reconciler import Org, person
from tests.support.sinks_in_memory import PATIENCE, Cluster


@pytest.fixture
def cluster(org: Org) -> Cluster:
    return Cluster(org)


def somebody(partition: int) -> str:
    """The first user ID of this partition, of four."""
    return next(user for user in (f"E{number}" for number in count(1)) if partition_of(user.encode(), 4) == partition)


async def manager_of(cluster: Cluster, user: str) -> str | None:
    """The id that the target shows."""
    shown: dict[str, Any] = (await cluster.org.user(user)).get(ENTERPRISE) or {}
    value: str | None = shown.get("manager", {}).get("value")
    return value


@pytest.mark.parametrize("first", ["manager", "report"])
async def test_a_manager_of_another_sinks_is_written(cluster: Cluster, first: str) -> None:
    """Whoever is delivered first: the report gets the manager, soon, and without a search."""
    people = [somebody(partition) for partition in range(4)]
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(cluster.sink(MemoryLog(cluster.broker)))
        pairs = list(zip(people, people[1:] + people[:1], strict=True))
        if first == "manager":
            await cluster.told(*[(user, await cluster.say(user, **person(user))) for user in people])
            seqs = [(user, await cluster.say(user, manager=manager)) for user, manager in pairs]
        else:
            seqs = [(user, await cluster.say(user, **person(user), manager=manager)) for user, manager in pairs]
        await cluster.told(*seqs)
        ids = {user: (await cluster.org.user(user))["id"] for user in people}
        async with asyncio.timeout(PATIENCE / 2):
            wanted = [ids[manager] for _, manager in pairs]
            while [await manager_of(cluster, user) for user, _ in pairs] != wanted:  # noqa: ASYNC110 - other tasks
                await asyncio.sleep(0.01)
    searches = (await cluster.org.requests())["GET users"]
    assert searches == 2 * len(people), "each was looked up by externalId and by userName, and nobody as a manager"


async def test_a_manager_is_known_whoever_gets_the_partitions(cluster: Cluster) -> None:
    """A sink that has followed another's deliveries goes on alone when it gets its partitions, and knows who is new."""
    people = [somebody(partition) for partition in range(4)]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(cluster.sink(MemoryLog(cluster.broker)))
        async with cluster.sink(MemoryLog(cluster.broker)):
            await cluster.told(*[(user, await cluster.say(user, **person(user))) for user in people])
            seqs = [(user, await cluster.say(user, manager=people[0])) for user in people[1:]]
            await cluster.told(*seqs)
        late = next(user for user in (f"L{number}" for number in count(1)) if partition_of(user.encode(), 4) == 3)
        await cluster.told((late, await cluster.say(late, **person(late))))
        await cluster.told(*[(user, await cluster.say(user, manager=late)) for user in people])
        there = (await cluster.org.user(late))["id"]
        assert [await manager_of(cluster, user) for user in people] == [there] * 4

"""Who was given up and comes back: what it may still do, and what it hears."""

import asyncio

import pytest

from streamproc.adapters.kafka.log import CommitFailedError, TopicPartition
from tests.contract.log.conftest import Cluster, read, until
from tests.contract.log.test_groups import Listener


async def test_who_was_given_up_cant_commit(cluster: Cluster) -> None:
    """Others have its partitions, or will: its commit is refused, and what the group had stays."""
    await cluster.fill(b"a", b"b")
    zombie = await cluster.member()
    await until(lambda: zombie.assignment() == set(cluster.places), zombie)
    await zombie.commit({cluster.place(): 1})
    other = await cluster.member()
    await until(lambda: 0 < len(zombie.assignment()) < len(cluster.places) and bool(other.assignment()), zombie, other)
    mine = next(iter(zombie.assignment()))
    await cluster.expel(zombie)
    with pytest.raises(CommitFailedError):
        await zombie.commit({mine: 2})
    assert await other.committed(mine) == (1 if mine == cluster.place() else None)


async def test_who_was_given_up_joins_again(cluster: Cluster) -> None:
    """It is told that all of its partitions go, and then gets its share."""
    heard: list[tuple[str, str, set[TopicPartition]]] = []
    zombie = await cluster.member(Listener("zombie", heard))
    await until(lambda: zombie.assignment() == set(cluster.places), zombie)
    heard.clear()
    await cluster.expel(zombie)
    await until(lambda: len(heard) == 3, zombie)
    everything = set(cluster.places)
    assert heard == [("zombie", word, everything) for word in ("revoked", "let go", "assigned")]


async def test_who_was_given_up_commits_while_nobody_else_is_there(cluster: Cluster) -> None:
    """Not as the member that it was; but when it has heard of that, an empty group takes anybody's word."""
    await cluster.fill(b"a", b"b")
    listener = Listener()
    zombie = await cluster.member(listener)
    await until(lambda: zombie.assignment() == set(cluster.places), zombie)
    listener.consumer, listener.commits = zombie, {cluster.place(): 2}
    await cluster.expel(zombie)
    with pytest.raises(CommitFailedError):
        await zombie.commit({cluster.place(): 1})
    await until(lambda: [word for _, word, _ in listener.heard].count("assigned") == 2, zombie)
    assert await zombie.committed(cluster.place()) == 2
    assert await zombie.position(cluster.place()) == 2


async def test_a_position_is_what_was_committed_when_the_partition_came(cluster: Cluster) -> None:
    """Offsets that are committed for the group afterwards, by whomever, don't move a reader."""
    member = await cluster.member()
    await until(lambda: member.assignment() == set(cluster.places), member)
    assert await member.position(cluster.place()) == 0
    await cluster.fill(b"a", b"b", b"c")
    producer = await cluster.transactional()
    await producer.begin_transaction()
    await producer.send_offsets_to_transaction({cluster.place(): 3}, cluster.name)
    await producer.commit_transaction()
    await cluster.ended()
    assert await member.committed(cluster.place()) == 3
    assert await member.position(cluster.place()) == 0


async def test_a_member_without_partitions_waits(cluster: Cluster) -> None:
    """More members than partitions: who has none gives nothing, and gets its share when there is one."""
    members = [await cluster.member() for _ in range(cluster.log.partitions + 1)]
    await until(lambda: sorted(len(each.assignment()) for each in members)[:2] == [0, 1], *members)
    (idle,) = [each for each in members if not each.assignment()]
    assert not await idle.getmany(timeout_ms=50)
    busy = next(each for each in members if each is not idle)
    await busy.stop()
    await until(lambda: bool(idle.assignment()), *[each for each in members if each is not busy])


@pytest.mark.long
async def test_who_takes_too_long_to_let_go_is_left_behind(cluster: Cluster) -> None:
    """After the session's time others get everything, though it lives; when it is done, it gets a newcomer's share."""
    listener = Listener()
    slow = await cluster.member(listener)
    await until(lambda: slow.assignment() == set(cluster.places), slow)
    listener.hold.clear()
    other = await cluster.member()
    await until(lambda: other.assignment() == set(cluster.places), other)
    assert slow.assignment() == set(cluster.places)
    with pytest.raises(CommitFailedError):
        await slow.commit({cluster.place(): 1})
    listener.hold.set()
    await until(lambda: 0 < len(slow.assignment()) < len(cluster.places), slow, other)


async def test_who_stops_while_partitions_move_lets_its_listener_end(cluster: Cluster) -> None:
    """`stop` waits for what `on_partitions_revoked` is doing."""
    listener = Listener()
    first = await cluster.member(listener)
    await until(lambda: first.assignment() == set(cluster.places), first)
    listener.hold.clear()
    second = await cluster.member()
    await until(lambda: ("", "revoked", set(cluster.places)) in listener.heard)
    stopping = asyncio.ensure_future(first.stop())
    await asyncio.sleep(0.1)
    assert not stopping.done()
    listener.hold.set()
    await stopping
    await until(lambda: second.assignment() == set(cluster.places), second)
    assert ("", "let go", set(cluster.places)) in listener.heard
    assert await read(second, 0) == []

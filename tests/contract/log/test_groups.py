"""Members of a group share its partitions: each has one reader at a time, who begins where the last one committed."""

import asyncio

import pytest

from streamproc.adapters.kafka.log import (
    CommitFailedError,
    Consumer,
    ConsumerRebalanceListener,
    IllegalStateError,
    RebalanceInProgressError,
    TopicPartition,
)
from tests.contract.log.conftest import Cluster, read, until


class Listener(ConsumerRebalanceListener):
    """Notes what it is told. `hold`: what is awaited before `on_partitions_revoked` returns."""

    def __init__(self, name: str = "", heard: list[tuple[str, str, set[TopicPartition]]] | None = None) -> None:
        self.name = name
        self.heard = [] if heard is None else heard
        self.hold = asyncio.Event()
        self.hold.set()
        self.consumer: Consumer | None = None
        self.commits: dict[TopicPartition, int] = {}

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.heard.append((self.name, "revoked", set(revoked)))
        if self.commits and self.consumer is not None:
            await self.consumer.commit(self.commits)
        await self.hold.wait()
        self.heard.append((self.name, "let go", set(revoked)))

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.heard.append((self.name, "assigned", set(assigned)))


async def test_a_lone_member_has_everything(cluster: Cluster) -> None:
    """It is told first that nothing goes, then that all comes; and it reads all partitions."""
    listener = Listener()
    member = await cluster.member(listener)
    await until(lambda: member.assignment() == set(cluster.places), member)
    await cluster.fill(b"zero", partition=0)
    await cluster.fill(b"one", partition=1)
    assert {record.value for record in await read(member, 2)} == {b"zero", b"one"}
    everything = set(cluster.places)
    assert listener.heard == [("", "revoked", set()), ("", "let go", set()), ("", "assigned", everything)]


async def test_two_members_share(cluster: Cluster) -> None:
    """Each partition is one's alone, and the first has let go of all before the second is given any."""
    heard: list[tuple[str, str, set[TopicPartition]]] = []
    first = await cluster.member(Listener("first", heard))
    await until(lambda: first.assignment() == set(cluster.places), first)
    second = await cluster.member(Listener("second", heard))
    await until(lambda: sum(word == "assigned" for _, word, _ in heard) == 3, first, second)
    assert first.assignment() | second.assignment() == set(cluster.places)
    assert not first.assignment() & second.assignment()
    assert min(len(first.assignment()), len(second.assignment())) == len(cluster.places) // 2
    everything = set(cluster.places)
    let_go = heard.index(("first", "let go", everything))
    assert heard.index(("first", "revoked", everything)) < let_go
    assert let_go < heard.index(("second", "assigned", second.assignment()))
    assert let_go < heard.index(("first", "assigned", first.assignment()))


async def test_who_leaves_leaves_everything_to_the_others(cluster: Cluster) -> None:
    """After `stop` of one member the other has all partitions, and reads on in those that came."""
    first, second = await cluster.member(), await cluster.member()
    await until(
        lambda: all(0 < len(each.assignment()) < len(cluster.places) for each in (first, second)), first, second
    )
    await first.stop()
    await until(lambda: second.assignment() == set(cluster.places), second)
    for partition in range(cluster.log.partitions):
        await cluster.fill(b"%d" % partition, partition=partition)
    assert len(await read(second, cluster.log.partitions)) == cluster.log.partitions


async def test_a_group_goes_on_where_it_committed(cluster: Cluster) -> None:
    """A later member begins at the committed offset, and with the first record where nothing was committed."""
    await cluster.fill(b"a", b"b", b"c", partition=0)
    await cluster.fill(b"x", b"y", partition=1)
    first = await cluster.member()
    assert len(await read(first, 5)) == 5
    await first.commit({cluster.place(0): 2})
    assert await first.committed(cluster.place(0)) == 2
    await first.stop()
    second = await cluster.member()
    assert sorted(record.value for record in await read(second, 3)) == [b"c", b"x", b"y"]
    assert await second.position(cluster.place(0)) == 3


async def test_what_was_read_isnt_committed_by_that(cluster: Cluster) -> None:
    """Only `commit` keeps an offset; leaving doesn't."""
    await cluster.fill(b"a")
    first = await cluster.member()
    await read(first, 1)
    await first.stop()
    assert await (await cluster.outsider()).committed(cluster.place()) is None


async def test_who_goes_can_commit_once_more(cluster: Cluster) -> None:
    """Until `on_partitions_revoked` returns, partitions are still its own: who comes next begins after that commit."""
    await cluster.fill(b"a", b"b")
    listener = Listener()
    first = await cluster.member(listener)
    await read(first, 2)
    listener.consumer, listener.commits = first, {cluster.place(): 1}
    second = await cluster.member()
    await until(lambda: bool(second.assignment()), first, second)
    owner = first if cluster.place() in first.assignment() else second
    listener.commits = {}
    assert await owner.position(cluster.place()) == 1


async def test_nothing_is_given_while_partitions_move(cluster: Cluster) -> None:
    """Between the revocation's begin and the new assignment `getmany` gives nothing, even past its time."""
    listener = Listener()
    first = await cluster.member(listener)
    await until(lambda: first.assignment() == set(cluster.places), first)
    listener.hold.clear()
    second = await cluster.member()
    await until(lambda: ("", "revoked", set(cluster.places)) in listener.heard)
    for partition in range(cluster.log.partitions):
        await cluster.fill(b"%d" % partition, partition=partition)
    reading = asyncio.ensure_future(first.getmany(timeout_ms=1))
    await asyncio.sleep(0.2)
    assert not reading.done()
    assert first.assignment() == set(cluster.places)
    listener.hold.set()
    given = await reading
    assert set(given) <= first.assignment()
    records = sum(map(len, given.values()))
    while records < cluster.log.partitions:
        for member in (first, second):
            batches = await member.getmany(timeout_ms=50)
            assert set(batches) <= member.assignment()
            records += sum(map(len, batches.values()))


async def test_who_isnt_assigned_a_partition_cant_commit_it(cluster: Cluster) -> None:
    """An offset of somebody else's partition is refused."""
    first, second = await cluster.member(), await cluster.member()
    await until(
        lambda: all(0 < len(each.assignment()) < len(cluster.places) for each in (first, second)), first, second
    )
    with pytest.raises((CommitFailedError, RebalanceInProgressError, IllegalStateError)):
        await first.commit({next(iter(second.assignment())): 1})


async def test_an_outsider_cant_commit_for_members(cluster: Cluster) -> None:
    """Who has a group's name but hasn't joined may read what is committed, and commit only while it is empty."""
    await cluster.fill(*[b"value"] * 6)
    outsider = await cluster.outsider()
    outsider.assign([cluster.place()])
    await outsider.commit({cluster.place(): 5})
    member = await cluster.member()
    await until(lambda: bool(member.assignment()), member)
    with pytest.raises(CommitFailedError):
        await outsider.commit({cluster.place(): 6})
    assert await outsider.committed(cluster.place()) == 5


async def test_a_member_keeps_its_place_through_a_rebalance(cluster: Cluster) -> None:
    """What comes back to it is read from the committed offset on, not from where it was."""
    await cluster.fill(b"a", b"b", b"c")
    first = await cluster.member()
    await read(first, 3)
    await first.commit({cluster.place(): 2})
    second = await cluster.member()
    await until(
        lambda: all(0 < len(each.assignment()) < len(cluster.places) for each in (first, second)), first, second
    )
    owner = first if cluster.place() in first.assignment() else second
    owner.seek(cluster.place(), 2)
    assert [record.value for record in await read(owner, 1)] == [b"c"]


async def test_what_is_paused_is_given_again_when_it_was_assigned_anew(cluster: Cluster) -> None:
    """A rebalance ends a pause."""
    first = await cluster.member()
    await until(lambda: first.assignment() == set(cluster.places), first)
    first.pause(*cluster.places)
    assert first.paused() == set(cluster.places)
    second = await cluster.member()
    await until(lambda: 0 < len(first.assignment()) < len(cluster.places), first, second)
    assert first.paused() == set()

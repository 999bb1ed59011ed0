"""What the broker gives up by itself, so that nobody waits for a dead process for ever."""

import asyncio
from collections.abc import Sequence

from streamproc.adapters.kafka.log import ConsumerRebalanceListener, TopicPartition
from streamproc.testing.memory_log import Limits
from streamproc.testing.memory_log.events import (
    BROKER,
    GroupChanged,
    MemberRemoved,
    OffsetCommitted,
    ProducerStarted,
    RecordAppended,
    RecordsRemoved,
    TransactionEnded,
)
from tests.unit.testing.memory_log.test_faults import begun, member
from tests.unit.testing.memory_log.world import PLACE, Little, played, until, values

LIMITS = Limits()


class Slow(ConsumerRebalanceListener):
    """Doesn't let go for a minute."""

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await asyncio.sleep(60 if revoked else 0)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        pass


def test_an_open_transaction_of_a_dead_producer_ends() -> None:
    """After its time, and the broker's next look: what lies behind it can be read then."""

    async def main(world: Little) -> tuple[list[bytes | None], bool]:
        victim, log = world.process("victim")
        world.loop.spawn(victim, begun(log))
        await asyncio.sleep(1)
        world.loop.kill(victim)
        await world.log().producer().send_and_wait("topic", b"behind", b"key", 0)
        reader = world.reader()
        early = await values(reader, 25)
        late = await values(reader, 20)
        ends = [event for event in world.events if isinstance(event, TransactionEnded)]
        return early + late, [(end.by, end.committed) for end in ends] == [(BROKER, False)]

    assert played(main, LIMITS) == ([b"behind"], True)


def test_who_doesnt_let_go_in_time_is_left_behind() -> None:
    """The group goes on after the rebalance's time; the slow one comes back as a newcomer."""

    async def main(world: Little) -> tuple[int, int, Sequence[str]]:
        slow = world.log("slow").consumer(group="group")
        slow.subscribe(["topic"], listener=Slow())
        await until(lambda: bool(slow.assignment()))
        other = await member(world.log("other"))
        alone, at = len(other.assignment()), world.loop.time()
        assert 5 < at < 9
        await asyncio.sleep(80)
        removed = [event.why for event in world.events if isinstance(event, MemberRemoved)]
        return alone, len(other.assignment()), removed

    assert played(main, LIMITS) == (2, 1, ["rebalance"])


def test_a_join_that_lands_after_its_process_died_holds_no_partitions() -> None:
    """For longer than a session."""

    async def main(world: Little) -> int:
        victim, log = world.process("victim")
        world.loop.spawn(victim, member(log))
        await asyncio.sleep(0.01)
        world.loop.kill(victim)
        log.kill()
        await asyncio.sleep(10)
        assert [type(event) for event in world.events][:2] == [GroupChanged, MemberRemoved]
        return len((await member(world.log("heir"))).assignment())

    assert played(main, LIMITS, request_late=[0]) == 2


def test_watchers_hear_what_happens_and_by_whom() -> None:
    """In the order in which it happens at the broker, each with the name of the process."""

    async def main(world: Little) -> list[object]:
        producer = await begun(world.log("sink0"))
        await producer.send_offsets_to_transaction({PLACE: 9}, "group")
        await producer.commit_transaction()
        consumer = await member(world.log("worker0"))
        await consumer.commit({PLACE: 10})
        await world.log("worker0").producer().send_and_wait("topic", b"again", b"key", 0)
        world.broker.compact("topic")
        world.broker.delete_before("topic", 0, 3)
        return [*world.events]

    started, appended, ended, kept, changed, committed, again, compacted, retained = played(main)
    assert started == ProducerStarted("sink0", "id", 0)
    assert isinstance(appended, RecordAppended)
    assert (appended.by, appended.record.value, appended.record.counts) == ("sink0", b"value", True)
    assert ended == TransactionEnded("sink0", "id", True, (appended.record,), {("group", PLACE): 9})
    assert kept == OffsetCommitted("sink0", "group", PLACE, 9, None, "id")
    assert changed == GroupChanged("group", 1, (("worker0", (PLACE, TopicPartition("topic", 1))),))
    assert committed == OffsetCommitted("worker0", "group", PLACE, 10, 9)
    assert (again.by, again.record.offset) == ("worker0", 2)
    assert compacted == RecordsRemoved(PLACE, (0,), "compaction")
    assert retained == RecordsRemoved(PLACE, (2,), "retention")


def test_compaction_leaves_what_is_young() -> None:
    """Records younger than the lag stay, whatever comes after them."""

    async def main(world: Little) -> list[int]:
        producer = world.log().producer()
        for _ in range(2):
            for value in (b"1", b"2"):
                await producer.send_and_wait("topic", value, b"key", 0)
            await asyncio.sleep(10)
        world.broker.compact("topic", lag_ms=15_000)
        return [record.offset for record in world.broker.records("topic")]

    assert played(main) == [1, 2, 3]

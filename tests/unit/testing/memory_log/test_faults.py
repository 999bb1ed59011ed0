"""Each fault shows as it does with aiokafka: as time, as a request that lands without its client, or as its error."""

import asyncio

import pytest

from streamproc.adapters.kafka.log import CommitFailedError, ProducerFenced, TopicPartition
from streamproc.testing.memory_log import Limits, MemoryLog
from streamproc.testing.memory_log.consumer import MemoryConsumer
from streamproc.testing.memory_log.producer import MemoryProducer
from tests.unit.testing.memory_log.world import PLACE, Little, played, until, values


async def fill(world: Little, count: int) -> None:
    producer = world.log("producer").producer()
    for number in range(count):
        await producer.send_and_wait("topic", b"%d" % number, b"key", 0)


async def begun(log: MemoryLog) -> MemoryProducer:
    """A producer with a transaction that has one record."""
    producer = log.producer("id")
    await producer.start()
    await producer.begin_transaction()
    await (await producer.send("topic", b"value", b"key", 0))
    return producer


async def member(log: MemoryLog) -> MemoryConsumer:
    """Of a group, with its partitions."""
    consumer = log.consumer(group="group")
    consumer.subscribe(["topic"])
    await until(lambda: bool(consumer.assignment()))
    return consumer


def test_half_a_batch_loses_nothing() -> None:
    """The rest comes with the next `getmany`."""

    async def main(world: Little) -> list[list[bytes | None]]:
        await fill(world, 6)
        reader = world.reader()
        return [await values(reader) for _ in range(2)]

    first, second = played(main, half_batch=[0])
    assert first + second == [b"%d" % number for number in range(6)]
    assert second


def test_late_records_come() -> None:
    """The newest aren't seen for a while, and neither is the end behind them."""

    async def main(world: Little) -> tuple[list[bytes | None], int | None, list[bytes | None]]:
        await fill(world, 6)
        reader = world.reader()
        first = await values(reader)
        return first, reader.highwater(PLACE), await values(reader, 2.0)

    first, highwater, rest = played(main, late_records=[0])
    assert first + rest == [b"%d" % number for number in range(6)]
    assert highwater == len(first) < 6


@pytest.mark.parametrize("fault", ["request_lost", "request_late", "answer_lost"])
def test_whatever_happens_on_the_way_a_record_is_appended_once(fault: str) -> None:
    """And in its order."""

    async def main(world: Little) -> list[bytes | None]:
        producer = world.log().producer()
        sent = [await producer.send("topic", b"%d" % number, b"key", 0) for number in range(3)]
        sent += [await producer.send("topic", b"x" * 300_000, b"key", 0), await producer.send("topic", b"3", b"key", 0)]
        assert [(await future).offset for future in sent] == [0, 1, 2, 3, 4]
        return [value and value[:1] for value in await values(world.reader())]

    assert played(main, None, **{fault: [0, 1]}) == [b"0", b"1", b"2", b"x", b"3"]


def test_a_late_request_lands_though_its_process_is_dead() -> None:
    """What a killed process had sent may be appended when others have gone on."""

    async def main(world: Little) -> list[bytes | None]:
        victim, log = world.process("victim")
        producer = log.producer()

        async def send() -> None:
            await producer.send_and_wait("topic", b"late", b"key", 0)

        world.loop.spawn(victim, send())
        await asyncio.sleep(0.01)
        world.loop.kill(victim)
        log.kill()
        await fill(world, 1)
        reader = world.reader()
        return [*await values(reader), *await values(reader, 60)]

    assert played(main, request_late=[0]) == [b"0", b"late"]


def test_a_late_request_of_a_fenced_producer_is_refused() -> None:
    """A transactional id that is somebody else's meanwhile protects the log."""

    async def main(world: Little) -> list[bytes | None]:
        victim, log = world.process("victim")
        world.loop.spawn(victim, begun(log))
        await asyncio.sleep(0.01)
        world.loop.kill(victim)
        log.kill()
        await world.log("heir").producer("id").start()
        return await values(world.reader(committed_only=False), 60)

    assert played(main, request_late=[2]) == []


def test_a_commit_that_nobody_heard_of_counts() -> None:
    """Asked once more, the broker doesn't know the member any more: the offset is kept, and the commit failed."""

    async def main(world: Little) -> int | None:
        _, log = world.process("slow")
        consumer = await member(log)
        other = await member(world.log("other"))
        await until(lambda: len(consumer.assignment()) == len(other.assignment()) == 1)
        mine = next(iter(consumer.assignment()))
        world.next_time("answer_lost")
        committing = asyncio.ensure_future(consumer.commit({mine: 3}))
        await asyncio.sleep(0.05)
        log.expire_sessions()
        with pytest.raises(CommitFailedError):
            await committing
        return await other.committed(mine)

    assert played(main, Limits()) == 3


def test_a_commit_asked_for_again_after_a_rebalance_is_done_as_the_new_member() -> None:
    """As aiokafka does, and no broker minds: the offset of a partition that is somebody else's goes back."""

    async def main(world: Little) -> int | None:
        slow, other = await member(world.log("slow")), world.log("other").consumer(group="group")
        world.next_time("answer_lost")
        committing = asyncio.ensure_future(slow.commit({PLACE: 3, TopicPartition("topic", 1): 3}))
        await asyncio.sleep(0.01)
        other.subscribe(["topic"])
        await until(lambda: bool(other.assignment()))
        (theirs,) = other.assignment()
        await other.commit({theirs: 5})
        await committing
        return await other.committed(theirs)

    assert played(main) == 3


def test_a_transaction_may_be_committed_though_its_producer_was_fenced() -> None:
    """The answer to the commit was lost; asked again, the broker says that the id is somebody else's."""

    async def main(world: Little) -> list[bytes | None]:
        producer = await begun(world.log())
        world.next_time("answer_lost")
        committing = asyncio.ensure_future(producer.commit_transaction())
        await asyncio.sleep(0.05)
        await world.log("heir").producer("id").start()
        with pytest.raises(ProducerFenced):
            await committing
        return await values(world.reader())

    assert played(main) == [b"value"]


def test_a_coordinator_that_is_loading_takes_its_time() -> None:
    """Nothing else comes of it."""

    async def main(world: Little) -> tuple[float, int | None]:
        consumer = await member(world.log())
        world.next_time("coordinator_loading")
        begin = world.loop.time()
        await consumer.commit({PLACE: 3})
        return world.loop.time() - begin, await consumer.committed(PLACE)

    seconds, committed = played(main)
    assert (seconds > 0.1, committed) == (True, 3)


def test_a_transaction_that_expires_fences_its_producer() -> None:
    """Its records never count."""

    async def main(world: Little) -> list[bytes | None]:
        producer = await begun(world.log())
        await asyncio.sleep(5)
        with pytest.raises(ProducerFenced):
            await producer.commit_transaction()
        return await values(world.reader())

    assert played(main, transaction_expired=[0]) == []


def test_a_session_that_expires_costs_a_rebalance() -> None:
    """The member joins again, and gets its partitions again."""

    async def main(world: Little) -> list[str]:
        consumer = await member(world.log())
        await asyncio.sleep(20)
        assert len(consumer.assignment()) == 2
        return [type(event).__name__ for event in world.events]

    assert played(main, session_expired=[0]) == ["GroupChanged", "MemberRemoved", "GroupChanged", "GroupChanged"]


def test_markers_come_late_for_everybody() -> None:
    """Readers, the group's offset and whoever wants the id wait until a committed transaction can be seen."""

    async def main(world: Little) -> tuple[list[bytes | None], int | None, bool, list[bytes | None], int | None]:
        outsider, reader = world.log().consumer(group="group"), world.reader()
        producer = await begun(world.log())
        await producer.send_offsets_to_transaction({PLACE: 9}, "group")
        await producer.commit_transaction()
        seen, offset = await values(reader, 0.01), await outsider.committed(PLACE)
        heir = asyncio.ensure_future(world.log("heir").producer("id").start())
        await asyncio.sleep(0.01)
        waited = not heir.done()
        await heir
        return seen, offset, waited, await values(reader), await outsider.committed(PLACE)

    assert played(main, markers_late=[0]) == ([], None, True, [b"value"], 9)

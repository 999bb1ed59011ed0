"""What the log in memory can do that no broker does on demand: die, forget, and do all again in the same order.

What it shares with a broker is in `tests/contract/log`.
"""

import asyncio
import itertools
import random

import pytest

from streamproc.adapters.kafka.log import (
    CommitFailedError,
    ConsumerStoppedError,
    KafkaError,
    ProducerFenced,
    TopicPartition,
)
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from streamproc.testing.memory_log.consumer import MemoryConsumer

PLACE = TopicPartition("topic", 0)


def broker(partitions: int = 1) -> MemoryBroker:
    """Its time stamps are 0, 1, 2, ..."""
    ticks = itertools.count()
    return MemoryBroker(partitions, lambda: next(ticks))


async def values(consumer: MemoryConsumer) -> list[bytes | None]:
    """All that can be read now."""
    return [record.value for batch in (await consumer.getmany()).values() for record in batch]


async def settle() -> None:
    """Let everybody go on until nobody can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_time_stamps_are_the_clocks() -> None:
    """A record bears what `clock` said when it was appended."""
    log = MemoryLog(MemoryBroker(1, lambda: 1_234_567))
    appended = await log.producer().send_and_wait("topic", b"value", b"key")
    assert appended.timestamp == 1_234_567


async def test_requests_that_got_through_count_though_nobody_heard_the_answer() -> None:
    """Cancelled on the way back, a record is in the log; cancelled on the way there, it isn't."""
    where, gates = broker(), [asyncio.Event(), asyncio.Event()]
    ways = iter(gates)

    async def hop(request: str) -> None:
        if request == "produce":
            await next(ways).wait()

    producer = MemoryLog(where, hop).producer()
    reader = MemoryLog(where).consumer()
    reader.assign([PLACE])
    sending = asyncio.ensure_future(producer.send("topic", b"value", b"key"))
    await settle()
    assert await values(reader) == []
    gates[0].set()
    await settle()
    sending.cancel()
    assert await values(reader) == [b"value"]

    ways = iter([asyncio.Event()])
    sending = asyncio.ensure_future(producer.send("topic", b"lost", b"key"))
    await settle()
    sending.cancel()
    await settle()
    assert await values(reader) == []


async def test_records_overtake_each_other_on_no_way() -> None:
    """What one producer was given first lies first, however long each takes on its way."""
    chance = random.Random(7)

    async def hop(_: str) -> None:
        for _turn in range(chance.randrange(5)):
            await asyncio.sleep(0)

    where = broker()
    producer = MemoryLog(where, hop).producer()
    await asyncio.gather(*(producer.send_and_wait("topic", b"%d" % number, b"key") for number in range(20)))
    reader = MemoryLog(where).consumer()
    reader.assign([PLACE])
    assert await values(reader) == [b"%d" % number for number in range(20)]


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Whenever nobody can go on, it is as late as the next timer says."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.now = max(self.now, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def test_the_same_chances_make_the_same_log() -> None:
    """Three producers and two members of a group, with hops by chance on virtual time: one seed, one order."""

    async def play(seed: int) -> list[tuple[str, bytes]]:
        chance, where = random.Random(seed), broker(4)
        heard: list[tuple[str, bytes]] = []

        async def hop(_: str) -> None:
            await asyncio.sleep(chance.random())

        async def produce(name: int) -> None:
            producer = MemoryLog(where, hop).producer()
            for number in range(10):
                await producer.send("topic", b"%d-%d" % (name, number), b"%d" % number)

        async def follow(name: str) -> None:
            consumer = MemoryLog(where, hop).consumer(group="group")
            consumer.subscribe(["topic"])
            while len(heard) < 30:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    heard.extend((name, record.value or b"") for record in records)
            await consumer.stop()

        await asyncio.gather(*map(produce, range(3)), follow("a"), follow("b"))
        return heard

    def played(seed: int) -> list[tuple[str, bytes]]:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            return runner.run(play(seed))

    assert played(1) == played(1)
    assert played(1) != played(2)


async def test_a_killed_process_reaches_nobody() -> None:
    """Its requests fail, and its partitions and its open transaction stay as they are until they expire."""
    where = broker(2)
    dead, living = MemoryLog(where), MemoryLog(where)
    member, heir = dead.consumer(group="group"), living.consumer(group="group")
    member.subscribe(["topic"])
    await settle()
    producer = dead.producer("id")
    await producer.start()
    await producer.begin_transaction()
    await producer.send("topic", b"open", b"key", 0)
    dead.kill()
    with pytest.raises(KafkaError):
        await producer.commit_transaction()
    with pytest.raises(KafkaError):
        await member.getmany()
    await member.stop()

    heir.subscribe(["topic"])
    await settle()
    assert heir.assignment() == set()
    dead.expire_sessions()
    await settle()
    assert heir.assignment() == {PLACE, TopicPartition("topic", 1)}

    reader = living.consumer()
    reader.assign([PLACE])
    await living.producer().send("topic", b"behind", b"key", 0)
    assert await values(reader) == []
    where.expire_transaction("id")
    assert await values(reader) == [b"behind"]
    await heir.stop()


async def test_a_slow_process_loses_its_partitions_and_joins_again() -> None:
    """A member whose session expired can't commit; when it comes to itself it shares with those who came meanwhile."""
    where = broker(2)
    slow, quick = MemoryLog(where), MemoryLog(where)
    sleeper, other = slow.consumer(group="group"), quick.consumer(group="group")
    sleeper.subscribe(["topic"])
    await settle()
    other.subscribe(["topic"])
    await settle()
    slow.expire_sessions()
    with pytest.raises(CommitFailedError):
        await sleeper.commit({PLACE: 1})
    await settle()
    assert sorted(sleeper.assignment() | other.assignment()) == [PLACE, TopicPartition("topic", 1)]
    assert len(sleeper.assignment()) == len(other.assignment()) == 1
    await asyncio.gather(sleeper.stop(), other.stop())


async def test_a_transaction_that_took_too_long_is_refused() -> None:
    """Its records don't count, and its producer is fenced."""
    where = broker()
    log = MemoryLog(where)
    producer = log.producer("id")
    await producer.start()
    await producer.begin_transaction()
    await (await producer.send("topic", b"late", b"key"))
    where.expire_transaction("id")
    with pytest.raises(ProducerFenced):
        await producer.commit_transaction()


async def test_retention_moves_the_beginning() -> None:
    """What is removed isn't read, and who stood before it goes on behind it."""
    where = broker()
    log = MemoryLog(where)
    for number in range(5):
        await log.producer().send("topic", b"%d" % number, b"key")
    reader = log.consumer()
    reader.assign([PLACE])
    where.delete_before("topic", 0, 3)
    assert await reader.beginning_offsets([PLACE]) == {PLACE: 3}
    assert await values(reader) == [b"3", b"4"]


async def test_compaction_leaves_the_last_of_each_key() -> None:
    """Offsets stay; aborted records go, those of open transactions stay."""
    where = broker()
    log = MemoryLog(where)
    producer, aborted, opened = log.producer(), log.producer("aborted"), log.producer("open")
    for key, value in ((b"a", b"1"), (b"b", b"2"), (b"a", b"3")):
        await producer.send("topic", value, key)
    for other in (aborted, opened):
        await other.start()
        await other.begin_transaction()
        await other.send("topic", b"4", b"a")
    await aborted.abort_transaction()
    where.compact("topic")
    reader = log.consumer(committed_only=False)
    reader.assign([PLACE])
    records = (await reader.getmany())[PLACE]
    assert [(record.offset, record.value) for record in records] == [(1, b"2"), (2, b"3"), (4, b"4")]


async def test_partitions_have_their_turns() -> None:
    """A partition with much to read doesn't keep the others waiting."""
    log = MemoryLog(broker(2))
    for number in range(6):
        await log.producer().send("topic", b"%d" % number, b"key", 0)
    await log.producer().send("topic", b"other", b"key", 1)
    reader = log.consumer()
    reader.assign([PLACE, TopicPartition("topic", 1)])
    given = [next(iter((await reader.getmany(max_records=2)).values()))[0].value for _ in range(2)]
    assert b"other" in given


async def test_who_was_stopped_reads_nothing() -> None:
    """Neither what it waits for when it is stopped, nor afterwards."""
    log = MemoryLog(broker())
    reader = log.consumer()
    reader.assign([PLACE])
    waiting = asyncio.ensure_future(reader.getmany(timeout_ms=60_000))
    await settle()
    await reader.stop()
    with pytest.raises(ConsumerStoppedError):
        await waiting
    with pytest.raises(ConsumerStoppedError):
        await reader.getmany()

"""The hydrator's process: when a notification is committed, and what becomes of one that can't be answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, cast

import orjson
import pytest
from aiokafka import ConsumerRecord, TopicPartition

from streamproc import telemetry
from streamproc.core.records.headers import KIND, UNREADABLE, Unread
from streamproc.hydrator.fetcher import PATIENCE, Fetcher
from streamproc.hydrator.process import Hydrator
from tests.support.hydrator import OPTIONS, World, fault, until
from tests.support.stand_ins import ADA, BEN


class Consumer:
    """Kafka's, as far as the hydrator uses it."""

    def __init__(self) -> None:
        self.batches: list[dict[TopicPartition, list[Any]]] = []
        self.committed: dict[TopicPartition, int] = {}
        self.at = 0

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def subscribe(self, topics: list[str], listener: Any) -> None:
        self.topics = topics

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    def paused(self) -> set[TopicPartition]:
        return set()

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(0.001)
        batch = self.batches.pop(0) if self.batches else {}
        self.at = max([self.at, *(record.offset + 1 for records in batch.values() for record in records)])
        return batch

    async def position(self, _: TopicPartition) -> int:
        return self.at

    def highwater(self, _: TopicPartition) -> int:
        return self.at

    def last_stable_offset(self, _: TopicPartition) -> int:
        return self.at

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.committed |= offsets


PLACE = TopicPartition("notifications.pingone", 0)


def notification(offset: int, *who: str, value: bytes | None = None) -> Any:
    """A record with one of PingOne's activities for each, constructed."""
    body = [
        {"id": f"{offset}-{each}", "action": {"type": "USER.UPDATED"}, "resources": [{"type": "USER", "id": each}]}
        for each in who
    ]
    content = value if value is not None else orjson.dumps(body)
    return ConsumerRecord(PLACE.topic, 0, offset, 0, 0, b"k", content, None, 0, 0, ())


@asynccontextmanager
async def hydrating(world: World) -> AsyncIterator[Consumer]:
    consumer = Consumer()
    fetching = Fetcher("pingone", world.directories["pingone"], world.log.append, world.clock.clocks)
    task = asyncio.create_task(
        Hydrator(cast("Any", consumer), {"pingone": fetching}, OPTIONS, world.clock.clocks).run()
    )
    try:
        yield consumer
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_notification_is_committed_after_its_answers(world: World) -> None:
    """The commit never passes one whose answer the brokers don't have, nor one that names several until the last."""
    ada, ben = await world.site.put("pingone", ADA), await world.site.put("pingone", BEN)
    await fault(world, "pingone", path=ada, status=500)
    async with hydrating(world) as consumer:
        consumer.batches.append({PLACE: [notification(5, ben), notification(6, ben, ada), notification(7, ben)]})
        await until(lambda: consumer.committed.get(PLACE) == 6)
        await until(lambda: world.clock.slept > 5)
        assert consumer.committed == {PLACE: 6}
        await fault(world, "pingone")
        await until(lambda: consumer.committed.get(PLACE) == 8)
        assert consumer.topics == ["notifications.pingone"]
    assert {record.key for record in world.log.records} == {ada.encode(), ben.encode()}


async def test_what_names_nobody_holds_nobody_up(world: World) -> None:
    """One that can't be read, has no value or lay in a damaged batch is rejected; one that means nothing is passed."""
    damaged = replace(notification(3), value=None, headers=((UNREADABLE, Unread(b"offsets 3 to 3 can't be read")),))
    async with hydrating(world) as consumer:
        batch = [notification(0, value=b"{"), notification(1), replace(notification(2), value=None), damaged]
        consumer.batches.append({PLACE: batch})
        await until(lambda: consumer.committed.get(PLACE) == 4)
    rejected = [orjson.loads(record.value) for record in world.log.records]
    assert [(each["offset"], each["code"]) for each in rejected] == [
        (0, "not_json"),
        (2, "not_understood"),
        (3, "unreadable"),
    ]


@pytest.mark.parametrize("named", [True, False], ids=["somebody", "nobody"])
async def test_headers_that_do_not_count_are_told(world: World, named: bool) -> None:
    """Whom the rest names is fetched, and the part that isn't believed is rejected and counted, before the commit."""
    ada = await world.site.put("pingone", ADA)
    told = ("pingone", "foreign_header", "")
    before = telemetry.REJECTED.labels(*told)._value.get()
    foreign = replace(notification(0, *[ada] * named), headers=((KIND, b"order"), ("traceparent", b"00-1-2-03")))
    async with hydrating(world) as consumer:
        consumer.batches.append({PLACE: [foreign]})
        await until(lambda: consumer.committed.get(PLACE) == 1)
    *fetched, rejected = world.log.records
    assert [record.key for record in fetched] == [ada.encode()] * named
    rejection = orjson.loads(rejected.value)
    assert (rejection["topic"], rejection["offset"], rejection["code"]) == (PLACE.topic, 0, "foreign_header")
    assert rejection["partial"] is named
    assert KIND in rejection["reason"]
    assert telemetry.REJECTED.labels(*told)._value.get() == before + 1


async def test_who_is_refused_again_and_again_is_given_up_and_kept(world: World) -> None:
    """While others are told of, a subject that is refused ends in `events.rejected`, with its trigger."""
    ada, ben = await world.site.put("pingone", ADA), await world.site.put("pingone", BEN)
    await fault(world, "pingone", path=ada, status=400)
    async with hydrating(world) as consumer:
        consumer.batches.append({PLACE: [notification(0, ada)]})
        await until(lambda: world.clock.slept > 200)
        assert consumer.committed.get(PLACE, 0) == 0, "for all that is known it may be the directory"
        consumer.batches.append({PLACE: [notification(1, ben)]})
        await until(lambda: consumer.committed.get(PLACE) == 2)
    (rejected,) = [record for record in world.log.records if record.topic == "events.rejected"]
    rejection = orjson.loads(rejected.value)
    assert (rejection["topic"], rejection["offset"], rejection["code"]) == (PLACE.topic, 0, "not_fetched")
    assert len([request for request in await world.requests("pingone") if request["status"] == 400]) >= PATIENCE

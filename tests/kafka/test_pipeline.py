"""The whole way on a real broker: what a user of the demo, a producer and an operator would notice."""

import asyncio
import random
import signal
import time
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streamproc.adapters.kafka.client import KafkaLog, connection
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.errors import KafkaUnavailableError, TopologyError
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import CHANGE_EVENT, ChangeEvent, Origin
from streamproc.core.records.topic_names import CHANGES, OPERATIONS, REJECTIONS
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import UserRecord, decode, encode
from streamproc.demo.play import held, play, scoped
from streamproc.demo.processes import stack
from streamproc.settings import Settings, load_settings
from streamproc.topics import TOPICS
from tests.chaos.plan import Plan
from tests.chaos.run import run


async def read(settings: Settings, *topics: str) -> dict[str, list[Any]]:
    """All records of the topics, in the order of each partition."""
    reader = KafkaLog(settings.kafka).consumer()
    await reader.start()
    try:
        places = [TopicPartition(topic, n) for topic in topics for n in range(settings.kafka.partitions)]
        reader.assign(places)
        await reader.seek_to_beginning()
        ends = await reader.end_offsets(places)
        found: dict[str, list[Any]] = {topic: [] for topic in topics}
        for place in places:
            while await reader.position(place) < ends[place]:
                for records in (await reader.getmany(timeout_ms=200)).values():
                    for record in records:
                        found[record.topic].append(record)
        return found
    finally:
        await reader.stop()


async def unread(settings: Settings) -> int:
    """Records that the workers' group would read again, or for the first time, if they all started anew."""
    reader = KafkaLog(settings.kafka).consumer(group=f"{settings.kafka.group}-worker")
    await reader.start()
    try:
        places = [
            TopicPartition(topic, n) for topic in ("events.hris", CHANGES) for n in range(settings.kafka.partitions)
        ]
        ends = await reader.end_offsets(places)
        return sum([ends[place] - (await reader.committed(place) or 0) for place in places])
    finally:
        await reader.stop()


async def test_the_story_comes_out(settings: Settings, tmp_path: Path) -> None:
    """Hire, move, repeat, rubbish, transfer, leave and return end as told, at one request per isolated change."""
    settings = scoped(settings, tmp_path)
    async with stack(settings, tmp_path) as running:
        await running.start("worker", "sink")
        ending = await play(running.settings.kafka, running.simulator)
        assert ending.differences == []
        assert [step.title for step in ending.steps if step.problem] == []
        await _until(lambda: unread(settings), lambda count: count == 0)
    records = await read(settings, CHANGES, OPERATIONS)
    mapping = parse_mapping(*settings.worker.mapping_text())
    again: dict[str, UserRecord] = {}
    for record in records[CHANGES]:
        change = CHANGE_EVENT.validate_json(record.value)
        if change.kind == "mapping":
            assert change.event == mapping.digest
            continue
        again[change.user] = fold(again.get(change.user), record.offset, change, mapping)
    newest = {decode(record.value).user: record.value for record in records[OPERATIONS]}
    assert {user: encode(record) for user, record in again.items()} == newest, "folding the log again gives other bytes"


async def test_a_killed_pipeline_is_still_exact() -> None:
    """Worker and sink killed while faults rain: nothing lost, out of order, applied twice, untold or mismatched."""
    found = await run(Plan(seed=7, events=800, users=60, kills=2, seconds=12.0, mappings=2))
    assert found.kills == 4
    assert found.good, found.details


async def test_a_report_who_is_hired_before_the_manager_gets_the_manager(settings: Settings, tmp_path: Path) -> None:
    """What only waits for somebody else's hire is delivered without, and completed as soon as that one is there."""

    def hired(subject: str, **more: str) -> bytes:
        who = {"userName": f"{subject}@example.com", "displayName": subject, "active": True}
        event = {"id": subject, "type": "snapshot", "subject": subject, "time": "2026-03-02T09:00:00Z"}
        return orjson.dumps(event | {"attributes": who | more})

    async with stack(settings, tmp_path) as running, aiohttp.ClientSession() as http:
        await running.start("worker", "sink")
        producer = KafkaLog(settings.kafka).producer()
        await producer.start()
        await producer.send_and_wait("events.hris", hired("R1", manager="M1"), key=b"R1")
        await _until(lambda: held(http, running.simulator), lambda there: "R1" in there)
        await producer.send_and_wait("events.hris", hired("M1"), key=b"M1")
        await producer.stop()
        there = await _until(lambda: held(http, running.simulator), lambda there: there["R1"]["manager"], 20)
    assert there["R1"]["manager"] == "M1"


async def test_ten_thousand_bad_events_are_told_one_by_one(settings: Settings, tmp_path: Path) -> None:
    """Each malformed event is kept with a reason and its bytes; a good one after them still gets through."""
    rng = random.Random(1)
    good = orjson.dumps(
        {
            "id": "g1",
            "type": "snapshot",
            "subject": "G1",
            "time": "2026-03-02T09:00:00Z",
            "attributes": {"userName": "g1@example.com", "displayName": "G", "active": True},
        }
    )
    bad = [_broken(rng, good) for _ in range(10_000)]
    async with stack(settings, tmp_path) as running:
        await running.start("worker", "sink")
        producer = KafkaLog(settings.kafka).producer()
        await producer.start()
        for number, value in enumerate(bad):
            await producer.send("events.hris", value, key=str(number % 50).encode())
        await producer.send("events.hris", good, key=b"G1")
        await producer.stop()
        async with aiohttp.ClientSession() as http:
            await _until(lambda: held(http, running.simulator), lambda there: "G1" in there)
        assert running.children["worker"].running
        rejected = await _rejected(settings, len(bad))
    assert len({(each["partition"], each["offset"]) for each in rejected}) == len(bad)
    assert all(each["code"] and each["reason"] for each in rejected)
    assert all(each["value"] is not None or each["code"] == "tombstone" for each in rejected)
    assert "internal" not in {each["code"] for each in rejected}


async def test_a_topic_that_differs_is_an_error_that_says_how(kafka: str) -> None:
    """An existing topic with other partitions or settings stops the service, and both are named."""
    admin = AIOKafkaAdminClient(**connection(load_settings(kafka=kafka).kafka))
    await admin.start()
    await admin.create_topics([NewTopic(OPERATIONS, 3, 1, topic_configs={"cleanup.policy": "delete"})])
    await admin.close()
    with pytest.raises(TopologyError, match=r"3 partitions, not 8.*cleanup\.policy=delete, not compact"):
        await ensure_topics(load_settings(kafka=kafka).kafka)


async def test_topics_are_created_once(kafka: str) -> None:
    """The first start creates every topic, the second finds nothing to do, and a check alone creates nothing."""
    settings = load_settings(kafka=kafka)
    assert await ensure_topics(settings.kafka, create=False) == [topic.name for topic in TOPICS]
    assert await ensure_topics(settings.kafka) == [topic.name for topic in TOPICS]
    assert await ensure_topics(settings.kafka) == []


async def test_nobody_there_is_said() -> None:
    """Where no broker answers, the error names the address and the setting."""
    with pytest.raises(KafkaUnavailableError, match=r"127\.0\.0\.1:1.*STREAMPROC_KAFKA"):
        await ensure_topics(load_settings(kafka="127.0.0.1:1").kafka)


async def test_a_regressed_record_is_appended_again(settings: Settings, tmp_path: Path) -> None:
    """A record that an older one followed in the changelog is written again by the worker that recovers."""
    mapping = parse_mapping(*settings.worker.mapping_text())
    older = fold(None, 3, _change(1), mapping)
    newer = fold(older, 5, _change(2), mapping)
    producer = KafkaLog(settings.kafka).producer()
    await producer.start()
    for record in (older, newer, older):
        await producer.send_and_wait(OPERATIONS, encode(record), key=b"R1")
    await producer.stop()
    async with stack(settings, tmp_path) as running:
        await running.start("worker")
        records = await _until(lambda: read(settings, OPERATIONS), lambda found: len(found[OPERATIONS]) == 4)
    assert [decode(record.value).seq for record in records[OPERATIONS]] == [3, 5, 3, 5]


async def test_services_stop_with_their_parent(settings: Settings, tmp_path: Path) -> None:
    """A service whose standard input ends stops in order, so nothing is left behind by a killed parent."""
    async with stack(settings, tmp_path) as running:
        await running.start("worker", "sink")
        for name in ("worker", "sink"):
            process = running.children[name].process
            assert process is not None
            assert process.stdin is not None
            process.stdin.close()
            assert await asyncio.wait_for(process.wait(), 60) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_services_stop_on_a_signal(settings: Settings, tmp_path: Path, number: signal.Signals) -> None:
    """SIGINT and SIGTERM let both services finish in order, with exit code 0."""
    async with stack(settings, tmp_path) as running:
        await running.start("worker", "sink")
        for name in ("worker", "sink"):
            running.children[name].signal(number)
            process = running.children[name].process
            assert process is not None
            assert await asyncio.wait_for(process.wait(), 60) == 0


def _change(number: int) -> ChangeEvent:
    origin = Origin("events.hris", 0, number, Millis(0))
    return ChangeEvent(
        "R1", "hris", "R1", str(number), "change", (Micros(number), 0, "x"), {"job": str(number)}, origin
    )


def _broken(rng: random.Random, good: bytes) -> bytes | None:
    """A good event, broken in one of many ways."""
    event = orjson.loads(good)
    way = rng.randrange(9)
    if way == 0:
        return good[: rng.randrange(1, len(good) - 1)]
    if way == 1:
        return rng.randbytes(rng.randrange(0, 200))
    if way == 2:
        del event[rng.choice(list(event))]
    elif way == 3:
        event[rng.choice(["id", "type", "subject", "time", "attributes"])] = rng.choice([None, 7, [], {}, True, ""])
    elif way == 4:
        event["attributes"][rng.choice(["userName", "displayName", "active"])] = rng.choice([None, 7.5, ["x"], {}])
    elif way == 5:
        event[f"x{rng.randrange(99)}"] = 1
    elif way == 6:
        return b"[" * rng.randrange(1, 5000)
    elif way == 7:
        return b"\x00" + good
    else:
        return None
    return orjson.dumps(event)


async def _rejected(settings: Settings, count: int) -> list[dict[str, Any]]:
    found = await _until(lambda: read(settings, REJECTIONS), lambda found: len(found[REJECTIONS]) >= count)
    return [orjson.loads(record.value) for record in found[REJECTIONS]]


async def _until(look: Any, good: Any, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        seen = await look()
        if good(seen):
            return seen
        assert time.monotonic() < deadline, "nothing came of it in time"
        await asyncio.sleep(0.2)

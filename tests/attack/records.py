"""Hostile records in every topic: who has no right to give orders changes only their own source's facts, nobody says
when it is, and whoever leaves afterwards leaves.

S is suspended in Okta, L has left by HR, H is an employee, and P is known by the attacked topic's source alone.
Strangers write to one topic; then P leaves by the source's own way. The target is asked who has access.
"""

import asyncio
import traceback
from random import Random
from types import SimpleNamespace
from typing import Any, Final, cast

import orjson

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import TopicPartition
from streamproc.adapters.kafka.mappings_in_force import in_force
from streamproc.core.records.cursor import CURSOR
from streamproc.core.records.headers import BODY, BY_GATEWAY, FORWARDED, KIND, RECEIVED, REPLAY, SUBJECT
from streamproc.core.records.producer_record import Record
from streamproc.core.records.rejected import REJECTED
from streamproc.core.records.topic_names import (
    CHANGES,
    CURSORS,
    FORWARDS,
    LINKS,
    MAPPINGS,
    OUTCOMES,
    REJECTIONS,
    intake_topic,
    is_input,
    notifications_topic,
    source_of,
)
from streamproc.hydrator.directories.api import Read
from streamproc.hydrator.fetcher import Fetcher
from streamproc.hydrator.process import Hydrator
from streamproc.operators.links import all_links
from streamproc.operators.rejections import rejected_inputs
from streamproc.sources import SOURCES, configured
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.attack.part import Found, Part
from tests.field.pipeline import Ran, play
from tests.field.says import NOW
from tests.support.hostile_records import FAR, OWN, hostile, says_active, topics
from tests.support.hydrator import Clock

TOGETHER: Final = 100
"""Hostile records of one run."""
KNOWN: Final = ("hris", "okta", "entra", "workday", "debezium")
"""Sources by which P is known."""
OURS: Final = (LINKS, MAPPINGS, CURSORS, REJECTIONS, OUTCOMES)
"""Topics of ours that operators' commands and the hydrator read."""
HOOKS: Final = tuple(notifications_topic(source.name) for source in SOURCES.values() if source.fetched)
"""Topics that the hydrator reads."""
IN_NOTIFICATIONS: Final = {RECEIVED, BY_GATEWAY, BODY, KIND, SUBJECT, REPLAY, FORWARDED}
"""Headers that gateway and worker write there."""
PATIENCE: Final = 20.0
"""Seconds after which a hydrator that hasn't committed everything doesn't."""
GROWTH: Final = 8
"""Bytes that may be appended in all for each byte of hostile records, and a few kB for each record."""
ALLOWANCE: Final = 16_384


def attack(rng: Random, inputs: int) -> Found:
    """Tries so many records."""
    found, everywhere = Found(), topics()
    batch = max(1, min(TOGETHER, inputs // (len(everywhere) + len(HOOKS) + len(OURS))))
    turn = 0
    while found.tried < inputs:
        for topic in (*everywhere, *HOOKS, *OURS):
            records = [hostile(rng, topic) for _ in range(batch)]
            found.tried += batch
            try:
                if topic in OURS:
                    _attack_readers(records)
                elif topic in HOOKS:
                    _attack_hydrator(found, topic, records)
                else:
                    _attack(found, topic, records, turn)
            except Exception:  # noqa: BLE001 - whatever ends a process ends it for all
                found.harmed("unhandled", f"{topic}: {traceback.format_exc(limit=-3)}")
        turn += 1
    return found


def _attack(found: Found, topic: str, records: list[dict[str, Any]], turn: int) -> None:
    source = source_of(topic) if is_input(topic) else KNOWN[turn % len(KNOWN)]
    world = [
        _own_way("hris", "S", active=True),
        _own_way("okta", "S", active=False),
        _own_way("okta", "L", active=True),
        _own_way("hris", "L", active=False),
        _own_way("hris", "H", active=True),
        _own_way("okta", "H", active=True),
    ]
    known = source in KNOWN
    joins = [_own_way(source, "P", active=True)] if known else []
    leaves = [_own_way(source, "P", active=False, minute=30)] if known else []
    ran = play([*world, *joins, *records, *leaves], pause=0.02, seconds=10.0)
    judged = (("S", "okta"), ("L", "hris"))
    for who, by in judged:
        if source != by and ran.active(who) is not False:
            found.harmed("let_in", f"{who} after {topic}")
    if known and ran.active("P") is not False:
        found.harmed("kept_in", f"P after {topic}")
    if source not in {"hris", "okta"} and ran.active("H") is not True:
        found.harmed("wrong_account", f"H has no access after {topic}")
    _judge_fates(found, topic, records, ran)


def _own_way(source: str, who: str, *, active: bool, minute: int = 0) -> dict[str, Any]:
    """A record as the source's own producer, or the gateway, writes it."""
    topic = f"events.{source}" if source in {"hris", "debezium"} else intake_topic(source)
    value = says_active(source, who, active=active, minute=minute)
    headers = {} if source in {"hris", "debezium"} else {"streamproc-source": source}
    return {"topic": topic, "key": value.get("id", who), "headers": headers, "value": value}


def _judge_fates(found: Found, topic: str, records: list[dict[str, Any]], ran: Ran) -> None:
    """Each hostile record is rejected, forwarded, said of somebody, or counted; and what is stored is bounded."""
    if topic not in OWN or topic == FORWARDS:
        first: set[str] = set()
        for raw in ran.raws:
            if raw.topic == CHANGES:
                origin = orjson.loads(raw.value or b"{}").get("origin", {}) if _is_json(raw.value) else {}
                first.add("/".join(str(origin.get(name)) for name in ("topic", "partition", "offset")))
            first.add(raw.headers.get(FORWARDED, b"").rpartition(b"/")[0].decode("utf-8", "replace"))
        first |= {f"{each.topic}/{each.partition}/{each.offset}" for each in ran.rejected}
        here = [raw for raw in ran.raws if raw.topic == topic and raw.headers]
        untold = [raw.address.decode() for raw in here if raw.address.decode() not in first]
        if len(untold) > sum(ran.ignored.values()):
            found.harmed("without_fate", f"{topic}: {len(untold)} of {len(here)}, such as {untold[0]}")
    hostile_bytes = sum(len(each["key"] or b"") + _size(each["value"]) for each in records)
    stored = sum(len(raw.key or b"") + len(raw.value or b"") for raw in ran.raws)
    if stored > GROWTH * hostile_bytes + ALLOWANCE * (len(records) + 10):
        found.harmed("unbounded", f"{topic}: {stored} bytes of {hostile_bytes}")


def _is_json(value: bytes | None) -> bool:
    try:
        return isinstance(orjson.loads(value or b""), dict)
    except orjson.JSONDecodeError:
        return False


def _size(value: Any) -> int:
    return len(value) if isinstance(value, bytes) else 0 if value is None else len(orjson.dumps(value))


class _Directory:
    """Knows nobody any more."""

    def __init__(self, clock: Clock) -> None:
        self.api = SimpleNamespace(quiet_until=0.0)
        self._clock = clock

    async def read(self, _: str) -> Read:
        """As a directory answers."""
        return Read("gone", b"", self._clock.clocks.micros())


def _attack_hydrator(found: Found, topic: str, records: list[dict[str, Any]]) -> None:
    """Each notification is fetched, or rejected: the hydrator commits all, and appends only what its directory says."""

    async def hydrates() -> None:
        log, clock, appended = MemoryLog(MemoryBroker(2, lambda: NOW)), Clock(), list[Record]()
        source = source_of(topic)

        async def append(record: Record) -> None:
            appended.append(record)

        await _append(log, records)
        fetchers = {source: Fetcher(source, cast("Any", _Directory(clock)), append, clock.clocks)}
        hydrator = asyncio.create_task(
            Hydrator(log.consumer(group="h"), fetchers, configured("", ""), clock.clocks).run()
        )
        outside = log.consumer(group="h")
        ends = {place: end for place, end in (await reading.end_offsets(log, topic)).items() if end}
        try:
            async with asyncio.timeout(PATIENCE):
                while not hydrator.done():
                    await asyncio.sleep(0.01)
                    committed = {each: await outside.committed(TopicPartition(topic, each)) for each in ends}
                    if committed == ends:
                        break
        except TimeoutError:
            found.harmed("without_fate", f"{topic}: committed {committed} of {ends}")
        if hydrator.done():
            hydrator.result()
        hydrator.cancel()
        if strange := {each.topic for each in appended} - {intake_topic(source), REJECTIONS}:
            found.harmed("wrong_account", f"{topic} led to records in {strange}")
        rejected = [REJECTED.validate_json(each.value) for each in appended if each.topic == REJECTIONS]
        told = [each.bytes_of()[2] for each in rejected if "foreign_header" in {of.code for of in each.problems}]
        for headers in (each["headers"] for each in records):
            if any(_nobodys(*header) for header in headers.items()) and [*headers.items()] not in told:
                found.harmed("without_fate", f"{topic}: dropped, and not told: {headers}")

    asyncio.run(hydrates())


def _nobodys(name: str, content: bytes) -> bool:
    """Whether it is a header of ours that nobody has in a notification, or whose time is none of this century."""
    if name == RECEIVED:
        return content in FAR and content not in {b"0", b"1"}
    return name.casefold().startswith("streamproc-") and name not in IN_NOTIFICATIONS


async def _append(log: MemoryLog, records: list[dict[str, Any]]) -> None:
    producer = log.producer()
    for each in records:
        value = each["value"] if isinstance(each["value"], bytes | None) else orjson.dumps(each["value"])
        key = each["key"].encode() if isinstance(each["key"], str) else each["key"]
        await producer.send_and_wait(each["topic"], value, key, None, headers=list(each["headers"].items()))


def _attack_readers(records: list[dict[str, Any]]) -> None:
    """Who reads all of a topic of ours reads it to its end, whatever lies there."""

    async def reads() -> None:
        log = MemoryLog(MemoryBroker(2, lambda: NOW))
        await _append(log, records)
        await all_links(log)
        await in_force(log)
        await rejected_inputs(log)
        async for _ in reading.read_topic(log, CURSORS, CURSOR.validate_json):
            pass
        async for _ in reading.read_topic(log, OUTCOMES, orjson.loads):
            pass

    asyncio.run(reads())


PARTS: Final = (Part("records", 10_000, 100, attack),)

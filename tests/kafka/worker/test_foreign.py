"""Tombstones and strange records in our own topics: told by name, and everybody's way goes on."""

from pathlib import Path

import orjson
import pytest

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import started
from streamproc.adapters.kafka.mappings_in_force import in_force
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import (
    CHANGES,
    CONTROLS,
    CURSORS,
    DELIVERIES,
    LINKS,
    MAPPINGS,
    OPERATIONS,
    OUTCOMES,
    REJECTIONS,
)
from streamproc.demo.processes import stack
from streamproc.operators.controls import set_aside
from streamproc.operators.links import all_links
from streamproc.settings import Settings, load_settings
from tests.kafka.test_pipeline import _until, read
from tests.kafka.worker.test_batches import hired
from tests.kafka.worker.test_worker import send

OURS = (CHANGES, CONTROLS, CURSORS, DELIVERIES, LINKS, MAPPINGS, OPERATIONS, OUTCOMES, REJECTIONS)


async def active(settings: Settings) -> dict[bytes, bool]:
    """User → whether the target holds them as active, by what the sink has written."""
    found: dict[bytes, bool] = {}
    for record in (await read(settings, DELIVERIES))[DELIVERIES]:
        if record.value is not None and record.value.startswith(b'{"user"'):
            held = orjson.loads(record.value)["held"]
            found[record.key] = bool(held and held["active"])
    return found


@pytest.mark.long
async def test_nobody_stops_for_a_strangers_record(settings: Settings, tmp_path: Path) -> None:
    """Its transaction's mark is the last thing in each topic, as well; leavers are revoked after a restart."""
    settings = load_settings(kafka=settings.kafka.bootstrap_servers, request_timeout=1.0)
    async with stack(settings, tmp_path) as running:
        await running.start("worker", "sink")
        await send(settings, "events.hris", *((user, hired(user)) for user in ("E1", "E2")))
        await _until(lambda: active(settings), lambda found: found == {b"E1": True, b"E2": True})
        for name in ("worker", "sink"):
            await running.children[name].kill()
        home = partition_of(b"E1", settings.kafka.partitions)
        async with started(KafkaLog(settings.kafka).producer("a stray one")) as stray:
            await stray.begin_transaction()
            for topic in OURS:
                key = str(home).encode() if topic == MAPPINGS else b"E1"
                for whose, value in ((key, b"\0\1no json"), (b"stranger", b"{}"), (b"\xff", b"7"), (key, None)):
                    await stray.send(topic, value, whose, home)
            await stray.commit_transaction()
        await send(settings, "events.hris", *((user, _left(user)) for user in ("E1", "E2")))
        for name in ("worker", "sink"):
            await running.children[name].start()
        await _until(lambda: active(settings), lambda found: found == {b"E1": False, b"E2": False})
        log = KafkaLog(settings.kafka)
        assert (await set_aside(log), await all_links(log)) == ([], {})
        assert home in await in_force(log)
    told = (tmp_path / "worker.log").read_text() + (tmp_path / "sink.log").read_text()
    for topic in (LINKS, OPERATIONS, MAPPINGS, DELIVERIES):
        assert f"topic={topic}" in told
    rejected = [
        orjson.loads(each.value) for each in (await read(settings, REJECTIONS))[REJECTIONS] if _ours(each.value)
    ]
    assert {(each["topic"], each["code"]) for each in rejected} >= {(CHANGES, "invalid"), (CONTROLS, "invalid")}
    assert (await newest_or_none(settings))["E1"] is False


def _left(user: str) -> dict[str, object]:
    event = {"subject": user, "id": f"{user}-leaves", "type": "change", "time": "2026-05-02T12:00:00Z"}
    return event | {"attributes": {"active": False}}


def _ours(value: bytes | None) -> bool:
    return value is not None and value.startswith(b'{"topic"')


async def newest_or_none(settings: Settings) -> dict[str, bool]:
    """User ID → whether they are to be active, by the newest record that is one."""
    found: dict[str, bool] = {}
    for record in (await read(settings, OPERATIONS))[OPERATIONS]:
        if record.value is not None and record.value.startswith(b'{"user"'):
            found[record.key.decode()] = orjson.loads(record.value)["desired"]["active"]
    return found

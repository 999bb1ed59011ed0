"""The worker on a real broker: dates that come while it is down, and subjects whose user isn't known at first."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.core.records.control import Control
from streamproc.core.records.link import Link
from streamproc.core.records.topic_names import CHANGES, OPERATIONS, REJECTIONS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import UserRecord, decode
from streamproc.demo.processes import stack
from streamproc.operators.controls import order
from streamproc.operators.links import all_links
from streamproc.settings import Settings
from tests.kafka.test_pipeline import _until, read

ANA, BEN = "00u-ana", "00u-ben"


async def send(settings: Settings, topic: str, *records: tuple[str, Any]) -> None:
    """Append records, and wait until the broker has them."""
    producer = KafkaLog(settings.kafka).producer()
    await producer.start()
    for key, value in records:
        await producer.send_and_wait(topic, orjson.dumps(value), key=key.encode())
    await producer.stop()


async def newest(settings: Settings) -> dict[str, Any]:
    """User ID → what is desired."""
    records = [decode(record.value) for record in (await read(settings, OPERATIONS))[OPERATIONS]]
    return {record.user: record.desired for record in records}


async def of(settings: Settings, user: str) -> list[UserRecord]:
    """The user's records."""
    records = [decode(record.value) for record in (await read(settings, OPERATIONS))[OPERATIONS]]
    return [record for record in records if record.user == user]


async def changes(settings: Settings) -> list[dict[str, Any]]:
    """The log, by partition, without the mappings that it began with."""
    log = [orjson.loads(record.value) for record in (await read(settings, CHANGES))[CHANGES]]
    return [each for each in log if each["kind"] != "mapping"]


@pytest.mark.long
async def test_a_date_that_passed_while_nobody_worked(settings: Settings, tmp_path: Path) -> None:
    """A leaver's date comes while the worker is killed: it is told at once after the restart, and once only."""
    said = {"userName": "e1@example.com", "displayName": "E", "active": True}
    async with stack(settings, tmp_path) as running:
        await running.start("worker")
        for user, ahead in (("E1", 6), ("E2", 20), ("E3", 60)):  # again where the date was faster than the kill
            moment = datetime.now(UTC)
            leaves = moment + timedelta(seconds=ahead)
            event = {"subject": user, "time": moment.isoformat()}
            hired = event | {"id": f"{user}-a", "type": "snapshot", "attributes": said}
            later = event | {"id": f"{user}-b", "type": "change", "attributes": {"active": False}}
            await send(settings, "events.hris", (user, hired), (user, later | {"effective": leaves.isoformat()}))
            dues = await _until(lambda user=user: of(settings, user), lambda found: len(found) >= 2)
            await running.children["worker"].kill()
            if time.time() < leaves.timestamp():
                break
            await running.children["worker"].start()
        assert [each.due for each in dues] == [None, int(leaves.timestamp() * 1_000_000)]
        assert dues[-1].desired["active"] is True
        await asyncio.sleep(max(0.0, leaves.timestamp() - time.time()))
        await running.children["worker"].start()
        await _until(lambda: newest(settings), lambda found: found[user]["active"] is False)
        await running.children["worker"].kill()
        await running.children["worker"].start()
    dues = [each["event"] for each in await changes(settings) if each["kind"] == "due"]
    assert dues.count(f"due/{user}-b") == 1
    assert len(dues) == len(set(dues))


@pytest.mark.long
async def test_a_subject_whose_user_isnt_known_at_first(settings: Settings, tmp_path: Path) -> None:
    """What Okta says of two waits, in the partition of each; one is claimed later, the other is linked by an order."""

    def event(uuid: str, kind: str, subject: str) -> dict[str, Any]:
        when = f"2026-05-01T12:00:0{uuid[-1]}.000Z"
        target = [{"id": subject, "type": "User"}]
        return {"uuid": uuid, "eventType": kind, "published": when, "outcome": {"result": "SUCCESS"}, "target": target}

    first = [event("u1", "user.lifecycle.unsuspend", ANA), event("u2", "user.lifecycle.deactivate", BEN)]
    user = {"id": ANA, "status": "ACTIVE", "profile": {"login": "ana@example.com", "employeeNumber": "E1"}}
    async with stack(settings, tmp_path) as running:
        await running.start("worker")
        await send(settings, "events.okta", ("neither", first), ("nobody", {"nothing": "known"}))
        links = await _until(lambda: all_links(KafkaLog(settings.kafka)), lambda found: len(found) == 2)
        assert {name: (link.user, len(link.waiting)) for name, link in links.items()} == {
            f"okta/{ANA}": (None, 1),
            f"okta/{BEN}": (None, 1),
        }
        assert await changes(settings) == []
        await running.children["worker"].kill()
        await running.children["worker"].start()
        control = Control("c", "link", "E2", None, "Kim", "asked HR", Millis(0), f"okta/{BEN}")
        await asyncio.gather(send(settings, "events.okta", (ANA, user)), order(KafkaLog(settings.kafka), [control]))

        def linked(found: dict[str, Link]) -> bool:
            return {link.user for link in found.values()} == {"E1", "E2"}

        await _until(lambda: all_links(KafkaLog(settings.kafka)), linked)
        there = await _until(lambda: newest(settings), lambda found: found.keys() == {"E1", "E2"})
    log = await changes(settings)
    for user_id, events in (("E1", ["u1", "sha256"]), ("E2", ["u2"])):
        link, *rest = [each for each in log if each["user"] == user_id]
        assert (link["kind"], link["move"]["by"]) == ("link", "Kim" if user_id == "E2" else None)
        told = [each["event"].partition(":")[0] for each in rest]
        assert list(dict.fromkeys(told)) == events  # the killed worker may have passed a record on twice
    assert (there["E1"]["active"], there["E2"]["active"]) == (True, False)
    records = (await read(settings, REJECTIONS))[REJECTIONS]
    (rejected,) = {
        record.key: orjson.loads(record.value) for record in records
    }.values()  # told twice, if killed between
    assert (rejected["topic"], rejected["code"]) == ("events.okta", "not_understood")

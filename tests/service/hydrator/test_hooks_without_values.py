"""From an HR vendor's hook without values to what the log says of the person: gateway, notification, fetch, event."""

import asyncio
import base64
import math
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from streamproc.hydrator.process import Hydrator
from streamproc.hydrator.sync import Sync
from tests.service.hydrator.test_process import Consumer
from tests.support.gateway import gateway
from tests.support.hr_vendors import VENDORS, worlds
from tests.support.hydrator import OPTIONS, World, until
from tests.support.stand_ins import ADA

PLACE = TopicPartition("notifications.hris", 0)
KEY = base64.b64encode(b"a key that nobody can guess").decode()


class Reading(Consumer):
    """Reads the HR vendor's notifications."""

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}


async def hydrated(world: World, notifications: list[Any], every: float | None = None, least: int = 1) -> None:
    """Until all of them are committed, and so many records there. `every`: seconds between two syncs; None: none."""
    consumer, at = Reading(), int(time.time() * 1000)
    records = [
        ConsumerRecord(PLACE.topic, 0, offset, at, 0, each.key, each.value, None, 0, 0, tuple(each.headers))
        for offset, each in enumerate(notifications)
    ]
    consumer.batches.append({PLACE: records})
    async with world.fetching("hris") as fetching:
        syncs = [] if every is None else [(Sync(fetching, OPTIONS["hris"], world), every)]
        task = asyncio.create_task(
            Hydrator(cast("Any", consumer), {"hris": fetching}, OPTIONS, world.clock.clocks, syncs).run()
        )
        try:
            await until(lambda: consumer.committed.get(PLACE) == len(records))
            await until(lambda: len(world.log.records) >= least)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.mark.parametrize("vendor", [name for name in VENDORS if name != "kombo"])
async def test_a_leavers_hook_ends_in_a_word_that_they_have_left(vendor: str, tmp_path: Path) -> None:
    """The hook has no values and goes to `notifications.hris`; the person is asked for, and isn't active."""
    signature = "X-Signature:sha256" if vendor == "personio" else vendor
    settings = {"hris_hook_secret": KEY, "hris_hook_signature": signature}
    async with worlds(vendor, tmp_path) as world, gateway(settings, clock=time.time) as door:
        await world.site.sim("POST", "config", {"gateway": door.root, "hris_key": KEY})
        who = await world.site.put(vendor, {**ADA, "hireDate": "2020-03-02"})
        yesterday = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
        await world.site.change(vendor, who, active=False, lastDay=yesterday)
        await world.site.sent()
        hooks = (await world.site.sim("GET", "hooks"))["hooks"]
        assert [hook["status"] // 100 for hook in hooks] == [2, 2]
        taken = [record for record in door.brokers.records if record.topic != "intake.hris"]
        assert [(record.topic, record.key) for record in taken] == [("notifications.hris", who.encode())] * 2
        assert not any(b"ada@example.com" in record.value for record in taken)
        await hydrated(world, taken)
    (record, *_) = world.log.records
    assert (record.topic, record.key) == ("intake.hris", who.encode())
    facts = world.log.facts()[who]
    assert (facts["active"], facts["userName"]) == (False, "ada@example.com")


async def test_a_hook_that_names_nobody_has_everybody_synchronised(tmp_path: Path) -> None:
    """Kombo's says that something changed: a round follows at once. Where there are no rounds, that is told."""
    settings = {"hris_hook_secret": KEY, "hris_hook_signature": "kombo"}
    async with worlds("kombo", tmp_path) as world, gateway(settings, clock=time.time) as door:
        await world.sync("hris")
        await world.site.sim("POST", "config", {"gateway": door.root, "hris_key": KEY})
        who = await world.site.put("kombo", {**ADA, "active": False})
        await world.site.sent()
        (taken,) = door.brokers.records
        assert taken.topic == "notifications.hris"
        await hydrated(world, [taken], every=math.inf, least=2)  # as the hydrator starts, and for the hook
        assert world.log.facts()[who]["active"] is False
        world.log.records.clear()
        await hydrated(world, [taken])
    (rejected,) = world.log.records
    assert rejected.topic == "events.rejected"
    assert b"nobody is synchronised" in rejected.value

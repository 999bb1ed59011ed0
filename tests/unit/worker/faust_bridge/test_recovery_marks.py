"""Marks of transactions at a changelog's end: they are passed, whatever happens to partitions meanwhile."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streamproc.adapters.kafka.log import IllegalStateError, TopicPartition
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from streamproc.worker.faust_bridge import recovery_marks
from streamproc.worker.faust_bridge.protocols import App

PLACE = TopicPartition("scim.operations", 0)


def recovering(position: Callable[[], int]) -> Any:
    """An app that waits for the record at offset 3 of its changelog, where `position` is fetched next."""

    async def asked(_: Any) -> int:
        return position()

    recovery = SimpleNamespace(active_highwaters={PLACE: 3}, active_offsets={PLACE: 1})
    tables = SimpleNamespace(recovery=recovery, changelog_queue=asyncio.Queue())
    return SimpleNamespace(tables=tables, in_recovery=True, consumer=SimpleNamespace(position=asked))


async def ended_by_a_mark() -> MemoryLog:
    """A changelog with records at offsets 0 and 1, of an aborted transaction at 2, and its mark at 3."""
    log = MemoryLog(MemoryBroker(1, lambda: 0))
    for _ in range(2):
        await log.producer().send_and_wait(PLACE.topic, b"{}", b"E1")
    stranger = log.producer("stranger")
    await stranger.start()
    await stranger.begin_transaction()
    await stranger.send_and_wait(PLACE.topic, b"{}", b"E1")
    await stranger.abort_transaction()
    return log


async def passed(app: Any, passing: asyncio.Task[Any]) -> None:
    """Wait until the mark at offset 3 counts as read, and end what passes it."""
    for _ in range(200):
        if app.tables.recovery.active_offsets[PLACE] == 3 or passing.done():
            break
        await asyncio.sleep(0.001)
    passing.cancel()
    await asyncio.gather(passing, return_exceptions=True)
    assert app.tables.recovery.active_offsets[PLACE] == 3


async def test_a_partition_that_leaves_meanwhile_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next recovery that ends with marks is helped as the first would have been, and doesn't wait for ever."""
    monkeypatch.setattr(recovery_marks, "LOOK_EVERY", 0.001)
    asked = 0

    def position() -> int:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise IllegalStateError("it isn't assigned")
        return 4

    app = recovering(position)
    passing = asyncio.create_task(recovery_marks.pass_marks(cast("App", app), await ended_by_a_mark()))
    await passed(app, passing)


async def test_a_recovery_that_has_only_begun_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust knows for a moment where a changelog ends, and not where it begins: the worker goes on."""
    monkeypatch.setattr(recovery_marks, "LOOK_EVERY", 0.001)
    app = recovering(lambda: 4)
    app.tables.recovery.active_offsets[PLACE] = None
    passing = asyncio.create_task(recovery_marks.pass_marks(cast("App", app), await ended_by_a_mark()))
    await asyncio.sleep(0.02)
    assert not passing.done()
    app.tables.recovery.active_offsets[PLACE] = 1
    await passed(app, passing)


async def test_a_changelog_that_goes_to_another_worker_meanwhile_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recovery begins anew without it while others are looked at: the worker goes on."""
    monkeypatch.setattr(recovery_marks, "LOOK_EVERY", 0.001)
    app = recovering(lambda: 4)
    recovery, other = app.tables.recovery, TopicPartition("scim.resources", 0)
    recovery.active_highwaters[other] = 3  # and where it begins is gone by then
    passing = asyncio.create_task(recovery_marks.pass_marks(cast("App", app), await ended_by_a_mark()))
    await passed(app, passing)
    assert other not in recovery.active_offsets

"""The worker's process: how it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.compose.clocks import SYSTEM
from streamproc.settings import Settings
from streamproc.sources import SOURCES
from streamproc.worker.faust_bridge.app import FaustApp
from streamproc.worker.process import Worker
from streamproc.worker.record_sequencer import RecordSequencer

OPTIONS = {name: source.defaults for name, source in SOURCES.items()}


class BrokenError(Exception):
    """What an agent meets."""


async def broken(*_: Any) -> None:
    """Handles no record."""
    raise BrokenError


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple["asyncio.Task[None]", Callable[..., Any]]]:
    """A worker in this process, with its tables recovered; and a way to append a record."""
    await ensure_topics(settings.kafka)
    kafka, ready = KafkaLog(settings.kafka), asyncio.Event()
    producer = kafka.producer()
    await producer.start()
    app, mapping = FaustApp(settings.kafka, settings.worker), settings.worker.mapping_text()
    worker = Worker(kafka, app, producer, mapping, OPTIONS, SYSTEM, chosen=False)
    task = asyncio.create_task(worker.run(ready.set))
    try:
        async with asyncio.timeout(90):
            await ready.wait()
            yield task, producer.send_and_wait
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await producer.stop()


async def test_what_an_agent_cant_handle_ends_the_worker(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust would count the record as done and go on: the process ends with the error, and reads it again later."""
    monkeypatch.setattr(RecordSequencer, "take", broken)
    async with running(settings) as (task, send):
        await send("events.hris", b"{}", key=b"E1")
        with pytest.raises(BrokenError):
            await task


async def test_a_cancelled_worker_leaves_quietly(settings: Settings) -> None:
    """It was told to, so that isn't a failure."""
    async with running(settings) as (task, _):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

"""The watch over the sources with a real Kafka: what it asks for is there, and is answered."""

import asyncio
import time
from contextlib import suppress

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.core.records.units import Millis
from streamproc.settings import Settings
from streamproc.worker.source_watch import EVERY, SourceWatch
from tests.support.health import Pauses


async def test_each_source_is_learned_and_judged(settings: Settings) -> None:
    """What came before the worker's start, in any partition, is known; who was silent for too long is told."""
    kafka, pauses, ahead = KafkaLog(settings.kafka), Pauses(), 0
    producer = kafka.producer()
    await producer.start()
    for topic in ("events.okta", "intake.hris", "events.hris"):
        await producer.send_and_wait(topic, b"{}", key=b"E1")

    def clock() -> Millis:
        return Millis(round(time.time() * 1000) + ahead)

    async def sleep(seconds: float) -> None:
        if seconds == EVERY:
            await pauses(seconds)

    watch = SourceWatch(kafka, {"okta": 600, "hris": 600, "set": 3600}, lambda: True, clock, sleep)
    watching = asyncio.create_task(watch.run())
    try:
        await pauses.next()
        assert list(watch.troubles()) == []
        ahead = 700_000
        assert [each.about for each in watch.troubles()] == ["hris", "okta"]
        await producer.send_and_wait("intake.hris", b"{}", key=b"E2")
        pauses.over()
        await pauses.next()
        assert [each.about for each in watch.troubles()] == ["okta"]
        ahead = 3_700_000
        assert [each.about for each in watch.troubles()] == ["hris", "okta", "set"]
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await producer.stop()

"""Notifications of sources without a directory: counted, and told once."""

import asyncio
from contextlib import suppress

from structlog.testing import capture_logs

from streamproc import telemetry
from streamproc.hydrator.troubles import Beside
from streamproc.hydrator.unserved import watch
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.support.hydrator import Clock, until


async def test_what_nobody_fetches_is_counted_and_told() -> None:
    """The gauge shows how many there are, also later ones; the log names the source once."""
    kafka, clock = MemoryLog(MemoryBroker(2, lambda: 5)), Clock()
    gauge = telemetry.UNFETCHED.labels("hris")._value
    producer = kafka.producer()
    await producer.start()
    with capture_logs() as logs:
        task = asyncio.create_task(watch(kafka, ["hris", "okta"], clock.clocks, Beside()))
        try:
            await producer.send_and_wait("notifications.hris", b"{}", key=b"7")
            await until(lambda: gauge.get() == 1)
            for key in (b"8", b"9"):
                await producer.send_and_wait("notifications.hris", b"{}", key=key)
            await until(lambda: gauge.get() == 3)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    assert [(each["source"], each["log_level"]) for each in logs] == [("hris", "error")]
    assert telemetry.UNFETCHED.labels("okta")._value.get() == 0

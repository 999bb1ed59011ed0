"""A producer for as long as a process runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from streamproc.adapters.kafka.log import Log, Producer


@asynccontextmanager
async def producing(kafka: Log) -> AsyncIterator[Producer]:
    """Started; it is given five seconds to stop."""
    producer = kafka.producer()
    try:
        await producer.start()
        yield producer
    finally:
        with suppress(TimeoutError):  # it would try for ever to send what nobody was told is kept
            async with asyncio.timeout(5):
                await producer.stop()

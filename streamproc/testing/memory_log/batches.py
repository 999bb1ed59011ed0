"""What a producer has been given and not sent yet: batches of each partition, in order."""

import asyncio
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from streamproc.adapters.kafka.log import Headers, KafkaError, RecordMetadata
from streamproc.testing.memory_log.partition import Entry, MemoryRecord

LARGEST_BATCH = 256 * 1024
"""Bytes."""


class MemoryBatch:
    """`adapters/kafka/log.py: Batch`. It takes its first record, however large."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._size = 0

    def append(self, *, timestamp: int | None, key: bytes | None, value: bytes | None, headers: Headers) -> object:
        assert timestamp is None, "time stamps come from the broker's clock"
        size = len(key or b"") + len(value or b"") + sum(len(name) + len(content) for name, content in headers)
        if self.entries and self._size + size > LARGEST_BATCH:
            return None
        self._size += size
        self.entries.append((key, value, headers))
        return self.entries[-1]


@dataclass(eq=False, slots=True)
class Sending:
    """A batch on its way: one future for each record, or one for all."""

    batch: MemoryBatch
    futures: list[asyncio.Future[RecordMetadata]] = field(default_factory=list)
    whole: bool = False
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    """Done when it is on its way, or will never be: there is room for another batch."""
    appended: list[MemoryRecord] | None = None
    """Where it was appended: a repeat is known by its numbers, and answered with the same."""

    def add(self, key: bytes | None, value: bytes | None, headers: Headers) -> asyncio.Future[RecordMetadata] | None:
        """One record. None: it has no place here."""
        if self.whole or self.batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
            return None
        return self.promise()

    def promise(self) -> asyncio.Future[RecordMetadata]:
        """A future for the next record, or for all."""
        future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        self.futures.append(future)
        return future

    async def left(self) -> None:
        """Wait until it is on its way. Raises what it was refused with before that."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        await future

    def leave(self) -> None:
        """It is on its way."""
        for future in self.waiting:
            if not future.done():
                future.set_result(None)

    def done(self, appended: list[MemoryRecord]) -> None:
        """The broker has it."""
        for future, record in zip(self.futures, appended, strict=False):
            if not future.done():
                future.set_result(record)

    def fail(self, error: KafkaError) -> None:
        """The broker has refused it; or nobody will ever send it."""
        waiting: list[asyncio.Future[Any]] = [*self.waiting, *self.futures]
        for future in waiting:
            if not future.done():
                future.set_exception(error if self.whole else copy(error))  # as aiokafka: a copy has lost its cause
                future.exception()  # who sends in a transaction hears of it when they commit

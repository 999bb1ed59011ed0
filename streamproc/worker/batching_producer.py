"""Batching producer: records on their way to the brokers, in rounds (group commit).

While one round of produce requests is under way the next one gathers, so a lone record leaves at once, and under load a
request carries many. Rounds follow each other. What is put without an `await` in between is in one round.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, TypeAlias

from streamproc.adapters.kafka.batching import send_in_batches
from streamproc.adapters.kafka.log import Producer
from streamproc.core.records import partitioner
from streamproc.core.records.producer_record import Headers

BUSY = 8
"""Records in a round from which on the next one is given `GATHER` seconds: a request's cost is in its partitions."""
GATHER = 0.025
LONG = 256
"""Bytes of a key whose partition isn't remembered."""

Waiting: TypeAlias = tuple[bytes, bytes, Callable[[], None], Headers]
"""Key, value, what to call when the brokers have the record, headers."""


class BatchingProducer:
    """For one idempotent producer. `full` records may wait before `room` is cleared."""

    def __init__(self, producer: Producer, partitions: int, full: int) -> None:
        self.room = asyncio.Event()
        """Set while fewer than `full` records wait."""
        self.room.set()
        self.partitions = partitions
        """Of each topic."""
        self._producer = producer
        self._full = full
        self._count = 0
        self._waiting: dict[tuple[str, int], list[Waiting]] = {}
        """Topic and partition → records of the next round."""
        self._then: list[Callable[[], None]] = []
        """Steps to take after the next round."""
        self._some = asyncio.Event()

    def partition(self, key: bytes) -> int:
        """Where a record of this key goes."""
        return _partition(key, self.partitions) if len(key) <= LONG else partitioner.partition_of(key, self.partitions)

    def put(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        acknowledged: Callable[[], None] = lambda: None,
        partition: int | None = None,
        headers: Headers | None = None,
    ) -> None:
        """Send a record in the next round. `partition` None: by its key.

        `acknowledged` is called when the brokers have the whole round, in the order in which records were put.
        """
        if partition is None:
            partition = self.partition(key)
        waiting = self._waiting.get(address := (topic, partition))
        if waiting is None:
            waiting = self._waiting[address] = []
        waiting.append((key, value, acknowledged, headers or []))
        self._count += 1
        if self._count >= self._full:
            self.room.clear()
        self._some.set()

    def then(self, step: Callable[[], None], *later: Callable[[], None]) -> None:
        """Take each step when the brokers have all that was put without a break before; at once, if that is nothing."""
        if later:
            step = partial(self._take, step, later)
        if self._waiting:
            self._then.append(step)
        else:
            step()

    async def run(self) -> None:
        """Send until cancelled. Raises what the producer couldn't overcome; that round isn't acknowledged."""
        while True:
            await self._some.wait()
            self._some.clear()
            taken, self._waiting = self._waiting, {}
            then, self._then = self._then, []
            sent: list[Any] = []
            for (topic, partition), records in taken.items():
                plain = ((key, value, headers) for key, value, _, headers in records)
                sent += await send_in_batches(self._producer, topic, partition, plain)
            await asyncio.gather(*sent)
            for records in taken.values():
                for _, _, acknowledged, _ in records:
                    acknowledged()
                self._count -= len(records)
            for step in then:
                step()
            if self._count < self._full:
                self.room.set()
            if sum(map(len, taken.values())) >= BUSY:
                await asyncio.sleep(GATHER)

    def _take(self, step: Callable[[], None], later: tuple[Callable[[], None], ...]) -> None:
        step()
        self.then(*later)


@lru_cache(maxsize=65_536)
def _partition(key: bytes, partitions: int) -> int:
    """A user has more than one event, and hashing is done in Python."""
    return partitioner.partition_of(key, partitions)

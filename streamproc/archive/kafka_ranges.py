"""Seam to Kafka for whoever copies: how far topics reach, and a stretch of one partition, without gap or overlap."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from streamproc.adapters.kafka.client import exact_consumer
from streamproc.adapters.kafka.log import (
    Consumer,
    ConsumerRecord,
    KafkaError,
    OffsetOutOfRangeError,
    TopicPartition,
    started,
)
from streamproc.adapters.kafka.topics import admin_of, nobody_answers, partition_counts
from streamproc.core.errors import ArchiveError, KafkaUnavailableError, TopologyError
from streamproc.core.records.topic_names import CHANGES, DELIVERIES, MAPPINGS, OPERATIONS, OUTCOMES, REJECTIONS
from streamproc.settings import KafkaSettings

SILENCE: Final = 60.0
"""Seconds without anything new, short of the end, after which a cluster counts as gone."""
OPEN: Final = 40.0
"""Seconds that open transactions are waited for; a dead sink's are ended by the brokers after 30."""

_AGAINST: Final = (DELIVERIES, OUTCOMES, OPERATIONS, MAPPINGS, REJECTIONS, CHANGES)
"""Against the stream: all others come after these."""


def against(topics: Iterable[str]) -> list[str]:
    """These topics, against the stream: what a record was made from is asked for after it."""
    return sorted(topics, key=lambda topic: _AGAINST.index(topic) if topic in _AGAINST else len(_AGAINST))


@dataclass(frozen=True, slots=True)
class Reach:
    """What a partition has: records from offset `start` on, and below `end`."""

    start: int
    end: int


class Cluster:
    """A running cluster. `committed` reads no more than what is finished; `anything` knows what is on its way."""

    def __init__(
        self,
        identity: str | None,
        counts: Callable[[Iterable[str]], Awaitable[dict[str, int]]],
        committed: Consumer,
        anything: Consumer,
    ) -> None:
        """`counts`: of partitions, of those topics that exist."""
        self.identity = identity
        self._counts, self._committed, self._anything = counts, committed, anything

    async def existing(self, topics: Iterable[str], partitions: int) -> list[str]:
        """Those topics that exist, in the order in which they are to be asked (`against`). Raises TopologyError."""
        counts = await self._counts(topics)
        for name, count in counts.items():
            if count != partitions:
                raise TopologyError(f"{name} has {count} partitions, not {partitions} (STREAMPROC_PARTITIONS)")
        return against(counts)

    async def reach(self, topic: str, partitions: Sequence[int]) -> dict[int, Reach]:
        """How far a topic's partitions reach now."""
        places = [TopicPartition(topic, partition) for partition in partitions]
        if topic == OUTCOMES:  # a transaction ends in one topic earlier than in another
            await self._settled(places)
        starts = await self._committed.beginning_offsets(places)
        ends = await self._committed.end_offsets(places)
        return {place.partition: Reach(starts[place], ends[place]) for place in places}

    async def _settled(self, places: list[TopicPartition]) -> None:
        present = await self._anything.end_offsets(places)
        for _ in range(round(OPEN / 0.05)):
            stable = await self._committed.end_offsets(places)
            if all(stable[place] >= present[place] for place in places):
                return
            await asyncio.sleep(0.05)

    async def stretch(
        self, topic: str, partition: int, first: int, end: int
    ) -> AsyncGenerator[list[ConsumerRecord], None]:
        """Records from offset `first` on and below `end`, some at a time.

        Raises ArchiveError where retention takes them away meanwhile.
        """
        place, reader, clock = TopicPartition(topic, partition), self._committed, asyncio.get_running_loop().time
        reader.assign([place])
        reader.seek(place, first)
        reached, heard = first, clock()
        while reached < end:
            try:
                records = (await reader.getmany(place, timeout_ms=1000)).get(place, [])
            except OffsetOutOfRangeError as error:
                raise ArchiveError(
                    f"{topic} partition {partition}: Kafka has removed offset {reached} while it was read. Do it again"
                ) from error
            if some := [record for record in records if record.offset < end]:
                yield some
            position = await reader.position(place)
            if position > reached:
                reached, heard = position, clock()
            elif clock() - heard > SILENCE:
                raise KafkaUnavailableError(
                    f"nothing came of {topic} partition {partition} after offset {reached} for {SILENCE:.0f} s, "
                    f"though it reaches to {end}. Are its brokers up?"
                )


@asynccontextmanager
async def cluster(kafka: KafkaSettings) -> AsyncIterator[Cluster]:
    """Raises KafkaUnavailableError where nobody answers."""
    async with AsyncExitStack() as stack:
        try:
            admin = await stack.enter_async_context(admin_of(kafka))
            identity = (await admin.describe_cluster()).get("cluster_id")
            committed = await stack.enter_async_context(started(exact_consumer(kafka, committed_only=True)))
            anything = await stack.enter_async_context(started(exact_consumer(kafka, committed_only=False)))
        except (KafkaError, OSError) as error:
            raise nobody_answers(kafka, error) from error
        try:
            yield Cluster(identity, partial(partition_counts, admin), committed, anything)
        except KafkaError as error:
            raise KafkaUnavailableError(
                f"Kafka at {kafka.bootstrap_servers} has stopped answering, or refuses: {error}"
            ) from error

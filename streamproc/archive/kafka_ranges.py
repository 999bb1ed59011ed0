"""Reads ranges of offsets from Kafka: how far topics reach, and one partition's records without gap or overlap."""

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
from streamproc.adapters.kafka.topics import admin_of, partition_counts
from streamproc.adapters.kafka.trouble import explained
from streamproc.core.errors import ArchiveError, KafkaRightsError, KafkaUnavailableError, TopologyError
from streamproc.core.records.topic_names import (
    CHANGES,
    DELIVERIES,
    FINDINGS,
    MAPPINGS,
    OPERATIONS,
    OUTCOMES,
    REJECTIONS,
)
from streamproc.settings import KafkaSettings

SILENCE: Final = 60.0
"""Seconds without a new record before the end, after which a cluster counts as gone."""
OPEN: Final = 40.0
"""Seconds to wait for open transactions; the brokers end those of a dead sink after 30."""

_AGAINST: Final = (DELIVERIES, OUTCOMES, FINDINGS, OPERATIONS, MAPPINGS, REJECTIONS, CHANGES)
"""Downstream first; all other topics come after these."""
LATER: Final = frozenset({FINDINGS})
"""Topics that came after the others: whoever was given rights before reads the others all the same."""


def against(topics: Iterable[str]) -> list[str]:
    """These topics, downstream first: what a record was made from is read after it."""
    return sorted(topics, key=lambda topic: _AGAINST.index(topic) if topic in _AGAINST else len(_AGAINST))


@dataclass(frozen=True, slots=True)
class Reach:
    """A partition's offsets: from `start` on, and below `end`."""

    start: int
    end: int


class Cluster:
    """A running cluster. `committed` reads committed transactions only; `anything` sees open ones too."""

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
        """The topics that exist, downstream first; of `LATER` those that we may read.

        Raises TopologyError, KafkaRightsError.
        """
        wanted = list(topics)
        try:
            counts = await self._counts(wanted)
        except KafkaRightsError:
            counts = await self._counts([name for name in wanted if name not in LATER])
        for name, count in counts.items():
            if count != partitions:
                raise TopologyError(f"{name} has {count} partitions, not {partitions} (STREAMPROC_PARTITIONS)")
        return against(counts)

    async def reach(self, topic: str, partitions: Sequence[int]) -> dict[int, Reach]:
        """The offsets of a topic's partitions now."""
        topic_partitions = [TopicPartition(topic, partition) for partition in partitions]
        if topic == OUTCOMES:  # a transaction's end shows in one topic earlier than in another
            await self._await_open_transactions(topic_partitions)
        starts = await self._committed.beginning_offsets(topic_partitions)
        ends = await self._committed.end_offsets(topic_partitions)
        return {
            topic_partition.partition: Reach(starts[topic_partition], ends[topic_partition])
            for topic_partition in topic_partitions
        }

    async def _await_open_transactions(self, topic_partitions: list[TopicPartition]) -> None:
        present = await self._anything.end_offsets(topic_partitions)
        for _ in range(round(OPEN / 0.05)):
            stable = await self._committed.end_offsets(topic_partitions)
            if all(stable[topic_partition] >= present[topic_partition] for topic_partition in topic_partitions):
                return
            await asyncio.sleep(0.05)

    async def stretch(
        self, topic: str, partition: int, first: int, end: int
    ) -> AsyncGenerator[list[ConsumerRecord], None]:
        """Records from offset `first` on and below `end`, in batches.

        Raises ArchiveError where retention removes them meanwhile.
        """
        topic_partition, reader, clock = (
            TopicPartition(topic, partition),
            self._committed,
            asyncio.get_running_loop().time,
        )
        reader.assign([topic_partition])
        reader.seek(topic_partition, first)
        reached, last_progress = first, clock()
        while reached < end:
            try:
                records = (await reader.getmany(topic_partition, timeout_ms=1000)).get(topic_partition, [])
            except OffsetOutOfRangeError as error:
                raise ArchiveError(
                    f"{topic} partition {partition}: Kafka has removed offset {reached} while it was read. Do it again"
                ) from error
            if batch := [record for record in records if record.offset < end]:
                yield batch
            position = await reader.position(topic_partition)
            if position > reached:
                reached, last_progress = position, clock()
            elif clock() - last_progress > SILENCE:
                raise KafkaUnavailableError(
                    f"nothing came of {topic} partition {partition} after offset {reached} for {SILENCE:.0f} s, "
                    f"though it reaches to {end}. Are its brokers up?"
                )


@asynccontextmanager
async def cluster(kafka: KafkaSettings) -> AsyncIterator[Cluster]:
    """A connected cluster. Raises KafkaUnavailableError, KafkaIdentityError, KafkaRightsError."""
    async with AsyncExitStack() as stack:
        try:
            admin = await stack.enter_async_context(admin_of(kafka))
            identity = (await admin.describe_cluster()).get("cluster_id")
            committed = await stack.enter_async_context(started(exact_consumer(kafka, committed_only=True)))
            anything = await stack.enter_async_context(started(exact_consumer(kafka, committed_only=False)))
        except (KafkaError, OSError) as error:
            raise await explained(kafka, (), error) from error
        try:
            yield Cluster(identity, partial(partition_counts, admin, kafka), committed, anything)
        except KafkaError as error:
            raise await explained(kafka, (), error) from error

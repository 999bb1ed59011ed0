"""Seam to Kafka for whoever copies: how far topics reach, and a stretch of one partition, without gap or overlap."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from streamproc.adapters.kafka.client import connection
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
        admin: AIOKafkaAdminClient,
        committed: AIOKafkaConsumer,
        anything: AIOKafkaConsumer,
    ) -> None:
        self.identity = identity
        self._admin, self._committed, self._anything = admin, committed, anything

    async def existing(self, topics: Iterable[str], partitions: int) -> list[str]:
        """Those topics that exist, in the order in which they are to be asked (`against`). Raises TopologyError."""
        there = set(await self._admin.list_topics())
        found = [topic for topic in topics if topic in there]
        for described in await self._admin.describe_topics(found) if found else ():
            name, count = described["topic"], len(described["partitions"])
            if count != partitions:
                raise TopologyError(f"{name} has {count} partitions, not {partitions} (STREAMPROC_PARTITIONS)")
        return against(found)

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

    async def stretch(self, topic: str, partition: int, first: int, end: int) -> AsyncGenerator[list[Any], None]:
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
    admin = AIOKafkaAdminClient(**connection(kafka))
    committed, anything = _reader(kafka, "read_committed"), _reader(kafka, "read_uncommitted")
    try:
        try:
            await admin.start()
            identity = (await admin.describe_cluster()).get("cluster_id")
            await committed.start()
            await anything.start()
        except (KafkaError, OSError) as error:
            raise KafkaUnavailableError(
                f"no Kafka cluster answers at {kafka.bootstrap_servers} ({error}). "
                "Is it up, and is STREAMPROC_KAFKA right?"
            ) from error
        try:
            yield Cluster(identity, admin, committed, anything)
        except KafkaError as error:
            raise KafkaUnavailableError(
                f"Kafka at {kafka.bootstrap_servers} has stopped answering, or refuses: {error}"
            ) from error
    finally:
        await admin.close()
        await committed.stop()
        await anything.stop()


def _reader(kafka: KafkaSettings, isolation: str) -> AIOKafkaConsumer:
    """A consumer without a group, that never goes on elsewhere than where it was told to."""
    return AIOKafkaConsumer(
        **connection(kafka),
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level=isolation,
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )

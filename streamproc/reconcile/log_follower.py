"""Log follower: reads whole topics up to their present end, whenever it is asked to, and hands out each record once."""

from collections.abc import Callable, Mapping

from streamproc.adapters.kafka.foreign import STRANGE, TOMBSTONE, passed_over
from streamproc.adapters.kafka.log import Consumer, ConsumerRecord, Log, TopicPartition
from streamproc.adapters.kafka.reading import partitions_of, read_to


class LogFollower:
    """Of topics of ours, in no group. `take`: topic → what gets its records; it raises ValueError for a strange one."""

    def __init__(self, kafka: Log, take: Mapping[str, Callable[[ConsumerRecord], None]]) -> None:
        self._take = take
        self._consumer: Consumer = kafka.consumer()
        self._places: list[TopicPartition] = partitions_of(kafka, *take)

    async def start(self) -> None:
        """From the beginning of each topic. Raises KafkaError."""
        await self._consumer.start()
        self._consumer.assign(self._places)
        await self._consumer.seek_to_beginning()

    async def refresh(self) -> None:
        """Return once all that is there now has been handed out. Raises KafkaError."""
        async for records in read_to(self._consumer, await self._consumer.end_offsets(self._places)):
            for record in records:
                if record.value is None:
                    passed_over(record, TOMBSTONE, "what its key had before counts")
                    continue
                try:
                    self._take[record.topic](record)
                except ValueError:
                    passed_over(record, STRANGE, "what its key had before counts")

    async def stop(self) -> None:
        """Let go of the connection."""
        await self._consumer.stop()

"""A record as one of the worker's agents takes it."""

from streamproc.core.records.change_event import Origin
from streamproc.core.records.units import Millis
from streamproc.core.records.value import Value
from streamproc.sources.raw_record import received


class RawRecord(Value, frozen=True):
    """One record as it was read. `timestamp`: ms since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: Millis
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]

    @property
    def origin(self) -> Origin:
        """Where it lies."""
        return Origin(self.topic, self.partition, self.offset, self.timestamp, received(self.headers))

    @property
    def topic_partition(self) -> tuple[str, int]:
        """Its partition; equals aiokafka's TopicPartition."""
        return self.topic, self.partition

    @property
    def address(self) -> bytes:
        """Topic, partition and offset, as a key or header."""
        return f"{self.topic}/{self.partition}/{self.offset}".encode()

"""A record as one of the worker's agents takes it."""

from streamproc.core.records.believed_headers import Placed, believed, words
from streamproc.core.records.change_event import Origin
from streamproc.core.records.headers import OF, RECEIVED
from streamproc.core.records.rejected import Problem
from streamproc.core.records.topic_names import FORWARDS, source_of
from streamproc.core.records.units import Millis, micros_of
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
        """Where it lies. Of a record as it came, the time at which it was received is what its sender says."""
        return Origin(self.topic, self.partition, self.offset, self.timestamp, received(self.headers))

    @property
    def topic_partition(self) -> tuple[str, int]:
        """Its partition; equals aiokafka's TopicPartition."""
        return self.topic, self.partition

    @property
    def address(self) -> bytes:
        """Topic, partition and offset, as a key or header."""
        return f"{self.topic}/{self.partition}/{self.offset}".encode()

    @property
    def placed(self) -> bytes:
        """The same with when it was appended, as `streamproc-forwarded` has it."""
        return b"%b/%d" % (self.address, self.timestamp)

    @property
    def received(self) -> bytes:
        """When streamproc had it, as `streamproc-received` has it."""
        return self.headers.get(RECEIVED) or str(micros_of(self.timestamp)).encode()

    @property
    def source(self) -> str:
        """Whose input it is: its topic's, or in the worker's own topic what its header says; else the topic's name."""
        said = self.headers.get(OF) if self.topic == FORWARDS else None
        return source_of(self.topic) if said is None else said.decode("utf-8", "replace")


def heard(raw: RawRecord) -> tuple[RawRecord, list[Problem]]:
    """The record with those of our headers that count in its topic, and what is told of the others."""
    if not raw.headers:
        return raw, []
    kept, foreign = believed(Placed(raw.topic, raw.key, raw.timestamp), raw.headers)
    place = raw.topic, raw.partition, raw.offset, raw.timestamp
    told = [Problem("foreign_header", words(foreign))] if foreign else []
    return RawRecord(*place, raw.key, raw.value, kept), told

"""History: the records of the topics as they were read, be it from Kafka or from an archive, for whoever folds anew."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any, Protocol

import orjson

from streamproc.core.records.units import Millis
from streamproc.core.records.value import Value


class StoredRecord(Value, frozen=True):
    """One record of a topic. `timestamp`: ms since 1970, the broker's where the topic is appended by its clock."""

    topic: str
    partition: int
    offset: int
    timestamp: Millis
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class History(Protocol):
    """Topics that can be read again and again. Offsets have gaps: transactions' markers, and what was compacted."""

    @property
    def partitions(self) -> int:
        """Of each topic."""

    def read(
        self, topic: str, partition: int, *, first: int = 0, until: int | None = None, key: bytes | None = None
    ) -> Iterator[StoredRecord]:
        """Records by offset, from offset `first` on; with a timestamp below `until` (ms since 1970); of one key."""


def below(history: History, topic: str, partition: int, offset: int) -> Iterator[StoredRecord]:
    """A partition's records below an offset, from its beginning on."""
    return takewhile(lambda one: one.offset < offset, history.read(topic, partition))


def as_json(logged: StoredRecord) -> dict[str, Any]:
    """What a value says; nothing where it isn't a JSON object."""
    try:
        found = orjson.loads(logged.value or b"")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


class InMemoryHistory:
    """A history in memory, for little."""

    def __init__(self, records: Sequence[StoredRecord], partitions: int) -> None:
        self.partitions = partitions
        self._records = sorted(records, key=lambda one: one.offset)

    def read(
        self, topic: str, partition: int, *, first: int = 0, until: int | None = None, key: bytes | None = None
    ) -> Iterator[StoredRecord]:
        """Records by offset, of one topic and partition, within the bounds."""
        for one in self._records:
            here = (one.topic, one.partition) == (topic, partition) and one.offset >= first
            if here and (until is None or one.timestamp < until) and key in {None, one.key}:
                yield one

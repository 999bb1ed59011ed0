"""History: the records of the topics as they were read, be it from Kafka or from an archive, for whoever folds anew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Logged:
    """One record of a topic. `timestamp`: ms since 1970, the broker's where the topic is appended by its clock."""

    topic: str
    partition: int
    offset: int
    timestamp: int
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
    ) -> Iterator[Logged]:
        """Records by offset, from offset `first` on; with a timestamp below `until` (ms since 1970); of one key."""


class Recalled:
    """A history in memory, for little."""

    def __init__(self, records: Sequence[Logged], partitions: int) -> None:
        self.partitions = partitions
        self._records = sorted(records, key=lambda one: one.offset)

    def read(
        self, topic: str, partition: int, *, first: int = 0, until: int | None = None, key: bytes | None = None
    ) -> Iterator[Logged]:
        """See `History`."""
        for one in self._records:
            here = (one.topic, one.partition) == (topic, partition) and one.offset >= first
            if here and (until is None or one.timestamp < until) and key in {None, one.key}:
                yield one

"""Where a command reads the past: an archive, the live topics, or an archive and then the live topics."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from streamproc.archive.history import opened
from streamproc.archive.reader import ArchivedHistory
from streamproc.cli.options import say
from streamproc.core.records.stored_record import History
from streamproc.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class HistorySource:
    """What `--archive`, `--offline` and `--kafka` say."""

    archive: Path | None = None
    offline: bool = False
    """The archive alone, without Kafka."""
    kafka: str | None = None
    """Bootstrap servers; None: those of the settings."""

    def settings(self) -> Settings:
        """The settings, with this cluster. Raises SettingsError."""
        return load_settings(kafka=self.kafka)

    def history(
        self, topics: Sequence[str], *, key: str | None = None, optional: Collection[str] = ()
    ) -> AbstractAsyncContextManager[ArchivedHistory]:
        """The topics, opened. `key` and `optional` mean, and errors are, what they are for `opened`."""
        return opened(
            self.settings().kafka,
            self.archive,
            topics=topics,
            key=key,
            optional=optional,
            live=not self.offline,
            say=say,
        )


def with_source(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command its options ARCHIVE, OFFLINE and KAFKA as one argument `source`."""

    @wraps(command)
    def called(*, archive: Path | None, offline: bool, kafka: str | None, **options: Any) -> None:
        command(source=HistorySource(archive, offline, kafka), **options)

    return called


def first_moment(history: History, topic: str, partitions: Iterable[int] | None = None) -> int | None:
    """When the first record was appended (ms since 1970); None: there is none."""
    chosen = range(history.partitions) if partitions is None else partitions
    records = (next(iter(history.read(topic, partition)), None) for partition in chosen)
    return min((record.timestamp for record in records if record is not None), default=None)


def last_moment(history: ArchivedHistory, topics: Iterable[str]) -> int:
    """The millisecond after the newest record of all (ms since 1970); 0: there is none."""
    records = (history.last(topic, partition) for topic in topics for partition in range(history.partitions))
    return max((record.timestamp for record in records if record is not None), default=-1) + 1

"""What all commands about the past take: moments, where the history is to be read, and where to write what it gives."""

import os
import stat
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from streamproc.archive.reader import ArchivedHistory
from streamproc.core.records.stored_record import History, StoredRecord

ARCHIVE = click.option(
    "--archive",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Read this first; written by `streamproc archive`.",
)
OFFLINE = click.option("--offline", is_flag=True, help="The archive alone, without Kafka.")
KAFKA = click.option("--kafka", metavar="HOST:PORT", help="Bootstrap servers; else STREAMPROC_KAFKA.")
JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")

LATEST: Final = 253_402_300_800_000
"""ms since 1970: where the year 9999 ends, and with it what a calendar has. Moments lie before it."""


class Moment(click.ParamType):
    """Ms since 1970: given as such, as ISO 8601 with a zone, or as a day in UTC. `ends`: of a day, its end."""

    name = "moment"

    def __init__(self, *, ends: bool = False) -> None:
        self._ends = ends

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Fails with what would do."""
        if isinstance(value, int):
            return value
        try:
            return instant(str(value), ends=self._ends)
        except (ValueError, OverflowError) as error:
            self.fail(f"{error}. A moment is like 2026-03-02T09:00:00Z, or 2026-03-02", param, ctx)


def instant(text: str, *, ends: bool = False) -> int:
    """See `Moment`: of the years 1970 to 9999. Raises ValueError and OverflowError."""
    at = int(text) if text.isdecimal() and len(text) > len("20260302") else _spelled(text, ends=ends)
    if not 0 <= at < LATEST:
        raise ValueError(f"{text}: only the years 1970 to 9999 will do")
    return at


def _spelled(text: str, *, ends: bool) -> int:
    at = datetime.fromisoformat(text)
    if len(text) <= len("2026-03-02"):
        at = at.replace(tzinfo=UTC) + timedelta(days=int(ends))
    if at.tzinfo is None:
        raise ValueError(f"{text}: which zone? Write Z behind it for UTC")
    return round(at.timestamp() * 1000)


def first_moment(history: History, topic: str, partitions: Iterable[int] | None = None) -> int | None:
    """When the first record was appended (ms since 1970); None: there is none."""
    chosen = range(history.partitions) if partitions is None else partitions
    first = [each.timestamp for partition in chosen for each in _some(history, topic, partition)]
    return min(first, default=None)


def last_moment(history: ArchivedHistory, topics: Iterable[str]) -> int:
    """Past the last record of all (ms since 1970)."""
    places = [(topic, partition) for topic in topics for partition in range(history.partitions)]
    last = [each.timestamp for topic, partition in places if (each := history.last(topic, partition)) is not None]
    return max(last, default=-1) + 1


def _some(history: History, topic: str, partition: int) -> Iterable[StoredRecord]:
    for logged in history.read(topic, partition):
        return [logged]
    return []


class Output(click.Path):
    """A file to be written, in a folder that is there: looked at before the work begins, not after it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False, writable=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Fails with what is wrong with it."""
        path: Any = super().convert(value, param, ctx)
        folder = Path(path).absolute().parent
        if not folder.is_dir():
            self.fail(f"there is no folder {folder}", param, ctx)
        if not Path(path).exists() and not os.access(folder, os.W_OK):
            self.fail(f"{folder} can't be written to", param, ctx)
        return path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, since it names people. Raises click.FileError."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):  # one that was there; /dev/stdout stays as it is
                os.fchmod(descriptor, 0o600)
            file.write(content)
    except OSError as error:
        raise click.FileError(str(path), error.strerror or str(error)) from error


def say(line: str) -> None:
    """Of progress, beside what was asked for."""
    click.echo(line, err=True)

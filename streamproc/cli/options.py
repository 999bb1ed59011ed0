"""Options and arguments that several commands share, and the kinds of values that they take."""

import os
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from streamproc.cli.screen import put

Command = TypeVar("Command", bound=Callable[..., Any])


def kafka_option(meaning: str) -> Callable[[Command], Command]:
    """`--kafka`, with what it means for one command."""
    return click.option("--kafka", metavar="HOST:PORT", help=meaning)


ARCHIVE = click.option(
    "--archive",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Read this first; written by `streamproc archive`.",
)
OFFLINE = click.option("--offline", is_flag=True, help="The archive alone, without Kafka.")
KAFKA = kafka_option("Bootstrap servers; else STREAMPROC_KAFKA.")
JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")

LATEST: Final = 253_402_300_800_000
"""Milliseconds since 1970 at the end of the year 9999, the calendar's last. Moments lie before it."""


_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST: Final = 90 * 86_400
"""Seconds of a `Duration`."""


class Moment(click.ParamType):
    """Milliseconds since 1970, given as such, as ISO 8601 with a zone, or as a day in UTC.

    A day means its first moment, or with `ends` the moment after its last.
    """

    name = "moment"

    def __init__(self, *, ends: bool = False) -> None:
        self._ends = ends

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Fails with an example of a moment."""
        if isinstance(value, int):
            return value
        try:
            return instant(str(value), ends=self._ends)
        except (ValueError, OverflowError) as error:
            self.fail(f"{error}. A moment is like 2026-03-02T09:00:00Z, or 2026-03-02", param, ctx)


class Duration(click.ParamType):
    """Milliseconds, given as `24h`, `30m`, `7d`, `90s`; at most 90 days."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Fails with an example of a time."""
        if isinstance(value, int):
            return value
        written = re.fullmatch(r"([0-9]{1,7})([smhd])", str(value))
        if written is None or int(written[1]) * _UNITS[written[2]] > _LONGEST:
            self.fail(f"{value}: a time is like 24h, 30m, 7d or 0h, and at most {_LONGEST // 86_400}d", param, ctx)
        return int(written[1]) * _UNITS[written[2]] * 1000


def instant(text: str, *, ends: bool = False) -> int:
    """The text of a `Moment` as milliseconds. Raises ValueError and OverflowError outside the years 1970 to 9999."""
    at = int(text) if text.isdecimal() and len(text) > len("20260302") else _from_iso(text, ends=ends)
    if not 0 <= at < LATEST:
        raise ValueError(f"{text}: only the years 1970 to 9999 will do")
    return at


def _from_iso(text: str, *, ends: bool) -> int:
    at = datetime.fromisoformat(text)
    if len(text) <= len("2026-03-02"):
        at = at.replace(tzinfo=UTC) + timedelta(days=int(ends))
    if at.tzinfo is None:
        raise ValueError(f"{text}: which zone? Write Z behind it for UTC")
    return round(at.timestamp() * 1000)


class Output(click.Path):
    """A file to be written, in a folder that exists. Checked before the work begins, not after it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False, writable=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Fails where there is no such folder, or it can't be written to."""
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
    """A line about progress, on standard error: standard output is for what was asked for."""
    put(line, err=True)

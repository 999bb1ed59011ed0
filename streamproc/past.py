"""What all commands about the past take: moments, and where the history is to be read."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

ARCHIVE = click.option(
    "--archive",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Read this first; written by `streamproc archive`.",
)
OFFLINE = click.option("--offline", is_flag=True, help="The archive alone, without Kafka.")
KAFKA = click.option("--kafka", metavar="HOST:PORT", help="Bootstrap servers; else STREAMPROC_KAFKA.")
JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")


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
    """See `Moment`. Raises ValueError and OverflowError."""
    if text.isdecimal() and len(text) > len("20260302"):
        return int(text)
    at = datetime.fromisoformat(text)
    if len(text) <= len("2026-03-02"):
        at = at.replace(tzinfo=UTC) + timedelta(days=int(ends))
    if at.tzinfo is None:
        raise ValueError(f"{text}: which zone? Write Z behind it for UTC")
    return round(at.timestamp() * 1000)


def told(at: int) -> str:
    """Milliseconds since 1970, as ISO 8601 in UTC."""
    exact = "milliseconds" if at % 1000 else "seconds"
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec=exact).replace("+00:00", "Z")


def say(line: str) -> None:
    """Of progress, beside what was asked for."""
    click.echo(line, err=True)

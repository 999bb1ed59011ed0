"""`streamproc doctor`: is everything set up as it has to be? It only reads."""

import asyncio
import sys
from collections.abc import Iterator, Sequence

import click
import orjson

from streamproc.audit.words import count
from streamproc.cli.options import JSON, KAFKA
from streamproc.cli.screen import put_json, put_lines
from streamproc.cli.table import table
from streamproc.compose.doctor import PROCESSES, diagnose, processes
from streamproc.doctor.line import Line, Severity
from streamproc.settings import load_settings


@click.command(epilog="Example: streamproc doctor --as sink --json")
@click.option(
    "--as",
    "chosen",
    multiple=True,
    type=click.Choice(PROCESSES),
    help="Only what this process needs, and may do as this user; else all that are configured.",
)
@KAFKA
@JSON
def doctor(chosen: tuple[str, ...], kafka: str | None, as_json: bool) -> None:
    """Look whether everything is set up as it has to be, and say what to do. It only reads. 1: there is an error."""
    settings = load_settings(kafka=kafka)
    lines = asyncio.run(diagnose(settings, chosen or processes(settings)))
    if as_json:
        counts = {"errors": _many(lines, "error"), "warnings": _many(lines, "warning")}
        put_json(counts | {"lines": lines}, orjson.OPT_INDENT_2)
    else:
        put_lines(_shown(lines))
    sys.exit(1 if _many(lines, "error") else 0)


def _shown(lines: Sequence[Line]) -> Iterator[str]:
    yield from table([(line.severity, line.part, line.about, _sentence(line)) for line in lines])
    errors, warnings = _many(lines, "error"), _many(lines, "warning")
    yield f"{count(errors, 'error')}, {count(warnings, 'warning')}, {_many(lines, 'ok')} ok"


def _sentence(line: Line) -> str:
    return f"{line.text}. To do: {line.do}" if line.do else line.text


def _many(lines: Sequence[Line], severity: Severity) -> int:
    return sum(line.severity == severity for line in lines)

"""`streamproc doctor`: is everything set up as it has to be? It only reads."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import orjson

from streamproc.audit.words import count
from streamproc.cli.mapping_check import read
from streamproc.cli.options import JSON, KAFKA
from streamproc.cli.screen import put_content, put_json, put_lines
from streamproc.cli.table import table
from streamproc.compose.doctor import PROCESSES, diagnose, needed
from streamproc.doctor import role
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
@click.option(
    "--mapping",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Instead of the mapping in force.",
)
@click.option(
    "--role",
    "form",
    is_flag=False,
    flag_value="api",
    type=click.Choice(["api", "terraform"]),
    help="Print the role that the mapping needs, and look at nothing else: for POST /api/v2/authorization/roles, or "
    "as a resource of Terraform.",
)
@KAFKA
@JSON
def doctor(chosen: tuple[str, ...], file: Path | None, form: str | None, kafka: str | None, as_json: bool) -> None:
    """Look whether everything is set up as it has to be, and say what to do. It only reads. 1: there is an error."""
    settings = load_settings(kafka=kafka)
    rules = None if file is None else read(file)[1]
    if form is not None:
        needs, digest = asyncio.run(needed(settings, rules))
        if form == "api":
            put_json(role.for_api(needs, digest), orjson.OPT_INDENT_2)
        else:
            put_content(role.for_terraform(needs, digest).encode())
        return
    lines = asyncio.run(diagnose(settings, chosen, rules))
    if as_json:
        counts = {"errors": many(lines, "error"), "warnings": many(lines, "warning")}
        put_json(counts | {"lines": lines}, orjson.OPT_INDENT_2)
    else:
        put_lines(shown(lines))
        errors, warnings = many(lines, "error"), many(lines, "warning")
        put_lines([f"{count(errors, 'error')}, {count(warnings, 'warning')}, {many(lines, 'ok')} ok"])
    sys.exit(1 if many(lines, "error") else 0)


def shown(lines: Sequence[Line]) -> Iterator[str]:
    """As a table."""
    return table([(line.severity, line.part, line.about, _sentence(line)) for line in lines])


def many(lines: Sequence[Line], severity: Severity) -> int:
    """How many there are of a kind."""
    return sum(line.severity == severity for line in lines)


def _sentence(line: Line) -> str:
    end = "" if line.text.endswith((".", "?")) else "."
    return f"{line.text}{end} To do: {line.do}" if line.do else line.text

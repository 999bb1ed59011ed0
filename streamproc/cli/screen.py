"""The only way to the screen: whatever is printed, a value of others within it does no harm (`core/shown.py`).

A line is one line: what others wrote can't begin another one, nor can it where a terminal would go on at its left edge.
JSON says exactly the same, with more of its escapes.
"""

import logging
import shutil
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final

import click

from streamproc.cli.table import LONGEST, WIDEST, wrapped
from streamproc.core.shown import shown, shown_json, shown_lines

NARROWEST: Final = 20
"""Columns of a terminal; in a narrower one nothing can be read anyway."""


def put(line: str = "", *, err: bool = False) -> None:
    """One line. `err`: on standard error."""
    if not (sys.stderr if err else sys.stdout).isatty():
        click.echo(shown(line, LONGEST), err=err)
        return
    columns = min(max(shutil.get_terminal_size((NARROWEST * 4, 24)).columns, NARROWEST), WIDEST)
    for piece in wrapped(line, total=columns):
        click.echo(piece, err=err)


def put_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Lines, one after the other."""
    for line in lines:
        put(line, err=err)


def put_json(value: Any, option: int = 0) -> None:
    """A value as JSON on one line, or as `option` of orjson says."""
    click.echo(shown_json(value, option))


def put_content(content: bytes) -> None:
    """A whole document, which was made harmless when it was made."""
    click.echo(content, nl=False)


def complain(what: object, *, lines: bool = False) -> None:
    """Say on standard error what went wrong. `lines`: it quotes lines of a log, which stand deeper."""
    text = f"streamproc: {what}"
    put_lines(shown_lines(text) if lines else [text], err=True)


@contextmanager
def harmless_errors() -> Iterator[None]:
    """Click quotes arguments and names of files in its errors, which it shows itself."""
    try:
        yield
    except click.ClickException as error:
        error.message = "\n".join(shown_lines(error.message))
        if isinstance(error, click.FileError):
            error.ui_filename = shown(error.ui_filename)
        raise


def install() -> None:
    """Have Python itself print harmlessly: tracebacks, and log lines where no log is set up."""
    sys.excepthook = _traceback
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_LogLines())


def _traceback(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
    for piece in traceback.format_exception(error):
        for line in shown_lines(piece.rstrip("\n")):
            click.echo(line, err=True)


class _LogLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(shown_lines(super().format(record)))

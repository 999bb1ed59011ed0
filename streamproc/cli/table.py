"""Tables and long lines in a terminal: nothing wider than the terminal, and no narrower than 80 columns."""

import shutil
import textwrap
from collections.abc import Collection, Iterator, Sequence
from itertools import zip_longest
from typing import Final

NARROWEST: Final = 80
WIDEST: Final = 200
LARGEST_CELL: Final = 44
"""Columns that a cell may take before it wraps; the last one of a row takes what is left."""
GAP: Final = "  "


def width() -> int:
    """Columns to fill: the terminal's, or COLUMNS; 100 where the output goes to a file."""
    return min(max(shutil.get_terminal_size((100, 24)).columns, NARROWEST), WIDEST)


def table(rows: Sequence[Sequence[str]], *, numbers: Collection[int] = (), total: int | None = None) -> Iterator[str]:
    """Lines of a table whose columns fit their content; what is too long wraps inside its column.

    `numbers`: columns that are flush right. `total`: width of the table; the terminal's where it isn't given.
    """
    if not rows:
        return
    total = width() if total is None else total
    *front, last = ([len(cell) for cell in column] for column in zip(*rows, strict=True))
    columns = [min(max(lengths), LARGEST_CELL) or 1 for lengths in front]
    while sum(columns) + len(GAP) * len(columns) > total - NARROWEST // 4:
        columns[columns.index(max(columns))] -= 1
    columns.append(min(max(last), total - sum(columns) - len(GAP) * len(columns)) or 1)
    for row in rows:
        cells = [textwrap.wrap(cell, columns[at], break_on_hyphens=False) for at, cell in enumerate(row)]
        for pieces in zip_longest(*cells, fillvalue=""):
            line = [
                piece.rjust(columns[at]) if at in numbers else piece.ljust(columns[at])
                for at, piece in enumerate(pieces)
            ]
            yield GAP.join(line).rstrip()


def wrapped(line: str, *, total: int | None = None) -> Iterator[str]:
    """A line of prose, or several: the rest of a long one stands four columns deeper than its beginning."""
    indent = line[: len(line) - len(line.lstrip())]
    limit = width() if total is None else total
    if len(line) <= limit:
        yield line
        return
    yield from textwrap.wrap(
        line,
        limit,
        subsequent_indent=indent + "    ",
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
    )

"""Tables and long lines in a terminal: nothing wider than the terminal, and no narrower than 80 columns.

What others wrote stays in its cell, or deeper than the beginning of its line, however wide its characters are: a
terminal would go on at the left edge, where it would look like a line of ours.
"""

import shutil
import textwrap
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from itertools import zip_longest
from typing import Final

from streamproc.core.shown import shown

NARROWEST: Final = 80
WIDEST: Final = 200
LARGEST_CELL: Final = 44
"""Columns that a cell may take before it wraps; the last one of a row takes what is left."""
GAP: Final = "  "
LONGEST: Final = 4000
"""Characters of a cell or line that are shown; `--json` has all of them."""
_SECOND: Final = "\ue000"
"""The second column of a character that takes two (Unicode Standard Annex 11). What is shown has no such character."""


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
    rows = [[_measured(cell) for cell in row] for row in rows]
    *front, last = ([len(cell) for cell in column] for column in zip(*rows, strict=True))
    columns = [min(max(lengths), LARGEST_CELL) or 1 for lengths in front]
    while sum(columns) + len(GAP) * len(columns) > total - NARROWEST // 4:
        columns[columns.index(max(columns))] -= 1
    columns.append(min(max(last), total - sum(columns) - len(GAP) * len(columns)) or 1)
    for row in rows:
        cells = [
            textwrap.wrap(
                cell,
                max(1, columns[at] - (_SECOND in cell)),
                subsequent_indent="" if at or columns[at] <= len(GAP) else GAP,  # a cell is no row
                break_on_hyphens=False,
            )
            for at, cell in enumerate(row)
        ]
        for pieces in zip_longest(*cells, fillvalue=""):
            line = [
                piece.rjust(columns[at]) if at in numbers else piece.ljust(columns[at])
                for at, piece in enumerate(pieces)
            ]
            yield GAP.join(line).rstrip().replace(_SECOND, "")


def wrapped(line: str, *, total: int | None = None) -> Iterator[str]:
    """A line of prose, or several: the rest of a long one stands four columns deeper than its beginning."""
    indent = line[: len(line) - len(line.lstrip())]
    limit = width() if total is None else total
    measured = _measured(line)
    if len(measured) <= limit:
        yield measured.replace(_SECOND, "")
        return
    for piece in textwrap.wrap(
        measured,
        limit - (_SECOND in measured),
        subsequent_indent=indent + "    ",
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
    ):
        yield piece.replace(_SECOND, "")


def _measured(text: str) -> str:
    """Harmless, and as long as it is wide; a mark upon a character counts too, which leaves room to spare."""
    harmless = shown(text, LONGEST)
    if harmless.isascii():
        return harmless
    return "".join(
        character + _SECOND if unicodedata.east_asian_width(character) in {"W", "F"} else character
        for character in harmless
    )

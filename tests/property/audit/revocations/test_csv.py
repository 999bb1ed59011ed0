"""The report as CSV: whatever a user is called, no spreadsheet computes it, whichever separator it takes."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from streamproc.audit.revocations.report.plain import as_csv
from tests.support.leaver_reports import left, told
from tests.support.leavers import Log

PIECES = *"=+-@＝;,|\t \"'x", "\r\n", "1+1", "cmd|' /C calc'!A0", "\x1b[2J", "\u202e"
NAMES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("".join).filter(str.strip)


@given(NAMES)
def test_no_cell_is_a_formula(name: str) -> None:
    """Neither for a program that parts cells as we do, nor for one that parts them elsewhere and ignores quotes."""
    log = Log()
    left(log, name)
    text = as_csv(told(log))
    (row,) = list(csv.DictReader(io.StringIO(text, newline="")))
    assert row["state"] == "open"
    cells = [*row.values(), *(cell for mark in ",;|\t" for line in text.splitlines() for cell in line.split(mark))]
    assert not [cell for cell in cells if cell.lstrip(' "').startswith(tuple("=+-@＝"))]
    assert "\t" not in text
    assert text.replace("\r\n", "").isprintable()

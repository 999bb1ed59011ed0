"""Identifiers: one spelling for one person, and none for what stands for nobody."""

from typing import Any

import pytest

from streamproc.sources.values.identifiers import identifier, known_identifier
from streamproc.sources.values.unread import UNREAD


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (12417, "12417"), (12417.0, "12417"), ("12417.0", "12417"), ("12417.00", "12417"), ("0012417.0", "0012417"),
        (" 12417\t", "12417"), ("\ufeff12417", "12417"), ("12417\u200b", "12417"), ("\u202a12417\u202c", "12417"),
        ("12\u00ad417", "12417"), ("１２４１７", "12417"), ("١٢٤١٧", "12417"), ("00123", "00123"), ("12.417", "12.417"),
        (3332883854254932743, "3332883854254932743"), ("E-1001", "E-1001"), ("00u1abcd", "00u1abcd"),
        ("d'arcy.o'neil+cc@example.com", "d'arcy.o'neil+cc@example.com"), ("王伟", "王伟"), ("x1", "x1"), ("1E5",
        "1E5"),
        ("nullman@example.com", "nullman@example.com"), ("Jose\u0301", "José"), ("unknown.person", "unknown.person"),
    ],
)  # fmt: skip
def test_one_person_has_one_spelling(written: Any, meant: str) -> None:
    """As a number, a whole float, a text, with blanks and marks around it: zeros in front and all other signs stay."""
    assert identifier(written) == known_identifier(written) == meant


@pytest.mark.parametrize("nothing", [None, "", "  ", "\u00a0", "\ufeff"])
def test_nothing_is_no_identifier(nothing: Any) -> None:
    """Blank, or marks that nobody sees: there is none, and nothing has to be told."""
    assert identifier(nothing) is None


@pytest.mark.parametrize(
    "written",
    [
        "N/A", "n/a", "#N/A", "NULL", "null", "(null)", "<null>", "None", "nil", "NaN", "undefined", "TBD",
        "T.B.D.", "tba",
        "-", "--", "---", "?", ".", "_", "0", "00000", "0.0", "Unknown", "not available", "Not Assigned", "unassigned",
        "default", "pending", "xxx", "XXXXX", "#REF!", "#DIV/0!", "#NAME?", "true", "False", "-1",
        "1.2417E+04", "12,417",
        "12 417", "1'234'567", 0, -1, 0.0, 12417.5, 9007199254740993.0, 1e300, float("nan"), float("inf"), True, False,
        "12\x00417", "12417\x00", "\x1b[2J12417", "12\x9b417", "\u202e71421", "12\u2067417", "12417\x7f",
        "王\u200d伟", "e\ufe0f12417", "\U000e012012417", "12417\ufffd", "\ud80012417",
        {}, [], ["12417"], {"value": "MIE=", "scale": 0}, "x" * 257, 10**30,
    ],
)  # fmt: skip
def test_what_stands_for_nobody_names_nobody(written: Any) -> None:
    """Placeholders, structures, truth values and numbers that aren't whole, exact and above 0: nobody shares these."""
    assert identifier(written) is UNREAD
    assert known_identifier(written) is None

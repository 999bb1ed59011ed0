"""Statuses: what is configured, what everybody writes, and nothing else."""

from typing import Any

import pytest

from streamproc.sources.values.statuses import LEFT, is_pending, status, truth
from streamproc.sources.values.unread import UNREAD

ACTIVE = ("Active", "On Leave", "Leave of Absence")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *((word, True) for word in ("Active", "ACTIVE ", "\u00a0active", "Active\u200b", "on_leave",
        "On-Leave", "ＡＣＴＩＶＥ")),
        *((word, True) for word in ("Active - Pending Termination", "Active – On Leave", "Active (Paid Leave)",
        "Active, FT")),
        *((flag, True) for flag in (True, 1, 1.0, "1", "１", "t", "TRUE ", "Yes", "y")),
        *((word, False) for word in LEFT),
        *((word, False) for word in ("TERMINATED", "Terminated - Involuntary", "Retired (2024)",
        "terminated: voluntary")),
        *((word, False) for word in ("Terminated - No Rehire", "Terminated - Eligible for Rehire",
        "Left/Not Rehire Eligible")),
        *((flag, False) for flag in (False, 0, 0.0, "0", "f", "false", "NO", "n")),
        *((nothing, None) for nothing in (None, "", " \t", "\u200b")),
        *((word, UNREAD) for word in ("Full-time", "Part-Time", "A", "T.", "Actve", "Aktiv",
        "No longer active", "Non-Active")),
        *((word, UNREAD) for word in ("Active - Terminated", "Active / Suspended", "Active until 2026-12-01",
        "Active?")),
        *((word, UNREAD) for word in ("Terminated - Rehired", "Terminated (Rescinded)", "Inactive - Reinstated")),
        *((word, UNREAD) for word in ("Pending Termination", "N/A", "null", "Y/N", "1,5", "1/2", "AQ==", "2026-11-15")),
        *((number, UNREAD) for number in (2, -1, 0.5, 10**40, float("nan"))),
        *((structure, UNREAD) for structure in ({}, [], ["Active"], {"value": True}, [True])),
    ],
)  # fmt: skip
def test_what_a_status_means(written: Any, meant: Any) -> None:
    """By the configured words, in any case; of an addition only what doesn't contradict; the rest isn't understood."""
    assert status(written, ACTIVE, LEFT) is meant


def test_what_is_configured_counts_before_anything_else() -> None:
    """Codes, numbers, and words that others would take for their contrary."""
    assert status("A", ("A", "L"), ("T",)) is True
    assert status("t", ("A", "L"), ("T",)) is False
    assert status(3, ("3",), ("4",)) is True
    assert status(0, ("0",), ("1",)) is True
    assert status("1", ("0",), ("1",)) is False
    assert status("Active - Pending Termination", ("Active",), ("Active - Pending Termination",)) is False
    assert status("Gärtner\u0308", ("GÄRTNER\u0308",), ()) is True


def test_truth_in_well_known_spellings() -> None:
    """Nothing else is true or false."""
    some: list[object] = [True, 1.0, "T", "no", "0", "", None, 2, {}, "perhaps"]
    assert [truth(each) for each in some] == [
        *(True, True, True, False, False), *(None,) * 5
    ]  # fmt: skip


def test_what_is_pending() -> None:
    """A whole word, wherever it stands."""
    assert is_pending("Termination PENDING")
    assert not any(map(is_pending, ("Spending", None, {}, "Active")))

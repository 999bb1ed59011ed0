"""Dates: what can only be one day, nothing where there is none, and everything else isn't understood."""

from datetime import date
from typing import Any

import pytest

from streamproc.sources.values.dates import both_days, calendar_day, is_format
from streamproc.sources.values.unread import UNREAD

THE_DAY = date(2026, 11, 15)


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-15", " 2026-11-15 ", "\u200e2026-11-15", "2026-11-15-08:00", "2026-11-15+02:00", "2026-11-15Z",
        "2026-11-15T00:00:00-08:00", "2026-11-15T23:59:59.999Z", "2026-11-15 00:00:00", "2026-11-15 00:00:00.0",
        "2026/11/15", "2026.11.15", "20261115", 20261115, "15/11/2026", "11/15/2026", "15.11.2026", "15-11-2026",
        "11/15/2026 12:00:00 AM", "15-Nov-2026", "15-NOV-2026", "15 November 2026", "Nov 15, 2026", "November 15 2026",
        "2026-Nov-15", "１５/１１/２０２６",
    ],
)  # fmt: skip
def test_what_can_only_be_one_day(written: Any) -> None:
    """ISO 8601, month names, and numbers of which one is too great for a month; a time or an offset changes no day."""
    assert calendar_day(written) == THE_DAY


@pytest.mark.parametrize(
    "written",
    [
        None, "", " ", 0, 0.0, "0", "00000000", "0000-00-00", "00/00/0000", "0000-00-00T00:00:00Z", "0001-01-01",
        "0001-01-01T00:00:00Z", "01/01/0001", "1753-01-01", "1899-12-30", "1900-01-01", "2999-12-31", "3000-01-01",
        "31-DEC-4712", "9999-12-31", "12/31/9999", "31/12/9999", "01/02/9999", "99991231", "31-Dec-9999",
    ],
)  # fmt: skip
def test_no_date(written: Any) -> None:
    """Blank, zeros, and the ends of the calendars that databases and HR systems write for no date."""
    assert calendar_day(written) is None


@pytest.mark.parametrize(
    "written",
    [
        "05/12/2026", "5.12.2026", "2026-02-30", "31/11/2026", "13/13/2026", "15/11/26", "0203-05-01",
        "2300-01-01", 45992,
        "45992", 1763164800000, "1763164800000", "459921", -1, 20261115.0, True, False, {}, [], ["2026-11-15"],
        "soon", "TBD",
        "N/A", "-", "null", "end of month", "15-dic-2026", "15. Dezember 2026", "2026-W46-7", "2026-320", "T",
        "Z", "::",
    ],
)  # fmt: skip
def test_everything_else_isnt_understood(written: Any) -> None:
    """Either part could be the month, no such day, numbers, epochs, structures, words, another language."""
    assert calendar_day(written) is UNREAD


def test_a_configured_format_says_which_is_the_month() -> None:
    """It comes first, and what it doesn't fit isn't guessed; what can only be one day is still read."""
    first, american = ("%d/%m/%Y",), ("%m/%d/%Y", "%d %b %y")
    assert calendar_day("05/12/2026", first) == date(2026, 12, 5)
    assert calendar_day("05/12/2026", american) == date(2026, 5, 12)
    assert calendar_day("15 Nov 26", american) == THE_DAY
    assert calendar_day("11/15/2026", first) is UNREAD
    assert calendar_day("2026-11-15", first) == THE_DAY
    assert calendar_day("31/12/9999", first) is None


def test_the_two_days_that_a_date_may_mean() -> None:
    """Month first; none where there is a format, or only one day."""
    assert both_days("05/12/2026") == (date(2026, 5, 12), date(2026, 12, 5))
    assert both_days("05/12/2026 00:00:00") == (date(2026, 5, 12), date(2026, 12, 5))
    assert [both_days(each) for each in ("15/11/2026", "05/05/2026", "05/12/0203", "", None, 5)] == [()] * 6
    assert both_days("05/12/2026", ("%d/%m/%Y",)) == ()


def test_a_format_gives_back_its_day() -> None:
    """One without a month, a day or a year says no date."""
    assert all(map(is_format, ("%d/%m/%Y", "%d.%m.%y", "%d-%b-%Y", "%Y%m%d")))
    assert not any(map(is_format, ("%d/%m", "%Y", "dd/mm/yyyy", "%H:%M", "", "%Q")))

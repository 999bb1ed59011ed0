"""Calendar dates as sources write them. Blank, zeros and dates at the ends of the calendar mean none.

Rule 1: configured formats come first; they say which of day and month is first where both could be.
Rule 2: without them 05/12/2026 isn't understood: it may be May or December.
Rule 3: a number isn't a date: a spreadsheet's day, seconds and milliseconds look alike.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from streamproc.sources.values.text import ascii_digits, plain
from streamproc.sources.values.unread import UNREAD, Unread

EPOCH: Final = date(1970, 1, 1)
EARLIEST: Final = 1920
LATEST: Final = 2200
"""Years between which somebody may have begun or ended."""
LONGEST: Final = 60
"""Characters of a date."""
NONE: Final = frozenset({
    (1753, 1, 1), (1800, 1, 1), (1899, 12, 30), (1899, 12, 31), (1900, 1, 1),
    (2999, 1, 1), (2999, 12, 31), (3000, 1, 1), (3000, 12, 31), (4712, 12, 31),
})  # fmt: skip
"""Ends of the calendars of databases and HR systems, which mean no date; the years 1 and 9999 mean it in any case."""

_ZEROS: Final = re.compile(r"(?=.*0)[0\s./:TZ+-]+")
_TIME: Final = re.compile(
    r"(?<=\d)(?:T|\s+)\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s*[AP]\.?M\.?)?(?:\s*(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?$",
    re.IGNORECASE,
)
_OFFSET: Final = re.compile(r"(?<=\d\d)(?:[+-]\d\d:\d\d|Z)$")
_DAY: Final = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})")
_PLAIN: Final = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d")
_COMPACT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)")
_NAMED: Final = ("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%Y %b %d", "%Y %B %d")


def calendar_day(value: Any, formats: tuple[str, ...] = ()) -> date | Unread | None:
    """The day that is written, without its time and offset (`1990-05-01-07:00`). `formats`: strptime's.

    None: there is none. UNREAD: it is something else.
    """
    if value is None or (value == 0 and not isinstance(value, bool)):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return UNREAD
    written = str(value)
    if len(written) > LONGEST or (isinstance(value, int) and len(written) != 8):
        return UNREAD
    return _day(written, formats)


@lru_cache(maxsize=4096)
def _day(value: str, formats: tuple[str, ...]) -> date | Unread | None:
    written = ascii_digits(plain(value))
    if written == "" or _ZEROS.fullmatch(written):
        return None
    for day in _readings(_bare(written), formats):
        if day.year in (1, 9999) or (day.year, day.month, day.day) in NONE:
            return None
        return day if EARLIEST <= day.year < LATEST else UNREAD
    return UNREAD


def last_day(value: Any, formats: tuple[str, ...] = ()) -> date | Unread | None:
    """The same, of the last day of somebody who is still listed: the first of 1970 is a zero rather than that."""
    day = calendar_day(value, formats)
    return UNREAD if day == EPOCH else day


def both_days(value: Any, formats: tuple[str, ...] = ()) -> tuple[date, ...]:
    """The two days that a date may mean of which either part could be the month, month first; empty: it is none."""
    if formats or not isinstance(value, str) or calendar_day(value) is not UNREAD:
        return ()
    match = _DAY.fullmatch(_bare(ascii_digits(plain(value[:LONGEST]))))
    if match is None:
        return ()
    first, _, second, year = match.groups()
    days = tuple(_parsed(f"{first} {second} {year}", ("%m %d %Y", "%d %m %Y")))
    return days if all(EARLIEST <= day.year < LATEST for day in days) else ()


def is_format(format_: str) -> bool:
    """Whether it gives back the day that it wrote."""
    some = datetime(2003, 4, 25)  # noqa: DTZ001 - a day has no zone
    try:
        return datetime.strptime(some.strftime(format_), format_) == some  # noqa: DTZ007
    except ValueError:
        return False


def _bare(written: str) -> str:
    """Without a time and an offset."""
    return _OFFSET.sub("", _TIME.sub("", written))


def _readings(word: str, formats: tuple[str, ...]) -> Iterator[date]:
    named = re.sub(r"[\s,.\-/]+", " ", re.sub(r"(?i)\bsept\b", "Sep", word)).strip()
    yield from _parsed(word, formats)
    yield from _parsed(word if (compact := _COMPACT.fullmatch(word)) is None else "-".join(compact.groups()), _PLAIN)
    yield from _parsed(named, _NAMED)
    match = _DAY.fullmatch(word)
    if match is None:
        return
    first, second, year = int(match[1]), int(match[3]), match[4]
    if year in ("0001", "9999"):
        yield from _parsed(f"{year}-01-01", _PLAIN)
    elif not formats and (first == second or max(first, second) > 12):
        month, day = sorted((first, second))
        yield from _parsed(f"{year}-{month:02}-{day:02}", _PLAIN)


def _parsed(word: str, formats: tuple[str, ...]) -> Iterator[date]:
    for format_ in formats:
        try:
            yield datetime.strptime(word, format_).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue

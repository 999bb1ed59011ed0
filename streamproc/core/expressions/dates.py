"""Dates as texts: from how a source writes them to YYYY-MM-DD."""

import re
from collections.abc import Callable
from datetime import date
from typing import Final

from streamproc.core.expressions.problems import OddError

_PARTS: Final = {
    "YYYY": r"(?P<year>[0-9]{4})",
    "MMM": r"(?P<named>[A-Za-z]{3})",
    "MM": r"(?P<month>[0-9]{2})",
    "M": r"(?P<month>[0-9]{1,2})",
    "DD": r"(?P<day>[0-9]{2})",
    "D": r"(?P<day>[0-9]{1,2})",
}
_PART: Final = re.compile(r"YYYY|MMM|MM|M|DD|D|([A-Za-z]+)|([^A-Za-z]+)")
_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec"
_ISO: Final = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})(?:[T ][0-9:.,]+ ?(?:Z|[+-][0-9:]+)?)?"
)


def date_reader(form: str | None = None) -> Callable[[str], str]:
    """A function from a text to YYYY-MM-DD, which raises OddError for what isn't a date of that form.

    `form`: of YYYY, MM or M, MMM (Jan), DD or D and what stands between them; None: YYYY-MM-DD, and what else ISO 8601
    puts behind it, which is left out. Raises OddError for a form that isn't one.
    """
    pattern = _ISO if form is None else _pattern(form)
    numbered = "month" in pattern.groupindex

    def read(text: str) -> str:
        match = pattern.fullmatch(text.strip(" "))
        if match is None:
            raise OddError(f"expected a date as {form or 'YYYY-MM-DD'}")
        month = int(match["month"]) if numbered else _month(match["named"])
        try:
            return date(int(match["year"]), month, int(match["day"])).isoformat()
        except ValueError:
            raise OddError("there is no such date") from None

    return read


def _month(name: str) -> int:
    names = _MONTHS.split()
    return names.index(name.lower()) + 1 if name.lower() in names else 0


def _pattern(form: str) -> re.Pattern[str]:
    made, parts = "", []
    for match in _PART.finditer(form):
        if match[1]:
            parts.append("?")
        elif match[2]:
            made += re.escape(match[2])
        else:
            made += _PARTS[match[0]]
            parts.append(match[0][0])
    if sorted(parts) != ["D", "M", "Y"]:
        raise OddError("the form of a date has YYYY, MM or M or MMM, and DD or D, each once")
    return re.compile(made)

"""Telephone numbers as E.164 has them, by Google's metadata (`phonenumbers`).

Rule 1: nothing is a number that may be another one: letters, two numbers in one text, a local number without its area
code, more digits than E.164 has. Of the library only the plan's form is used (parsing, possible lengths), not which
numbers are assigned: that changes with each of its releases.
Rule 2: what comes out comes out again as it is.
"""

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberFormat, ValidationResult

from streamproc.sources.values.text import ascii_digits, plain

REGIONS: Final = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""ISO 3166-1 alpha-2, of all that have a numbering plan."""
REMEMBERED: Final = 20_000
"""Numbers, since a directory tells the same ones again and again."""
LONGEST: Final = 64
"""Characters of a number, as it is written."""
MOST: Final = 15
"""Digits of a number with its country's code (E.164, 6.2)."""
LEAST: Final = 6
"""Digits of a number without its country's code. Fewer are an extension, in all plans but those of small islands."""

_WRITTEN: Final = re.compile(
    r"(?:tel:\s*)?(?P<number>\(?\+?[\s(]*\d[\d\s().\-/]*?)"
    r"(?:[\s,]*(?:;\s*ext=|(?:extension|extn?|anexo|int|доб|x|#)[\s.:=]*)(?P<extension>\d{1,7}))?[\s#]*",
    re.IGNORECASE,
)
_AREA: Final = 7
"""Digits before a slash at most: it parts an area code from what follows. After more it parts two numbers."""
_AT_HOME: Final = re.compile(r"\(\s*0\s*\)")
_DASHES: Final = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\u2043"), "-")


@lru_cache(maxsize=REMEMBERED)
def e164(written: str, region: str | None) -> str | None:
    """`+13175550100`, or `+13175550100;ext=42`. None: it can't be told which number it is.

    `region`: ISO 3166-1 alpha-2, whose plan a number without its country's code is of.
    """
    if len(written) > LONGEST:
        return None
    match = _WRITTEN.fullmatch(ascii_digits(plain(written)).translate(_DASHES))
    if match is None:
        return None
    number, abroad = match["number"], "+" in match["number"]
    area, *parts = number.split("/")
    if len(parts) > 1 or (parts and _digits(area) > _AREA) or not (abroad or _digits(number) >= LEAST):
        return None
    # In a number for abroad `(0)` is for those at home, unless it belongs to the number, as in Italy.
    forms = {number, _AT_HOME.sub("", number)} if abroad else {number}
    made = {_made(each, None if abroad else region) for each in forms}
    one = made.pop() if len(made) == 1 else None
    return one if one is None or match["extension"] is None else f"{one};ext={match['extension']}"


def _made(number: str, region: str | None) -> str | None:
    try:
        read = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    # Not `is_possible_number`: a number without its area code is enough for that.
    if not read.national_number or phonenumbers.is_possible_number_with_reason(read) != ValidationResult.IS_POSSIBLE:
        return None
    made = phonenumbers.format_number(read, PhoneNumberFormat.E164)
    return made if _digits(made) <= MOST else None


def _digits(text: str) -> int:
    return sum(map(str.isdecimal, text))

"""Spelling: whether a target shows a value that was written, only in a way of its own.

Servers fold the case of a user name, trim and compose text (NFC), write a telephone number as people do, a number
as text, or a date without its time. That is no other value, and writing it again would change nothing.

What is longer than a name or a number ever is, is compared as it is: composing text takes time by the square of its
length where it is made for that, and so does looking for an extension.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")
_EXTENSION: Final = re.compile(r"(?:[;,\s]*(?:ext(?:ension)?|x)[.=:\s]*)(?=\d)", re.IGNORECASE)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
LONGEST: Final = 1000
"""Characters of a text that are folded."""
LONGEST_NUMBER: Final = 100
"""Characters of what may be a telephone number."""
_NUMBER: Final = 7
"""Digits from which on a number is told from its end: the country may be left out."""


def fold(text: str) -> str:
    """What two spellings of one text have in common."""
    if len(text) > LONGEST:
        return text
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", text)).split()).casefold()


def bare(name: str) -> str:
    """What names have in common that differ only by case, spaces, punctuation or marks: their letters and digits."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", name[:LONGEST].casefold())))


def meant(name: str, names: Iterable[str]) -> str | None:
    """Which of a target's names is probably meant by one that isn't among them, and differs from it by no more."""
    letters = bare(name)
    alike_ = sorted(each for each in names if letters and each != name and bare(each) == letters)
    return min(alike_, key=lambda each: fold(each) != fold(name), default=None)


def alike(written: Any, shown: Any) -> bool:
    """Whether `shown` is `written` in another spelling. Of lists and levels: each element."""
    if isinstance(written, list) and isinstance(shown, list):
        return sorted(map(fold, map(str, written))) == sorted(map(fold, map(str, shown)))
    if isinstance(written, dict) and isinstance(shown, dict):
        return {fold(name): value for name, value in written.items()} == {
            fold(name): value for name, value in shown.items()
        }
    if isinstance(written, str) and isinstance(shown, str):
        return fold(written) == fold(shown) or _same_number(written, shown) or _same_day(written, shown)
    return False


def _same_day(written: str, shown: str) -> bool:
    """Of dates: a target may show the day alone of what was written with a time (ISO 8601)."""
    return _DAY.fullmatch(shown) is not None and written.startswith(f"{shown}T")


def _same_number(written: str, shown: str) -> bool:
    """Of telephone numbers: the same digits, with or without the country and the zeros before it."""
    if len(written) > LONGEST_NUMBER or len(shown) > LONGEST_NUMBER:
        return False
    if not written.lstrip("tel: ").startswith("+") or any(letter.isalpha() for letter in _dialled(shown)):
        return False
    ours, theirs = (_EXTENSION.split(_dialled(each)) for each in (written, shown))
    if [_digits(each) for each in ours[1:]] != [_digits(each) for each in theirs[1:]]:
        return False
    whole, short = _digits(ours[0]), _digits(theirs[0]).lstrip("0")
    return len(short) >= _NUMBER and whole.endswith(short)


def _dialled(number: str) -> str:
    return _EXTENSION.sub(";", number.strip().removeprefix("tel:"))


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))

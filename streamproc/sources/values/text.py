"""Text that looks the same is the same: NFC, single blanks, no marks that nobody sees.

Unicode Standard Annex 15 (normalization), Unicode Technical Report 36 (marks that mislead).
"""

import re
import unicodedata
from typing import Any, Final

_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Soft hyphen, marks of direction, zero width, byte order mark, fillers, tags."""
_JOINERS: Final = re.compile("(?<![^\\x00-\\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\\x00-\\x7f])")
"""Joiners that join nothing. Between characters beyond ASCII they change what is seen: emoji, Persian, Hindi."""
_BLANKS: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2800]+")
_DIGITS: Final = re.compile(r"(?![0-9])\d")
_WIDE: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""Full-width forms of ASCII."""


def plain(value: str, *, lines: bool = False) -> str:
    """The text as it is seen. `lines`: line ends stay, since they part the names of a list."""
    if value.isascii() and value.isprintable() and "  " not in value:
        return value.strip()
    spaced = _BLANKS.sub(_blank if lines else " ", _INVISIBLE.sub("", value))
    return unicodedata.normalize("NFC", _JOINERS.sub("", spaced)).strip()


def _blank(run: re.Match[str]) -> str:
    return "\n" if "\n" in run[0] or "\r" in run[0] else " "


def ascii_digits(value: str) -> str:
    """With digits of any script, and full-width letters, as ASCII: spreadsheets write what keyboards give them."""
    if value.isascii():
        return value
    return _DIGITS.sub(lambda digit: str(unicodedata.decimal(digit[0])), value.translate(_WIDE))


def number(value: Any) -> str | None:
    """A number as text, a whole one without a point. None: it isn't a number, or not an exact one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < 10**30 else None  # beyond that no number is a person's, or a status
    if not abs(value) < 2**53:  # nor is NaN
        return None
    return str(int(value)) if value.is_integer() else str(value)

"""Text and numbers as sources write them. What text looks like is `core/text.py`."""

import re
import unicodedata
from typing import Any, Final

from streamproc.core.text import plain

__all__ = ["ascii_digits", "number", "plain"]

_DIGITS: Final = re.compile(r"(?![0-9])\d")
_WIDE: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""Full-width forms of ASCII."""


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

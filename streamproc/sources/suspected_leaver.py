"""Whether an input that nobody could read may have said that somebody has left.

It is asked only of what is rejected, so it errs on the side of yes: whoever is told too often looks once more, and
whoever isn't told leaves somebody in. It looks at bytes, for what is rejected is often no JSON at all.
"""

import re
from typing import Final

LARGEST: Final = 8 * 1024 * 1024
"""Bytes that are looked at; of what has more, yes."""

_NOT_ACTIVE: Final = re.compile(
    rb"\b(?:is_?|account_?)?(?:active|enabled)\\?[\"']?\s{0,9}[:=>]{1,2}\s{0,9}\\?[\"']?(?:false|0\b|no?\b|f\b)",
    re.IGNORECASE,
)
_WORDS: Final = re.compile(
    rb"terminat|deactivat|suspend|disabl|deprovision|offboard|inactiv|delet|purged|leaver|locked|revoked|rescind",
    re.IGNORECASE,
)
_EMPTY: Final = re.compile(
    rb"[\w .-]{0,80}\\?[\"']\s{0,9}:\s{0,9}(?:null|false|0|none|\\?\"\\?\"|\[\]|\{\})", re.IGNORECASE
)
"""What follows where a word is part of the name of a field in which there is nothing."""
MOST: Final = 1_000
"""Fields of such a name; of what has more, yes."""
_DELETED_ROW: Final = re.compile(rb"\"op\"\s{0,9}:\s{0,9}\"[dt]\"")


def may_deny(value: bytes | None) -> bool:
    """Whether it looks like a word about a leaver. A record without a value may be a deleted row."""
    if value is None or len(value) > LARGEST:
        return True
    if b"\x00" in value[:64]:  # UTF-16 and its kin
        value = value.replace(b"\x00", b"")
    if _NOT_ACTIVE.search(value) is not None or _DELETED_ROW.search(value) is not None:
        return True
    for named, word in enumerate(_WORDS.finditer(value), 1):
        if named > MOST or _EMPTY.match(value, word.end()) is None:
            return True
    return False

"""Text that looks the same is the same: NFC, single blanks, no marks that nobody sees.

Unicode Standard Annex 15 (normalization), Unicode Technical Report 36 (marks that mislead).
"""

import re
import unicodedata
from typing import Final

_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Soft hyphen, marks of direction, zero width, byte order mark, fillers, tags."""
_JOINERS: Final = re.compile("(?<![^\\x00-\\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\\x00-\\x7f])")
"""Joiners that join nothing. Between characters beyond ASCII they change what is seen: emoji, Persian, Hindi."""
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Controls, separators, halves of characters, and all of the above with joiners, variants and what is no character."""
_BLANKS: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2800]+")


def plain(value: str, *, lines: bool = False) -> str:
    """The text as it is seen. `lines`: line ends stay, since they part the names of a list."""
    if value.isascii() and value.isprintable() and "  " not in value:
        return value.strip()
    spaced = _BLANKS.sub(_blank if lines else " ", _INVISIBLE.sub("", value))
    return unicodedata.normalize("NFC", _JOINERS.sub("", spaced)).strip()


def unseen(name: str) -> str | None:
    """The first character of an id that isn't seen, or changes how others are, by its number: `U+202E`. None: none is.

    Two ids that look alike must be one, and one that is shown must be the one that is meant.
    """
    found = None if name.isascii() and name.isprintable() else _UNSEEN.search(name)
    return None if found is None else f"U+{ord(found[0]):04X}"


def _blank(run: re.Match[str]) -> str:
    return "\n" if _LINE_END.search(run[0]) else " "


_LINE_END: Final = re.compile("[\n\r\v\f\x1e\x85\u2028\u2029]")

"""Statuses: whether somebody is active, by the words that are configured. Nothing else of a status is guessed.

Rule 1: what is configured counts, in any case, with any blanks; then true, false, 1 and 0 in well-known spellings.
Rule 2: of a status with an addition (`Active - Pending Termination`) the first part counts, if the rest doesn't say
the contrary.
Rule 3: any other word, number or structure isn't understood.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from streamproc.sources.values.text import number, plain
from streamproc.sources.values.unread import UNREAD, Unread

LONGEST: Final = 200
"""Characters of a status."""
TRUE: Final = frozenset({"true", "t", "1", "1.0", "y", "yes"})
FALSE: Final = frozenset({"false", "f", "0", "0.0", "n", "no"})

LEFT: Final = (
    "Inactive", "Not Active", "Terminated", "Termination", "Retired", "Deceased", "Resigned", "Dismissed", "Separated",
    "Left", "Leaver", "Former", "Former Employee", "Ex-Employee", "Discharged", "Deactivated", "Disabled", "Deleted",
    "Archived", "Ended", "Expired", "Suspended", "Deprovisioned",
)  # fmt: skip
"""Words that say in any system of HR that somebody has left, or may not work."""

_ADDITION: Final = re.compile(r"\s*[-–—−(/,:;|]\s*|\s(?=pending\b)")
_PENDING: Final = re.compile(r"\bpending\b")
_LEAVES: Final = re.compile(
    r"\b(no|not|non|never|former(ly)?|ex|inactive|terminat\w*|termed|retire\w*|resign\w*|deceased|dismiss\w*|suspen\w*|"
    r"separat\w*|left|leav(er|ing)|end(ed|ing|s)?|expire\w*|until|deactivat\w*|disabled?|delet\w*|deprovision\w*|"
    r"discharg\w*|archiv\w*|false)\b|\bterm(?=\W*(date|eff\w*|on)?\W*\d)"
)
_RETURNS: Final = re.compile(
    r"\b(re.?hire\w*|reinstat\w*|reactivat\w*|rescin\w*|rescission|revers\w*|revok\w*|cancel\w*|void\w*|pending|not|no|"
    r"never|error|active|return\w*|true|yes)\b"
)
_ELIGIBLE: Final = re.compile(
    r"((not|in)?.?eligible( for)? re.?hire|re.?hire:?( not| in)?.?eligible|(no|do not|not?|would( not)?) re.?hire)"
)
"""Whether somebody who has left could come back one day: no return."""


def truth(value: Any) -> bool | None:
    """True or false in well-known spellings; None: neither."""
    if isinstance(value, bool):
        return value
    word = spelled(value)
    return True if word in TRUE else False if word in FALSE else None


def status(value: Any, active: Iterable[str], inactive: Iterable[str]) -> bool | Unread | None:
    """Whether it means active, by the configured words. None: nothing is said. UNREAD: it isn't understood."""
    if value is None or isinstance(value, bool):
        return value
    written = value if isinstance(value, str) else number(value)
    if written is None or len(written) > LONGEST:
        return UNREAD
    return _status(written, tuple(active), tuple(inactive))


@lru_cache(maxsize=4096)
def _status(written: str, active: tuple[str, ...], inactive: tuple[str, ...]) -> bool | Unread | None:
    word, on, off = spelled(written), words(active), words(inactive)
    if not word:
        return None
    if (known := _known(word, on, off)) is not None:
        return known
    if word in TRUE | FALSE:
        return word in TRUE
    head, rest = _parted(word)
    known = _known(head, on, off)
    contradicts = (
        _LEAVES.search(rest) and not _PENDING.search(rest) if known else _RETURNS.search(_ELIGIBLE.sub("", rest))
    )
    return UNREAD if known is None or contradicts else known


def is_pending(value: Any) -> bool:
    """Whether a status speaks of an end that is still to come; a pending hire is none."""
    word = spelled(value) or ""
    return _PENDING.search(word) is not None and _LEAVES.search(word) is not None


@lru_cache(maxsize=256)
def words(configured: tuple[str, ...]) -> frozenset[str]:
    """Those of them that have a spelling."""
    return frozenset(word for word in map(spelled, configured) if word)


def _known(word: str, on: frozenset[str], off: frozenset[str]) -> bool | None:
    for spelling in (word, word.replace("-", " ")):
        if spelling in on:
            return True
        if spelling in off:
            return False
    return None


def _parted(word: str) -> tuple[str, str]:
    """The first part, and the rest."""
    addition = _ADDITION.search(word)
    return (word, "") if addition is None else (word[: addition.start()], word[addition.end() :])


def spelled(value: Any) -> str | None:
    """In the spelling in which statuses are compared. None: it is neither text nor an exact number."""
    written = value if isinstance(value, str) else number(value)
    if written is None:
        return None
    return " ".join(unicodedata.normalize("NFKC", plain(written)).replace("_", " ").casefold().split())

"""Names, levels and texts in facts, as far as they can be read. What can't be read is never taken for none."""

import math
import re
from typing import Any, Final, TypeAlias

import orjson

from streamproc.core.records.change_event import Fact
from streamproc.core.text import plain

Named: TypeAlias = list[tuple[str, float | None]]
"""Names with their levels; None: no level is said."""

_SEPARATOR: Final = re.compile("[,;\n\t\uff0c\uff1b\u3001]")
"""Between the names of a text; the last three are what Chinese and Japanese keyboards write."""
_LINE_END: Final = re.compile("[\r\v\f\x1e\x85\u2028\u2029]")
_BETWEEN: Final = re.compile("[;\n\uff1b]")
"""Between names that stand in one element of a list: a name in a list may hold a comma."""
_ENTITY: Final = re.compile(r"&(#\d+|#x[0-9a-f]+|[a-z][a-z0-9]*);", re.IGNORECASE)
"""An entity of HTML, whose semicolon parts nothing: `R&amp;D`."""
_LEVEL: Final = re.compile(r"[:\uff1a]\s*\d")
_DIGITS: Final = re.compile(r"\d+")
_STRANGE: Final = re.compile(r"[|\u00a6\u2022]|=\s*\d+(\.\d+)?$|^[-*\u2013\u2014]\s|</?\w")
"""What may part names, or a name from its level, in a way of which we don't know: bars, bullets, tags, `Spanish=4`."""
_WORDLESS: Final = frozenset({"n/a", "#n/a", "null", "none", "nan", "undefined", "tbd", "[object object]"})
"""What stands where a name should."""
_EXACT: Final = 2**53
"""From here on a float isn't one whole number."""


class UnreadError(ValueError):
    """A fact isn't what it should be. Says what was expected, without the value."""


def text_in(value: Fact) -> str | None:
    """Text, as it is seen; a whole number without a point. None: it has no value. Raises UnreadError."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float) and abs(value) < _EXACT:
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise UnreadError("expected text")


def truth_in(value: Fact) -> bool | None:
    """True or false. Raises UnreadError."""
    if value is None or isinstance(value, bool):
        return value
    raise UnreadError("expected true or false")


def matches(pattern: re.Pattern[str], value: Fact) -> bool:
    """Whether a text or number, or one of a list, is as the pattern of a rule says. Raises UnreadError."""
    if isinstance(value, list):
        return any(matches(pattern, each) for each in value)
    if isinstance(value, bool):
        return False
    text = text_in(value)
    return text is not None and pattern.fullmatch(plain(text)) is not None


def names_in(value: Fact, *, leveled: bool) -> Named:
    """The names in "Spanish:4; English", ["Spanish:4", "English"] or {"Spanish": 4}: all of them. Raises UnreadError.

    `leveled`: a name may have a level behind a colon.
    """
    if value is None:
        return []
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        value = _from_json(value)
    if isinstance(value, dict):
        return [_checked(name, level) for name, level in sorted(value.items())]  # equal ones differ in their order
    if isinstance(value, str):
        pieces = _parted(_SEPARATOR, value)
        if value.strip() and not pieces:
            raise UnreadError("expected names")
    elif isinstance(value, list):
        pieces = [piece for each in value for piece in _parted(_BETWEEN, _name_of(each))]
    else:
        raise UnreadError("expected names")
    if not leveled:
        return [_checked(piece, None) for piece in pieces]
    named: Named = []
    for piece in pieces:
        name, level = _split(piece)
        if named and named[-1][1] is not None and _DIGITS.fullmatch(piece):
            raise UnreadError(_SCALE)  # the comma may have been a decimal one
        named.append(_checked(name, level))
    return named


_SCALE: Final = "a proficiency isn't within 0.0 to 5.0"


def _from_json(text: str) -> Any:
    """A list or an object that was written as text; the text itself where it is neither: names may begin like that."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _name_of(value: Any) -> str:
    if not isinstance(value, str):
        raise UnreadError("expected names")
    return value


def _parted(separator: re.Pattern[str], text: str) -> list[str]:
    """The pieces that aren't blank."""
    kept = _ENTITY.sub(lambda entity: entity[0][:-1] + "\0", text.replace("\0", ""))
    pieces = (plain(piece.replace("\0", ";")) for piece in separator.split(_LINE_END.sub("\n", kept)))
    return [piece for piece in pieces if piece]


def _split(piece: str) -> tuple[str, str | None]:
    name, colon, level = piece.replace("\uff1a", ":").rpartition(":")
    if not colon:
        return piece, None
    if _LEVEL.search(name):
        raise UnreadError("expected names")  # several, with something between them that parts nothing here
    return name, level


def _checked(name: str, level: Any) -> tuple[str, float | None]:
    name = plain(name)
    bare = name.casefold() in _WORDLESS or not any(character.isalnum() for character in name)
    if bare or _STRANGE.search(name) is not None:
        raise UnreadError("expected names")
    if level is None:
        return name, None
    try:
        number = math.nan if isinstance(level, bool) or "_" in str(level) else float(level)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0.0 <= number <= 5.0:
        raise UnreadError(_SCALE)
    return name, number

"""Names, levels and texts in facts, as far as they can be read. What can't be read is never taken for none."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson

from streamproc.core.records.change_event import Fact
from streamproc.core.records.unread_fact import why_unread
from streamproc.core.text import plain

Named: TypeAlias = list[tuple[str, float | None]]
"""Names with their levels; None: no level is said."""

_ALIKE: Final = {",": ",\uff0c\u3001", ";": ";\uff1b", "|": "|\uff5c"}
"""Separators, and what Chinese and Japanese keyboards write for them."""
_USUAL: Final = f"{_ALIKE[',']}{_ALIKE[';']}\n\t"
"""Between the names of a text."""
_LINE_END: Final = re.compile("[\r\v\f\x1e\x85\u2028\u2029]")
_USUAL_INSIDE: Final = f"{_ALIKE[';']}\n"
"""Between names that stand in one element of a list: a name in a list may hold a comma."""
_BEHIND: Final = r"\s*\(\s*{0}\s*\)|\s+[-\u2013\u2014]\s+{0}"
"""A level in a word, behind its name."""
_NEVER: Final = "(?!)"
_MARK: Final = "\x01"
_MARKED: Final = re.compile(f"{_MARK}\\d+{_MARK}")
"""In the place of a whole name, its number."""
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
    raise UnreadError(why_unread(value) or "expected text")


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


def names_in(value: Fact, *, leveled: bool, writing: "Writing | None" = None) -> Named:
    """The names in "Spanish:4; English", ["Spanish:4", "English"] or {"Spanish": 4}: all of them. Raises UnreadError.

    `leveled`: a name may have a level behind a colon. `writing`: how they are written; None: as usual.
    """
    written = USUAL if writing is None else writing
    if value is None:
        return []
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        value = _from_json(value)
    if isinstance(value, dict):
        return [written.checked(name, level) for name, level in sorted(value.items())]  # equal ones differ in order
    if isinstance(value, str):
        pieces = written.parted(value)
        if value.strip() and not pieces:
            raise UnreadError("expected names")
    elif isinstance(value, list):
        pieces = [piece for each in value for piece in written.parted(_name_of(each), inside=True)]
    else:
        raise UnreadError("expected names")
    split, checked = written.split, written.checked
    if not leveled:
        return [checked(piece, None) for piece in pieces]
    named: Named = []
    for piece in pieces:
        name, level = split(piece)
        if named and named[-1][1] is not None and _DIGITS.fullmatch(piece):
            raise UnreadError(_SCALE)  # the comma may have been a decimal one
        named.append(checked(name, level))
    return named


class Writing:
    """How the names of a list are written, where that isn't as usual. What isn't given is as usual.

    `separators`: the characters that part names, beside line ends; inside an element of a list a comma parts none.
    `whole`: names that hold a separator: where one stands alone it is one name, in any case, and is spelled as here.
    `levels`: words that stand for a level, in any case: `Spanish: fluent`, `Spanish (fluent)`, `Spanish - fluent`.
    """

    def __init__(
        self, separators: str | None = None, whole: Iterable[str] = (), levels: Mapping[str, float] | None = None
    ) -> None:
        between, inside, self._blank = _USUAL, _USUAL_INSIDE, ""
        if separators is not None:
            self._blank = "".join(filter(str.isspace, separators))
            between = "".join(_ALIKE.get(each, each) for each in separators) + "\n"
            inside = "".join(each for each in between if each not in _ALIKE[","])
        self._between, self._inside = (re.compile(f"[{re.escape(each)}]") for each in (between, inside))
        self._levels = {plain(word).casefold(): level for word, level in (levels or {}).items()}
        words = "|".join(re.escape(word) for word in sorted(self._levels, key=len, reverse=True))
        self._worded = re.compile(rf"(.*\S)(?:{_BEHIND.format(f'({words})')})", re.IGNORECASE)
        self._whole = sorted(filter(None, map(plain, whole)), key=len, reverse=True)
        self.split: Callable[[str], tuple[str, str | None]] = self._worded_split if words else _split
        """A name, and its level as it is written; None: it has none. Raises UnreadError."""
        own = bool(words or self._whole)
        self.checked: Callable[[str, Any], tuple[str, float | None]] = self._known_or_checked if own else _checked
        """A name, and its level as a number. Raises UnreadError."""
        self._alone, self._alone_inside = (
            _standing_alone(self._whole, parting.pattern, words) for parting in (self._between, self._inside)
        )

    def parted(self, text: str, *, inside: bool = False) -> list[str]:
        """The pieces that aren't blank. `inside`: of an element of a list."""
        kept = text.replace("\0", "")
        if self._blank:
            kept = kept.translate(dict.fromkeys(map(ord, self._blank), "\n"))
        if self._whole:
            alone = self._alone_inside if inside else self._alone
            kept = alone.sub(lambda name: f"{_MARK}{name.lastindex}{_MARK}", plain(kept.replace(_MARK, ""), lines=True))
        kept = _ENTITY.sub(lambda entity: entity[0][:-1] + "\0", kept)
        separator, seen = self._inside if inside else self._between, self._seen if self._whole else plain
        pieces = [seen(piece.replace("\0", ";")) for piece in separator.split(_LINE_END.sub("\n", kept))]
        return [piece for piece in pieces if piece]

    def _worded_split(self, piece: str) -> tuple[str, str | None]:
        worded = self._worded.fullmatch(piece)
        return _split(piece) if worded is None else (worded[1], worded[2] or worded[3])

    def _known_or_checked(self, name: str, level: Any) -> tuple[str, float | None]:
        if isinstance(level, str):
            level = self._levels.get(plain(level).casefold(), level)
        seen = self._seen(name)
        whole = self._whole[int(seen[1:-1]) - 1] if _MARKED.fullmatch(seen) else seen if seen in self._whole else None
        return _checked(self._restored(seen), level) if whole is None else (whole, _checked("a", level)[1])

    @staticmethod
    def _seen(piece: str) -> str:
        return piece.strip() if _MARK in piece else plain(piece)

    def _restored(self, piece: str) -> str:
        return _MARKED.sub(lambda mark: self._whole[int(mark[0][1:-1]) - 1], piece)


def _standing_alone(names: Sequence[str], parting: str, words: str) -> re.Pattern[str]:
    """Finds these names where nothing but a level stands beside them; the group tells which. Blanks are free."""
    forms = []
    for name in names:
        pieces = re.split(rf"\s*({parting})\s*", name)
        parts = (rf"\s*{_alike(each)}\s*" if index % 2 else re.escape(each) for index, each in enumerate(pieces))
        forms.append(f"({''.join(parts)})")
    ends = rf"\s*(?:{parting}|[:\uff1a]|$)|{_BEHIND.format(f'(?:{words or _NEVER})')}"
    return re.compile(rf"(?:^|(?<={parting}))\s*(?:{'|'.join(forms)})(?={ends})", re.IGNORECASE)


def _alike(separator: str) -> str:
    """Finds a separator, however keyboards write it."""
    return f"[{re.escape(next((each for each in _ALIKE.values() if separator in each), separator))}]"


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


USUAL: Final = Writing()
"""As lists have always been written."""

"""The functions beyond CEL's own, by version. What a version has given, it gives for ever; a repair is a new version.

Each is made in two steps: what stands behind the first argument makes a function of that one, once where it is
constant. So patterns and forms of dates are read, and what is wrong with them is found, when a mapping is loaded.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from streamproc.core.expressions import letters
from streamproc.core.expressions.dates import date_reader
from streamproc.core.expressions.operators import LIST, TEXT
from streamproc.core.expressions.problems import OddError

Kind: TypeAlias = Literal["any", "bool", "int", "double", "text", "null", "list", "map"]
"""What is known of a value before there are facts; "any": nothing."""
Prepared: TypeAlias = Callable[[Any], Any]
"""The function of the first argument, which is never null. Raises OddError."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function."""

    takes: Literal["text", "list", "any"]
    """The first argument."""
    gives: Kind
    prepare: Callable[..., Prepared]
    """Raises OddError."""
    rest: tuple[Kind, ...] = ()
    """The other arguments."""
    optional: int = 0
    """How many of these may be left out, from the last on."""
    literal: bool = False
    """Whether the others must be literals, since it takes long to prepare for them."""
    null: Literal["passes", "fails", "false"] = "passes"
    """What the first argument gives when it is null."""


def _plain(function: Prepared) -> Callable[[], Prepared]:
    """One that has no other arguments."""
    return lambda: function


def _checked(function: Callable[[str], str]) -> Prepared:
    """One whose texts may be longer than what it was given."""
    return lambda text: _short(function(text))


def _short(text: str) -> str:
    if len(text) > TEXT:
        raise OddError(f"a text of more than {TEXT:,} characters")
    return text


def text_of(value: Any) -> str:
    """Text, number or truth as text; a whole number without a point. Raises OddError."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if abs(value) >= 2**64:
            raise OddError("a number that is too large")
        return str(value)
    if isinstance(value, float) and value - value == 0.0:
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else str(value)
    raise OddError("expected text, a number or true or false")


_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := _NUMBER.fullmatch(value.strip(letters.BLANKS))):
        return float(match[0]) if match[1] else int(match[0])
    raise OddError("expected a number")


def _like(pattern: str) -> Prepared:
    first, *others = letters.lower(pattern).split("*")
    middle, last = others[:-1], others[-1] if others else ""

    def fits(text: str) -> bool:
        if not text:
            return False  # as nothing is, for rules too
        text = letters.lower(text)
        if not others:
            return text == first
        at, end = len(first), len(text) - len(last)
        if at > end or not (text.startswith(first) and text.endswith(last)):
            return False
        for piece in middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    def like(value: Any) -> bool:
        if isinstance(value, list):
            return any(map(like, value))
        if value is None or isinstance(value, bool):
            return False
        return fits(text_of(value))

    return like


def _before(separator: str) -> Prepared:
    _separating(separator)
    return lambda text: text.partition(separator)[0]


def _after(separator: str) -> Prepared:
    _separating(separator)
    return lambda text: text.partition(separator)[2]


def _split(separator: str) -> Prepared:
    _separating(separator)

    def split(text: str) -> list[str]:
        pieces = [piece for each in text.split(separator) if (piece := each.strip(letters.BLANKS))]
        if len(pieces) > LIST:
            raise OddError(f"a list of more than {LIST:,} elements")
        return pieces

    return split


def _separating(separator: str) -> None:
    if not separator:
        raise OddError("a separator has at least one character")


def _left(count: int) -> Prepared:
    if count < 0:
        raise OddError("expected a number of characters")
    return lambda text: text[:count]


def _replace(old: str, new: str) -> Prepared:
    if not old:
        raise OddError("what is replaced has at least one character")

    def replace(text: str) -> str:
        if len(text) + text.count(old) * (len(new) - len(old)) > TEXT:
            raise OddError(f"a text of more than {TEXT:,} characters")
        return text.replace(old, new)

    return replace


def _join(separator: str) -> Prepared:
    def join(values: list[Any]) -> str:
        texts = [text_of(each) for each in values if each is not None and each != ""]
        if sum(map(len, texts)) + len(separator) * len(texts) > TEXT + len(separator):
            raise OddError(f"a text of more than {TEXT:,} characters")
        return separator.join(texts)

    return join


def _size(value: Any) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise OddError("expected text or a list")


def _distinct(values: list[Any]) -> list[Any]:
    seen: set[Any] = set()
    kept = []
    for each in values:
        if isinstance(each, list | dict):
            raise OddError("expected a list of texts or numbers")
        key = (isinstance(each, bool), each)
        if key not in seen:
            seen.add(key)
            kept.append(each)
    return kept


FUNCTIONS: Final[Mapping[int, Mapping[str, Function]]] = MappingProxyType(
    {
        1: MappingProxyType(
            {
                "after": Function("text", "text", _after, ("text",)),
                "ascii": Function(
                    "text", "text", lambda *of: _checked(letters.ascii_speller(*of)), ("text",), 1, literal=True
                ),
                "before": Function("text", "text", _before, ("text",)),
                "date": Function("text", "text", date_reader, ("text",), 1, literal=True),
                "distinct": Function("list", "list", _plain(_distinct)),
                "join": Function("list", "text", _join, ("text",)),
                "left": Function("text", "text", _left, ("int",)),
                "like": Function("any", "bool", _like, ("text",), null="false"),
                "lower": Function("text", "text", lambda: _checked(letters.lower)),
                "number": Function("any", "any", _plain(_number)),
                "replace": Function("text", "text", _replace, ("text", "text")),
                "size": Function("any", "int", _plain(_size), null="fails"),
                "slug": Function(
                    "text", "text", lambda *of: _checked(letters.slugger(*of)), ("text",), 1, literal=True
                ),
                "split": Function("text", "list", _split, ("text",)),
                "text": Function("any", "text", _plain(text_of)),
                "title": Function("text", "text", lambda: _checked(letters.title)),
                "trim": Function("text", "text", _plain(lambda text: text.strip(letters.BLANKS))),
                "upper": Function("text", "text", lambda: _checked(letters.upper)),
            }
        )
    }
)
METHODS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "contains": Function("text", "bool", lambda part: lambda text: part in text, ("text",), null="fails"),
        "endsWith": Function("text", "bool", lambda part: lambda text: text.endswith(part), ("text",), null="fails"),
        "size": Function("any", "int", _plain(_size), null="fails"),
        "startsWith": Function(
            "text", "bool", lambda part: lambda text: text.startswith(part), ("text",), null="fails"
        ),
    }
)
"""CEL's own, written `text.contains(part)`."""

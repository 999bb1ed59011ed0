"""What CEL's operators make of values."""

from typing import Any, Final

from streamproc.core.expressions.problems import OddError, SpentError

TEXT: Final = 4_096
"""Characters of a text."""
LIST: Final = 1_000
"""Elements of a list."""
STEPS: Final = 20_000
"""Of one evaluation."""

Run = list[Any]
"""Of one evaluation: the steps that are left, and what macros bind."""


def spend(run: Run, steps: int) -> None:
    """Raises SpentError when too many were taken."""
    run[0] -= steps
    if run[0] < 0:
        raise SpentError


def equal(run: Run, one: Any, other: Any) -> bool:
    """As CEL has it: values of different types differ, but 1 is 1.0."""
    kind, other_kind = one.__class__, other.__class__
    if kind is str or other_kind is str or one is None or other is None:
        return bool(one == other)
    if kind is bool or other_kind is bool:
        return one is other
    if kind is list and other_kind is list:
        spend(run, min(len(one), len(other)))
        return len(one) == len(other) and all(equal(run, a, b) for a, b in zip(one, other, strict=True))
    if kind is dict and other_kind is dict:
        spend(run, min(len(one), len(other)))
        return one.keys() == other.keys() and all(equal(run, value, other[key]) for key, value in one.items())
    return kind in _NUMBERS and other_kind in _NUMBERS and bool(one == other)


_NUMBERS: Final = frozenset({int, float})


def ordered(one: Any, other: Any) -> None:
    """Raises OddError if they have no order."""
    kind, other_kind = one.__class__, other.__class__
    if not ((kind is other_kind and kind in {str, bool}) or (kind in _NUMBERS and other_kind in _NUMBERS)):
        raise OddError("expected two texts or two numbers")


def within(run: Run, one: Any, many: Any) -> bool:
    """Whether it is an element of a list, or a key of a map. Raises OddError."""
    if many.__class__ is list:
        spend(run, len(many))
        if one.__class__ is str:
            return one in many
        return any(equal(run, one, each) for each in many)
    if many.__class__ is dict:
        if one.__class__ is str:
            return one in many
        if one.__class__ is bool or one.__class__ in _NUMBERS:
            return False  # keys in JSON are texts
        raise OddError("expected text")
    raise OddError("expected a list or a map")


def added(one: Any, other: Any) -> Any:
    """Texts, lists or numbers of one kind. Raises OddError."""
    kind = one.__class__
    if kind is not other.__class__ or kind not in _ADDED:
        raise OddError("expected two texts, two lists or two numbers of one kind")
    value = one + other
    if kind is str:
        if len(value) > TEXT:
            raise OddError(f"a text of more than {TEXT:,} characters")
    elif kind is list:
        if len(value) > LIST:
            raise OddError(f"a list of more than {LIST:,} elements")
    elif kind is int and not -(2**63) <= value < 2**63:
        raise OddError("a number that is too large")
    return value


_ADDED: Final = frozenset({str, list, int, float})


def item(of: Any, key: Any) -> Any:
    """An element of a list by its place, from 0, or of a map by its key. Raises OddError."""
    if of.__class__ is dict:
        if key.__class__ is str and key in of:
            return of[key]
        raise OddError("there is no such key")
    if of.__class__ is list:
        if key.__class__ is int or (key.__class__ is float and key.is_integer()):
            if 0 <= key < len(of):
                return of[int(key)]
            raise OddError("there is no such place in a list")
        raise OddError("expected a whole number")
    raise OddError("expected a list or a map")

"""Difference: where two JSON values part, as a JSON Pointer (RFC 6901), and what is there on either side."""

from typing import Any, Final

import orjson

LONGEST: Final = 200
"""Characters of a side that are shown."""
ABSENT: Final = "(absent)"

_SORTED: Final = orjson.OPT_SORT_KEYS
_LAST: Final = ("before", "hash")
"""Keys that differ because something else does."""


def difference(recorded: bytes | None, recomputed: bytes | None) -> tuple[str | None, Any, Any]:
    """The first place at which they differ, and both sides, cut short. Pointer None: one of them has no JSON at all."""
    try:
        left, right = (ABSENT if value is None else orjson.loads(value) for value in (recorded, recomputed))
    except orjson.JSONDecodeError as error:
        return None, f"not JSON: {error.msg} at byte {error.pos}", ABSENT if recomputed is None else "JSON"
    pointer, one, other = _parting(left, right, "")
    if _same(one, other):
        return "", "the same JSON in other bytes", f"{len(recomputed or b'')} bytes"
    return pointer, short(one), short(other)


def short(value: Any) -> Any:
    """The value, or the beginning of its JSON where that is long."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return value if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def _parting(left: Any, right: Any, pointer: str) -> tuple[str, Any, Any]:
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys(), key=lambda name: (name in _LAST, name)):
            one, other = left.get(name, ABSENT), right.get(name, ABSENT)
            if not _same(one, other):
                return _parting(one, other, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(left, list) and isinstance(right, list):
        for place in range(max(len(left), len(right))):
            one, other = (each[place] if place < len(each) else ABSENT for each in (left, right))
            if not _same(one, other):
                return _parting(one, other, f"{pointer}/{place}")
    return pointer, left, right


def _same(one: Any, other: Any) -> bool:
    """Whether they are the same JSON: 1, 1.0 and true are equal in Python, and aren't."""
    return bool(one == other) and orjson.dumps(one, option=_SORTED) == orjson.dumps(other, option=_SORTED)

"""Where two JSON values first differ, as a JSON Pointer (RFC 6901), and what each side has there."""

from typing import Any, Final

import orjson

LONGEST: Final = 200
"""Characters shown of a side."""
ABSENT: Final = "(absent)"

_SORTED: Final = orjson.OPT_SORT_KEYS
_LAST: Final = ("before", "hash")
"""Keys that are compared last: they differ because something else does."""


def difference(recorded: bytes | None, recomputed: bytes | None) -> tuple[str | None, Any, Any]:
    """The first place where they differ, and both sides, cut short. Pointer None: one of them isn't JSON."""
    try:
        left, right = (ABSENT if value is None else orjson.loads(value) for value in (recorded, recomputed))
    except orjson.JSONDecodeError as error:
        return None, f"not JSON: {error.msg} at byte {error.pos}", ABSENT if recomputed is None else "JSON"
    pointer, one, other = _first_difference(left, right, "")
    if _same(one, other):
        return "", "the same JSON in other bytes", f"{len(recomputed or b'')} bytes"
    return pointer, short(one), short(other)


def short(value: Any) -> Any:
    """The value, or the beginning of its JSON where that is long."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return value if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def _first_difference(left: Any, right: Any, pointer: str) -> tuple[str, Any, Any]:
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys(), key=lambda name: (name in _LAST, name)):
            one, other = left.get(name, ABSENT), right.get(name, ABSENT)
            if not _same(one, other):
                return _first_difference(one, other, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(left, list) and isinstance(right, list):
        for index in range(max(len(left), len(right))):
            one, other = (side[index] if index < len(side) else ABSENT for side in (left, right))
            if not _same(one, other):
                return _first_difference(one, other, f"{pointer}/{index}")
    return pointer, left, right


def _same(one: Any, other: Any) -> bool:
    """Whether they are the same JSON; Python takes 1, 1.0 and true for equal."""
    return bool(one == other) and orjson.dumps(one, option=_SORTED) == orjson.dumps(other, option=_SORTED)

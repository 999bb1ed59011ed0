"""The part of the SCIM filter language that Okta and PingOne take: comparisons joined by `and` and `or`."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

Rules = Mapping[str, frozenset[str]]  # attribute path → operators; "*" for every other

ORDER = frozenset({"gt", "ge", "lt", "le"})
EQUAL = frozenset({"eq"})

_ONE = re.compile(r'\s*([\w.]+)\s+(\w+)\s+("(?:[^"\\]|\\.)*"|true|false)\s*')
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "sw": lambda left, right: str(left).startswith(str(right)),
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
}
Test = Callable[[Any], bool]


def compiled(text: str, rules: Rules) -> Test:
    """A test of a JSON object. Raises ValueError for what isn't a filter, or not one of those allowed."""
    either: list[list[Test]] = [[]]
    rest = text
    while True:
        found = _ONE.match(rest)
        if found is None:
            raise ValueError("not a filter")
        path, operator, value = found[1], found[2].lower(), found[3]
        if operator not in rules.get(path, rules.get("*", frozenset())):
            raise ValueError(f"{path} can't be filtered with {operator}")
        either[-1].append(_test(path, operator, value))
        rest = rest[found.end() :]
        if not rest:
            return lambda shown: any(all(test(shown) for test in each) for each in either)
        word, _, rest = rest.partition(" ")
        if word.lower() == "or":
            either.append([])
        elif word.lower() != "and":
            raise ValueError("not a filter")


def _test(path: str, operator: str, literal: str) -> Test:
    value: Any = literal == "true" if literal[0] != '"' else re.sub(r"\\(.)", r"\1", literal[1:-1])
    read: Callable[[Any], Any] = lambda found: found  # noqa: E731
    if operator in ORDER:  # only moments are ordered here
        read, value = datetime.fromisoformat, datetime.fromisoformat(value)
        if value.tzinfo is None:
            raise ValueError("a moment needs a zone")
    compare = _COMPARE[operator]
    return lambda shown: any(compare(read(found), value) for found in _at(shown, path.split(".")))


def _at(shown: Any, path: list[str]) -> list[Any]:
    """Every value at the path; lists are gone through."""
    if isinstance(shown, list):
        return [found for each in shown for found in _at(each, path)]
    if not path:
        return [] if shown is None else [shown]
    return _at(shown.get(path[0]), path[1:]) if isinstance(shown, dict) else []

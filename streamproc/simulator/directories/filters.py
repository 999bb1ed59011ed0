"""The part of the SCIM filter language that Okta and PingOne accept: comparisons joined by `and` and `or`."""

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
    """A test of a JSON object. Raises ValueError for text that isn't a filter, or isn't allowed."""
    either: list[list[Test]] = [[]]
    rest = text
    while True:
        match = _ONE.match(rest)
        if match is None:
            raise ValueError("not a filter")
        path, operator, value = match[1], match[2].lower(), match[3]
        if operator not in rules.get(path, rules.get("*", frozenset())):
            raise ValueError(f"{path} can't be filtered with {operator}")
        either[-1].append(_test(path, operator, value))
        rest = rest[match.end() :]
        if not rest:
            return lambda resource: any(all(test(resource) for test in tests) for tests in either)
        word, _, rest = rest.partition(" ")
        if word.lower() == "or":
            either.append([])
        elif word.lower() != "and":
            raise ValueError("not a filter")


def _test(path: str, operator: str, literal: str) -> Test:
    value: Any = literal == "true" if literal[0] != '"' else re.sub(r"\\(.)", r"\1", literal[1:-1])
    read: Callable[[Any], Any] = lambda value_: value_  # noqa: E731
    if operator in ORDER:  # only moments are ordered here
        read, value = datetime.fromisoformat, datetime.fromisoformat(value)
        if value.tzinfo is None:
            raise ValueError("a moment needs a zone")
    compare = _COMPARE[operator]
    return lambda resource: any(compare(read(value_), value) for value_ in _at(resource, path.split(".")))


def _at(resource: Any, path: list[str]) -> list[Any]:
    """Every value at the path, also within lists."""
    if isinstance(resource, list):
        return [value for item in resource for value in _at(item, path)]
    if not path:
        return [] if resource is None else [resource]
    return _at(resource.get(path[0]), path[1:]) if isinstance(resource, dict) else []

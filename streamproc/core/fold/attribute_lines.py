"""Attribute lines: what gives each attribute of a user its value.

An attribute is owned from the moment that the fact which gives its value is known, if only as null. What can't be read
changes nothing, and is told.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from streamproc.core.fold.mapping_file import Attributes
from streamproc.core.fold.names import UnreadError, text_in, truth_in
from streamproc.core.records.change_event import Fact
from streamproc.core.records.resource import UNCLEARABLE
from streamproc.core.text import plain


class _Line(NamedTuple):
    attribute: str
    fact: str
    kind: type
    """What the value is as a rule."""
    clearable: bool
    """Whether it can be none."""


class AttributeLines:
    """The lines of `[attributes]`, ready to be applied."""

    def __init__(self, attributes: Attributes) -> None:
        self._lines = [
            _Line(name, fact, bool if name == "active" else str, name not in UNCLEARABLE)
            for name, written in attributes
            if isinstance(written, str)
            for fact in dict.fromkeys([plain(written), written])
        ]
        self.reads = frozenset(fact for _, fact, _, _ in self._lines)
        """Facts that give values, as they are written and as they are seen."""

    def fill(self, wanted: dict[str, Any], facts: Mapping[str, Fact]) -> tuple[list[str], list[str]]:
        """Put in what these facts give. Returns the problems, and the attributes that stay as they are for them."""
        problems: list[str] = []
        unread: list[str] = []
        for name, fact, kind, clearable in self._lines:
            if fact in facts:
                value = facts[fact]
                if value is not None and (value.__class__ is not kind or value == ""):
                    try:
                        value = text_in(value) if kind is str else truth_in(value)
                    except UnreadError as error:
                        problems.append(f"{fact}: {error}")
                        unread.append(name)
                        continue
                if value is not None or clearable:
                    wanted[name] = value
        return problems, unread

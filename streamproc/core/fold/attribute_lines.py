"""Attribute lines: what gives each attribute of a user, and each external id, its value.

Rule 1: what a fact gives is owned from the moment that the fact is known, if only as null, which empties.
Rule 2: what an expression gives is owned from the moment that it has a value, and null empties, too.
Rule 3: where the value can't be said it stays as it is, and that is told; not while none of an expression's facts is
known, since nobody has said anything yet.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from streamproc.core.expressions.expression import Expression, Unknown
from streamproc.core.fold.computed import Expressions, value_place
from streamproc.core.fold.mapping_file import Value
from streamproc.core.fold.names import UnreadError, text_in, truth_in
from streamproc.core.records.change_event import Fact
from streamproc.core.records.resource import UNCLEARABLE
from streamproc.core.text import plain


class Lines:
    """The lines of one table, ready to be applied."""

    def __init__(
        self,
        table: Literal["attributes", "externalIds"],
        values: Iterable[tuple[str, Value | None]],
        expressions: Expressions,
    ) -> None:
        ids = table == "externalIds"
        self._told_as = "externalIds." if ids else ""
        self._lines: list[tuple[str, str, type, bool]] = []  # plain tuples, which are unpacked faster than named ones
        """Name, the fact that gives the value, the type that this has as a rule, and whether it can be none."""
        self._computed: list[tuple[str, Expression, bool]] = []
        """Name, what gives the value, and whether it can be none."""
        for name, value in values:
            clearable = ids or name not in UNCLEARABLE
            if isinstance(value, str):
                kind = bool if name == "active" and not ids else str
                self._lines += [(name, fact, kind, clearable) for fact in dict.fromkeys([plain(value), value])]
            elif value is not None:
                self._computed.append((name, expressions[value_place(table, name)], clearable))
        self.reads = frozenset(fact for _, fact, _, _ in self._lines)
        """Facts that give values by themselves, as they are written and as they are seen."""

    def fill(self, wanted: dict[str, Any], facts: Mapping[str, Fact], problems: list[str]) -> list[str]:
        """Put in what these facts give, and the problems. Returns the names of what stays as it is for them."""
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
        for name, expression, clearable in self._computed:
            said = expression.evaluate(facts)
            if isinstance(said, Unknown):
                if not expression.reads or not expression.reads.isdisjoint(facts):
                    problems.append(f"{self._told_as}{name}: {said.reason}")
                    unread.append(name)
                continue
            text = text_in(said)
            if text is not None or clearable:
                wanted[name] = text
        return unread

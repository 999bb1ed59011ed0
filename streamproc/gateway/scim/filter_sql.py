"""A filter as a condition of SQL on the tables of `store.py`, as far as these know what it asks for.

Rule 1: a condition lets through whatever the filter does (`core/provider/matching.py`). Where it isn't `exact`, it may
let through more, and each resource is looked at again.
Rule 2: what clients write is bound, never part of the text.
Rule 3: SQL's NULL counts as false, so a negation says so of what it negates.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from streamproc.core.provider.filter import And, AttributePath, Compare, Element, Filter, Not, Operator, Or, Present
from streamproc.core.provider.matching import boolean, comparable, resolve, value_of
from streamproc.core.provider.schema import ResourceType, Target
from streamproc.core.scim.dialect import ENTERPRISE

COLUMNS: Final[Mapping[str, str]] = {
    "id": "id",
    "userName": "user_name",
    "externalId": "external_id",
    "displayName": "display_name",
    f"{ENTERPRISE}:employeeNumber": "employee_number",
}
"""Path of an attribute to the column of `resource` that has its text, as it is compared."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`sql`: on `resource AS r`, with `parameters` for its question marks. `exact`: it is the whole filter (rule 1)."""

    sql: str
    parameters: tuple[str, ...] = ()
    exact: bool = True


ALL: Final = Condition("1")
NONE: Final = Condition("0")
_UNKNOWN: Final = Condition("1", exact=False)
"""Of what no table knows."""

_TEXT: Final[Mapping[Operator, str]] = {
    "eq": "{} = ?",
    "co": "instr({}, ?) > 0",
    "sw": "instr({}, ?) = 1",
    "ew": "instr({}, ?) > 0",
    "gt": "{} > ?",
    "ge": "{} >= ?",
    "lt": "{} < ?",
    "le": "{} <= ?",
}
"""Operator to what it asks of a column; SQL has none for `ew`. Bytes of UTF-8 are in the order of characters."""

_GROUP: Final = (
    "r.id IN (SELECT user FROM member WHERE team IN (SELECT g.first FROM resource AS g"
    " WHERE {} AND g.connection = ? AND g.type = 'Group'))"
)
_LISTS: Final[Mapping[str, tuple[str, str]]] = {
    "emails.value": ("r.first IN (SELECT resource FROM email WHERE {})", "value"),
    "members.value": ("r.first IN (SELECT team FROM member WHERE {})", "user"),
    "groups.value": (_GROUP, "g.id"),
    "groups.display": (_GROUP, "g.display_name"),
}
"""Path within a list to where its values are, and their column there."""


def condition(of: Filter, kind: ResourceType, connection: str) -> Condition:
    """What to ask for, of this connection's resources. `matching.predicate` has refused what makes no sense."""
    return _Conditions(kind, connection).of(of)


@dataclass(frozen=True, slots=True)
class _Conditions:
    kind: ResourceType
    connection: str

    def of(self, asked: Filter) -> Condition:
        match asked:
            case And(parts):
                return _joined(" AND ", map(self.of, parts))
            case Or(parts):
                return _joined(" OR ", map(self.of, parts))
            case Not(inner):
                return _negated(self.of(inner))
            case Present(path):
                return self.present(path)
            case Compare(path) if resolve(self.kind, path) is None:
                return NONE  # by ne, too
            case Compare(path, operator, operand):
                negative = operator == "ne"
                if operand.is_null:
                    return self.present(path) if negative else _negated(self.present(path))
                found = self.compared(path, "eq" if negative else operator, operand.text)
                return _negated(found) if negative else found
            case Element(path, inner):
                target = resolve(self.kind, AttributePath(path.urn, path.name))
                return NONE if target is None else self.chosen(target, inner)
            case _:
                assert_never(asked)

    def present(self, path: AttributePath) -> Condition:
        target = resolve(self.kind, path) if path.name else None
        if target is None:
            return NONE if path.name else _UNKNOWN
        column = "active" if target.path == "active" else COLUMNS.get(target.path)
        if column is not None:
            return Condition(f"r.{column} IS NOT NULL")
        return self.in_list(target, "{} IS NOT NULL")

    def compared(self, path: AttributePath, operator: Operator, text: str) -> Condition:
        """`operator`: not ne."""
        target = resolve(self.kind, path)
        if target is None:
            return NONE
        if target.path == "active":
            return Condition(f"r.active = {int(boolean(text) is True)}")
        if target.leaf.type == "complex":
            target = Target(target.urn, target.attribute, value_of(target.attribute))
        sought, exact = comparable(text, case_exact=target.leaf.case_exact), operator != "ew"
        column = COLUMNS.get(target.path)
        if column is not None:
            return Condition(_TEXT[operator].format(f"r.{column}"), (sought,), exact)
        return self.in_list(target, _TEXT[operator], sought, exact=exact)

    def in_list(self, target: Target, test: str, *sought: str, exact: bool = True) -> Condition:
        """That a list has a value for which the test is true."""
        if target.path not in _LISTS:
            return _UNKNOWN
        where, column = _LISTS[target.path]
        bound = (*sought, self.connection) if where is _GROUP else sought
        return Condition(where.format(test.format(column)), bound, exact)

    def chosen(self, of: Target, inner: Filter) -> Condition:
        """That a list has an element like that, as far as the element's value is compared."""
        match inner:
            case And(parts):
                return _joined(" AND ", (self.chosen(of, each) for each in parts), exact=False)
            case Or(parts):
                return _joined(" OR ", (self.chosen(of, each) for each in parts))
            case Compare(path, operator, operand) if operator != "ne" and not operand.is_null:
                sub = None if path.urn or path.sub else of.attribute.sub(path.name)
                if sub is None:
                    return NONE
                return self.compared(AttributePath(of.urn, of.attribute.name, sub.name), operator, operand.text)
            case _:
                return _UNKNOWN  # an element without a value is in no table


def _joined(word: str, parts: Iterable[Condition], *, exact: bool = True) -> Condition:
    found = [*parts]
    return Condition(
        f"({word.join(each.sql for each in found)})",
        tuple(parameter for each in found for parameter in each.parameters),
        exact and all(each.exact for each in found),
    )


def _negated(of: Condition) -> Condition:
    # Of what lets too much through, the opposite would let through too little.
    return Condition(f"NOT coalesce({of.sql}, 0)", of.parameters) if of.exact else _UNKNOWN

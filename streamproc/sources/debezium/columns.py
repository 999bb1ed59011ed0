"""A row's columns as facts. Names of columns mean the same in any case: Oracle and Db2 write them in capitals.

What isn't understood is told, and isn't said: neither as a value nor as none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from streamproc.core.parsed_payload import Ignored
from streamproc.core.records.change_event import Fact
from streamproc.sources.debezium.encoded import (
    UNAVAILABLE,
    Encoding,
    bit,
    decoded,
    may_be_encoded,
    of_options,
)
from streamproc.sources.lenient_json import is_blank, json_text
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import WHY, full_name, value_of
from streamproc.sources.values.dates import calendar_day, last_day
from streamproc.sources.values.identifiers import identifier
from streamproc.sources.values.statuses import status
from streamproc.sources.values.unread import UNREAD, Unread

SUBJECT: Final = "employee_id|employee_number|id"
"""The key's column, if the options have none."""
DATES: Final = ("hireDate", "terminationDate")
"""Attributes that are read here, and are no facts."""
_NUMBERS: Final = frozenset({"employeeNumber", "manager"})
"""Identifiers that databases hold as numbers."""
_ENCODED: Final = (
    "it may be a decimal in base64, which no schema explains: set decimal.handling.mode=string in the connector, "
    "or the column's encoding in the options"
)


@dataclass(slots=True)
class Columns:
    """A row, and what isn't understood of it."""

    row: Mapping[str, Any]
    encodings: Mapping[str, Encoding]
    options: SourceOptions
    subject: str | None = None
    ignored: list[Ignored] = field(default_factory=list)
    _folded: dict[str, str] = field(default_factory=dict)
    _configured: dict[str, Encoding] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._folded = {name.casefold(): name for name in self.row}
        self._configured = of_options(self.options.encodings)

    def identify(self) -> str | None:
        """The id of whom the row is about; None: it names nobody, or nobody who can be told.

        Only the first of the key's columns that the row has counts: another may number something else.
        """
        value, encoding = self._first(self.options.attributes.get("subject", SUBJECT)) or (None, None)
        number = _identifier(value, encoding)
        if number == UNAVAILABLE:
            return None
        if isinstance(number, str):
            self.subject = number
            return number
        if number is UNREAD:
            self.tell("subject", _ENCODED if may_be_encoded(value) else "its key isn't an identifier")
        return None

    def facts(self) -> dict[str, Fact]:
        """What the row says, under the facts' names; only of columns that it has."""
        said: dict[str, Fact] = {}
        for name, path in sorted(self.options.attributes.items()):
            if name in DATES or name == "subject":
                continue
            numbers = name in _NUMBERS or name == self.options.anchor
            if (found := self._first(path) if numbers else self._found(path)) is None:
                continue
            value, encoding = found
            if UNAVAILABLE in str(value):
                continue
            read = self._read(name, value, encoding)
            if isinstance(read, Unread):
                self.tell(name, _reason(name, value))
            else:
                said[name] = read
        if "displayName" not in said and not self._has(self.options.attributes.get("displayName", "")):
            said |= self._full_name()
        return said

    def day(self, name: str) -> date | Unread | None:
        """A day of the row; None: it has none. One that wasn't logged isn't understood."""
        value, _ = self._found(self.options.attributes.get(name, "")) or (None, None)
        if UNAVAILABLE in str(value):
            return UNREAD
        read = last_day if name == "terminationDate" else calendar_day
        day = UNREAD if value is UNREAD else read(value, self.options.dates)
        if isinstance(day, Unread):
            self.tell(name, f"{WHY['date']}; a number needs an encoding in the options")
        return day

    def has(self, *names: str) -> bool:
        """Whether it has a column of one of the attributes."""
        return any(self._has(self.options.attributes.get(name, "")) for name in names)

    def apart(self, name: str) -> bool:
        """Whether an attribute has a column of its own, beside the key's."""
        mine, key = (self._column(self.options.attributes.get(each, SUBJECT)) for each in (name, "subject"))
        return mine not in {None, key}

    def tell(self, name: str, reason: str) -> None:
        self.ignored.append(Ignored("not_understood", reason, self.subject, name))

    def _has(self, path: str) -> bool:
        return self._found(path) is not None

    def _read(self, name: str, value: Any, encoding: Encoding | None) -> Fact | Unread:
        if isinstance(value, Unread):
            return value
        if name == "active":
            return status(value if encoding is not None else bit(value), self.options.active, self.options.inactive)
        if name in _NUMBERS or name == self.options.anchor:
            number = _identifier(value, encoding)
            return int(number) if isinstance(value, int) and isinstance(number, str) else number
        if encoding is not None and encoding.kind == "bytes":
            return UNREAD
        fact_, _ = value_of(name, value, self.options)
        return fact_

    def _full_name(self) -> dict[str, Fact]:
        parts = [self._found(name) for name in ("first_name|firstname|given_name", "last_name|lastname|family_name")]
        if None in parts or any(UNAVAILABLE in str(part) for part in parts):
            return {}
        return {"displayName": full_name(*(part[0] for part in parts if part is not None))}

    def _found(self, path: str) -> tuple[Any, Encoding | None] | None:
        """The first of the path's columns that has a value, decoded; None: the row has none of them."""
        there: tuple[Any, Encoding | None] | None = None
        for alternative in map(str.strip, path.split("|")):
            found = self._at(alternative) if alternative else None
            if found is not None and not is_blank(found[0]):
                return found
            there = there or found
        return there

    def _first(self, path: str) -> tuple[Any, Encoding | None] | None:
        """The first of the path's columns that the row has, whatever its value."""
        found = (self._at(alternative) for alternative in map(str.strip, path.split("|")) if alternative)
        return next((each for each in found if each is not None), None)

    def _column(self, path: str) -> str | None:
        """The first of the path's columns that the row has, in lower case."""
        return next((part for part in map(str.strip, path.casefold().split("|")) if part in self._folded), None)

    def _at(self, path: str) -> tuple[Any, Encoding | None] | None:
        column = path if path in self.row else self._folded.get(path.casefold())
        if column is not None:
            encoding = self.encodings.get(column, self._configured.get(column.casefold()))
            return decoded(self.row[column], encoding), encoding
        outer, dot, inner = path.partition(".")
        column = outer if outer in self.row else self._folded.get(outer.casefold())
        if not dot or column is None:
            return None
        return _inside(self.row[column], inner), None


def _inside(value: Any, path: str) -> Any:
    """The value at a path in a JSON column, which comes as text; UNREAD: it isn't JSON, or no object."""
    if UNAVAILABLE in str(value):
        return UNAVAILABLE
    structure = json_text(value)
    if structure is None:
        return None
    if not isinstance(structure, dict):
        return UNREAD
    for name in _prefixes(path):
        if name in structure:
            rest = path[len(name) + 1 :]
            return _inside(structure[name], rest) if rest else decoded(structure[name], None)
    return None


def _prefixes(path: str) -> Iterator[str]:
    """The path, and what it begins with: keys with dots in them come first."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _identifier(value: Any, encoding: Encoding | None) -> str | Unread | None:
    if value is UNREAD or (encoding is not None and encoding.kind in {"bytes", "bits"}):
        return UNREAD
    if encoding is None and may_be_encoded(value):
        return UNREAD
    return identifier(value)


def _reason(name: str, value: Any) -> str:
    if name == "active":
        return WHY["status"]
    return _ENCODED if may_be_encoded(value) else WHY["identifier"]

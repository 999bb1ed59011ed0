"""Reading a resource: the facts that were understood, and beside them what wasn't.

Rule 1: what isn't understood isn't said. A snapshot keeps what was known of it (`SourceEvent.kept`), a change leaves it
out, and either way it is told with subject and field.
Rule 2: what can't be read as an identifier names nobody.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from streamproc.core.parsed_payload import Ignored
from streamproc.core.records.change_event import BEGAN, GONE, Fact
from streamproc.core.records.fact_names import GROUP
from streamproc.sources.lenient_json import at, holds, micros, text
from streamproc.sources.options import SourceOptions
from streamproc.sources.values.identifiers import identifier
from streamproc.sources.values.text import number, plain
from streamproc.sources.values.unread import UNREAD, Unread

IDENTIFIERS: Final = frozenset({"employeeNumber", "universalId", "manager", "userName", "email"})
NAMES: Final = frozenset({"displayName", "job", "department", "division"})
"""Facts that are one line of text."""

WHY: Final[Mapping[str, str]] = {
    "identifier": "a placeholder, a structure or an inexact number in the place of an identifier",
    "status": "neither one of the configured statuses nor true or false",
    "date": "not a date in one of the known or configured formats",
    "moment": "not a moment in RFC 3339",
    "zone": "not the name of a time zone",
    "text": "a structure, a truth value or several values in the place of one text",
    "value": "a structure within a structure",
    "assignment": "the directory didn't tell whether they are assigned to the application",
}
"""What something should have been → a sentence on what it is instead."""


@dataclass(slots=True)
class Reading:
    """What one resource says; parsers fill it, value by value."""

    facts: dict[str, Fact] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    """Fact or column → what it should have been, as in `WHY`."""

    @property
    def kept(self) -> tuple[str, ...]:
        """What a snapshot doesn't speak of."""
        return tuple(name for name in self.unread if name not in self.facts)

    def take(self, name: str, value: Fact | Unread, expected: str) -> None:
        """One fact, if it was understood."""
        if value is UNREAD:
            self.unread[name] = expected
            self.facts.pop(name, None)
        else:
            self.facts[name] = value
            self.unread.pop(name, None)

    def began(self, value: Any) -> None:
        """Since when the account exists."""
        begin = micros(value)
        if begin is not None:
            self.facts[BEGAN] = begin
        elif text(value) is not None or not isinstance(value, str | None):
            self.unread[BEGAN] = "moment"

    def groups(self, names: Iterable[Any], *, all_: bool) -> None:
        """Memberships; `all_`: there are no others. One that can't be read takes none of the others away."""
        read = [line(name) for name in names]
        self.facts |= {f"{GROUP}{name}": str(name) for name in read if name is not None and name is not UNREAD}
        if UNREAD in read:
            self.unread["groups"] = "text"
        elif all_:
            self.facts[GROUP] = True

    def told(self, subject: str | None) -> Iterator[Ignored]:
        """What wasn't understood, for whoever looks after it."""
        for name, expected in self.unread.items():
            yield not_understood(subject, name, expected)


def not_understood(subject: str | None, name: str, expected: str) -> Ignored:
    """A value that is there, and isn't what it should be. `expected`: as in `WHY`."""
    return Ignored("not_understood", WHY[expected], subject, name)


def read_all(resource: Mapping[str, Any], options: SourceOptions) -> Reading:
    """The configured attributes of a whole resource, each with None where it is left out."""
    return read_some(resource, options, lambda _: True)


def read_named(resource: Mapping[str, Any], options: SourceOptions) -> Reading:
    """The configured attributes that a part of a resource contains, and only those."""
    paths = {name: [path.strip() for path in path.split("|")] for name, path in options.attributes.items()}
    return read_some(
        resource,
        options,
        lambda name: any(holds(resource, path) for path in paths[name]),
    )


def read_some(resource: Mapping[str, Any], options: SourceOptions, wanted: Callable[[str], bool]) -> Reading:
    """Those of the configured attributes that are wanted by their names."""
    reading = Reading()
    for name, path in sorted(options.attributes.items()):
        if name != "active" and wanted(name):
            reading.take(name, *value_of(name, at(resource, path), options))
    return reading


def value_of(name: str, value: Any, options: SourceOptions) -> tuple[Fact | Unread, str]:
    """The value of a fact, and what it should be."""
    if name in IDENTIFIERS or name == options.anchor:
        return identifier(single(value)), "identifier"
    if name in NAMES or name in options.phones:
        return line(value), "text"
    return any_value(value), "value"


def add_others(reading: Reading, resource: Mapping[str, Any], standard: frozenset[str]) -> None:
    """The customer's own attributes under their own names: all but the vendor's standard and the configured ones."""
    taken = {*standard, *reading.facts, *reading.unread, "active", BEGAN, GONE}
    for name, value in resource.items():
        if name not in taken and not name.startswith(("group:", "_")):  # links of HAL begin with _
            reading.take(name, any_value(value), "value")


def line(value: Any) -> str | int | float | Unread | None:
    """One line of text. A list of one counts as what it holds."""
    value = single(value)
    if isinstance(value, str):
        return plain(value) or None
    if value is None:
        return None
    return UNREAD if number(value) is None else whole(value)


def any_value(value: Any) -> Fact | Unread:
    """Text, a number, true or false, a list or an object of these. UNREAD: something deeper is in it."""
    if isinstance(value, list):
        scalars = [scalar(each) for each in value]
        return UNREAD if UNREAD in scalars else [each for each in scalars if each is not None and each is not UNREAD]
    if isinstance(value, dict):
        named = {plain(str(name)): scalar(each) for name, each in value.items()}
        return (
            UNREAD if UNREAD in named.values() else {name: each for name, each in named.items() if each is not UNREAD}
        )
    return scalar(value)


def scalar(value: Any) -> str | int | float | bool | Unread | None:
    """Text as it is seen, with its line ends; a whole number without a point."""
    if isinstance(value, str):
        return plain(value, lines=True) or None
    return whole(value) if value is None or isinstance(value, bool | int | float) else UNREAD


def whole(value: Any) -> Any:
    """A whole float as an integer: 4.0 and 4 are one value."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def single(value: Any) -> Any:
    """The element of a list of one; nothing for an empty list."""
    if isinstance(value, list) and len(value) < 2:
        return value[0] if value else None
    return value


def full_name(*parts: Any) -> str | None:
    """A name in one, from its parts."""
    return " ".join(part for part in map(text, parts) if part) or None

"""A person in the simulator's own terms, over time.

A field that was never set is absent, one that was cleared is None: the vendors show the two differently.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

TEXTS = frozenset(
    {"employeeNumber", "userName", "displayName", "firstName", "lastName", "email", "phone"}
    | {"department", "division", "job", "manager", "location", "timeZone"}
    # Dates as YYYY-MM-DD. `status` is the vendor's own word, where `active` alone doesn't say it.
    | {"hireDate", "lastDay", "terminationDate", "status"}
)
"""`manager` is the manager's employee number."""

Values = dict[str, Any]
Kind = Literal["created", "updated", "removed", "purged", "restored"]


def checked(fields: Any) -> Values:
    """Raises ValueError for anything but a person: TEXTS, `active`, `groups` (names) and `custom` (any attributes).

    `assigned`: to the application, one by one; by groups others are as well.
    """
    if not isinstance(fields, dict):
        raise ValueError("a person is an object")  # noqa: TRY004 - answered as 400
    for name, value in fields.items():
        if name in TEXTS:
            good = value is None or isinstance(value, str)
        elif name in ("active", "assigned"):
            good = isinstance(value, bool)
        elif name == "groups":
            good = isinstance(value, list) and all(isinstance(item, str) for item in value)
        else:
            good = name == "custom" and isinstance(value, dict)
        if not good:
            raise ValueError(f"a person has no such {name}")
    return dict(fields)


@dataclass(slots=True)
class Entry:
    """A person in one directory. `history`: (number of the change, values after it), oldest first."""

    id: str
    number: int
    created: datetime
    updated: datetime
    values: Values
    history: list[tuple[int, Values]] = field(default_factory=list)
    changed: dict[str, tuple[int, datetime]] = field(default_factory=dict)  # field → its last change
    removed: Literal["changed", "deleted"] | None = None  # Graph's words: restorable, gone

    @property
    def seq(self) -> int:
        return self.history[-1][0]

    def before(self, seq: int) -> Values:
        """The values as they were after change `seq`."""
        return next((values for number, values in reversed(self.history) if number <= seq), {})

    def last_change(self, *, but: frozenset[str]) -> datetime:
        """When a field other than these changed last."""
        return max((at for name, (_, at) in self.changed.items() if name not in but), default=self.created)

    def group_changes(self, before: Values) -> tuple[list[str], list[str]]:
        """Names of groups joined and left since `before`."""
        old, new = before.get("groups", []), self.values.get("groups", [])
        return [name for name in new if name not in old], [name for name in old if name not in new]


@dataclass(frozen=True, slots=True)
class Change:
    kind: Kind
    entry: Entry
    before: Values
    fields: tuple[str, ...]  # of `custom` each attribute by its own name
    at: datetime


def with_names(values: Values) -> Values:
    """Vendors have all three names; the missing ones follow from the one that is set."""
    first, _, last = (values.get("displayName") or "").partition(" ")
    named = {"firstName": first, "lastName": last or first, **values}
    return {"displayName": f"{named['firstName']} {named['lastName']}".strip(), "active": True, **named}


def differing(old: Values, new: Values) -> tuple[str, ...]:
    """Fields whose values differ, `custom` by its attributes."""
    flat_old, flat_new = flat(old), flat(new)
    return tuple(name for name in sorted(flat_old.keys() | flat_new.keys()) if flat_old.get(name) != flat_new.get(name))


def apart(fields: tuple[str, ...]) -> bool:
    """Whether only groups and assignments have changed, which in Graph aren't the user's."""
    return bool(fields) and {"groups", "assigned"}.issuperset(fields)


def flat(values: Values) -> Values:
    return {**values.get("custom", {}), **{name: value for name, value in values.items() if name != "custom"}}


def stamp(moment: datetime) -> str:
    """ISO 8601 with milliseconds and Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Surveys which attributes the events of a history ever named, and which names people have today by a mapping."""

from collections import Counter
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

from pydantic import ValidationError

from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.scope import desire
from streamproc.core.records.change_event import ChangeEvent, Fact, decode_event
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.units import Millis
from streamproc.mapping_preview.expression_lint import compared
from streamproc.mapping_preview.known import Known

Catalogued: TypeAlias = Literal["roles", "groups", "skills", "languages", "divisions"]
"""Kinds of names of which the target has a list; a name that isn't in it can't be given to anybody."""
CATALOGUED: Final[tuple[Catalogued, ...]] = get_args(Catalogued)


MOST: Final = 1000
"""Texts of a fact; of one that has more, such as a name, nobody can say what is meant."""


@dataclass(slots=True)
class Surveyed:
    """A survey's result. Those of several partitions add up."""

    events: int = 0
    people: int = 0
    """Users in scope who aren't inactive."""
    active: int = 0
    """Users whom no source says to be inactive."""
    ours: int = 0
    """Those of them who are in scope, suspended or not."""
    named: dict[str, set[str]] = field(default_factory=dict)
    """Source → attributes that it ever named."""
    valued: dict[str, set[str]] = field(default_factory=dict)
    """Source → attributes to which it ever gave a value."""
    values: dict[str, set[str]] = field(default_factory=dict)
    """Fact → texts that it ever had, of facts with which expressions compare texts. More than `MOST`: not all."""
    names: dict[Catalogued, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in CATALOGUED})
    """Kind → name → people who have it."""

    def add(self, other: "Surveyed") -> None:
        """Add another partition's result."""
        self.events += other.events
        self.people += other.people
        self.active += other.active
        self.ours += other.ours
        for mine, theirs in ((self.named, other.named), (self.valued, other.valued)):
            for source, attributes in theirs.items():
                mine.setdefault(source, set()).update(attributes)
        for fact, values in other.values.items():
            self.values.setdefault(fact, set()).update(values)
        for kind, names in other.names.items():
            self.names[kind].update(names)


class Survey:
    """Surveys one partition of `identity.changes`."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._compared = compared(mapping).keys()
        self._users: dict[str, Known] = {}
        self._now = Millis(0)
        self._surveyed = Surveyed()

    def take(self, logged: StoredRecord) -> None:
        """Take in the next record."""
        self._now = max(self._now, logged.timestamp)
        try:
            event = decode_event(logged.value or b"")
        except ValidationError:
            return
        if event.kind == "mapping":
            return
        self._surveyed.events += 1
        known = self._users.setdefault(event.user, Known({}))
        known.take(event, self._mapping)
        self._name(event)

    def surveyed(self, now: Millis | None = None) -> Surveyed:
        """The result, with what people have `now` (ms since 1970; None: at the end)."""
        surveyed = self._surveyed
        for user, known in self._users.items():
            seen = known.view(self._mapping, now or self._now)
            desired: dict[str, Any] = dict(desire(self._mapping, user, seen, None)[0])
            if seen.get(self._mapping.file.attributes.active) is not False:
                surveyed.active += 1
                surveyed.ours += "scope" not in desired
            if desired.get("active") is False or "scope" in desired:
                continue
            surveyed.people += 1
            if division := desired.get("division"):
                surveyed.names["divisions"][division] += 1
            for kind, names in surveyed.names.items():
                names.update(list(desired.get(kind) or ()))
        return surveyed

    def _name(self, event: ChangeEvent) -> None:
        self._count(event.source, event.attributes)
        if event.move is not None and event.move.facts is not None:
            facts = event.move.facts
            for attributes in (facts.values, *(row.attributes for row in facts.rows.values())):
                self._count(event.source, attributes)

    def _count(self, source: str, attributes: MappingABC[str, Fact]) -> None:
        self._surveyed.named.setdefault(source, set()).update(attributes)
        valued = self._surveyed.valued.setdefault(source, set())
        valued.update(name for name, value in attributes.items() if value is not None)
        for name in self._compared & attributes.keys():
            self._keep(name, attributes[name])

    def _keep(self, name: str, value: Fact) -> None:
        values = self._surveyed.values.setdefault(name, set())
        said = value if isinstance(value, list) else [value]
        if len(values) <= MOST:
            values.update(each for each in said if isinstance(each, str))

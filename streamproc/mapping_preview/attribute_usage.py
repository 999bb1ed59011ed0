"""Survey: which attributes the events of a history ever named, and which names people have today, by one mapping."""

from collections import Counter
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

from pydantic import ValidationError

from streamproc.core.fold.mapping import Mapping
from streamproc.core.records.change_event import ChangeEvent, Fact, decode_event
from streamproc.core.records.stored_record import StoredRecord
from streamproc.mapping_preview.whatif import Known

Catalogued: TypeAlias = Literal["roles", "groups", "skills", "languages", "divisions"]
"""What the target has a list of; a name that isn't in it can't be given to anybody."""
CATALOGUED: Final[tuple[Catalogued, ...]] = get_args(Catalogued)


@dataclass(slots=True)
class Surveyed:
    """What was found. That of several partitions adds up.

    `people`: users who aren't inactive. `named`: source → attributes that it ever named; `valued`: those to which it
    ever gave a value. `names`: kind → name → people who have it.
    """

    events: int = 0
    people: int = 0
    named: dict[str, set[str]] = field(default_factory=dict)
    valued: dict[str, set[str]] = field(default_factory=dict)
    names: dict[Catalogued, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in CATALOGUED})

    def add(self, other: "Surveyed") -> None:
        """Take in that of another partition."""
        self.events += other.events
        self.people += other.people
        for mine, theirs in ((self.named, other.named), (self.valued, other.valued)):
            for source, attributes in theirs.items():
                mine.setdefault(source, set()).update(attributes)
        for kind, names in other.names.items():
            self.names[kind].update(names)


class Survey:
    """One partition of `identity.changes`."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._wanted = mapping.facts
        self._users: dict[str, Known] = {}
        self._now = 0
        self._found = Surveyed()

    def take(self, logged: StoredRecord) -> None:
        """The next record."""
        self._now = max(self._now, logged.timestamp)
        try:
            event = decode_event(logged.value or b"")
        except ValidationError:
            return
        if event.kind == "mapping":
            return
        self._found.events += 1
        known = self._users.setdefault(event.user, Known({}))
        known.take(event, self._wanted)
        self._name(event)

    def surveyed(self, now: int | None = None) -> Surveyed:
        """All that was found; what people have `now` (ms since 1970; None: at the end)."""
        found = self._found
        for user, known in self._users.items():
            desired: dict[str, Any] = dict(known.desired(user, self._mapping, now or self._now)[0])
            if desired.get("active") is False:
                continue
            found.people += 1
            if division := desired.get("division"):
                found.names["divisions"][division] += 1
            for kind, names in found.names.items():
                names.update(list(desired.get(kind) or ()))
        return found

    def _name(self, event: ChangeEvent) -> None:
        self._said(event.source, event.attributes)
        if event.move is not None and event.move.facts is not None:
            facts = event.move.facts
            for said in (facts.values, *(row.attributes for row in facts.rows.values())):
                self._said(event.source, said)

    def _said(self, source: str, attributes: MappingABC[str, Fact]) -> None:
        self._found.named.setdefault(source, set()).update(attributes)
        valued = self._found.valued.setdefault(source, set())
        valued.update(name for name, value in attributes.items() if value is not None)

"""The answer to "as of": what was desired of a user at a moment and why, and what the target had acknowledged.

It is the log's answer as it stood then: an event appended later doesn't count, whatever date it has.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias, cast

from streamproc.audit.asof.found import Found
from streamproc.audit.asof.policies import AttributePolicy
from streamproc.audit.asof.target_state import KnownTargetState
from streamproc.audit.asof.why import Part, Why
from streamproc.audit.asof.words import Word
from streamproc.core.fold.fold import fold, passed
from streamproc.core.fold.mapping import Mapping
from streamproc.core.records.change_event import ChangeEvent, Effective, Order, Origin
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.resource import LEVELS, LISTS, Resource
from streamproc.core.records.units import millis_after
from streamproc.core.records.user_record import UserRecord

Recorded: TypeAlias = Literal["equal", "differs", "altered", "missing"]
"""What `scim.operations` has at the user's seq, compared with the record folded anew. `equal`: the same. `differs`:
another record that fits its own hash. `altered`: one that doesn't fit its hash, or can't be read. `missing`: none; it
was compacted, or not written yet."""


@dataclass(frozen=True, slots=True)
class Saying:
    """An event of `identity.changes`."""

    offset: int
    at: int
    """When it was appended there, in ms since 1970."""
    event: str
    """The event's id."""
    kind: str
    origin: Origin
    reason: str | None = None
    effective: Effective | None = None


@dataclass(frozen=True, slots=True)
class StatedFact:
    """A source's word on a fact, and the event that stated it."""

    word: Word
    saying: Saying | None
    """None: it isn't in this user's part of the log."""


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A place in `identity.changes`."""

    offset: int
    at: int
    """When the event there was appended, in ms since 1970."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A `Why`, with the events that it rests on."""

    attribute: str
    element: str | None
    value: str | float | bool | None
    part: Part
    stated: tuple[StatedFact, ...]
    since: LogPosition | None
    """From where on it has been desired as it is. None: another reason gives a higher level, and that one holds."""


@dataclass(frozen=True, slots=True)
class MappingAtMoment:
    """The mapping by which a record was made."""

    digest: str
    since_offset: int
    """Offset of the first event folded by it."""
    seq: int
    """Offset of the event that names it; after `since_offset` where it is the first that the log names."""
    by: str
    reason: str
    at: int
    """When it was ordered, in ms since 1970."""


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The next date in a user's facts."""

    at: int
    """In µs since 1970."""
    source: str
    subject: str
    effective: Effective | None
    """The date as the source wrote it; None: no source wrote one."""
    desired: dict[str, Any]
    """Attribute → what will be desired from then on, where that differs from what is desired before."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """The answer about one user."""

    user: str
    at: int
    """The moment that it is of, in ms since 1970."""
    partition: int
    seq: int
    """Offset of the last event that counts."""
    decided: int
    """Up to when dates in the facts have counted: when that or an earlier event was appended to its source's topic, in
    ms since 1970."""
    desired: Resource
    problems: tuple[str, ...]
    overdue: int | None
    """A date in the facts that had passed without an event that says so, in µs since 1970: it doesn't count yet."""
    mapping: MappingAtMoment | None
    """None: the log doesn't name the record's mapping, so there are no reasons either."""
    recorded: Recorded
    reasons: tuple[Reason, ...]
    acknowledged: KnownTargetState
    upcoming: Upcoming | None = None
    """The next date, overdue or ahead."""
    policies: tuple[AttributePolicy, ...] = ()
    """Of attributes that aren't ours to write, or only once."""
    held: tuple[str, ...] = ()
    """SOURCE/SUBJECT of those who claim to be this user beside another, and count for nothing."""
    found: Found | None = None
    """What was found to disagree in the target; None: nothing ever was, or findings can't be read."""


def as_object(answer: AsOf) -> dict[str, Any]:
    """As JSON. Two fields have other names there than here, since the format is older than the names."""
    mapping = None if answer.mapping is None else _fields(answer.mapping, since_offset="since")
    return _fields(answer) | {
        "mapping": mapping,
        "reasons": [_fields(reason, stated="said") for reason in answer.reasons],
    }


def _fields(value: Any, **json_names: str) -> dict[str, Any]:
    return {json_names.get(one.name, one.name): getattr(value, one.name) for one in fields(value)}


@dataclass(slots=True)
class StatedFacts:
    """Which event stated each fact first, by user."""

    _by_order: dict[tuple[str, str, str], dict[Order, Saying]] = field(default_factory=dict)
    _moved: dict[tuple[str, str, str], Saying] = field(default_factory=dict)

    def add(self, offset: int, at: int, event: ChangeEvent) -> None:
        """Take in the next event of the log. Of a fact stated twice the first event counts."""
        if event.kind in {"due", "mapping"}:
            return
        who = (event.user, event.source, event.subject)
        saying = Saying(offset, at, event.event, event.kind, event.origin, event.reason, event.effective)
        if event.move is not None:
            self._moved[who] = saying
        else:
            self._by_order.setdefault(who, {}).setdefault(event.order, saying)

    def of(self, user: str, word: Word) -> StatedFact:
        """The word with its event. For a subject that came from another user, or left: with the event that moved it."""
        who = (user, word.source, word.subject)
        known = None if word.left or word.order is None else self._by_order.get(who, {}).get(word.order)
        return StatedFact(word, known or self._moved.get(who))


@dataclass(slots=True)
class UnchangedSince:
    """From where on each attribute of one user, and each element of a list, has been as it is."""

    _since: dict[tuple[str, str | None], tuple[Any, LogPosition]] = field(default_factory=dict)

    def take(self, desired: Resource, offset: int, at: int) -> None:
        """Take in the next desired state."""
        position = LogPosition(offset, at)
        before, self._since = self._since, {}
        for key, value in _pieces(desired):
            known = before.get(key)
            same = known is not None and known[0] == value and type(known[0]) is type(value)
            self._since[key] = cast("tuple[Any, LogPosition]", known) if same else (value, position)

    def of(self, why: Why) -> LogPosition | None:
        """From where on a value holds. None: it doesn't hold, since another reason gives a higher level."""
        value, position = self._since.get((why.attribute, why.element), (None, None))
        return None if why.attribute in LEVELS and why.element is not None and value != why.value else position


def in_force(known: MappingInForce, *, first: bool) -> MappingAtMoment:
    """The mapping as an answer names it. `first`: the log's first, by which what lies before it was folded too."""
    return MappingAtMoment(known.digest, 0 if first else known.seq, known.seq, known.by, known.reason, known.at)


def reasons(user: str, whys: Iterable[Why], stated: StatedFacts, unchanged: UnchangedSince) -> tuple[Reason, ...]:
    """The whys, each with the events that it rests on."""
    return tuple(
        Reason(
            why.attribute,
            why.element,
            why.value,
            why.part,
            tuple(stated.of(user, word) for word in why.words),
            unchanged.of(why),
        )
        for why in whys
    )


def upcoming(record: UserRecord, mapping: Mapping) -> Upcoming | None:
    """The next date of a user, and what it will change if no event comes before it."""
    if record.due is None:
        return None
    event = passed(record, Origin("", 0, 0, millis_after(record.due)))
    before: dict[str, Any] = dict(record.desired)
    after: dict[str, Any] = dict(fold(record, record.seq + 1, event, mapping).desired)
    row = record.facts[f"{event.source}/{event.subject}"].rows.get(event.order[2])
    named = (name for name in before | after if name not in {"seed", "observe"})
    changes = {name: after.get(name) for name in named if before.get(name) != after.get(name)}
    return Upcoming(record.due, event.source, event.subject, row.effective if row else None, changes)


def _pieces(desired: Resource) -> Iterable[tuple[tuple[str, str | None], Any]]:
    for name, value in cast("dict[str, Any]", desired).items():
        if name in (*LEVELS, "externalIds") and value:
            yield from (((name, element), level) for element, level in value.items())
        elif name in LISTS and value:
            yield from (((name, element), None) for element in value)
        else:
            yield (name, None), value

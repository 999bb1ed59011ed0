"""As of: what was desired of a user at a moment and why, and what the target had acknowledged, as one answer.

The log answers, as it stood then: what was appended later doesn't count, whatever date it has.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from streamproc.audit.asof.explain import Part, Why, Word
from streamproc.audit.asof.target_state import KnownTargetState
from streamproc.core.fold.fold import fold, passed
from streamproc.core.fold.mapping import Mapping
from streamproc.core.records.change_event import ChangeEvent, Effective, Order, Origin
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.resource import LEVELS, LISTS, Resource
from streamproc.core.records.user_record import UserRecord

Recorded: TypeAlias = Literal["equal", "differs", "altered", "missing"]
"""What `scim.operations` has at the user's seq: what was folded anew; something else; something that doesn't fit its
own hash, or can't be read; or nothing (compacted, or not written yet)."""


@dataclass(frozen=True, slots=True)
class Saying:
    """An event, and where it lies in `identity.changes`. `at`: ms since 1970, when it was appended there."""

    offset: int
    at: int
    event: str
    kind: str
    origin: Origin
    reason: str | None = None
    effective: Effective | None = None


@dataclass(frozen=True, slots=True)
class StatedFact:
    """A word, and the event that said it. None: it isn't in this user's part of the log."""

    word: Word
    saying: Saying | None


@dataclass(frozen=True, slots=True)
class Since:
    """From which offset of `identity.changes` on something has been desired as it is; `at`: ms since 1970."""

    offset: int
    at: int


@dataclass(frozen=True, slots=True)
class Reason:
    """A `Why` with the events that it rests on. `since`: from when on it has been desired as it is.

    None: another reason gives a higher level, and that holds.
    """

    attribute: str
    element: str | None
    value: str | float | bool | None
    part: Part
    said: tuple[StatedFact, ...]
    since: Since | None


@dataclass(frozen=True, slots=True)
class MappingAtMoment:
    """The mapping by which a record was made. `since`: the offset from which on; `seq`: where the log says so."""

    digest: str
    since: int
    seq: int
    by: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The next date in the facts, in µs since 1970, and whose it is. `effective` None: not one that somebody wrote.

    `desired`: attribute → what will be desired then, where that is something else than before. Nothing: as before.
    """

    at: int
    source: str
    subject: str
    effective: Effective | None
    desired: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AsOf:
    """The answer about one user. Times are ms since 1970, but `overdue`.

    `seq`, `decided`: offset of the last event that counts, and when that or an earlier one had been appended to its
    source's topic. `overdue`: µs since 1970, a date in the facts that had passed, and which no event had told the log
    yet: it doesn't count. `upcoming`: the next date, be it overdue or ahead. `mapping` None: the record names
    one that the log doesn't, and so gives no reasons.
    """

    user: str
    at: int
    partition: int
    seq: int
    decided: int
    desired: Resource
    problems: tuple[str, ...]
    overdue: int | None
    mapping: MappingAtMoment | None
    recorded: Recorded
    reasons: tuple[Reason, ...]
    acknowledged: KnownTargetState
    upcoming: Upcoming | None = None


@dataclass(slots=True)
class StatedFacts:
    """Where each word was said, by user."""

    _by_order: dict[tuple[str, str, str], dict[Order, Saying]] = field(default_factory=dict)
    _moved: dict[tuple[str, str, str], Saying] = field(default_factory=dict)

    def add(self, offset: int, at: int, event: ChangeEvent) -> None:
        """The next event of the log. What is said again was said first."""
        if event.kind in {"due", "mapping"}:
            return
        who = (event.user, event.source, event.subject)
        saying = Saying(offset, at, event.event, event.kind, event.origin, event.reason, event.effective)
        if event.move is not None:
            self._moved[who] = saying
        else:
            self._by_order.setdefault(who, {}).setdefault(event.order, saying)

    def of(self, user: str, word: Word) -> StatedFact:
        """The event that said it. Of a subject that came from another user, or left: the one that moved it."""
        who = (user, word.source, word.subject)
        known = None if word.left or word.order is None else self._by_order.get(who, {}).get(word.order)
        return StatedFact(word, known or self._moved.get(who))


@dataclass(slots=True)
class Constant:
    """Since when each attribute, and each element of a list, of one user has been as it is."""

    _since: dict[tuple[str, str | None], tuple[Any, Since]] = field(default_factory=dict)

    def take(self, desired: Resource, offset: int, at: int) -> None:
        """The next state that is desired."""
        place = Since(offset, at)
        before, self._since = self._since, {}
        for key, value in _pieces(desired):
            known = before.get(key)
            same = known is not None and known[0] == value and type(known[0]) is type(value)
            self._since[key] = cast("tuple[Any, Since]", known) if same else (value, place)

    def of(self, why: Why) -> Since | None:
        """Since when. None: it doesn't hold, since another reason gives a higher level."""
        value, since = self._since.get((why.attribute, why.element), (None, None))
        return None if why.attribute in LEVELS and why.element is not None and value != why.value else since


def in_force(known: MappingInForce, *, first: bool) -> MappingAtMoment:
    """`first`: what lies before it was folded by it too."""
    return MappingAtMoment(known.digest, 0 if first else known.seq, known.seq, known.by, known.reason, known.at)


def reasons(user: str, whys: Iterable[Why], sayings: StatedFacts, constant: Constant) -> tuple[Reason, ...]:
    """The whys, each with its events."""
    return tuple(
        Reason(
            why.attribute,
            why.element,
            why.value,
            why.part,
            tuple(sayings.of(user, word) for word in why.words),
            constant.of(why),
        )
        for why in whys
    )


def upcoming(record: UserRecord, mapping: Mapping) -> Upcoming | None:
    """What the next date of a user comes to, if nothing else is said until then."""
    if record.due is None:
        return None
    event = passed(record, Origin("", 0, 0, -(-record.due // 1000)))
    before: dict[str, Any] = dict(record.desired)
    after: dict[str, Any] = dict(fold(record, record.seq + 1, event, mapping).desired)
    row = record.facts[f"{event.source}/{event.subject}"].rows.get(event.order[2])
    changes = {name: after.get(name) for name in before | after if before.get(name) != after.get(name)}
    return Upcoming(record.due, event.source, event.subject, row.effective if row else None, changes)


def _pieces(desired: Resource) -> Iterable[tuple[tuple[str, str | None], Any]]:
    for name, value in cast("dict[str, Any]", desired).items():
        if name in LEVELS and value:
            yield from (((name, element), level) for element, level in value.items())
        elif name in LISTS and value:
            yield from (((name, element), None) for element in value)
        else:
            yield (name, None), value

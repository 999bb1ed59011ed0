"""Operators' orders as the log has them, compared whole with what says that it was done by one.

An order lies at a place of `streamproc.controls`. What was done names it: a mapping's event and an outcome by that
place, a moved account by whose it is, to whom it goes, who ordered that, and why.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from streamproc.core.identity.resolve import normalised
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.control import IDENTITY, Action, Control
from streamproc.core.records.finding import is_look
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.topic_names import CONTROLS, FINDINGS, OPERATIONS
from streamproc.core.records.units import Millis, micros_of

RETRY: Final = "retry"
"""Stands in for an order's id where nobody ordered it: parked work that was tried again after a while."""
_SAID: Final[dict[Action, tuple[set[str], ...]]] = {
    "release": ({"user", "since"},),
    "reject": ({"user", "since"},),
    "retry": ({"user", "since"},),
    "skip": ({"user", "since"},),
    "pause": (set(),),
    "resume": (set(),),
    "link": ({"user", "subject"},),
    "split": ({"subject"},),
    "mapping": ({"mapping"},),
    "replay": ({"since", "input"},),
    "drop": ({"since", "input"},),
    "adopt": ({"user", "since", "account"},),
    "ignore": ({"user", "since"}, {"account", "since"}),
    "deactivate": ({"account", "since"},),
    "unfreeze": ({"user"}, {"user", "attribute"}),
    "connection": ({"connection"},),
}
"""Action → what an order of it may say besides who ordered it, why and when."""
_TRIES: Final[frozenset[Action]] = frozenset({"release", "retry", "adopt", "unfreeze"})
"""Orders by which the sink tries anew."""
_ABOUT: Final = ("user", "since", "subject", "mapping", "input", "account", "attribute", "connection")
Place: TypeAlias = tuple[int, int]
"""Partition and offset in `streamproc.controls`."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An order, and when it was appended."""

    control: Control
    appended: Millis


@dataclass(slots=True)
class Orders:
    """All orders. A place with None has a record that isn't one."""

    by_place: dict[Place, Placed | None] = field(default_factory=dict)
    _moves: set[tuple[str | None, str | None, str, str]] = field(default_factory=set)

    def add(self, partition: int, offset: int, appended: Millis, control: Control | None) -> None:
        """Take in the next order."""
        self.by_place[partition, offset] = None if control is None else Placed(control, appended)
        if control is not None and control.action in IDENTITY:
            user = None if control.action == "split" or control.user is None else normalised(control.user)
            self._moves.add((control.subject, user, control.by, control.reason))

    def unlike_move(self, event: ChangeEvent) -> str | None:
        """What is wrong with the order behind a subject that comes or goes; None: nothing, or nobody ordered it."""
        move = event.move
        if move is None or move.by is None:
            return None
        user = event.user if event.kind == "link" else move.other
        if (f"{event.source}/{event.subject}", user, move.by, event.reason) in self._moves:
            return None
        return f"the order behind this {event.kind}, {event.event}, isn't there, or says something else"

    def unlike_outcome(self, outcome: Outcome, theirs: Callable[[int], bool]) -> str | None:
        """What is wrong with the order behind an attempt that isn't its event's; None: nothing.

        `theirs`: whether a seq is that of an event of the user, by which they may have been set aside.
        """
        cause = outcome.cause
        assert cause is not None
        if cause.event == RETRY:
            return None if cause.origin.topic == OPERATIONS else "a retry that nobody ordered names an order's place"
        if is_look(cause):
            return None if cause.origin.topic == FINDINGS else "a look names no finding's place"
        placed = self.by_place.get((cause.origin.partition, cause.origin.offset))
        if placed is None or cause.origin.topic != CONTROLS or placed.control.id != cause.event:
            return f"no order {cause.event} is there"
        control = placed.control
        wanted = {"rejected": {"reject"}, "skipped": {"skip"}}.get(outcome.verdict, _TRIES)
        differing = [
            name
            for name, same in (
                ("action", control.action in wanted),
                ("user", control.user == outcome.user),
                ("since", control.action == "unfreeze" or _fits(control.since, outcome, theirs)),
                ("by or reason", cause.reason == by_whom(control)),
                ("when it was appended", cause.origin.appended == placed.appended),
            )
            if not same
        ]
        return f"order {cause.event} says something else: {', '.join(differing)}" if differing else None


def _fits(since: int | None, outcome: Outcome, theirs: Callable[[int], bool]) -> bool:
    return since is not None and since <= outcome.seq and theirs(since)


def by_whom(control: Control) -> str:
    """Who ordered it and why, as the cause of what was done says it."""
    return f"{control.by}: {control.reason}"


def mapping_done(event: ChangeEvent) -> dict[str, Any]:
    """What an event that brings a mapping says of its order."""
    assert event.mapping is not None
    at, offset, name = event.order
    return _mapping(event.mapping.by, event.reason, event.mapping.text, event.origin, at, offset, name)


def mapping_ordered(placed: Placed, place: Place) -> dict[str, Any]:
    """The same of an order."""
    control = placed.control
    origin = Origin(CONTROLS, *place, placed.appended)
    return _mapping(control.by, control.reason, control.mapping, origin, micros_of(control.at), place[1], control.id)


def _mapping(
    by: str, reason: str | None, text: str | None, origin: Origin, at: int, offset: int, name: str
) -> dict[str, Any]:
    names = {"by": by, "reason": reason, "mapping": text, "appended": origin.appended}
    return names | {"at": at, "offset": offset, "id": name}


def out_of_shape(control: Control, key: bytes | None) -> str | None:
    """What an order says that one of its action doesn't, or leaves unsaid; None: nothing. `key`: of its record."""
    said = {name for name in _ABOUT if getattr(control, name) is not None}
    if said not in _SAID[control.action]:
        return f"an order to {control.action} that says {', '.join(sorted(said)) or 'nothing more'}"
    return None if key == control.key.encode() else "its key isn't whom, or what, it is about"

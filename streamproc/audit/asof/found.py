"""What was found to disagree in the target at a moment, who had changed it, and what operators had ordered of it.

Rule 1: the user's newest finding by that moment counts, as whoever compared wrote it down; nothing is checked here.
Rule 2: an order is told with the finding if it came after the target was first seen to differ in this way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from pydantic import ValidationError

from streamproc.audit.words import iso_moment
from streamproc.core.records.control import CONTROL, RECONCILE, Action
from streamproc.core.records.finding import Difference, Finding, decode_finding, says_the_same
from streamproc.core.records.stored_record import StoredRecord

ORDERS: Final[frozenset[Action]] = RECONCILE | {"adopt", "unfreeze"}
"""What is ordered of what was found."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """An operator's order. `at`: when it was appended, in ms since 1970."""

    id: str
    action: Action
    by: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Found:
    """The newest finding about a user. Times are ms since 1970."""

    offset: int
    """In the user's partition of `scim.findings`."""
    at: int
    """When the target was looked at."""
    since: int
    """When something of this was seen first."""
    seq: int
    """Of the record that was compared."""
    account: str | None
    incident: bool
    differences: tuple[Difference, ...]
    """Empty: nothing disagreed any more."""
    answered: str | None
    """Id of the order that closed it."""
    orders: tuple[Ordered, ...] = ()


@dataclass(slots=True)
class FoundFold:
    """Folds one user's findings and orders, in their order, into what was known at a moment."""

    _newest: tuple[Finding, int] | None = None
    _first: int = 0
    """When what disagrees was appended first, in ms since 1970."""
    _orders: list[Ordered] = field(default_factory=list)

    def take(self, logged: StoredRecord) -> None:
        """A record of `scim.findings`. One that isn't a finding about the user of its key is passed over."""
        try:
            finding = decode_finding(logged.value or b"")
        except ValidationError:
            return
        if finding.key.encode() != logged.key:
            return
        if self._newest is None or not says_the_same(self._newest[0], finding):
            self._first = logged.timestamp
        self._newest = finding, logged.offset

    def take_order(self, logged: StoredRecord) -> None:
        """A record of `streamproc.controls`. One that isn't an order about what was found is passed over."""
        try:
            control = CONTROL.validate_json(logged.value or b"")
        except ValidationError:
            return
        if control.action in ORDERS and control.key.encode() == logged.key:
            self._orders.append(Ordered(control.id, control.action, control.by, control.reason, logged.timestamp))

    def known(self) -> Found | None:
        """What was found last; None: nothing ever was."""
        if self._newest is None:
            return None
        finding, offset = self._newest
        return Found(
            offset,
            finding.at,
            finding.since,
            finding.seq,
            finding.account,
            finding.incident,
            tuple(finding.differences),
            finding.answered,
            tuple(order for order in self._orders if order.at >= self._first),
        )


def in_short(found: Found) -> str:
    """In a row of a table."""
    names = ", ".join(f"{each.attribute} {each.kind}" for each in found.differences)
    return f"found{' AN INCIDENT' if found.incident else ''}: {names}"


def found_lines(found: Found, partition: int, acknowledged: int | None) -> Iterator[str]:
    """Of the whole answer. `acknowledged`: when the target told last what it holds, in ms since 1970."""
    at = f"at {iso_moment(found.at)} (scim.findings/{partition}@{found.offset}, by the record of {found.seq})"
    if not found.differences:
        yield f"Nothing disagreed in the target any more when it was looked at, {at}"
    else:
        incident = "AN INCIDENT, " if found.incident else ""
        yield f"Found in the target: {incident}since {iso_moment(found.since)}, last {at}"
        if acknowledged is not None and acknowledged > found.at:
            yield "  what the target has acknowledged, above, is newer"
    for each in found.differences:
        yield f"  {_difference(each)}"
    for order in found.orders:
        done = ", done" if order.id == found.answered else ""
        yield f"  {order.action} ordered {iso_moment(order.at)} by {order.by}: {order.reason}{done}"


def _difference(difference: Difference) -> str:
    policy = "" if difference.policy == "own" else f" ({difference.policy})"
    line = f"{difference.attribute}{policy}: {_value(difference.held)} held, {_value(difference.desired)} desired"
    line += f"; {difference.kind}: {difference.reason}"
    if difference.changed is not None:
        changed = difference.changed
        line += f"; by {changed.who} at {iso_moment(changed.at)} (audit entry {changed.entry})"
    return line


def _value(value: Any) -> str:
    return orjson.dumps(value).decode()

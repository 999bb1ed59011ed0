"""What a source's payload says, before anybody knows which user it is about: products of the parsers in `sources/`.

Rule 1: a parser tells three things apart. A `SourceEvent` acts by itself: facts, or a whole snapshot. A `FetchRequest`
only says that something changed: its subject has to be fetched. An `Ignored` is neither, with the reason.
Rule 2: order is the source's own clock throughout. What was fetched is ordered by the moment at which it was read, in
that clock, so a snapshot that was read before somebody was disabled can't enable them again.
Rule 3: nobody is guessed. `anchor` is what the source itself says of who this is; without one, only the link table can
tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from streamproc.core.records.change_event import Effective, Fact, Order
from streamproc.core.records.units import Micros


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """What a source says of one of its subjects.

    `snapshot`: all that the source knows; what it leaves out has no value. `change`: only what it names; None clears.
    `event` is the source's own id of the event, or a hash of its content where it gives none: a repeat has the same.
    `row` names a row of the source's timeline, and `cancels` one that holds no more (rescinded, or corrected by this).
    """

    subject: str
    event: str
    kind: Literal["snapshot", "change"]
    order: Order
    attributes: dict[str, Fact]
    anchor: str | None = None
    effective: Effective | None = None
    row: str | None = None
    cancels: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """A subject to fetch. `at`: µs since 1970 in the source's clock, the least age of an answer that will do.

    `urgent`: it may hide a leaver, so it is fetched before others.
    """

    subject: str
    event: str
    at: Micros
    reason: str
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """What means nothing here, or can't be read. `code` is a word for counting, `reason` a sentence without values."""

    code: str
    reason: str
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedPayload:
    """Everything that a payload says, each kind in the payload's order."""

    events: tuple[SourceEvent, ...] = ()
    notifications: tuple[FetchRequest, ...] = ()
    ignored: tuple[Ignored, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a payload came to us. Times are µs since 1970.

    `received`: when the gateway, or else the broker, had it. `read`: for what was fetched, a moment in the source's
    clock at or before which the answer was made. `headers` in lower case.
    """

    received: Micros
    read: Micros | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

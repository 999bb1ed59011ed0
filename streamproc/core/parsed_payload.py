"""What a source's payload says, before it is known which user it is about: results of the parsers in `sources/`.

Rule 1: a parser returns three kinds of things. A `SourceEvent` acts by itself: facts, or a complete snapshot. A
`FetchRequest` only says that something changed: its subject has to be fetched. An `Ignored` is neither, with a reason.
Rule 2: order is always by the source's own clock. A fetched answer is ordered by when it was read, in that clock, so a
snapshot that was read before somebody was disabled can't enable them again.
Rule 3: users aren't guessed. `anchor` is the source's own word on which user this is; without it only the link table
knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from streamproc.core.records.change_event import Effective, Fact, Order
from streamproc.core.records.rejected import Problem
from streamproc.core.records.units import Micros


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database's change log has an event."""

    log: str
    """Positions of one log can be compared."""
    at: str
    """The position, as text that sorts as the log does; empty: it isn't told."""
    snapshot: bool
    """A row that was read, as it was at the snapshot's beginning, and no change of one."""


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """What a source says about one of its subjects."""

    subject: str
    event: str
    """The source's own id of the event, or a hash of its content: a repeat has the same."""
    kind: Literal["snapshot", "change"]
    """`snapshot`: all that the source knows; what it leaves out has no value. `change`: only what it names; None
    clears."""
    order: Order
    attributes: dict[str, Fact]
    anchor: str | None = None
    """Which user this is, by the source."""
    effective: Effective | None = None
    row: str | None = None
    """Name of a row of the source's timeline."""
    cancels: str | None = None
    """Name, or prefix of the names, of rows that no longer hold (rescinded, or corrected by this event)."""
    reason: str | None = None
    kept: tuple[str, ...] = ()
    """Attributes that a snapshot doesn't speak of, since they couldn't be read: what was known of them stays.
    Only a snapshot without a date keeps anything."""
    place: Place | None = field(default=None, compare=False)
    """Where a database's log has it: that decides before the time in `order` does."""


EVERYBODY: Final = "*"
"""In the place of a subject: something changed, and nobody says of whom. No source has a subject of this name."""


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """A subject to fetch."""

    subject: str
    """Or EVERYBODY: then the source has to be synchronised."""
    event: str
    at: Micros
    """In the source's clock; an older answer isn't enough."""
    reason: str
    urgent: bool = False
    """It may hide a leaver, so it is fetched before others."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """What has no meaning here, or can't be read. Beside events: a part of what their payload says; they hold."""

    code: str
    """A word, for counting."""
    reason: str
    """A sentence without values."""
    subject: str | None = None
    field: str | None = None
    """Name of the fact, or of the column or path, that it is about; None: it is about more than one."""

    @property
    def problem(self) -> Problem:
        """As it is told."""
        return Problem(self.code, self.reason, self.subject, self.field)


@dataclass(frozen=True, slots=True)
class ParsedPayload:
    """Everything that a payload says, each kind in the payload's order."""

    events: tuple[SourceEvent, ...] = ()
    notifications: tuple[FetchRequest, ...] = ()
    ignored: tuple[Ignored, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a payload got here."""

    received: Micros
    """When the gateway, or else the broker, had it."""
    read_at: Micros | None = None
    """Of a fetched answer: lower bound of its age, in the source's clock."""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """By names in lower case."""

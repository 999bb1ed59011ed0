"""ChangeEvent: one fact from one source about one user, in canonical form.

It is the value of `identity.changes`, the system of record. Everything after it is recomputed from it, so it carries
all that a decision may need: its place in the source's own order, from when it holds, where the raw bytes lie, and when
the broker appended them.
"""

from typing import Final, Literal, TypeAlias

import orjson
from msgspec import field
from pydantic import TypeAdapter

from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.value import Value, decoder, encode, numberless

Standing: TypeAlias = Literal["", "held", "behind", "confirmed"]
"""Of a subject: it is the user by its source's word; it says so beside another, and counts for nothing; it came when
another was out, and does nothing until that is made up for; an operator has linked it.
"""
JsonScalar: TypeAlias = str | int | float | bool | None
Fact: TypeAlias = JsonScalar | list[JsonScalar] | dict[str, JsonScalar]
"""What a source can say of one attribute; None says that it has no value."""

BEGAN: Final = "began"
"""The fact that says when a job began or an account was made (µs since 1970). No mapping has to read it."""

GONE: Final = "gone"
"""The fact, true or nothing, that the source doesn't know a subject any more. Kept like `BEGAN`."""

Order: TypeAlias = tuple[Micros, int, str]
"""Place in one source's own order: source time in µs since 1970, sequence, event id. Never compared across sources."""


class Origin(Value, frozen=True):
    """Where the raw event lies, and when the broker appended it (ms since 1970).

    `received`: when the gateway had it (ms since 1970); None: it didn't come that way.
    """

    topic: str
    partition: int
    offset: int
    appended: Millis
    received: Millis | None = None

    def is_before(self, other: "Origin") -> bool:
        """Whether this record stands before `other` in the same partition: then it comes again after a crash."""
        return self.offset < other.offset and self._same_log(other)

    def is_at_or_before(self, other: "Origin") -> bool:
        """Whether this record is `other`, or stands before it in the same partition."""
        return self.offset <= other.offset and self._same_log(other)

    def _same_log(self, other: "Origin") -> bool:
        """The offsets can be compared. In a topic that was made anew they begin again, and are appended later."""
        return (self.topic, self.partition) == (other.topic, other.partition) and self.appended <= other.appended


class Effective(Value, frozen=True):
    """From when something holds. `at`: µs since 1970. `said`: as the source wrote it; `zone`: by which it was read.

    `lags`: it is a day of the worker's, and for up to a day after it the source may go on to say what held before.
    """

    at: Micros
    said: str
    zone: str
    lags: bool = False


class Row(Value, frozen=True):
    """A row of a source's timeline. `effective` None: from when it was entered. `whole`: it is a snapshot's.

    Without attributes it is spent, and only says that earlier versions of it don't count.
    """

    entered: Order
    attributes: dict[str, Fact]
    effective: Effective | None = None
    whole: bool = False


class SourceFacts(Value, frozen=True):
    """What one source has said of one of its subjects; `facts.py` has the rules.

    `values` holds what was said without a date, `later` the order of each that was said after the floor. `floor` is
    the newest snapshot, `grouped` the newest that also spoke of groups. `rows` is the timeline; `gone` names rows, or
    what the ids of rows begin with, with the order before which they don't count. `since`: when the source first spoke
    of it, and `vouched` when it last said that it is active, in its own time (µs since 1970). `left`: the subject isn't
    this user's any more. `brought`: what it denied when it came, with the order of that word: not said of this user.
    `standing`: see `core/fold/claims.py`; what is held has no facts here.
    """

    subject: str
    origin: Origin
    floor: Order | None = None
    values: dict[str, Fact] = field(default_factory=dict)
    later: dict[str, Order] = field(default_factory=dict)
    grouped: Order | None = None
    rows: dict[str, Row] = field(default_factory=dict)
    gone: dict[str, Order] = field(default_factory=dict)
    left: bool = False
    since: Micros | None = None
    vouched: Micros | None = None
    brought: dict[str, Order] = field(default_factory=dict)
    standing: Standing = ""


class Move(Value, frozen=True):
    """A subject comes to a user (`link`) or leaves one (`unlink`).

    `other`: the user it comes from or goes to; None: none. `by`: who ordered it; None: the source itself says so.
    `facts`: all that the subject has said, where it comes.
    """

    other: str | None
    by: str | None = None
    facts: SourceFacts | None = None


class NewMapping(Value, frozen=True):
    """A mapping file comes into force, in one partition of `identity.changes`.

    `text`: the file. `first`: it was appended because there was none yet, and only holds where that is so.
    """

    text: str
    by: str
    first: bool = False


class ChangeEvent(Value, frozen=True):
    """What one source said about one user.

    `snapshot` is everything the source knows: an attribute that it leaves out has no value. `change` speaks only of
    the attributes that it names. `due` is the passing of an effective date, appended by the worker's timer. `link` and
    `unlink` move a subject from user to user. `row` and `cancels` name rows of the source's timeline.
    `kept` names attributes that a snapshot doesn't speak of, since they couldn't be read: what was known of them stays.
    `mapping` is about all users of its partition (`user` is empty): from its offset on they are folded by the mapping
    in `mapping`, whose digest is the event's id.
    """

    user: str
    source: str
    subject: str
    event: str
    kind: Literal["snapshot", "change", "due", "link", "unlink", "mapping"]
    order: Order
    attributes: dict[str, Fact]
    origin: Origin
    reason: str | None = None
    effective: Effective | None = None
    row: str | None = None
    cancels: str | None = None
    move: Move | None = None
    mapping: NewMapping | None = None
    kept: tuple[str, ...] = ()

    @property
    def ahead(self) -> bool:
        """Whether it holds from a moment that lay ahead when it was said."""
        return self.effective is not None and self.effective.at > self.order[0]


CHANGE_EVENT: TypeAdapter[ChangeEvent] = TypeAdapter(ChangeEvent)

decode_event: Final = decoder(ChangeEvent, CHANGE_EVENT)
"""The event in a value of `identity.changes`. Raises pydantic.ValidationError where it isn't one."""


def encode_event(event: ChangeEvent) -> bytes:
    """Value of `identity.changes`. Raises TypeError where it says what JSON can't."""
    return encode(event) if event.move is None and numberless(event.attributes) else orjson.dumps(event)

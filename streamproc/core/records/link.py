"""Value of `identity.links`: which user a source's subject is."""

from typing import Final, Literal, TypeAlias

from msgspec import field
from pydantic import TypeAdapter

from streamproc.core.records.change_event import ChangeEvent, Order, Origin, SourceFacts
from streamproc.core.records.units import Micros
from streamproc.core.records.value import Value, decoder

FIRST: Final[Order] = (Micros(0), 0, "")
"""Before every word."""
MOST_HEARD: Final = 64
"""Partitions of which a link knows how far it has heard them. A source has few, unless its keys are nobody's."""
Access: TypeAlias = Literal["on", "off", "unsaid"]
"""`unsaid`: the source says that it doesn't say."""


class Word(Value, frozen=True):
    """Whether an account is active, and whose it is, as far as one event says so. `ordered`: an operator did, by which
    it may be nobody's.
    """

    order: Order
    access: Access | None = None
    user: str | None = None
    ordered: bool = False


class Ruling(Value, frozen=True):
    """Which user a subject is by an operator's word; None: nobody. It was given against the source's `claim`."""

    user: str | None
    claim: str | None
    by: str
    reason: str


class Mark(Value, frozen=True):
    """A position in a log, as text that sorts as the log does, and the time that it counts as (µs since 1970)."""

    at: str
    time: Micros


class HeardLog(Value, frozen=True):
    """What was heard of a subject from one change log of a database (`log_order.py`).

    `marks`: the highest positions, lowest first. `clock`: the latest time that the log itself gave, and `snapshot` the
    latest that a snapshot's row counts as. `first`: the lowest position of a snapshot's row. `before`: of the log that
    was there before the positions began anew, the highest position and the latest time.
    """

    marks: tuple[Mark, ...] = ()
    clock: Micros = Micros(0)
    snapshot: Micros = Micros(0)
    first: str | None = None
    before: Mark | None = None


class Link(Value, frozen=True):
    """One subject of one source. `user` None: its events wait.

    `seq` counts the changes of this link; `origin` is the last record that was taken in, `ordered` the last operator's
    order. `heard`: of each partition that the source's records came from, the last one that was taken in. `claim`: whom
    the source names, `claimed`: where in its order. `facts`: all that was said. `forgotten`: how many waited of which
    only what they said is kept. `words`: what an account's source said of whether it is active, and whose, from when
    that first matters (`account_ownership.py`); `former`: whom it has left since. `logs`: by name, the change logs of
    databases that told of it.
    """

    seq: int
    source: str
    subject: str
    origin: Origin
    ordered: Origin | None = None
    user: str | None = None
    claim: str | None = None
    claimed: Order | None = None
    ruling: Ruling | None = None
    facts: SourceFacts | None = None
    waiting: tuple[ChangeEvent, ...] = ()
    forgotten: int = 0
    words: tuple[Word, ...] = ()
    former: tuple[str, ...] = ()
    logs: dict[str, HeardLog] = field(default_factory=dict)
    heard: tuple[Origin, ...] = ()

    def has_heard(self, first: Origin) -> bool:
        """Whether a source's record was taken in: records of one partition come in their order, perhaps repeated."""
        return any(first.is_at_or_before(each) for each in (self.origin, *self.heard))

    def with_heard(self, first: Origin) -> tuple[Origin, ...]:
        """`heard` with one more."""
        others = [each for each in self.heard if (each.topic, each.partition) != (first.topic, first.partition)]
        return tuple(sorted((*others, first), key=lambda each: each.appended)[-MOST_HEARD:])


LINK: Final[TypeAdapter[Link]] = TypeAdapter(Link)
decode_link: Final = decoder(Link, LINK)
"""The Link in a value of `identity.links`. Raises pydantic.ValidationError where it isn't one."""

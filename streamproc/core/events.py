"""ChangeEvent: one fact from one source about one user, in canonical form.

It is the value of `identity.changes`, the system of record. Everything after it is recomputed from it, so it carries
all that a decision may need: its place in the source's own order, where the raw bytes lie, and when the broker
appended them.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import TypeAdapter

JsonScalar: TypeAlias = str | int | float | bool | None
Fact: TypeAlias = JsonScalar | list[JsonScalar] | dict[str, JsonScalar]
"""What a source can say of one attribute; None says that it has no value."""

Order: TypeAlias = tuple[int, int, str]
"""Place in one source's own order: source time in µs since 1970, sequence, event id. Never compared across sources."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the raw event lies, and when the broker appended it (ms since 1970)."""

    topic: str
    partition: int
    offset: int
    appended: int


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """What one source said about one user.

    `snapshot` is everything the source knows: an attribute that it leaves out has no value. `change` speaks only of
    the attributes that it names. `due` is the passing of an effective date, appended by the worker's timer.
    """

    user: str
    source: str
    subject: str
    event: str
    kind: Literal["snapshot", "change", "due"]
    order: Order
    attributes: dict[str, Fact]
    origin: Origin
    reason: str | None = None


CHANGE_EVENT: TypeAdapter[ChangeEvent] = TypeAdapter(ChangeEvent)

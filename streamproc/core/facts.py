"""What each source has said about a user: one last-writer-wins register per attribute, in the source's own order.

Any shuffle of one source's events, with repeats, ends in the same facts: a snapshot raises the `floor` below which
nothing counts any more, a later change lifts one attribute above it. An event at or below what is known changes
nothing, so a duplicate needs no list of ids already seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from streamproc.core.events import ChangeEvent, Fact, Order, Origin

Effect: TypeAlias = Literal["applied", "duplicate", "stale"]
"""What an event did to the facts: something, nothing because it was seen before, or nothing because newer is known."""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One source's facts. `later` holds the order of each attribute that was said after the floor."""

    subject: str
    origin: Origin
    floor: Order | None = None
    values: dict[str, Fact] = field(default_factory=dict)
    later: dict[str, Order] = field(default_factory=dict)


def absorb(known: SourceFacts | None, event: ChangeEvent, wanted: Sequence[str]) -> tuple[SourceFacts, Effect]:
    """Fold one event of one source into its facts. Attributes outside `wanted` (the mapping's) aren't kept."""
    if known is None:
        known = SourceFacts(event.subject, event.origin)
    elif _seen(known.origin, event.origin):
        return known, "duplicate"
    said = {name: value for name, value in event.attributes.items() if name in wanted}
    order = event.order
    floor = known.floor
    if floor is not None and order <= floor:
        return _moved(known, event), "duplicate" if order == floor else "stale"
    if event.kind == "snapshot":
        kept = {name: at for name, at in known.later.items() if at > order}
        values = dict.fromkeys(wanted) | said | {name: known.values[name] for name in kept}
        return SourceFacts(known.subject, event.origin, order, values, kept), "applied"
    newer = {name: value for name, value in said.items() if _precedes(known.later.get(name), order)}
    if not newer and said:
        repeated = all(known.later.get(name) == order for name in said)
        return _moved(known, event), "duplicate" if repeated else "stale"
    later = known.later | dict.fromkeys(newer, order)
    return SourceFacts(known.subject, event.origin, floor, known.values | newer, later), "applied"


def view(facts: Mapping[str, SourceFacts], active: str = "active") -> dict[str, Fact]:
    """The facts of all sources as one; the fact `active` is true only while every source that speaks of it says so.

    Other attributes come from the first source, by name, that has a value. Configured authority comes with the sources.
    """
    if len(facts) == 1:
        return next(iter(facts.values())).values
    merged: dict[str, Fact] = {}
    for source in sorted(facts):
        for name, value in facts[source].values.items():
            if name == active and value is False:
                merged[name] = False
            elif merged.get(name) is None:
                merged[name] = value
    return merged


def _seen(last: Origin, origin: Origin) -> bool:
    """A repeat of the resolver after a crash: the same raw record, or an earlier one of the same partition."""
    return (
        (last.topic, last.partition) == (origin.topic, origin.partition)
        and origin.offset <= last.offset
        and origin.appended <= last.appended  # else the topic was made anew, and its offsets begin again
    )


def _moved(known: SourceFacts, event: ChangeEvent) -> SourceFacts:
    return SourceFacts(known.subject, event.origin, known.floor, known.values, known.later)


def _precedes(known: Order | None, order: Order) -> bool:
    return known is None or known < order

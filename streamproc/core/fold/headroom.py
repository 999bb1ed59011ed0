"""Headroom: an event that would make a user's record too large still takes away what it takes away.

A record has `ORDINARY` bytes for what sources say, and the rest up to `LARGEST` for what takes access away: a denial, a
cancellation, a subject that leaves. Where the whole of such an event doesn't fit, these are tried in turn:

1. the event without what doesn't take access away;
2. the same, and of the desired resource nothing changes but `active`;
3. the same, and of all that its subject has said only denials are kept.

What takes access away by the mapping's scope or suspension counts as well, where it does so by itself: a department in
which nobody is ours. An event that takes nothing away, and is too large, is rejected. What is left out of one is told,
too.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import structs

from streamproc.core.fold.authority import key
from streamproc.core.fold.fold import fold_encoded, next_date
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.row_bounds import MOST as ROWS
from streamproc.core.fold.row_bounds import denies
from streamproc.core.fold.scope import deciding
from streamproc.core.records.change_event import GONE, ChangeEvent, Fact, SourceFacts
from streamproc.core.records.fact_names import ACTIVE, GROUP, MORE
from streamproc.core.records.user_record import LARGEST, ORDINARY, decode, decode_state, seal_hash

SLACK: Final = 64
"""Bytes by which a record may grow by numbers alone: an offset, a time."""
RESERVE: Final = 192 * 1024
"""Bytes above `LARGEST`, and below what a broker takes, for those of whom a record knows already: so no stranger's
denials keep out theirs."""
MOST: Final = 16
"""Facts of one event that may say no and are kept in the headroom."""
READ: Final = 64
"""The same of facts by which the mapping takes access: a scope may name many groups."""
LONGEST: Final = 256
"""Characters of such a fact's name."""
_MARK: Final = f'"{MORE}":'.encode()


WHY: Final = {
    "too_large": f"more than {ORDINARY} bytes would be known of one user",
    "too_many_rows": f"more has a date than the {ROWS} rows that are kept of one subject",
}


class Folded(NamedTuple):
    """What an event led to. `value` None: nothing, for it was folded already or is `rejected`."""

    value: bytes | None
    rejected: str | None = None
    """Code with which it is rejected."""
    left_out: str | None = None
    """Code of what of it was left out, or gave way to it; the rest was folded."""
    denies: bool = False
    """It is rejected although it takes access away."""


def fold_within(
    known: bytes | None,
    seq: int,
    event: ChangeEvent,
    mapping: Mapping,
    facts: dict[str, SourceFacts] | None = None,
) -> Folded:
    """As `fold_encoded`, within the bounds of a record."""
    value = fold_encoded(known, seq, event, mapping, facts)
    if value is None:
        return Folded(None)
    if len(value) <= max(ORDINARY, SLACK + len(known or b"")):
        return Folded(value, left_out="too_many_rows" if _MARK in value and _gave_way(known, value) else None)
    less = what_it_takes(event, mapping.file.attributes.active)
    by_mapping = _deciding(event, mapping, less)
    if by_mapping is not None and _takes(known, fold_encoded(known, seq, by_mapping, mapping, facts)):
        less = by_mapping
    if less is None:
        return Folded(None, "too_large")
    for smaller, most in _smaller(known, seq, less, mapping, facts):
        if len(smaller) <= most:
            return Folded(smaller, left_out="too_large")
    return Folded(None, "too_large", denies=True)


def what_it_takes(event: ChangeEvent, fact: str = ACTIVE) -> ChangeEvent | None:
    """The part of an event that takes access away; None: it has none. `fact`: what gives access, by the mapping."""
    match event.kind:
        case "due" | "unlink" | "mapping":
            return event
        case "link":
            assert event.move is not None
            core = None if event.move.facts is None else denials_of(event.move.facts)
            if core is None:
                return None
            return structs.replace(event, move=structs.replace(event.move, facts=core))
        case "snapshot" | "change":
            denied = denied_by(event.attributes, fact)
            if not denied and event.cancels is None:
                return None
            return structs.replace(event, kind="change", attributes=denied, kept=())


def _deciding(event: ChangeEvent, mapping: Mapping, less: ChangeEvent | None) -> ChangeEvent | None:
    """The part of an event by which the mapping may take access away, with what it says no to; None: it has none.

    `less`: what it takes away by itself, which may be something else.
    """
    if event.kind not in {"snapshot", "change"}:
        return None
    attributes, reads = event.attributes, deciding(mapping)
    if event.kind == "snapshot":  # what it leaves out has no value
        grouped = GROUP in attributes
        unsaid = [name for name in reads.difference(event.kept) if grouped or not name.startswith(GROUP)]
        attributes = dict.fromkeys(unsaid) | attributes
    read = sorted(reads & attributes.keys())[:READ]
    said = {name: value for name in read if _is_short(value := attributes[name]) and len(name) <= LONGEST}
    if not said:
        return None
    denied = {} if less is None else less.attributes
    return structs.replace(event, kind="change", attributes=said | denied, kept=())


def _is_short(value: Fact) -> bool:
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= LONGEST)


def _takes(known: bytes | None, value: bytes | None) -> bool:
    """Whether a record takes access that the one before gave, or would give when a suspension ends."""
    if known is None or value is None:
        return False
    before, after = decode_state(known).desired, decode_state(value).desired
    gave = before.get("active") is True or ("suspended" in before and "suspended" not in after)
    return gave and after.get("active") is False


def denied_by(attributes: dict[str, Fact], fact: str = ACTIVE) -> dict[str, Fact]:
    """What attributes say no to, so many at most; who is gone is told along with it."""
    first = (fact, ACTIVE, *attributes)
    named = [name for name in dict.fromkeys(first) if attributes.get(name) is False and len(name) <= LONGEST][:MOST]
    denied: dict[str, Fact] = dict.fromkeys(named, False)
    if denied and attributes.get(GONE) is True:
        denied[GONE] = True
    return denied


def denials_of(facts: SourceFacts) -> SourceFacts | None:
    """Of all that a subject has said, what it says no to; None: to nothing."""
    values = denied_by(facts.values)
    rows = {
        name: structs.replace(row, attributes=denied_by(row.attributes), whole=False)
        for name, row in facts.rows.items()
        if denies(row)
    }
    if not values and not rows:
        return None
    later = {name: order for name in values if (order := facts.later.get(name, facts.floor)) is not None}
    return structs.replace(facts, values=values, later=later, rows=rows, gone={}, grouped=None)


def _smaller(
    known: bytes | None, seq: int, event: ChangeEvent, mapping: Mapping, facts: dict[str, SourceFacts] | None
) -> Iterator[tuple[bytes, int]]:
    """What is tried in turn, and how many bytes it may have."""
    value = b""
    for only_access in (False, True):
        value = fold_encoded(known, seq, event, mapping, facts, only_access=only_access) or b""
        yield value, LARGEST
    record, name = decode(value), key(event.source, event.subject)
    if name in record.facts and (core := denials_of(record.facts[name])) is not None:
        kept = record.facts | {name: core}
        due, heard = next_date(kept, record.as_of), known is not None and name in decode_state(known).facts
        value = seal_hash(structs.replace(record, facts=kept, due=due, hash=""))[1]
        yield value, LARGEST + (RESERVE if heard else 0)


def _gave_way(known: bytes | None, value: bytes) -> bool:
    """Whether more has given way than before, of any subject."""
    before = {} if known is None else decode_state(known).facts
    after = decode_state(value).facts
    return any(
        MORE in each.gone and (name not in before or before[name].gone.get(MORE) != each.gone[MORE])
        for name, each in after.items()
    )

"""What a source says of a subject, in sizes that state can hold.

Rule 1: names that only have to differ (of subjects, events, rows, logs) are shortened where they are too long: equal
ones stay equal, and a row is still found by what its name begins with.
Rule 2: a value that is too large isn't understood: nothing is said of it, a snapshot keeps what was known, and it is
told. What else the event says counts.
"""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Final

import orjson
from msgspec import structs

from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import Fact, Order
from streamproc.core.records.rejected import Problem

LONGEST: Final = 256
"""Characters of a name."""
PART: Final = 64
"""Characters of a part between slashes of a name that is too long."""
PARTS: Final = 8
"""Such parts; what is behind them is one."""
LARGEST: Final = 16 * 1024
"""Bytes of a value, as JSON."""
WORDS: Final = 1024
"""Characters of a reason."""


def sized(said: Iterable[SourceEvent], size: int) -> tuple[list[SourceEvent], list[Problem]]:
    """Events as state can hold them, and what isn't taken in. `size`: bytes of the record that says them all."""
    problems: list[Problem] = []
    return [_sized(_named(event), problems) if size > LONGEST else event for event in said], problems


def shortened(name: str) -> str:
    """A name in at most `PARTS * PART` characters (rule 1)."""
    if len(name) <= LONGEST:
        return name
    parts = name.split("/", PARTS - 1)
    return "/".join(map(_short, parts))


def _named(event: SourceEvent) -> SourceEvent:
    place, effective = event.place, event.effective
    names = [event.subject, event.event, event.order[2], event.row or "", event.cancels or "", event.reason or ""]
    names += [] if place is None else [place.log, place.at]
    names += [] if effective is None else [effective.said, effective.zone]
    if max(map(len, names)) <= LONGEST:
        return event
    time, number, name = event.order
    order: Order = (time, number, shortened(name))
    return replace(
        event,
        subject=shortened(event.subject),
        event=shortened(event.event),
        order=order,
        row=None if event.row is None else shortened(event.row),
        cancels=None if event.cancels is None else shortened(event.cancels),
        reason=None if event.reason is None else event.reason[:WORDS],
        place=None if place is None else replace(place, log=shortened(place.log), at=place.at[:LONGEST]),
        effective=None
        if effective is None
        else structs.replace(effective, said=effective.said[:LONGEST], zone=effective.zone[:LONGEST]),
    )


def _sized(event: SourceEvent, problems: list[Problem]) -> SourceEvent:
    large = [name for name, value in event.attributes.items() if _is_large(name, value)]
    if not large:
        return event
    problems += [
        Problem(
            "too_large",
            f"more than {LARGEST} bytes in one value, or {LONGEST} characters in a name",
            event.subject,
            name,
        )
        for name in large
    ]
    attributes = {name: value for name, value in event.attributes.items() if name not in large}
    dated = event.row is not None or event.effective is not None
    kept = event.kept if event.kind == "change" or dated else (*event.kept, *(name[:LONGEST] for name in large))
    return replace(event, attributes=attributes, kept=kept)


def _is_large(name: str, value: Fact) -> bool:
    if len(name) > LONGEST:
        return True
    if isinstance(value, str):
        return len(value) > LARGEST // 4 and len(value.encode("utf-8", "replace")) > LARGEST
    return isinstance(value, list | dict) and len(orjson.dumps(value)) > LARGEST


def _short(part: str) -> str:
    if len(part) <= PART:
        return part
    return f"{part[: PART // 2]}…{sha256(part.encode('utf-8', 'replace')).hexdigest()[: PART // 2 - 1]}"

"""What depends on a library's data is settled before the log: telephone numbers, as E.164.

Rule 1: the log holds the result. What is computed from the log knows no numbering plan, so that neither replay nor an
audit depends on a release of the library; and what is settled again stays as it is.
Rule 2: what can't be told to be one number is a fact that nobody can read, with the reason (`unread_fact.py`): what is
desired stays as it was, and the record of whoever's mapping reads it says so.
Rule 3: of a number without its country's code the region has to be known: by what the same event says, or else by what
its subject has said. That nothing was heard of a region isn't that there is none: then no other one is taken for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeAlias, TypeVar

from msgspec import structs

from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import ChangeEvent, Fact
from streamproc.core.records.unread_fact import unread_fact, why_unread
from streamproc.sources.options import SourceOptions, alternatives, is_code
from streamproc.sources.reading import single
from streamproc.sources.values.phones import REGIONS, e164
from streamproc.sources.values.text import number
from streamproc.sources.values.unread import UNREAD, Unread

Known: TypeAlias = Callable[[str], Fact | Unread]
"""What the subject has said of a fact until now; UNREAD: nothing."""

EventT = TypeVar("EventT", SourceEvent, ChangeEvent)


def unheard(_: str) -> Unread:
    """Of a subject of which nothing is kept."""
    return UNREAD


def settled(said: Iterable[EventT], options: SourceOptions, known: Known = unheard) -> list[EventT]:
    """What a record says, with its telephone numbers as E.164. `known`: of its only subject."""
    events: list[EventT] = []
    heard: dict[str, dict[str, Fact]] = {}
    for event in said:
        earlier = heard.get(event.subject, {})
        made = _numbers(event.attributes, options, partial(_heard, event, earlier, known))
        events.append(_with(event, event.attributes | made) if made else event)
        if options.region and event.row is None and event.effective is None:
            heard[event.subject] = earlier | event.attributes
    return events


def _heard(event: SourceEvent | ChangeEvent, earlier: dict[str, Fact], known: Known, name: str) -> Fact | Unread:
    if name in event.attributes:
        return event.attributes[name]
    if event.kind == "snapshot" and name not in event.kept:
        return None
    return earlier[name] if name in earlier else known(name)


def _numbers(attributes: dict[str, Fact], options: SourceOptions, known: Known) -> dict[str, Fact]:
    """Those of the numbers that aren't written as they should be: E.164, none, or why they aren't any."""
    found = {name: attributes[name] for name in options.phones if attributes.get(name) is not None}
    made = {name: _number(value, options, known) for name, value in found.items() if why_unread(value) is None}
    return {name: value for name, value in made.items() if value != attributes[name]}


def _number(value: Fact, options: SourceOptions, known: Known) -> Fact:
    alone = single(value)
    if alone is None or alone == "":
        return None
    written = alone if isinstance(alone, str) else number(alone) or ""
    region = None if "+" in written else _region(options, known)
    placeless = region is None and "+" not in written and any(map(str.isdecimal, written))
    return e164(written, region) or unread_fact("region" if placeless else "number")


def _region(options: SourceOptions, known: Known) -> str | None:
    """The code of whose plan a number is of; None: it isn't known (rule 3)."""
    for alternative in alternatives(options.region):
        if is_code(alternative):
            return alternative
        value = known(alternative)
        if value is not None:
            code = value.strip().upper() if isinstance(value, str) else ""
            return code if code in REGIONS else None
    return None


def _with(event: EventT, attributes: dict[str, Fact]) -> EventT:
    if isinstance(event, SourceEvent):
        return replace(event, attributes=attributes)
    return structs.replace(event, attributes=attributes)

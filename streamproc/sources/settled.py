"""What depends on a library's data is settled before the log: telephone numbers, as E.164.

Rule 1: the log holds the result. What is computed from the log knows no numbering plan, so that neither replay nor an
audit depends on a release of the library; and what is settled again stays as it is.
Rule 2: what can't be told to be one number isn't said. What was known of it stays (a snapshot without a date keeps it),
the rest counts, and it is told.
Rule 3: of a number without its country's code the region has to be known: by what the same event says, or else by what
its subject has said. That nothing was heard of a region isn't that there is none: then no other one is taken for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias, TypeVar

from msgspec import structs

from streamproc.core.parsed_payload import Ignored, SourceEvent
from streamproc.core.records.change_event import ChangeEvent, Fact
from streamproc.sources.options import SourceOptions, alternatives, is_code
from streamproc.sources.reading import single
from streamproc.sources.values.phones import REGIONS, e164
from streamproc.sources.values.text import number
from streamproc.sources.values.unread import UNREAD, Unread

Known: TypeAlias = Callable[[str], Fact | Unread]
"""What the subject has said of a fact until now; UNREAD: nothing."""

NO_NUMBER: Final = "not a telephone number, or not one alone; or one that can't be dialled from abroad"
NO_REGION: Final = "a telephone number without its country's code, and no region is known of it: see `region`"
EventT = TypeVar("EventT", SourceEvent, ChangeEvent)


def unheard(_: str) -> Unread:
    """Of a subject of which nothing is kept."""
    return UNREAD


def settled(
    said: Iterable[EventT], options: SourceOptions, known: Known = unheard
) -> tuple[list[EventT], list[Ignored]]:
    """What a record says, with its telephone numbers as E.164, and what isn't one. `known`: of the only subject."""
    events: list[EventT] = []
    ignored: list[Ignored] = []
    heard: dict[str, dict[str, Fact]] = {}
    for event in said:
        earlier = heard.get(event.subject, {})
        made, unread = _numbers(event.attributes, options, partial(_heard, event, earlier, known))
        events.append(event if made is event.attributes else _with(event, made, tuple(unread)))
        ignored += [Ignored("not_understood", reason, event.subject, name) for name, reason in unread.items()]
        if options.region and _is_undated(event):
            heard[event.subject] = earlier | event.attributes
    return events, ignored


def _heard(event: SourceEvent | ChangeEvent, earlier: dict[str, Fact], known: Known, name: str) -> Fact | Unread:
    if name in event.attributes:
        return event.attributes[name]
    if event.kind == "snapshot" and name not in event.kept:
        return None
    return earlier[name] if name in earlier else known(name)


def _is_undated(event: SourceEvent | ChangeEvent) -> bool:
    return event.row is None and event.effective is None


def _numbers(
    attributes: dict[str, Fact], options: SourceOptions, known: Known
) -> tuple[dict[str, Fact], dict[str, str]]:
    """The attributes, with E.164 in the place of numbers; and which aren't one, with the reason."""
    made, unread = attributes, dict[str, str]()
    for name in options.phones:
        written = _written(attributes.get(name))
        if written is None:
            continue
        region = None if "+" in written else _region(options, known)
        number_ = e164(written, region)
        if number_ is None:
            placeless = region is None and "+" not in written and any(map(str.isdecimal, written))
            unread[name] = NO_REGION if placeless else NO_NUMBER
            made = {each: value for each, value in made.items() if each != name}
        elif number_ != attributes[name]:
            made = made | {name: number_}
    return made, unread


def _written(value: Fact) -> str | None:
    """As text; "" for what can't be a number; None where there is none."""
    value = single(value)
    if isinstance(value, str):
        return value or None
    return None if value is None else number(value) or ""


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


def _with(event: EventT, attributes: dict[str, Fact], unread: tuple[str, ...]) -> EventT:
    kept = (*event.kept, *unread) if event.kind == "snapshot" and _is_undated(event) else event.kept
    if isinstance(event, SourceEvent):
        return replace(event, attributes=attributes, kept=kept)
    return structs.replace(event, attributes=attributes, kept=kept)

"""People as HR vendors' APIs answer about them, in the envelope in which the hydrator stores them.

Rule 1: what an answer doesn't contain isn't said: vendors leave out, without a word, what the key may not see. Null and
blanks clear.
Rule 2: a status counts by the configured words, then by the vendor's; the days count besides, as in `employment`. Where
the status or the last day isn't understood, nobody is active because of it, and it is told.
Rule 3: paths in the options count before the vendor's, also those of the status (`active`) and of the days.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from streamproc.core.parsed_payload import FetchRequest, Ignored, Receipt, SourceEvent
from streamproc.core.records.change_event import Effective, Fact
from streamproc.core.records.fact_names import FROM_DATES
from streamproc.core.records.units import Micros
from streamproc.sources.employment import Employment, working
from streamproc.sources.hris.person_shapes import SHAPES, Shape, plainly
from streamproc.sources.hris.vendor_values import DEFAULTS
from streamproc.sources.lenient_json import anchor, at, digest, items, record, zone_is_unread, zone_of
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import Reading, full_name, value_of
from streamproc.sources.values.dates import calendar_day
from streamproc.sources.values.identifiers import known_identifier
from streamproc.sources.values.statuses import status
from streamproc.sources.values.unread import UNREAD

VENDOR: Final = "fetched_from"
SILENT: Final = "the answer has no status; it may be that the key may not see it"
FROM_STARTS: Final = f"{FROM_DATES}/start"
"""What the names of rows begin with in which somebody begins."""


def envelope(vendor: str, person: Any, employments: Sequence[Any] = ()) -> dict[str, Any]:
    """A vendor's answer about a person, as it is stored."""
    return {VENDOR: vendor, "person": person, "employments": list(employments)}


def fits(body: Mapping[str, Any]) -> bool:
    """Whether it is an envelope."""
    return isinstance(body.get(VENDOR), str)


def fields(vendor: str, options: SourceOptions) -> list[str]:
    """The fields that have to be asked for."""
    shape = SHAPES[vendor]
    own = zip(OWN, (shape.status, shape.first, shape.original, shape.last), strict=True)
    paths = [
        *_facts(shape, options).values(),
        *(_path(name, path, options) for name, path in own),
        _place(shape, options),
    ]
    named = {
        part.strip().removeprefix("humanReadable.").replace(".reportsTo.id", ".reportsTo")
        for path in paths
        for part in path.split("|")
    }
    wanted = named | set(shape.fields)
    return sorted(name for name in wanted if name and ("." in name) == (vendor == "hibob"))


def subject(body: Mapping[str, Any]) -> str | None:
    """Whom an envelope is about."""
    vendor = str(body.get(VENDOR))
    shape = SHAPES.get(vendor)
    return (
        None if shape is None else known_identifier(at(plainly(vendor, record(body.get("person")), {}), shape.subject))
    )


def read(
    body: dict[str, Any], receipt: Receipt, options: SourceOptions
) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    """What an envelope says."""
    vendor = str(body[VENDOR])
    shape, who = SHAPES.get(vendor), subject(body)
    if shape is None:
        yield Ignored("not_understood", "fetched from a vendor that isn't known", who)
        return
    if receipt.read_at is None:
        yield Ignored("not_understood", "a fetched person without the moment of reading, which the hydrator adds", who)
        return
    if who is None:
        yield Ignored("incomplete", "a person without an id")
        return
    now = receipt.read_at
    employments = [record(each) for each in items(body.get("employments"))] or [{}]
    people = [plainly(vendor, record(body.get("person")), each) for each in employments]
    reading = _read(shape, people[0], options)
    terms = [_Terms(shape, person, options, reading) for person in people if shape.employments or person is people[0]]
    works = working([each.employment for each in terms], now)
    if isinstance(works, bool):
        reading.facts["active"] = works
    moments = [moment for each in terms for moment in (each.employment.starts, each.employment.ends)]
    if any(moment is not None and moment > now for moment in moments) and zone_is_unread(
        people[0], _placed(shape, options)
    ):
        reading.unread["zone"] = "zone"
    who_is_it = anchor(who, reading.facts, options)
    event = digest(body)
    said = {name for each in terms for name in each.employment.unread}
    cancels = FROM_DATES if all(each.says_last for each in terms) else FROM_STARTS
    yield SourceEvent(
        who,
        event,
        "change",
        (now, int(reading.facts.get("active") is False), event),
        reading.facts,
        who_is_it,
        cancels=None if said & {"first", "last"} else cancels,
        reason="fetched",
    )
    yield from _ahead(who, event, who_is_it, terms, now)
    if works is not False and any(each.silent for each in terms):
        yield Ignored("not_understood", SILENT, who, "active")
    yield from reading.told(who)


def _ahead(
    who: str, event: str, who_is_it: str | None, terms: Sequence["_Terms"], now: Micros
) -> Iterator[SourceEvent]:
    """The days on which access ends or begins; nothing that isn't understood lets anybody in."""
    firsts = [each.employment.first for each in terms if each.employment.first is not None and len(terms) > 1]
    for each in terms:
        employment = each.employment
        others = [other.employment for other in terms if other is not each]
        turns = (
            ("end", employment.leaving(now, firsts, others), employment.last),
            ("start", None if employment.unread else employment.coming(now), employment.first),
        )
        for turn, at_, day in turns:
            if at_ is not None:
                name = f"{event}#{turn}@{day}"
                effective = Effective(at_, str(day), employment.zone)
                active: dict[str, Fact] = {"active": turn == "start"}
                order = (now, 2, name)
                yield SourceEvent(
                    who, name, "change", order, active, who_is_it, effective, f"{FROM_DATES}/{turn}/{day}", reason=turn
                )


class _Terms:
    """One employment; what isn't understood of it goes to `reading`."""

    def __init__(self, shape: Shape, person: Mapping[str, Any], options: SourceOptions, reading: Reading) -> None:
        written = at(person, _path("active", shape.status, options))
        active = status(written, options.active, options.inactive)
        if active is UNREAD:
            active = status(written, shape.active, shape.inactive)
        paths = {
            "first": ("hireDate", shape.first),
            "last": ("lastDayOfWork", shape.last),
            "original": ("originalHireDate", shape.original),
        }
        days = {
            name: calendar_day(at(person, _path(fact, path, options)), options.dates)
            for name, (fact, path) in paths.items()
        }
        self.silent = active is None
        self.says_last = _says(person, _path("lastDayOfWork", shape.last, options))
        unread = {name for name, day in days.items() if day is UNREAD}
        reading.unread |= {paths[name][0]: "date" for name in unread} | (
            {"active": "status"} if active is UNREAD else {}
        )
        first, last, original = (day if isinstance(day, date) else None for day in days.values())
        self.employment = Employment(
            zone=zone_of(person, _placed(shape, options)),
            first=first,
            last=last,
            active=active if isinstance(active, bool) else None,
            original=original,
            unread=frozenset(unread | (set() if isinstance(active, bool) else {"active"})),
        )


def _read(shape: Shape, person: Mapping[str, Any], options: SourceOptions) -> Reading:
    """The facts that the answer contains."""
    reading = Reading()
    for name, path in sorted(_facts(shape, options).items()):
        if _says(person, path):
            reading.take(name, *value_of(name, at(person, path), options))
    if reading.facts.get("displayName") is None and "displayName" not in reading.unread:
        whole = full_name(*(at(person, part) for part in shape.names))
        if whole is not None:
            reading.facts["displayName"] = whole
    return reading


def _facts(shape: Shape, options: SourceOptions) -> dict[str, str]:
    """Fact → path: the configured ones, and the vendor's in the place of the defaults."""
    configured = {name: path for name, path in options.attributes.items() if DEFAULTS.attributes.get(name) != path}
    own = {name: path for name, path in DEFAULTS.attributes.items() if name not in shape.facts and name in _OURS}
    return {name: path for name, path in (own | dict(shape.facts) | configured).items() if path and name not in OWN}


def _path(name: str, vendors: str, options: SourceOptions) -> str:
    """The configured path, else the vendor's."""
    path = options.attributes.get(name)
    return vendors if path is None or path == DEFAULTS.attributes.get(name) else path


OWN: Final = ("active", "hireDate", "originalHireDate", "lastDayOfWork")
"""Attributes that are read here, and are no facts as they stand."""
_OURS: Final = frozenset({"genesysQueue", "genesysLanguage", "genesysRole"})


def _place(shape: Shape, options: SourceOptions) -> str:
    return shape.place if options.zone_attribute == DEFAULTS.zone_attribute else options.zone_attribute


def _placed(shape: Shape, options: SourceOptions) -> SourceOptions:
    return options.model_copy(update={"zone_attribute": _place(shape, options)})


def _says(value: Any, path: str) -> bool:
    """Whether there is something at the path, be it null."""
    return any(_holds(value, part.strip()) for part in path.split("|"))


def _holds(value: Any, path: str) -> bool:
    if not isinstance(value, dict):
        return False
    head, dot, rest = path.partition(".")
    return path in value or (bool(dot) and _holds(value.get(head), rest))

"""Reads others' JSON leniently, and passes on strict types. Nothing here raises on any JSON value."""

import hashlib
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar, assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, SourceEvent
from streamproc.core.records.change_event import Fact
from streamproc.core.records.units import Micros
from streamproc.core.text import unseen
from streamproc.sources.options import SourceOptions
from streamproc.sources.values import statuses, zones
from streamproc.sources.values.identifiers import known_identifier
from streamproc.sources.values.text import number, plain

Made = TypeVar("Made")

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_UTC: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - for moments that are in UTC and don't say so

_INSTANT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?\s*(?:[Zz]|([+-])(\d\d):?(\d\d))?"
)
REMEMBERED: Final = 1024
"""Objects of whose names something is remembered: records of one kind have the same few."""
SHORT: Final = 4096
"""Characters of an object's names; of those with more nothing is."""
AHEAD: Final = 300_000_000
"""µs by which a source's clock may be ahead of ours."""


def record(value: Any) -> dict[str, Any]:
    """The object, or an empty one. Its names are as they are seen: without a byte order mark, or a blank at an end."""
    if not isinstance(value, dict):
        return {}
    if _PLAIN[tuple(value)]:
        return value
    return {plain(str(name)): each for name, each in value.items()} | {
        name: each for name, each in value.items() if isinstance(name, str) and name == plain(name)
    }


def json_text(value: Any) -> Any:
    """The structure in a text that is JSON; any other value as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in {"{", "["}:
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


class _OfNames(dict[tuple[Any, ...], Made]):
    """What is made of an object's names, remembered in little room, whatever others call things."""

    def __init__(self, make: Callable[[tuple[Any, ...]], Made]) -> None:
        self._make = make

    def __missing__(self, names: tuple[Any, ...]) -> Made:
        made = self._make(names)
        if sum(len(str(name)) for name in names) <= SHORT:
            if len(self) >= REMEMBERED:
                self.clear()
            self[names] = made
        return made


_PLAIN: Final = _OfNames(lambda names: all(isinstance(name, str) and name == plain(name) for name in names))


def items(value: Any) -> list[Any]:
    """The list; a single value counts as a list of one, null as an empty one (XML turned into JSON has these)."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str | None:
    """Text as it is seen, numbers too, a whole one without a point; None where there is none."""
    return plain(value) or None if isinstance(value, str) else number(value)


def truth(value: Any) -> bool | None:
    """True or false in the spellings that HR systems use; None: neither."""
    return statuses.truth(value)


def micros(value: Any) -> Micros | None:
    """µs since 1970 of an RFC 3339 timestamp of any precision. Without a zone it is UTC. None: not a timestamp."""
    match = _INSTANT.fullmatch(plain(value)) if isinstance(value, str) else None
    if match is None:
        return None
    day, minute, second, fraction, sign, hours, minutes = match.groups()
    try:
        since = datetime.fromisoformat(f"{day}T{minute}:{second or '00'}") - _EPOCH_UTC
    except ValueError:
        return None
    seconds = since.days * 86_400 + since.seconds
    if sign:
        offset = int(hours) * 3600 + int(minutes) * 60
        if offset >= 86_400:
            return None
        seconds += -offset if sign == "+" else offset
    return Micros(seconds * 1_000_000 + (int(fraction[:6].ljust(6, "0")) if fraction else 0))


def starts(day_: date, zone: str) -> Micros | None:
    """µs since 1970 at which the day begins in an IANA zone. None: no such zone, or no such moment."""
    try:
        moment = datetime(day_.year, day_.month, day_.day, tzinfo=ZoneInfo(zone))
        return Micros((moment - EPOCH) // timedelta(microseconds=1))
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        return None


def ends(day_: date, zone: str) -> Micros | None:
    """µs since 1970 at which the day is over in an IANA zone: the start of the next."""
    try:
        return starts(day_ + timedelta(days=1), zone)
    except OverflowError:
        return None


def digest(value: Any) -> str:
    """An event id for what has none: the same content gives the same id."""
    try:
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError):  # too deep, or a number that JSON can't hold
        try:
            canonical = repr(value)[:65536].encode("utf-8", "replace")
        except RecursionError:  # about 1,000 levels: no real user or event, so the outermost levels are enough
            canonical = reprlib.repr(value).encode("utf-8", "replace")
    return "sha256:" + hashlib.sha256(canonical).hexdigest()[:32]


def at(value: Any, path: str) -> Any:
    """The value at a path: dots go inwards, keys with dots in them are tried first, `|` separates alternatives.

    None where there is none; a blank counts only where no alternative has more. A name that is only spelled in another
    case counts where there is none of that spelling.
    """
    blank = None
    for alternative in path.split("|"):
        hit = _at(value, alternative.strip())
        if not is_blank(hit):
            return hit
        blank = hit if blank is None else blank
    return blank


def is_blank(value: Any) -> bool:
    """Whether it is null, or text in which nothing can be seen."""
    return value is None or (isinstance(value, str) and plain(value) == "")


def _at(value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        return None
    if (name := spelled_in(value, path)) is not None:
        return value[name]
    head, dot, rest = path.partition(".")
    name = spelled_in(value, head) if dot else None
    return None if name is None else _at(value[name], rest)


def spelled_in(resource: Mapping[str, Any], name: str) -> str | None:
    """A name as the resource spells it; None: it hasn't got it."""
    if name in resource:
        return name
    return _SPELLINGS[tuple(resource)].get(name.lower())


_SPELLINGS: Final = _OfNames(lambda names: {plain(str(name)).lower(): name for name in reversed(names)})
"""Names in lower case, and as they are seen → the name; of several the first."""


def holds(resource: Mapping[str, Any], path: str) -> bool:
    """Whether a part of a resource says something at a path, if only null."""
    return spelled_in(resource, path) is not None or spelled_in(resource, path.partition(".")[0]) is not None


def anchor(subject: str, attributes: Mapping[str, Fact], options: SourceOptions) -> str | None:
    """Which user this is, by the source. None: it doesn't say."""
    if options.anchor == "subject":
        return subject
    return known_identifier(attributes.get(options.anchor))


def moment(source: Micros | None, received: Micros) -> Micros:
    """When it happened, by the source's clock, which may be ahead of ours.

    A time further ahead than `AHEAD` is a mistake that would make all later events look old: then, and where the
    source has no time, it is the moment of receipt.
    """
    return received if source is None or source > received + AHEAD else source


def zone_of(resource: Mapping[str, Any], options: SourceOptions) -> str:
    """The IANA zone of a worker: that of the location, or one that the source names, else the configured one."""
    written = text(_zone_written(resource, options)[1])
    return (None if written is None else _zone_meant(written, options)) or options.zone


def zone_is_unread(resource: Mapping[str, Any], options: SourceOptions) -> bool:
    """Whether it names a zone that nobody knows. A place that isn't configured is no zone, and no mistake."""
    path, value = _zone_written(resource, options)
    written = text(value)
    if written is None:
        return value not in (None, "") and "zone" in path.lower()
    return _zone_meant(written, options) is None and ("zone" in path.lower() or zones.looks_like_zone(written))


def _zone_written(resource: Mapping[str, Any], options: SourceOptions) -> tuple[str, Any]:
    """The path at which there is something, and what."""
    named = ((path, at(resource, path)) for path in options.zone_attribute.split("|") if path)
    return next(((path, value) for path, value in named if value not in (None, "")), ("", None))


def _zone_meant(written: str, options: SourceOptions) -> str | None:
    configured = {plain(place).casefold(): zone for place, zone in options.zones.items()}
    return configured.get(written.casefold()) or zones.zone(written)


def unfolded(payload: Any, inside: Callable[[Any], list[Any] | None]) -> list[Any]:
    """The single events of a payload, in order. `inside`: the contents of a wrapper; None: it isn't one."""
    contents = inside(payload)
    if contents is None:
        return [payload]
    waiting, events = contents[::-1], []
    while waiting:  # no recursion, so that no depth of wrappers is too deep
        element = waiting.pop()
        contents = inside(element)
        if contents is None:
            events.append(element)
        else:
            waiting.extend(reversed(contents))
    return events


def parsed(parts: Iterable[SourceEvent | FetchRequest | Ignored]) -> ParsedPayload:
    """The parts of a payload, each kind in order. Of those whose subject has what nobody sees in it, only that."""
    events: list[SourceEvent] = []
    notifications: list[FetchRequest] = []
    ignored: list[Ignored] = []
    for part in map(_shown, parts):
        match part:
            case SourceEvent():
                events.append(part)
            case FetchRequest():
                notifications.append(part)
            case Ignored():
                ignored.append(part)
            case _:
                assert_never(part)
    return ParsedPayload(tuple(events), tuple(notifications), tuple(ignored))


def _shown(part: SourceEvent | FetchRequest | Ignored) -> SourceEvent | FetchRequest | Ignored:
    if isinstance(part, Ignored) or (character := unseen(part.subject)) is None:
        return part
    return Ignored("not_understood", f"its subject has {character} in it, which isn't seen", None, "subject")

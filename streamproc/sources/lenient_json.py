"""Reading of others' JSON: leniently what comes in, strictly what goes on. Nothing here raises on any JSON value."""

import hashlib
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, SourceEvent
from streamproc.core.records.change_event import BEGAN, Fact
from streamproc.sources.options import SourceOptions

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_UTC: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - for moments that are in UTC and don't say so

_INSTANT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?\s*(?:[Zz]|([+-])(\d\d):?(\d\d))?"
)
AHEAD: Final = 300_000_000
"""µs by which a source's clock may be ahead of ours."""
_TRUE: Final = frozenset({"true", "1", "y", "yes"})
_FALSE: Final = frozenset({"false", "0", "n", "no"})


def record(value: Any) -> dict[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The list; one thing alone counts as a list of it, null as none (XML turned into JSON does that)."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str | None:
    """Stripped text, numbers too; None where there is none."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return str(value)


def truth(value: Any) -> bool | None:
    """True or false in the spellings that HR systems use; None: neither."""
    if isinstance(value, bool):
        return value
    word = (text(value) or "").casefold()
    return True if word in _TRUE else False if word in _FALSE else None


def micros(value: Any) -> int | None:
    """µs since 1970 of an RFC 3339 timestamp of any precision. Without a zone it is UTC. None: not a timestamp."""
    found = _INSTANT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    day, minute, second, fraction, sign, hours, minutes = found.groups()
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
    return seconds * 1_000_000 + (int(fraction[:6].ljust(6, "0")) if fraction else 0)


def day(value: Any, formats: tuple[str, ...] = ("%Y-%m-%d",)) -> date | None:
    """A calendar date in one of the formats (strptime's); an offset after it (`1990-05-01-07:00`) is passed over."""
    word = re.sub(r"([+-]\d\d:\d\d|Z)$", "", text(value) or "")
    for each in formats:
        try:
            return datetime.strptime(word, each).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    return None


def starts(day_: date, zone: str) -> int | None:
    """µs since 1970 at which the day begins in an IANA zone. None: no such zone, or no such moment."""
    try:
        moment = datetime(day_.year, day_.month, day_.day, tzinfo=ZoneInfo(zone))
        return (moment - EPOCH) // timedelta(microseconds=1)
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        return None


def ends(day_: date, zone: str) -> int | None:
    """µs since 1970 at which the day is over in an IANA zone: the start of the next."""
    try:
        return starts(day_ + timedelta(days=1), zone)
    except OverflowError:
        return None


def digest(value: Any) -> str:
    """An event id for what has none: the same content, the same id."""
    try:
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError):  # too deep, or a number that JSON can't hold
        try:
            canonical = repr(value)[:65536].encode("utf-8", "replace")
        except RecursionError:  # about 1,000 levels: nobody's user or event, so the outermost ones will do
            canonical = reprlib.repr(value).encode("utf-8", "replace")
    return "sha256:" + hashlib.sha256(canonical).hexdigest()[:32]


def at(value: Any, path: str) -> Any:
    """What stands at a path: dots go inwards, keys that hold dots are tried first, `|` separates alternatives.

    None where nothing does.
    """
    for each in path.split("|"):
        found = _at(value, each.strip())
        if found is not None:
            return found
    return None


def _at(value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        return None
    if path in value:
        return value[path]
    head, dot, rest = path.partition(".")
    return _at(value.get(head), rest) if dot else None


def fact(value: Any) -> Fact:
    """A value as a fact: text is stripped, "" is none, what is nested deeper than a list or an object is left out."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, list):
        return [each for each in (_scalar(one) for one in value) if each is not None]
    if isinstance(value, dict):
        return {str(name): _scalar(each) for name, each in value.items() if not isinstance(each, dict | list)}
    return _scalar(value)


def _scalar(value: Any) -> str | int | float | bool | None:
    if isinstance(value, str):
        return value.strip() or None
    return value if isinstance(value, bool | int | float) else None


def facts(resource: Mapping[str, Any], options: SourceOptions) -> dict[str, Fact]:
    """The configured attributes of a user resource, each with None where the resource leaves it out."""
    return {name: fact(at(resource, path)) for name, path in sorted(options.attributes.items())}


def named(resource: Mapping[str, Any], options: SourceOptions) -> dict[str, Fact]:
    """The configured attributes that a part of a resource speaks of; what it leaves out isn't said."""
    return {
        name: value
        for name, value in facts(resource, options).items()
        if any(
            path in resource or path.partition(".")[0] in resource
            for path in map(str.strip, options.attributes[name].split("|"))
        )
    }


def anchor(subject: str, said: Mapping[str, Fact], options: SourceOptions) -> str | None:
    """What the source says of which user this is. None: it doesn't say."""
    return subject if options.anchor == "subject" else text(said.get(options.anchor))


def moment(source: int | None, received: int) -> int:
    """When it happened, by the source: what was fetched is ordered by the source's clock, too; ours may be behind.

    A time further ahead than `AHEAD` is a mistake that would make all that follows look old: then, and where the source
    doesn't say, it is the moment at which it was received.
    """
    return received if source is None or source > received + AHEAD else source


def zone_of(resource: Mapping[str, Any], options: SourceOptions) -> str:
    """The IANA zone of a worker: by location, by a zone that the source names, else the configured one."""
    said = text(at(resource, options.zone_attribute)) if options.zone_attribute else None
    if said is None:
        return options.zone
    if said in options.zones:
        return options.zones[said]
    return said if starts(date(2000, 1, 1), said) is not None else options.zone


def unfolded(payload: Any, inside: Callable[[Any], list[Any] | None]) -> list[Any]:
    """The single events of a payload, in order. `inside`: what a wrapper holds; None: it isn't one."""
    held = inside(payload)
    if held is None:
        return [payload]
    waiting, found = held[::-1], []
    while waiting:  # no recursion, so that no depth of wrappers is too deep
        each = waiting.pop()
        held = inside(each)
        if held is None:
            found.append(each)
        else:
            waiting.extend(reversed(held))
    return found


def others(resource: Mapping[str, Any], standard: frozenset[str]) -> dict[str, Fact]:
    """The customer's own attributes, scalars and lists, under their own name: all but the vendor's standard ones."""
    return {
        name: fact(value)
        for name, value in resource.items()
        if name not in standard and not isinstance(value, dict) and not name.startswith("group:")
    }


def parsed(found: Iterable[SourceEvent | FetchRequest | Ignored]) -> ParsedPayload:
    """What was found, each kind in its order."""
    events: list[SourceEvent] = []
    notifications: list[FetchRequest] = []
    ignored: list[Ignored] = []
    for each in found:
        match each:
            case SourceEvent():
                events.append(each)
            case FetchRequest():
                notifications.append(each)
            case Ignored():
                ignored.append(each)
            case _:
                assert_never(each)
    return ParsedPayload(tuple(events), tuple(notifications), tuple(ignored))


def begun(value: Any) -> dict[str, Fact]:
    """Since when an account is there, as a fact; nothing where it isn't a moment."""
    at = micros(value)
    return {} if at is None else {BEGAN: at}

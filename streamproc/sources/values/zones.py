"""Time zones in all spellings: IANA's, Windows', and Workday's `GMT-08:00 Pacific Time (Los Angeles)`.

Only a name with a slash, or UTC, is a zone: IANA also calls some Jamaica, Cuba, Egypt or EST, as places are called.
"""

import re
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from streamproc.sources.values.text import plain
from streamproc.sources.values.windows_zones import WINDOWS

LONGEST: Final = 200
"""Characters of what may name a zone."""
_WRITTEN: Final = re.compile(r"\(?(?:gmt|utc)\s*(?:([+-−])(\d\d?):?(\d\d))?\)?\s*(.*)", re.IGNORECASE)
_LIKE: Final = re.compile(
    r"(africa|america|antarctica|asia|atlantic|australia|etc|europe|indian|pacific)/.*|\(?(gmt|utc)\b.*"
    r"|.*\btime( \(.*\))?|.*\btime zone",
    re.IGNORECASE,
)
_ABBREVIATED: Final = re.compile(r"[A-Z]{1,4}[SD]T|[CEWM]E?T")
_AMERICAN: Final = {
    "eastern time": "America/New_York",
    "central time": "America/Chicago",
    "mountain time": "America/Denver",
    "pacific time": "America/Los_Angeles",
}
_HOUR: Final = timedelta(hours=1)
_SUMMER, _WINTER = datetime(2024, 7, 1), datetime(2024, 1, 1)  # noqa: DTZ001 - midnight in each zone


def is_zone(name: str) -> bool:
    """Whether IANA has a zone of exactly this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def zone(written: str) -> str | None:
    """The IANA zone; None: it names none."""
    return _zone(written) if len(written) <= LONGEST else None


@lru_cache(maxsize=1024)
def _zone(written: str) -> str | None:
    name = plain(written)
    return _iana().get(_folded(name)) or WINDOWS.get(name.casefold()) or _by_city(name)


def looks_like_zone(written: str) -> bool:
    """Whether somebody seems to have meant a zone, known or not, and not a place."""
    if len(written) > LONGEST:
        return False
    name = plain(written)
    return any(like.fullmatch(name) for like in (_LIKE, _ABBREVIATED))


@cache
def _iana() -> dict[str, str]:
    names = {_folded(name): name for name in sorted(available_timezones()) if re.match(r"(?!posix|right)\w+/", name)}
    return names | dict.fromkeys(("utc", "gmt", "z", "coordinated_universal_time"), "UTC")


@cache
def _cities() -> dict[str, list[str]]:
    cities: dict[str, list[str]] = {}
    for name in _iana().values():
        cities.setdefault(_folded(name.rpartition("/")[2]), []).append(name)
    return cities


def _by_city(name: str) -> str | None:
    """By an offset and a city, of which one must have that offset, or by an American name of a time."""
    match = _WRITTEN.fullmatch(name)
    if match is None:
        return None
    sign, hours, minutes, rest = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (1 if sign in (None, "+") else -1)
    if rest == "" and offset.seconds % 3600 == 0 and (fixed := _folded(f"etc/gmt{offset // -_HOUR:+}")) in _iana():
        return _iana()[fixed]
    time, _, place = rest.casefold().partition("(")
    american = _AMERICAN.get(time.strip()) if place in ("", "us & canada)") else None
    named = [city.strip(" )") for city in (place or rest).split(",")]
    found = [each for city in named for each in _cities().get(_folded(city), ())]
    return next((each for each in [*filter(None, [american]), *found] if offset in _offsets(each)), None)


@cache
def _offsets(name: str) -> tuple[timedelta | None, ...]:
    zone_ = ZoneInfo(name)
    return (_WINTER.replace(tzinfo=zone_).utcoffset(), _SUMMER.replace(tzinfo=zone_).utcoffset())


def _folded(name: str) -> str:
    return re.sub(r"[\s_]+", "_", name.casefold())

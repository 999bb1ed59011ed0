"""Which headers of a record are believed. Kafka's rights are by topic, so that is a matter of where the record lies.

Rule 1: a topic that outside producers write has none of our headers. Gateway and hydrator are believed in theirs about
how a record came, the worker in its own about where it comes from.
Rule 2: times are bounded by the broker's, and a subject by the record's key. What is out of bounds isn't believed.
Rule 3: the rest of the record counts as if those headers weren't there, and that they were is told.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

from streamproc.core.records.headers import (
    BODY,
    BY_GATEWAY,
    FORWARDED,
    KIND,
    OF,
    READ,
    RECEIVED,
    REPLAY,
    SUBJECT,
    UNREADABLE,
    Unread,
)
from streamproc.core.records.topic_names import FORWARDS, PRODUCED, is_input, source_of
from streamproc.core.records.units import Micros, Millis, micros_of

OURS: Final = "streamproc-"
"""What the names of all of our headers begin with, whatever their case."""
AHEAD: Final = 24 * 3600 * 1_000_000
"""µs that a source's clock may be ahead of the broker's, as times in events may."""
LATE: Final = 24 * 3600 * 1_000_000
"""µs from a gateway's having a record to the broker's: it answers for one only once the broker has it."""
SKEW: Final = 300 * 1_000_000
"""µs that a gateway's clock may be ahead of the broker's. A time within them counts as the broker's."""
FETCHED: Final = frozenset({b"snapshot", b"page", b"gone", b"unlisted"})
LONGEST: Final = 18
"""Digits of a time."""


class Placed(NamedTuple):
    """A record as far as its headers are measured by it. `appended`: ms since 1970, by the broker."""

    topic: str
    key: bytes | None
    appended: Millis


class Believed(NamedTuple):
    """The headers that count, times within their bounds, and the names of those of ours that don't."""

    headers: dict[str, bytes]
    foreign: tuple[str, ...] = ()


Check: TypeAlias = Callable[[bytes, Placed], bytes | None]
"""A header's content → what is believed of it; None: nothing."""


def believed(placed: Placed, headers: Mapping[str, bytes | None]) -> Believed:
    """What counts of a record's headers."""
    checks = _checks(placed.topic)
    found: dict[str, bytes] = {}
    foreign: list[str] = []
    for name, content in headers.items():
        if isinstance(content, Unread) and name == UNREADABLE:
            found[name] = content
        elif not name.lower().startswith(OURS):
            found[name] = content or b""
        elif (check := checks.get(name)) is not None and (kept := check(content or b"", placed)) is not None:
            found[name] = kept
        else:
            foreign.append(name)
    return Believed(found, tuple(foreign))


def words(foreign: tuple[str, ...]) -> str:
    """What is told of headers that don't count. Names of others aren't repeated."""
    known = sorted(set(foreign) & KNOWN) or [f"{OURS}…"]
    return f"headers that aren't believed of this record: {', '.join(known)}"


def micros(content: bytes | None) -> Micros | None:
    """The time in a header; None: it is none."""
    if content is None or not (content.isdigit() and len(content) <= LONGEST):
        return None
    return Micros(int(content))


def _as_is(content: bytes, _: Placed) -> bytes:
    return content


def _time(content: bytes, _: Placed) -> bytes | None:
    return None if micros(content) is None else content


def _received_before(content: bytes, placed: Placed) -> bytes | None:
    at, appended = micros(content), micros_of(placed.appended)
    if at is None or at > appended + SKEW:
        return None
    return content if at <= appended else str(appended).encode()


def _received(content: bytes, placed: Placed) -> bytes | None:
    at = micros(content)
    late = at is not None and at < micros_of(placed.appended) - LATE
    return None if late else _received_before(content, placed)


def _read(content: bytes, placed: Placed) -> bytes | None:
    at = micros(content)
    return None if at is None or at > micros_of(placed.appended) + AHEAD else content


def _fetched(content: bytes, _: Placed) -> bytes | None:
    return content if content in FETCHED else None


def _due(content: bytes, _: Placed) -> bytes | None:
    return content if content == b"due" else None


def _by_key(content: bytes, placed: Placed) -> bytes | None:
    return content if content and content == placed.key else None


def _of_topic(content: bytes, placed: Placed) -> bytes | None:
    return content if content == source_of(placed.topic).encode() else None


_GATEWAY: Final[dict[str, Check]] = {RECEIVED: _received, BY_GATEWAY: _of_topic, BODY: _as_is}
_INTAKE: Final[dict[str, Check]] = {**_GATEWAY, READ: _read, KIND: _fetched, SUBJECT: _by_key}
_NOTIFICATIONS: Final[dict[str, Check]] = {
    **_GATEWAY,
    RECEIVED: _received_before,  # the worker passes on what was received long ago, too
    KIND: _due,
    SUBJECT: _by_key,
    REPLAY: _as_is,
    FORWARDED: _as_is,
}
_WORKER: Final[dict[str, Check]] = {
    **dict.fromkeys((KIND, SUBJECT, BY_GATEWAY, BODY, REPLAY, FORWARDED, OF), _as_is),
    RECEIVED: _time,
    READ: _time,
}
"""The worker measured them by the first record's time, which may be long ago."""
KNOWN: Final = frozenset({*_WORKER, UNREADABLE})
"""Names of all of our headers."""


def _checks(topic: str) -> Mapping[str, Check]:
    if topic == FORWARDS:
        return _WORKER
    if not is_input(topic):
        return {}
    kind, _, source = topic.partition(".")
    if kind == "notifications":
        return _NOTIFICATIONS
    return {} if kind == "events" and source in PRODUCED else _INTAKE

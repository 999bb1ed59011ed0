"""What a record says of linked subjects, on its way to their partitions of the worker's own topic.

Rule 1: of one subject all that a record says is in one record there; subjects of one partition share some. So what is
stored is what is said, once, whatever the size of the body and however many partitions it is about.
Rule 2: each names the record that it comes from, by which a subject knows what it has heard already.
Rule 3: what is too large for Kafka is told, and who loses access by it loses it all the same.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any, Final

import orjson
from msgspec import DecodeError, MsgspecError
from msgspec.json import Decoder

from streamproc.core.errors import RejectedInputError
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import Origin
from streamproc.core.records.headers import FORWARDED, KIND, OF, RECEIVED, REPLAY
from streamproc.core.records.producer_record import Headers, Record
from streamproc.core.records.rejected import Problem
from streamproc.core.records.topic_names import FORWARDS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import LARGEST
from streamproc.worker.decide.resolved_within import what_they_take
from streamproc.worker.raw_record import RawRecord

SAID: Final = b"said"
"""Kind of these records."""
TOGETHER: Final = 256 * 1024
"""Bytes up to which subjects share a record."""
MOST: Final = LARGEST // 2
"""Bytes that may be said of one subject: a link holds them as facts, and as events that wait."""

_DEFAULTS: Final = {each.name: each.default for each in fields(SourceEvent)}
_decode: Final = Decoder(list[SourceEvent]).decode


def forwards(
    record: RawRecord, source: str, said: Iterable[Sequence[SourceEvent]], partition_of: Callable[[bytes], int]
) -> tuple[list[Record], list[Problem]]:
    """What a record says, for the partitions of its subjects, and what of it can't be forwarded. `said`: by subject."""
    headers: Headers = [(KIND, SAID), (OF, source.encode()), (FORWARDED, record.placed), (RECEIVED, record.received)]
    if (replay := record.headers.get(REPLAY)) is not None:
        headers.append((REPLAY, replay))
    problems: list[Problem] = []
    groups: dict[int, list[tuple[bytes, list[bytes]]]] = {}
    for events in said:
        try:
            key, parts = events[0].subject.encode(), _written(events, problems)
        except (TypeError, UnicodeError):  # nor can its name
            problems.append(Problem("invalid", "it says what can't be written as JSON"))
            continue
        here = groups.setdefault(partition_of(key), [])
        if not here or sum(map(len, here[-1][1])) + sum(map(len, parts)) > TOGETHER:
            here.append((key, []))
        here[-1][1].extend(parts)
    found = [group for here in groups.values() for group in here if group[1]]
    return [Record(FORWARDS, key, b"[%b]" % b",".join(parts), headers) for key, parts in found], problems


def said_in(value: bytes | None) -> list[SourceEvent]:
    """What such a record says. Raises RejectedInputError."""
    try:
        return _decode(value or b"")
    except (DecodeError, MsgspecError, RecursionError):
        raise RejectedInputError("invalid", "not what a record has said; only the worker writes here") from None


def place_in(content: bytes | None) -> Origin | None:
    """Where `streamproc-forwarded` says that the first record lies; None: it doesn't."""
    topic, *numbers = (content or b"").decode("utf-8", "replace").split("/")
    if len(numbers) != 3 or not all(each.isascii() and each.isdigit() for each in numbers):
        return None
    partition, offset, appended = map(int, numbers)
    return Origin(topic, partition, offset, Millis(appended))


def _written(events: Sequence[SourceEvent], problems: list[Problem]) -> list[bytes]:
    """Each event as JSON, the fields that have a value (rule 3). Raises TypeError or UnicodeError."""
    try:
        parts = [*map(_encoded, events)]
        if sum(map(len, parts)) + len(parts) < MOST:
            return parts
        problems.append(Problem("too_large", f"more than {MOST} bytes are said of one subject", events[0].subject))
    except (TypeError, UnicodeError):  # numbers or text that JSON can't hold
        problems.append(Problem("invalid", "it says what can't be written as JSON", events[0].subject))
    return [*map(_encoded, what_they_take(events))]


def _encoded(event: SourceEvent) -> bytes:
    values: dict[str, Any] = {
        name: value for name, default in _DEFAULTS.items() if (value := getattr(event, name)) != default
    }
    return orjson.dumps(values)

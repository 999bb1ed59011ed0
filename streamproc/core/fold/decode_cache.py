"""Decoded: what was encoded here lately, beside its bytes, to spare decoding it.

Only what is read back from JSON as it was is kept, so that it makes no difference where it comes from.
"""

from math import isfinite
from typing import Final, Generic, TypeVar, cast

from streamproc.core.records.change_event import ChangeEvent, Fact, decode_event
from streamproc.core.records.user_record import UserRecord, UserState, decode_state

MOST: Final = 4_096
"""Events, and records, that are kept at least; twice as many at most."""
LONGEST: Final = 8 * 1024
"""Bytes of a value whose content is kept."""
_EXACT: Final = frozenset({str, int, bool, type(None)})

Key = TypeVar("Key")
Value = TypeVar("Value")


class DecodeCache:
    """Events by their bytes, of which each is asked for once, and records by their users."""

    def __init__(self, most: int = MOST) -> None:
        self._events: _Recent[bytes, ChangeEvent] = _Recent(most)
        self._records: _Recent[str, tuple[bytes, UserRecord | UserState, str]] = _Recent(most)

    def said(self, value: bytes, event: ChangeEvent) -> None:
        """These bytes of the event are on their way into the log."""
        if len(value) <= LONGEST and lossless(event):
            self._events.put(bytes(memoryview(value)), event)  # orjson's own are kilobytes larger than they look

    def event(self, value: bytes) -> ChangeEvent:
        """What the log says in these bytes. Raises pydantic.ValidationError where they aren't an event."""
        return self._events.pop(value) or decode_event(value)

    def folded(self, user: str, value: bytes, record: UserRecord, digest: str, event: ChangeEvent) -> None:
        """The event has led to this record, whose hash is `digest`, and that to these bytes."""
        if len(value) <= LONGEST and lossless(event):
            self._records.put(user, (value, record, digest))

    def record(self, user: str, value: bytes | None) -> tuple[UserRecord | UserState | None, str]:
        """What the fold needs of the record in these bytes, and its hash; nothing where there are none."""
        if value is None:
            return None, ""
        kept = self._records.get(user)
        if kept is not None and kept[0] == value:
            return kept[1:]
        record = decode_state(value)
        return record, record.hash


def lossless(event: ChangeEvent) -> bool:
    """Whether all that it says is read back from JSON as it was. JSON has no infinity, and no NaN: they become null."""
    return event.move is None and event.mapping is None and all(map(_plain, event.attributes.values()))


def _plain(value: Fact) -> bool:
    kind = value.__class__
    if kind in _EXACT:
        return True
    if kind is list:
        return all(map(_plain, cast("list[Fact]", value)))
    if kind is dict:
        return all(map(_plain, cast("dict[str, Fact]", value).values()))
    return kind is float and isfinite(cast("float", value))


class _Recent(Generic[Key, Value]):
    """Remembers the `most` keys that were put last, and up to as many from before them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def put(self, key: Key, value: Value) -> None:
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def get(self, key: Key) -> Value | None:
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def pop(self, key: Key) -> Value | None:
        found = self._young.pop(key, None)
        return self._old.pop(key, None) if found is None else found

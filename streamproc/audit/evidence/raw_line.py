"""One record of a topic as a line of a bundle's file, and back again."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

import orjson

from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.units import Millis


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a topic, as a line of a file."""

    partition: int
    offset: int
    timestamp: Millis
    """In ms since 1970."""
    key: bytes | None
    value: bytes | None

    @property
    def position(self) -> tuple[int, int]:
        """Lines are in the order of this."""
        return self.partition, self.offset

    @classmethod
    def of(cls, logged: StoredRecord) -> "Line":
        return cls(logged.partition, logged.offset, logged.timestamp, logged.key, logged.value)

    def logged(self, topic: str) -> StoredRecord:
        """The record as it lay in the topic."""
        return StoredRecord(topic, self.partition, self.offset, self.timestamp, self.key, self.value)

    def encoded(self) -> bytes:
        """The line, with its newline. Bytes that aren't UTF-8 are `key64` and `value64`, in base64."""
        position = {"partition": self.partition, "offset": self.offset, "timestamp": self.timestamp}
        return orjson.dumps(position | _text("key", self.key) | _text("value", self.value)) + b"\n"


def line_of(text: bytes) -> Line:
    """The line in a text. Raises ValueError that says what is wrong, without quoting it."""
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError:
        raw = None
    if not isinstance(raw, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - it is the text that is wrong
    partition, offset, timestamp = (_number(raw, name) for name in ("partition", "offset", "timestamp"))
    key, value = _bytes(raw, "key"), _bytes(raw, "value")
    if raw:
        raise ValueError("it holds more than a line may")
    return Line(partition, offset, Millis(timestamp), key, value)


def _text(name: str, content: bytes | None) -> dict[str, str | None]:
    if content is None:
        return {name: None}
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}64": b64encode(content).decode()}


def _number(raw: dict[str, Any], name: str) -> int:
    number = raw.pop(name, None)
    if type(number) is not int or not 0 <= number < 2**63:
        raise ValueError(f"{name} isn't a whole number")
    return number


def _bytes(raw: dict[str, Any], name: str) -> bytes | None:
    if name in raw:
        text = raw.pop(name)
        if text is None:
            return None
        if isinstance(text, str):
            return text.encode()
    else:
        text = raw.pop(f"{name}64", None)
        if isinstance(text, str):
            return b64decode(text, validate=True)  # a ValueError of its own where it isn't base64
    raise ValueError(f"{name} isn't text")

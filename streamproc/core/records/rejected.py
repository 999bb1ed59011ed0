"""Value of `events.rejected`: input that can't become an event."""

from base64 import b64encode
from collections.abc import Iterable

import orjson
from pydantic import TypeAdapter

from streamproc.core.records.units import Millis
from streamproc.core.records.value import Value


class Rejected(Value, frozen=True):
    """Input that can't become an event: where it lies, why, and the original bytes (base64)."""

    topic: str
    partition: int
    offset: int
    """-1, as the partition: it never was in a topic."""
    appended: Millis
    """ms since 1970."""
    code: str
    reason: str
    key: str | None
    value: str | None
    headers: list[tuple[str, str]]


REJECTED: TypeAdapter[Rejected] = TypeAdapter(Rejected)


def encode_rejected(
    topic: str,
    partition: int,
    offset: int,
    appended: Millis,
    code: str,
    reason: str,
    *,
    key: bytes | None = None,
    value: bytes | None = None,
    headers: Iterable[tuple[str, bytes | None]] = (),
) -> bytes:
    """A Rejected as JSON, of the input's own bytes."""
    encoded = [(name, _base64(content) or "") for name, content in headers]
    return orjson.dumps(
        Rejected(topic, partition, offset, appended, code, reason, _base64(key), _base64(value), encoded)
    )


def _base64(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content).decode()

"""A record on its way to a topic."""

from dataclasses import dataclass
from typing import Final

REJECTIONS: Final = "events.rejected"
LARGEST: Final = 1024 * 1024
"""Bytes of a record's value."""
Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Record:
    """One record for Kafka."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers

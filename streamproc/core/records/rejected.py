"""Value of `events.rejected`: input that can't become an event."""

from dataclasses import dataclass

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class Rejected:
    """Input that can't become an event: where it lies, why, and the original bytes (base64)."""

    topic: str
    partition: int
    offset: int
    appended: int
    code: str
    reason: str
    key: str | None
    value: str | None
    headers: list[tuple[str, str]]


REJECTED: TypeAdapter[Rejected] = TypeAdapter(Rejected)

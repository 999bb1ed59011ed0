"""Moments and counts, as auditors read them."""

from datetime import UTC, datetime


def iso_moment(at: int) -> str:
    """Milliseconds since 1970, as ISO 8601 in UTC."""
    exact = "milliseconds" if at % 1000 else "seconds"
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec=exact).replace("+00:00", "Z")


def count(n: int, one: str, more: str | None = None) -> str:
    """1 finding, 2 findings."""
    return f"{n} {one if n == 1 else more or one + 's'}"

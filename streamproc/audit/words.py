"""Moments and counts, as auditors read them."""

from streamproc.core.shown import moment


def iso_moment(at: int) -> str:
    """Milliseconds since 1970, as ISO 8601 in UTC, no more exact than it is."""
    return moment(at, "milliseconds" if at % 1000 else "seconds")


def count(n: int, one: str, more: str | None = None) -> str:
    """1 finding, 2 findings."""
    return f"{n} {one if n == 1 else more or one + 's'}"

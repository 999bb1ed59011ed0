"""Units of time since 1970: what a number counts is its type, so that mypy sees a wrong one."""

from typing import NewType

Millis = NewType("Millis", int)
"""Milliseconds: the broker's times, and ours."""
Micros = NewType("Micros", int)
"""Microseconds: the sources' times."""


def micros_of(at: Millis) -> Micros:
    """The same in µs."""
    return Micros(at * 1000)


def millis_of(at: Micros) -> Millis:
    """The same in whole ms, rounded down."""
    return Millis(at // 1000)


def millis_after(at: Micros) -> Millis:
    """The same in whole ms, rounded up: the first at which it is past."""
    return Millis(-(-at // 1000))

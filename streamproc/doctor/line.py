"""What the doctor says: one line for each thing, how it is, and what to do about it."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Severity: TypeAlias = Literal["ok", "warning", "error"]
"""`error`: it can't work. `warning`: it works and shouldn't stay so, or nobody could look."""

Part: TypeAlias = Literal["kafka", "target", "permissions", "catalogue", "sources", "clocks"]

WORTH: Final[dict[Severity, int]] = {"error": 0, "warning": 1, "ok": 2}
"""Errors come first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing. `about`: which one, in a word or two; `do`: what to do, "" where nothing is."""

    severity: Severity
    part: Part
    about: str
    text: str
    do: str = ""

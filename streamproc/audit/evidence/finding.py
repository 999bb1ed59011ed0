"""What isn't as it should be in a bundle, and the sentence that says so."""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import orjson

Kind: TypeAlias = Literal["altered", "added", "left out", "another key"]

KEPT: Final = 1000
"""Findings that are kept; all are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a bundle that isn't as it should be."""

    kind: Kind
    """`another key`: the bundle is unaltered, but signed by another key than the given one."""
    file: str
    what: str
    line: int | None = None
    """From 1."""
    user: str | None = None
    seq: int | None = None
    """Offset in `identity.changes` of the event that it is about."""

    @property
    def sentence(self) -> str:
        """The finding in one line."""
        where = self.file if self.line is None else f"{self.file} line {self.line}"
        about = [] if self.user is None else [f"user {self.user}"]
        about += [] if self.seq is None else [f"seq {self.seq}"]
        return f"{self.kind}: {', '.join([where, *about])}: {self.what}"


class Findings:
    """Counts all findings, and keeps the first `KEPT`."""

    def __init__(self) -> None:
        self.first: list[Finding] = []
        self.count = 0

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it if it is among the first."""
        self.count += 1
        if len(self.first) < KEPT:
            self.first.append(finding)

    def find(self, kind: Kind, file: str, what: str, **more: Any) -> None:
        """Add a finding; `more` are its other fields."""
        self.add(Finding(kind, file, what, **more))

    def explain(self, finding: Finding, what: str) -> None:
        """Give a finding a better text, if it was kept."""
        self.first = [replace(known, what=what) if known is finding else known for known in self.first]


def same(one: Any, other: Any) -> bool:
    """Whether they are the same JSON: 1, 1.0 and true are equal, and aren't that."""
    try:
        left, right = (orjson.dumps(value, option=orjson.OPT_SORT_KEYS) for value in (one, other))
    except orjson.JSONEncodeError:
        return False
    return left == right


def short(value: Any) -> str:
    """As much of a JSON value as goes into a finding."""
    try:
        text = orjson.dumps(value, default=str).decode()
    except orjson.JSONEncodeError:
        return "what is nested too deeply to be shown"
    return text if len(text) <= 80 else f"{text[:77]}..."

"""Finding: what isn't as it should be in a bundle, and how it is told."""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import orjson

Kind: TypeAlias = Literal["altered", "added", "left out", "another key"]

KEPT: Final = 1000
"""Findings that are kept."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What isn't as it should be. `line`: from 1. `seq`: the offset in `identity.changes` of the event it is about.

    `another key`: nothing was done to it, but it isn't whose one wants.
    """

    kind: Kind
    file: str
    what: str
    line: int | None = None
    user: str | None = None
    seq: int | None = None

    @property
    def sentence(self) -> str:
        """In one line."""
        place = self.file if self.line is None else f"{self.file} line {self.line}"
        about = [] if self.user is None else [f"user {self.user}"]
        about += [] if self.seq is None else [f"seq {self.seq}"]
        return f"{self.kind}: {', '.join([place, *about])}: {self.what}"


class Findings:
    """All of them are counted, and the first `KEPT` kept."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.count = 0

    def keep(self, finding: Finding) -> None:
        """One more."""
        self.count += 1
        if len(self.kept) < KEPT:
            self.kept.append(finding)

    def find(self, kind: Kind, file: str, what: str, **more: Any) -> None:
        """The same; see `Finding`."""
        self.keep(Finding(kind, file, what, **more))

    def explain(self, finding: Finding, what: str) -> None:
        """Say it better, if it was kept."""
        self.kept = [replace(each, what=what) if each is finding else each for each in self.kept]


def short(value: Any) -> str:
    """A JSON value, as much of it as goes into a finding."""
    text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."

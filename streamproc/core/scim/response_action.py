"""Response actions: what can follow an answer of the target. Which one does is in `response_policy`."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Deliver:
    """Accepted."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not applied: send the same again after `after` seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class ReadBack:
    """It may have been applied: read after `after` seconds, compare, then decide."""

    after: float


@dataclass(frozen=True, slots=True)
class Refetch:
    """Somebody else changed it: read, plan again, send."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """It exists already: find it, and plan from what it holds."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What we knew by this id isn't there (any more): look it up again."""


@dataclass(frozen=True, slots=True)
class Park:
    """It will never be accepted like this: set it aside with the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Denied:
    """We aren't allowed: for this user or attribute, or at all. Ask again after `after` seconds; see `PATIENCE`."""

    after: float
    reason: str


ResponseAction: TypeAlias = Deliver | Retry | ReadBack | Refetch | Adopt | Gone | Denied | Park

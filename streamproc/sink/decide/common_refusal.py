"""Common refusals: is a refusal a user's, or does everybody get it? A decider with no I/O, clock or asyncio.

A used-up licence refuses every create, a server that wants another media type every write. That isn't for operators to
find out from forty parked users.

Rule 1: several users in a row who are refused in the same way, by the same kind of request, with none of that kind
accepted between, share one cause. It is told once, and nobody else is set aside for it. A request counts that can't be
narrowed down any further: before that it may be one attribute that all have in common. A create that is forbidden
counts at once, and is no sign that all else is.
Rule 2: then requests of that kind go out one at a time, as probes, less and less often. In turns it is somebody who
wasn't refused yet (then who was longest ago), so that bad users can't hide that others are accepted, and somebody whose
request is being narrowed down, so that this goes on.
Rule 3: the first that is accepted ends it, and who is refused nevertheless is set aside on their own account.
Rule 4: a deactivation is never held, only not set aside: it goes on being tried.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, assert_never

from msgspec import Struct

from streamproc.core.records.operation import Create, Deactivate, Patch, Reactivate

SHARED_BY: Final = 3
"""Users in a row."""
PROBE_FIRST: Final = 1.0
PROBE_MOST: Final = 30.0
"""Seconds between probes: doubling from the first to the most."""
WORDS: Final = 200

WriteKind: TypeAlias = Literal["create", "deactivate", "reactivate", "change"]


class Write(Struct, frozen=True):
    """A write of a user. `narrowed`: less can't be asked for."""

    kind: WriteKind
    narrowed: bool


def write_of(operation: Create | Deactivate | Reactivate | Patch, *, bare: bool) -> Write:
    """`bare`: a create with nothing but what a user must have."""
    match operation:
        case Create():
            return Write("create", bare)
        case Deactivate():
            return Write("deactivate", narrowed=True)
        case Reactivate(changes):
            return Write("reactivate", len(changes) <= 1)
        case Patch(changes):
            return Write("change", len(changes) <= 1)
        case _:
            assert_never(operation)


HELD: Final[frozenset[WriteKind]] = frozenset({"create", "reactivate", "change"})
NOBODYS: Final = frozenset({401, 404, 408, 409, 410, 412, 425, 429})
"""Answers that say nothing of whether others would be refused: about the state of one user, or the moment."""

_OWN: Final = re.compile(r"[0-9a-f]{8}[0-9a-f-]*|\d+")


@dataclass(slots=True)
class _Kind:
    """One kind of request."""

    said: str = ""
    """How the last ones were refused."""
    refused: dict[str, int] = field(default_factory=dict)
    """User who was refused so, to the number of their last refusal."""
    narrowing: dict[str, None] = field(default_factory=dict)
    """Users who were refused something that can be narrowed down."""
    waiting: dict[str, int] = field(default_factory=dict)
    """User who is held, to their place in the order of arrival."""
    probes: int = 0
    probing: str | None = None
    next: float = 0.0
    between: float = PROBE_FIRST


class CommonRefusals:
    """Of one target. `now`: seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._kinds: dict[WriteKind, _Kind] = {}
        self._refusals = 0

    @property
    def shared(self) -> dict[WriteKind, str]:
        """Kind of request that everybody is refused, to the target's words, without numbers and ids."""
        return {name: kind.said for name, kind in self._kinds.items() if _shared(kind)}

    def waiting(self, name: WriteKind) -> list[str]:
        """Users who are held."""
        return [*kind.waiting] if (kind := self._kinds.get(name)) is not None else []

    def wait(self, name: WriteKind, user: str, ticket: int, now: float) -> float:
        """Seconds until the user's request may go out; infinite while it isn't `chosen`; 0: now, and `sent` follows."""
        kind = self._kinds.get(name)
        if kind is None or name not in HELD or not _shared(kind):
            return 0.0
        kind.waiting[user] = ticket
        return max(0.0, kind.next - now) if self.chosen(name) == user else math.inf

    def chosen(self, name: WriteKind) -> str | None:
        """Whose request is the next probe; None: nobody's, or a probe is under way."""
        kind = self._kinds.get(name)
        if kind is None or kind.probing is not None:
            return None
        if kind.probes % 2 and (begun := next((user for user in kind.narrowing if user in kind.waiting), None)):
            return begun
        return min(kind.waiting, key=lambda user: (kind.refused.get(user, 0), kind.waiting[user]), default=None)

    def sent(self, name: WriteKind, user: str) -> None:
        """The user's request goes to the gate."""
        if (kind := self._kinds.get(name)) is not None:
            kind.waiting.pop(user, None)
            if _shared(kind) and name in HELD:
                kind.probing = user
                kind.probes += 1

    def lost(self, name: WriteKind, user: str) -> None:
        """The user doesn't wait any more, or nothing will be heard of what was sent."""
        if (kind := self._kinds.get(name)) is not None:
            kind.waiting.pop(user, None)
            if kind.probing == user:
                kind.probing = None

    def answered(self, write: Write, user: str, status: int | None, words: str, now: float) -> None:
        """What came of a request. `status` None: no answer. `words`: the target's, with the status."""
        kind = self._kinds.setdefault(write.kind, _Kind())
        probe = kind.probing == user
        self.lost(write.kind, user)
        if status is not None and status < 300:
            kind.said, kind.refused, kind.narrowing, kind.between = "", {}, {}, PROBE_FIRST
            return
        if not _refused(status):
            kind.next = now + PROBE_FIRST
            return
        if write.narrowed:
            kind.narrowing.pop(user, None)
        else:
            kind.narrowing[user] = None
        if write.narrowed or is_forbidden_create(write.kind, status):
            said = f"{status} {_OWN.sub('#', words.removeprefix(str(status)).strip())[:WORDS]}"
            if said != kind.said:
                kind.said, kind.refused = said, {}
            self._refusals += 1
            kind.refused[user] = self._refusals
        kind.between = min(PROBE_MOST, kind.between * 2) if probe else kind.between
        kind.next = now + kind.between


def is_forbidden_create(kind: WriteKind | None, status: int | None) -> bool:
    """A licence may be used up, or the right to create be missing, while all else goes on."""
    return kind == "create" and status == 403


def _refused(status: int | None) -> bool:
    """Whether the target looked at the request and won't have it."""
    return status == 501 or (status is not None and 400 <= status < 500 and status not in NOBODYS)


def _shared(kind: _Kind) -> bool:
    return len(kind.refused) >= SHARED_BY

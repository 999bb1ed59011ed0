"""Common refusals: is a refusal a user's, or does everybody get it? A decider with no I/O, clock or asyncio.

A used-up licence refuses every create, a server that wants another media type every write. That isn't for operators to
find out from forty parked users.

Rule 1: several users in a row who are refused in the same way, by the same kind of request, with none of that kind
accepted between, share one cause. It is told once, and nobody else is set aside for it. A request counts that can't be
narrowed down any further: before that it may be one attribute that all have in common. Where letting somebody in is
forbidden, that counts at once, and is no sign that all else is.
Rule 2: then requests of that kind go out one at a time, as probes, less and less often. In turns it is somebody who
wasn't refused yet (then who was longest ago), so that bad users can't hide that others are accepted, and somebody whose
request is being narrowed down, so that this goes on.
Rule 3: the first that is accepted ends it, and who is refused nevertheless is set aside on their own account.
Rule 4: nothing is held that a leaver needs, only not set aside: it goes on being tried.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from streamproc.core.records.operation import Create, Deactivate, Patch, Reactivate
from streamproc.core.records.resource import parts
from streamproc.sink.decide.steps import Confirm, LookUp, Read, SendUser, Step

SHARED_BY: Final = 3
"""Users in a row."""
PROBE_FIRST: Final = 1.0
PROBE_MOST: Final = 30.0
"""Seconds between probes: doubling from the first to the most."""
WORDS: Final = 200

AskedKind: TypeAlias = Literal["look-up", "read", "create", "deactivate", "reactivate", "change"]


class Asking(Struct, frozen=True):
    """A request about a user. `narrowed`: less can't be asked for."""

    kind: AskedKind
    narrowed: bool


def asking_of(step: Step, *, bare: bool) -> Asking | None:
    """What a step asks for. `bare`: a create with nothing but what a user must have.

    None: no user. What is asked of groups is set aside alone, and a target may well have none.
    """
    match step:
        case LookUp():
            return Asking("look-up", narrowed=True)
        case Read() | Confirm():
            return Asking("read", narrowed=True)
        case SendUser(operation=Create()):
            return Asking("create", bare)
        case SendUser(operation=Deactivate()):
            return Asking("deactivate", narrowed=True)
        case SendUser(operation=Reactivate(changes)):
            return Asking("reactivate", len(parts(changes)) <= 1)
        case SendUser(operation=Patch(changes)):
            return Asking("change", len(parts(changes)) <= 1)
        case _:
            return None


READS: Final[frozenset[AskedKind]] = frozenset({"look-up", "read"})
HELD: Final[frozenset[AskedKind]] = frozenset({"look-up", "read", "create", "reactivate", "change"})
NOBODYS: Final = frozenset({401, 404, 408, 409, 410, 412, 425, 429})
"""Answers that say nothing of whether others would be refused: about the state of one user, or the moment."""
NO_READERS: Final = frozenset({400, 403, 414, 422})
"""Answers to reads that have an end of their own: a filter that isn't understood, rights, which the gate watches."""

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
        self._kinds: dict[AskedKind, _Kind] = {}
        self._refusals = 0

    @property
    def shared(self) -> dict[str, str]:
        """Kind of request that everybody is refused, to the target's words, without numbers and ids."""
        return {name: kind.said for name, kind in self._kinds.items() if _shared(kind)}

    def waiting(self, name: AskedKind) -> list[str]:
        """Users who are held."""
        return [*kind.waiting] if (kind := self._kinds.get(name)) is not None else []

    def wait(self, name: AskedKind, user: str, ticket: int, now: float) -> float:
        """Seconds until the user's request may go out; infinite while it isn't `chosen`; 0: now, and `sent` follows."""
        kind = self._kinds.get(name)
        if kind is None or name not in HELD or not _shared(kind):
            return 0.0
        kind.waiting[user] = ticket
        return max(0.0, kind.next - now) if self.chosen(name) == user else math.inf

    def chosen(self, name: AskedKind) -> str | None:
        """Whose request is the next probe; None: nobody's, or a probe is under way."""
        kind = self._kinds.get(name)
        if kind is None or kind.probing is not None:
            return None
        if kind.probes % 2 and (begun := next((user for user in kind.narrowing if user in kind.waiting), None)):
            return begun
        return min(kind.waiting, key=lambda user: (kind.refused.get(user, 0), kind.waiting[user]), default=None)

    def sent(self, name: AskedKind, user: str) -> None:
        """The user's request goes to the gate."""
        if (kind := self._kinds.get(name)) is not None:
            kind.waiting.pop(user, None)
            if _shared(kind) and name in HELD:
                kind.probing = user
                kind.probes += 1

    def lost(self, name: AskedKind, user: str) -> None:
        """The user doesn't wait any more, or nothing will be heard of what was sent."""
        if (kind := self._kinds.get(name)) is not None:
            kind.waiting.pop(user, None)
            if kind.probing == user:
                kind.probing = None

    def answered(self, asking: Asking, user: str, status: int | None, words: str, now: float) -> None:
        """What came of a request. `status` None: no answer. `words`: the target's, with the status."""
        kind = self._kinds.setdefault(asking.kind, _Kind())
        probe = kind.probing == user
        self.lost(asking.kind, user)
        if status is not None and status < 300:
            kind.said, kind.refused, kind.narrowing, kind.between = "", {}, {}, PROBE_FIRST
            return
        if not _refused(asking.kind, status):
            kind.next = now + PROBE_FIRST
            return
        if asking.narrowed:
            kind.narrowing.pop(user, None)
        else:
            kind.narrowing[user] = None
        if asking.narrowed or is_forbidden_access(asking.kind, status):
            said = in_common(status, words)
            if said != kind.said:
                kind.said, kind.refused = said, {}
            self._refusals += 1
            kind.refused[user] = self._refusals
        kind.between = min(PROBE_MOST, kind.between * 2) if probe else kind.between
        kind.next = now + kind.between


def in_common(status: int | None, words: str) -> str:
    """The words of a refusal, as others get them too: without numbers and ids. They begin with the status."""
    return f"{status} {_OWN.sub('#', words.removeprefix(str(status)).strip())[:WORDS]}"


def is_forbidden_access(kind: AskedKind | None, status: int | None) -> bool:
    """Somebody can't be let in: a licence may be used up, or the right be missing, while all else goes on."""
    return kind in {"create", "reactivate"} and status == 403


def _refused(kind: AskedKind, status: int | None) -> bool:
    """Whether the target looked at the request and won't have it."""
    if kind in READS and status in NO_READERS:
        return False
    return status == 501 or (status is not None and 400 <= status < 500 and status not in NOBODYS)


def _shared(kind: _Kind) -> bool:
    return len(kind.refused) >= SHARED_BY

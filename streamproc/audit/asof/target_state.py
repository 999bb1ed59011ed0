"""What the target was known to hold of a user at a moment, by its answers as `scim.outcomes` has them.

Rule 1: an answer counts from the moment it arrived. A write without an answer, or with an answer that leaves open
whether it was applied, changes nothing until a read shows it; until then it is named as open.
Rule 2: requests count in the order of their answers. Outcomes come in another order: a write's outcome is written at
the end of its turn, those of reads on the way at once.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from streamproc.core.fold.policy import had
from streamproc.core.records.resource import Resource

State: TypeAlias = Literal["holds", "absent", "unsaid", "never"]
"""`absent`: it has no such user. `unsaid`: it accepted a write, and the log doesn't say what it holds since then.
`never`: it was never asked."""


@dataclass(frozen=True, slots=True)
class Open:
    """A write that may have been applied or not."""

    id: str
    method: str
    path: str
    sent: int
    """In ms since 1970."""
    answered: int | None
    """In ms since 1970; None: no answer had come by the moment."""


@dataclass(frozen=True, slots=True)
class KnownTargetState:
    """What the target was known to hold of one user."""

    state: State = "never"
    holds: Resource | None = None
    at: int | None = None
    """When the answer came that says so, in ms since 1970."""
    request: str | None = None
    """The id of that answer's request."""
    open: tuple[Open, ...] = ()
    """Writes sent since, of which nothing is known."""


@dataclass(slots=True)
class TargetStateFold:
    """Folds one user's outcomes, in any order, into what was known at `until` (ms since 1970)."""

    until: int
    seeded: Resource | None = None
    """What is desired, where it names seeds."""
    valued: dict[str, int] = field(default_factory=dict)
    """Seeded attribute to when the target first told a value of it, in ms since 1970; of the newest account."""
    _absent: int = -1
    _last: tuple[int, int] = (-1, -1)
    _state: State = "never"
    _holds: Resource | None = None
    _request: str | None = None
    _open: list[tuple[int, Open]] = field(default_factory=list)

    def take(self, outcome: dict[str, Any]) -> None:
        """Take in a decoded value of `scim.outcomes`. Raises KeyError or TypeError where it isn't one."""
        for request in outcome["requests"]:
            if request["sent"] <= self.until:
                self._take_request(outcome["verdict"], request)

    def known(self) -> KnownTargetState:
        """What is known, by all outcomes taken in."""
        still_open = [write for ended, write in sorted(self._open, key=lambda item: item[0]) if ended >= self._last[0]]
        at = self._last[0] if self._request is not None else None
        return KnownTargetState(self._state, self._holds, at, self._request, tuple(still_open))

    def _take_request(self, verdict: str, request: dict[str, Any]) -> None:
        writes, answered, status = request["method"] != "GET", request["answered"], request["status"]
        unsaid = writes and status is not None and 200 <= status < 300 and request.get("holds") is None
        if answered > self.until or verdict == "unknown":
            if writes:
                arrived = None if answered > self.until else answered
                write = Open(request["id"], request["method"], request["path"], request["sent"], arrived)
                self._open.append((answered, write))
        elif request.get("absent"):
            self._learn(request, "absent", None)
        elif request.get("holds") is not None:
            self._learn(request, "holds", request["holds"])
        elif unsaid:
            self._learn(request, "unsaid", None)

    def _learn(self, request: dict[str, Any], state: State, holds: Resource | None) -> None:
        if self.seeded is not None:
            self._value(self.seeded, request["answered"], holds or Resource(), absent=state == "absent")
        answered_and_sent = (request["answered"], request["sent"])
        if answered_and_sent >= self._last:
            self._last, self._state, self._holds, self._request = answered_and_sent, state, holds, request["id"]

    def _value(self, seeded: Resource, answered: int, holds: Resource, *, absent: bool) -> None:
        """What has had a value since. Whoever wasn't there any more has another account since then."""
        if absent:
            self._absent = max(self._absent, answered)
            self.valued = {name: at for name, at in self.valued.items() if at > self._absent}
        elif answered > self._absent:
            for name in had(seeded, holds, self.valued):
                self.valued[name] = min(answered, self.valued.get(name, answered))

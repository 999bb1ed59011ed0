"""Acknowledged: what the target was known to hold of a user at a moment, by what `scim.outcomes` says of its answers.

Rule 1: an answer counts from when we had it. What was sent and not answered, or answered in a way that leaves open
whether it was applied, changes nothing until a read tells; it is named as open.
Rule 2: requests are taken in the order of their answers, not in that in which they were told: a write is told when its
turn has ended, the reads on its way at once.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from streamproc.core.records.resource import Resource

State: TypeAlias = Literal["holds", "absent", "unsaid", "never"]
"""`absent`: it has no such user. `unsaid`: it accepted a write, by a log that doesn't say what it holds since.
`never`: it was never asked."""


@dataclass(frozen=True, slots=True)
class Open:
    """A write of which it isn't known whether it was applied. `answered` None: no answer had come by then. ms."""

    id: str
    method: str
    path: str
    sent: int
    answered: int | None


@dataclass(frozen=True, slots=True)
class KnownTargetState:
    """See above. `at`: ms since 1970, when the answer came that says so; `request`: the id of the request."""

    state: State = "never"
    holds: Resource | None = None
    at: int | None = None
    request: str | None = None
    open: tuple[Open, ...] = ()


@dataclass(slots=True)
class TargetStateFold:
    """Of one user up to `until` (ms since 1970), outcome by outcome, in any order."""

    until: int
    _last: tuple[int, int] = (-1, -1)
    _state: State = "never"
    _holds: Resource | None = None
    _request: str | None = None
    _open: list[tuple[int, Open]] = field(default_factory=list)

    def take(self, outcome: dict[str, Any]) -> None:
        """`outcome`: a value of `scim.outcomes`, decoded. Raises KeyError or TypeError where it isn't one."""
        for request in outcome["requests"]:
            if request["sent"] <= self.until:
                self._one(outcome["verdict"], request)

    def told(self) -> KnownTargetState:
        """What is known of all that was taken."""
        still = [each for ended, each in sorted(self._open, key=lambda one: one[0]) if ended >= self._last[0]]
        at = self._last[0] if self._request is not None else None
        return KnownTargetState(self._state, self._holds, at, self._request, tuple(still))

    def _one(self, verdict: str, request: dict[str, Any]) -> None:
        writes, answered, status = request["method"] != "GET", request["answered"], request["status"]
        unsaid = writes and status is not None and 200 <= status < 300 and request.get("holds") is None
        if answered > self.until or verdict == "unknown":
            if writes:
                came = None if answered > self.until else answered
                one = Open(request["id"], request["method"], request["path"], request["sent"], came)
                self._open.append((answered, one))
        elif request.get("absent"):
            self._learn(request, "absent", None)
        elif request.get("holds") is not None:
            self._learn(request, "holds", request["holds"])
        elif unsaid:
            self._learn(request, "unsaid", None)

    def _learn(self, request: dict[str, Any], state: State, holds: Resource | None) -> None:
        place = (request["answered"], request["sent"])
        if place >= self._last:
            self._last, self._state, self._holds, self._request = place, state, holds, request["id"]

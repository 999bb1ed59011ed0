"""What became of the work: Outcome (the audit log), Delivery (what Genesys holds) and Rejected (input set aside).

A user's Delivery at `seq` S says that the fate of every event up to S has been told in `scim.outcomes`: the two are
written in one transaction with the consumed offset.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import TypeAdapter

from streamproc.core.fold import FIRST, Cause
from streamproc.core.guard import Standing
from streamproc.core.resource import Resource

Fate: TypeAlias = Literal["delivered", "revoked", "no-op", "superseded", "parked", "held"]
"""How an event ended; each gets exactly one. Rejected input never became an event."""

Attempt: TypeAlias = Literal[
    "retry", "conflict", "unknown", "adopted", "absent", "read", "missing", "narrowed", "skipped", "rejected"
]
Verdict: TypeAlias = Fate | Attempt
"""A fate, or what one attempt on the way to it came to."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request that went out, and its answer. `status` None: no answer came.

    `holds`: what the target is known to hold of the user from this answer on, in our own terms, where that was learned:
    from a write that it accepted, or a read. `absent`: it said that it has no such user. Neither: what was known before
    is all that is known. Of groups only ours are told; a leaver who is read in a hurry keeps those that were known.
    """

    id: str
    method: str
    path: str
    body: dict[str, Any] | None
    sent: int
    answered: int
    status: int | None
    correlation_id: str | None
    error: str | None = None
    holds: Resource | None = None
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the audit log. Times are ms since 1970. `final` marks the event's fate."""

    user: str
    seq: int
    verdict: Verdict
    final: bool
    at: int
    effect: str
    cause: Cause | None
    operations: list[str]
    requests: list[Request]
    reason: str | None = None
    since: int | None = None
    """For `superseded` where compaction removed records: all events after this seq up to `seq` are meant."""
    acknowledged: int | None = None
    """When the target acknowledged the last write."""
    read_back: int | None = None
    """For `revoked`: when the target, asked again, said that the user is inactive."""
    sessions_ended: int | None = None
    """When the user's tokens had been deleted, where that is switched on."""


@dataclass(frozen=True, slots=True)
class Parked:
    """Why a user's work was set aside, and what it was to become."""

    code: Literal["refused", "incomplete", "ambiguous", "regressed", "unresolved", "held", "protected", "rejected"]
    """`held`: by the mass guard. `protected`: never to be deactivated. `rejected`: an operator said no."""
    reason: str
    status: int | None
    correlation_id: str | None
    attributes: dict[str, str]
    """What was set aside alone ("title", "group NAME") → code: reason; empty: everything."""
    desired: Resource
    at: int
    since: int = FIRST
    """Seq of the event since which something of this user has been set aside."""

    @property
    def told(self) -> str:
        """Code and reason in one line, with what to quote to the target's support."""
        quote = "" if self.correlation_id is None else f" (correlation id {self.correlation_id})"
        return f"{self.code}: {self.reason}{quote}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What Genesys holds of one user, as last acknowledged. `id` None: no such user there."""

    user: str
    seq: int
    id: str | None
    etag: str | None
    held: Resource | None
    parked: Parked | None
    at: int
    standing: Standing | None = None
    """What the mass guard has to remember of a leaver; None of everybody else."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Input that can't become an event: where it lies, why, and the original bytes (base64)."""

    topic: str
    partition: int
    offset: int
    appended: int
    code: str
    reason: str
    key: str | None
    value: str | None
    headers: list[tuple[str, str]]


OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)
DELIVERY: TypeAdapter[Delivery] = TypeAdapter(Delivery)
REJECTED: TypeAdapter[Rejected] = TypeAdapter(Rejected)

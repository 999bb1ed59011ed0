"""What became of the work: Outcome (the audit log), Delivery (what Genesys holds) and Rejected (input set aside).

A user's Delivery at `seq` S says that the fate of every event up to S has been told in `scim.outcomes`: the two are
written in one transaction with the consumed offset.
"""

from typing import Any, Literal, TypeAlias

from pydantic import TypeAdapter

from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.core.records.value import Value

Fate: TypeAlias = Literal["delivered", "revoked", "no-op", "superseded", "parked", "held"]
"""How an event ended; each gets exactly one. Rejected input never became an event."""

Attempt: TypeAlias = Literal[
    "retry", "conflict", "unknown", "adopted", "absent", "read", "missing", "narrowed", "skipped", "rejected"
]
Verdict: TypeAlias = Fate | Attempt
"""A fate, or what one attempt on the way to it came to."""


class Request(Value, frozen=True):
    """One HTTP request that went out, and its answer. `status` None: no answer came.

    `holds`: what the target is known to hold of the user from this answer on, in our own terms, where that was learned:
    from a write that it accepted, or a read. `absent`: it said that it has no such user. Neither: what was known before
    is all that is known. Of groups only ours are told; a leaver who is read in a hurry keeps those that were known.
    """

    id: str
    method: str
    path: str
    body: dict[str, Any] | None
    sent: Millis
    answered: Millis
    status: int | None
    correlation_id: str | None
    error: str | None = None
    holds: Resource | None = None
    absent: bool = False


class Outcome(Value, frozen=True):
    """One line of the audit log. Times are ms since 1970. `final` marks the event's fate."""

    user: str
    seq: int
    verdict: Verdict
    final: bool
    at: Millis
    effect: str
    cause: Cause | None
    operations: list[str]
    requests: list[Request]
    reason: str | None = None
    since: int | None = None
    """For `superseded` where compaction removed records: all events after this seq up to `seq` are meant."""
    acknowledged: Millis | None = None
    """When the target acknowledged the last write."""
    read_back: Millis | None = None
    """For `revoked`: when the target, asked again, said that the user is inactive."""
    sessions_ended: Millis | None = None
    """When the user's tokens had been deleted, where that is switched on."""


OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)

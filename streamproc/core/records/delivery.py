"""Value of `scim.deliveries`: what the target holds of a user."""

from typing import Final, Literal

from msgspec import field
from pydantic import TypeAdapter

from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import FIRST, Cause
from streamproc.core.records.value import Value, decoder


class Standing(Value, frozen=True):
    """Where one user's leaving stands: all that has to be kept of it, for example with the user's delivery.

    `seq`: the newest record that was asked about. `cause`: of the first that was, which also gives its time.
    """

    user: str
    seq: int
    said: Literal["through", "held", "released", "rejected"]
    cause: Cause
    reason: str | None = None
    """Why it was held."""


class Parked(Value, frozen=True):
    """Why a user's work was set aside, and what it was to become."""

    code: Literal[
        "refused", "incomplete", "ambiguous", "regressed", "unresolved", "held", "protected", "rejected", "stalled"
    ]
    """`held`: by the mass guard. `protected`: never to be deactivated. `rejected`: an operator said no. `stalled`: the
    target answers, or doesn't, in a way that leads nowhere."""
    reason: str
    status: int | None
    correlation_id: str | None
    attributes: dict[str, str]
    """What was set aside alone ("title", "group NAME") → code: reason; empty: everything."""
    desired: Resource
    at: Millis
    since: int = FIRST
    """Seq of the event since which something of this user has been set aside."""
    holder: str | None = None
    """User who has the userName that this one is to have, where that is one of ours: they go first."""

    @property
    def told(self) -> str:
        """Code and reason in one line, with what to quote to the target's support."""
        quote = "" if self.correlation_id is None else f" (correlation id {self.correlation_id})"
        return f"{self.code}: {self.reason}{quote}"


class DeliveredState(Value, frozen=True):
    """What Genesys holds of one user, as last acknowledged. `id` None: no such user there."""

    user: str
    seq: int
    id: str | None
    etag: str | None
    held: Resource | None
    parked: Parked | None
    at: Millis
    standing: Standing | None = None
    """What the mass guard has to remember of a leaver; None of everybody else."""
    spelled: dict[str, str] = field(default_factory=dict)
    """Attribute to the value by which the target shows what is `held` there, where it has a way of its own."""


DELIVERED_STATE: TypeAdapter[DeliveredState] = TypeAdapter(DeliveredState)

decode_delivery: Final = decoder(DeliveredState, DELIVERED_STATE)
"""The DeliveredState in a value of `scim.deliveries`. Raises pydantic.ValidationError where it isn't one."""

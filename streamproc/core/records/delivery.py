"""Value of `scim.deliveries`: what the target holds of a user."""

from typing import Any, Final, Literal

from msgspec import field
from pydantic import TypeAdapter

from streamproc.core.records.finding import Changed
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
        "refused",
        "incomplete",
        "ambiguous",
        "regressed",
        "unresolved",
        "held",
        "protected",
        "rejected",
        "stalled",
        "frozen",
    ]
    """`held`: by the mass guard. `protected`: never to be deactivated. `rejected`: an operator said no. `stalled`: the
    target answers, or doesn't, in a way that leads nowhere. `frozen`: it went to and fro."""
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


class Round(Value, frozen=True):
    """One write of ours that overwrote something, for telling a fight. Times: ms since 1970.

    Long values are kept as a hash of theirs.
    """

    at: Millis
    seq: int
    cause: Cause | None
    """Why we wrote. None: an ordinary change, which is kept to know by it what was there before."""
    wrote: Any
    found: Any
    """What the target held before."""
    theirs: bool = False
    """It isn't what we had left there."""
    changed: Changed | None = None
    """Who had written that, where the target told."""

    @property
    def back(self) -> bool:
        """Whether it counts: it overwrote what others had written, or went back to what had been there before."""
        return self.cause is not None


class Frozen(Value, frozen=True):
    """Something that isn't written any more, since it went to and fro. `at`: ms since 1970.

    `rounds`: oldest first; the last is the write that wasn't made. Empty where a user has very many.
    """

    at: Millis
    rounds: list[Round]


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
    rounds: dict[str, list[Round]] = field(default_factory=dict)
    """Item ("email", "group NAME", "role NAME") to what was written of it lately."""
    frozen: dict[str, Frozen] = field(default_factory=dict)
    """Items that are frozen until an operator lets them go."""
    let_go: int = FIRST
    """Offset in `streamproc.controls` of the last order by which items were let go."""
    seeded: list[str] = field(default_factory=list)
    """Attributes of policy `seed` that have had their value: they aren't ours any more."""


DELIVERED_STATE: TypeAdapter[DeliveredState] = TypeAdapter(DeliveredState)

decode_delivery: Final = decoder(DeliveredState, DELIVERED_STATE)
"""The DeliveredState in a value of `scim.deliveries`. Raises pydantic.ValidationError where it isn't one."""

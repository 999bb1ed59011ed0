"""Steps: all that can be done next for one user, and what comes of it. Values: the driver carries them out."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.operation import Create, Deactivate, Join, Leave, Patch, Reactivate
from streamproc.core.records.outcome import Outcome, Request
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.scim.response_policy import RequestKind, Response
from streamproc.sink.decide.mass_guard import GuardDecision
from streamproc.sink.decide.name_waits import Claim, Way


class ScimRequest(Struct, frozen=True):
    """One HTTP request to the target. `path` below the SCIM root, with its query encoded."""

    kind: RequestKind
    method: str
    path: str
    body: dict[str, Any] | None = None
    if_match: str | None = None
    rests_on: float = 0.0
    """Of a write: ticks at which what it rests on was learned. The partition must be confirmed as ours since."""


class Exchange(Struct, frozen=True):
    """A request that went out, and its answer. `sent`: ticks."""

    response: Response
    request: Request
    sent: float


class LookUp(Struct, frozen=True):
    """Search for the user by `attribute`. `last`: who isn't found by it isn't there."""

    request: ScimRequest
    attribute: str
    value: str
    last: bool


class Read(Struct, frozen=True):
    """Read the user by id. `hurry`: groups aren't looked up for it."""

    request: ScimRequest
    hurry: bool


class Confirm(Struct, frozen=True):
    """Read a leaver back. Groups aren't looked up for it: what was known of them stays known."""

    request: ScimRequest


class Glance(Struct, frozen=True):
    """Read the user once, with a group's lock held: a failure gives the lock back."""

    request: ScimRequest


class AskMembership(Struct, frozen=True):
    """Whether the user who was just read is in a group, asked of the group at an id."""

    request: ScimRequest
    name: str
    id: str


class FindGroup(Struct, frozen=True):
    """Find a group's id and version. `by_id`: the id is known, and a search may show an older version.

    `change`: the change of membership that needs it. None: it is for a read, which does without if need be.
    """

    request: ScimRequest
    name: str
    by_id: bool
    change: Join | Leave | None


class FindManager(Struct, frozen=True):
    """Ask our own deliveries for the target's id of a manager."""

    manager: str


class ReadManager(Struct, frozen=True):
    """Read a manager at the id that we know: they may be there no more."""

    request: ScimRequest
    manager: str
    id: str


class FindHolder(Struct, frozen=True):
    """Search for the account that has the userName which is wanted."""

    request: ScimRequest
    name: str


class AwaitName(Struct, frozen=True):
    """Wait until another user gives up the name that is wanted, or it falls to this user to make way.

    `claim`: what is held and wanted, and whose it is. `made_way`: they have already. `until`: ticks.
    """

    claim: Claim
    made_way: bool
    until: float


class AskGuard(Struct, frozen=True):
    """Ask the mass guard whether the user may be deactivated."""


class LockGroup(Struct, frozen=True):
    """Take a group's lock, to change a membership: one change of a group at a time from this sink."""

    change: Join | Leave


class SendUser(Struct, frozen=True):
    """Write the user. `resource`: what of it is written, in our terms. `manager`: user ID and id there, if named."""

    request: ScimRequest
    operation: Create | Deactivate | Reactivate | Patch
    resource: Resource
    manager: tuple[str, str] | None


class SendMembership(Struct, frozen=True):
    """Write a membership, with the group's lock held."""

    request: ScimRequest
    operation: Join | Leave


class Wait(Struct, frozen=True):
    """Before another attempt. `until`: ticks. Newer work is looked at meanwhile, and a leaver ends the wait."""

    until: float


class Settle(Struct, frozen=True):
    """Wait until nothing can land any more that was sent before for this user. Any newer work ends the wait."""

    until: float


class EndSessions(Struct, frozen=True):
    """Delete the tokens of a user who is inactive, as the target said at `read_back` (ms since 1970)."""

    id: str
    read_back: Millis


class Finish(Struct, frozen=True):
    """Nothing is left to do, or nothing can be done: what is told of it. `parked`: what was set aside."""

    state: DeliveredState
    outcomes: list[Outcome]

    @property
    def parked(self) -> Parked | None:
        """What was set aside, and why."""
        return self.state.parked


Look: TypeAlias = LookUp | Read | Confirm | Glance | AskMembership | FindGroup | FindHolder | ReadManager
"""Steps that ask the target, and change nothing."""
Send: TypeAlias = SendUser | SendMembership
"""Steps that write."""
Step: TypeAlias = Look | Send | FindManager | AwaitName | AskGuard | LockGroup | Wait | Settle | EndSessions | Finish


class Waited(Struct, frozen=True):
    """What comes of `Wait` and `Settle`. `over`: else something woke us before the time."""

    over: bool


class Locked(Struct, frozen=True):
    """What comes of `LockGroup`."""


class Looked(Struct, frozen=True):
    """What comes of `FindManager`: what our deliveries say is known."""


class NameAnswer(Struct, frozen=True):
    """What comes of `AwaitName`. `wait`: the time is over."""

    way: Way


class SessionsAnswer(Struct, frozen=True):
    """What comes of `EndSessions`: the HTTP status. None: no answer came."""

    status: int | None


Answer: TypeAlias = Exchange | GuardDecision | Locked | Waited | Looked | NameAnswer | SessionsAnswer


class Moment(Struct, frozen=True):
    """When, and in which circumstances, something is decided."""

    ticks: float
    """Seconds of a clock that never goes back."""
    clock: Millis
    """ms since 1970"""
    jitter: float
    """0 to 1"""
    target_down: bool
    """Whether the target as a whole is in trouble, so that nothing can be put down to the user."""
    refused_to_all: Mapping[str, str] = {}
    """Kinds of request that everybody is refused in the same way, so that no refusal can be put down to the user; and
    in which words.
    """

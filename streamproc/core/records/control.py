"""Controls: what operators order, as records of `streamproc.controls`, so that the log tells who did what, and why.

A control about a user names the seq since which the user is set aside: it holds for that, and for nothing later.
"""

from typing import Final, Literal, TypeAlias

from pydantic import TypeAdapter

from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.finding import Finding, account_key
from streamproc.core.records.units import Millis
from streamproc.core.records.value import Value

Action: TypeAlias = Literal[
    "release",
    "reject",
    "retry",
    "skip",
    "pause",
    "resume",
    "link",
    "split",
    "mapping",
    "replay",
    "drop",
    "adopt",
    "ignore",
    "deactivate",
    "unfreeze",
    "connection",
]

SINK: Final = "sink"
"""Key of the controls about all sinks; no user ID: these have a partition of their own only by chance."""
MAPPING: Final = "mapping"
"""Key of the orders of a mapping: all in one partition, so that there is one order in which they come."""
CONNECTIONS: Final = "connections"
"""Key of the orders about SCIM connections, for the same reason."""

LONGEST: Final = 256 * 1024
"""Bytes of a mapping file that can be ordered: its event is below what a broker takes, quotes and line ends escaped."""


class Control(Value, frozen=True):
    """`release` or `reject` a revocation that is held, `retry` or `skip` what is parked, `pause` or `resume` sinks.

    `user` and `since` are None for the last two. `at`: ms since 1970, where the operator was. `link` says which user a
    source's `subject` is (SOURCE/SUBJECT, the subject being the record's key), `split` that it isn't the user it was.
    `mapping` brings a mapping file, whole, into force in every partition. `replay` takes a rejected `input` up again,
    `drop` sets it aside for good; both name the offset in `events.rejected` (`since`) at which it was rejected.

    `adopt` takes the `account` over for the user, whatever `externalId` it has; `ignore` closes a finding about a user
    or an `account` until something else disagrees; `deactivate` takes the access of an `account` that is nobody's. The
    last two name the offset in `scim.findings` (`since`). `unfreeze` lets a user's `attribute` be written again; None:
    all of them. `connection` brings a SCIM connection's definition, whole, into force.
    """

    id: str
    action: Action
    user: str | None
    since: int | None
    by: str
    reason: str
    at: Millis
    subject: str | None = None
    mapping: str | None = None
    input: str | None = None
    account: str | None = None
    """The target's id of an account."""
    attribute: str | None = None
    connection: ConnectionDefinition | None = None

    @property
    def key(self) -> str:
        """Of the record in the topic: whom, or what, it is about."""
        if self.action == "mapping":
            return MAPPING
        if self.action == "connection":
            return CONNECTIONS
        account = None if self.account is None else account_key(self.account)
        return (self.subject or "").partition("/")[2] or self.user or account or self.input or SINK


CONTROL: Final[TypeAdapter[Control]] = TypeAdapter(Control)

IDENTITY: Final[frozenset[Action]] = frozenset({"link", "split"})
"""Controls about who is who."""
INPUT: Final[frozenset[Action]] = frozenset({"replay", "drop"})
"""Controls about what was rejected."""
WORKER: Final[frozenset[Action]] = IDENTITY | INPUT | {"mapping", "connection"}
"""Controls for the worker; `connection` is for the gateway, too."""
RECONCILE: Final[frozenset[Action]] = frozenset({"ignore", "deactivate"})
"""Controls about findings, for reconcile; all others are for the sink."""

SKEW: Final = 3_600_000
"""Milliseconds by which an operator's clock may be behind that of who found something."""


def is_about(order: Control, finding: Finding, first: int, newest: int) -> bool:
    """Whether an order means this finding, which is told at the offsets from `first` to `newest`.

    One that is older than what was found means another, in a topic of that name that was there before.
    """
    return order.since is not None and first <= order.since <= newest and order.at >= finding.since - SKEW


HELD: Final = frozenset({"held", "rejected", "protected"})
"""Codes of what was set aside in front of the target; the others were set aside by it, or for want of something."""
WAITING: Final = frozenset({"unresolved", "stalled", "ambiguous"})
"""Codes of what may go by itself: somebody arrives, a userName is given up, the target mends."""

APPLIES: Final[dict[Action, frozenset[str]]] = {
    "release": frozenset({"held", "rejected"}),
    "reject": frozenset({"held"}),
    "retry": frozenset({"refused", "incomplete", "ambiguous", "regressed", "unresolved", "stalled"}),
    "adopt": frozenset({"ambiguous"}),
    "skip": frozenset({"refused", "incomplete", "ambiguous", "regressed", "unresolved", "stalled"}),
}
"""Action → codes of `Parked` that it can be said of."""

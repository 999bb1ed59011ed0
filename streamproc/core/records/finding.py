"""Value of `scim.findings`: where the target differs from what is desired of a user, or has an account of nobody's.

The newest record of a key is what disagrees now; with no differences, nothing does any more. It is appended again when
that changes, and at each look while something is to be repaired: the sink looks at the user whom it names.
"""

from typing import Any, Final, Literal, TypeAlias

from pydantic import TypeAdapter

from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import FIRST, OURS, Cause
from streamproc.core.records.value import Value, decoder

Kind: TypeAlias = Literal["pending", "changed", "unknown", "orphan", "missing"]
"""On its way, by us; changed in the target, by somebody known; by nobody known; an account of nobody's, or of somebody
who isn't ours; somebody of ours has none."""


ACCOUNT: Final = "account"
"""Attribute of a difference that is about all of an account."""


def account_key(account: str) -> str:
    """Key of what is said of an account that is nobody's. `account`: the target's id."""
    return f"account/{account}"


class Changed(Value, frozen=True):
    """Who changed something in the target, by the target's audit log. `at`: ms since 1970."""

    at: Millis
    client: str | None
    """OAuth client."""
    person: str | None
    """The target's id of a user."""
    name: str | None
    entry: str
    """Id of the audit log's entry."""

    @property
    def who(self) -> str:
        """In words: a person, a client, or both."""
        person = self.name or (None if self.person is None else f"person {self.person}")
        client = None if self.client is None else f"client {self.client}"
        if person is None or client is None:
            return person or client or "somebody whom the audit log doesn't name"
        return f"{person} with {client}"


class Difference(Value, frozen=True):
    """One attribute ("email", "group NAME", "externalIds AUTHORITY"), or all of an account ("account")."""

    attribute: str
    kind: Kind
    policy: Literal["own", "seed", "observe"]
    desired: Any
    held: Any
    reason: str
    """Why this kind, in words."""
    changed: Changed | None = None

    @property
    def repaired(self) -> bool:
        """Whether the sink is to look at it."""
        return self.policy == "own" and self.kind in {"changed", "unknown", "missing"}


class Finding(Value, frozen=True):
    """What disagrees now. `user` None: the `account` is nobody's."""

    user: str | None
    account: str | None
    """The target's id; None: there is none."""
    name: str | None
    """userName by which the target shows the account."""
    differences: list[Difference]
    at: Millis
    """When the target was looked at."""
    since: Millis
    """When something of this was seen first."""
    seq: int = FIRST
    """Of the record that was compared."""
    offset: int = FIRST
    """Of that record in `scim.operations`, in the partition of the user."""
    incident: bool = False
    """Somebody who is to have no access has it."""
    answered: str | None = None
    """Id of the operator's order that closed it."""

    @property
    def key(self) -> str:
        """Of the record in the topic."""
        return self.user if self.user is not None else account_key(self.account or "")


def says_the_same(before: Finding, now: Finding) -> bool:
    """Whether the same disagrees as before: not when it was looked at, nor who did it, which the audit log may tell
    late, or no longer.
    """
    return _said(before) == _said(now)


def _said(finding: Finding) -> tuple[object, ...]:
    told = [(each.attribute, _kind(each), each.policy, each.desired, each.held) for each in finding.differences]
    return finding.account, finding.incident, told


def _kind(difference: Difference) -> Kind:
    return "unknown" if difference.kind == "changed" else difference.kind


LOOK: Final = "look"
"""Event in the cause of what the sink did since a finding named a user; its origin is the finding's place."""


def is_look(cause: Cause | None) -> bool:
    """Whether it is the cause of what the sink did because of a finding."""
    return cause is not None and cause.source == OURS and cause.event == LOOK


FINDING: Final[TypeAdapter[Finding]] = TypeAdapter(Finding)
decode_finding: Final = decoder(Finding, FINDING)
"""The Finding in a value of `scim.findings`. Raises pydantic.ValidationError where it isn't one."""

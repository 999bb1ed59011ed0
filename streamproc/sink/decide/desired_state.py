"""What the sink needs of a record of `scim.operations`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder

from streamproc.core.records.finding import Changed, Difference
from streamproc.core.records.resource import Resource, by_mapping
from streamproc.core.records.user_record import Cause, UserRecord, decode

_STAYS: Final = Resource()
_LEAVES: Final = Resource(active=False)
_WITHHELD: Final = Resource(active=False, suspended=True)
_NONE: Final[list[str]] = []
"""One for all: in an outage those that were passed over are many."""


@dataclass(frozen=True, slots=True)
class DesiredState:
    """A `UserRecord`, less what only the worker needs. `planned`: the event's own operation isn't nothing."""

    user: str
    seq: int
    prev: int
    effect: str
    cause: Cause
    desired: Resource
    planned: bool
    problems: list[str]

    def condensed(self) -> "DesiredState":
        """What has to be known of it once a newer one has passed over it: that it leaves, by whom, and its groups."""
        leaves = _WITHHELD if by_mapping(self.desired) else _LEAVES
        desired = leaves if self.desired.get("active") is False else _STAYS
        if groups := self.desired.get("groups"):
            desired = desired.copy()
            desired["groups"] = groups
        return replace(self, desired=desired, problems=_NONE)


@dataclass(frozen=True, slots=True)
class Drift:
    """Why somebody is looked at of whom nothing new is said: a finding. Nothing in it decides what is written.

    `cause`: its place, and in words who changed what. `differences`: by attribute.
    """

    cause: Cause
    differences: Mapping[str, Difference]


@dataclass(frozen=True, slots=True)
class Work:
    """A record as a lane carries it."""

    record: DesiredState
    regressed: bool = False
    told: bool = False
    """Its fate is in the log already; this is another attempt at what was set aside."""
    ordered: bool = False
    """An operator wants it: neither the mass guard nor what was refused before stands in the way."""
    gap: int | None = None
    """Seq after which compaction removed records before this one."""
    adopt: str | None = None
    """The target's id of the account that an operator gives to the user, whoever it is marked as."""
    drift: Drift | None = None
    """The record was delivered, and the target is read, since others may have changed something there."""

    @property
    def leaves(self) -> bool:
        """Whether it says that the user is inactive."""
        return self.record.desired.get("active") is False

    @property
    def cause(self) -> Cause:
        """What led to this work: the record's event, or the finding."""
        return self.record.cause if self.drift is None else self.drift.cause

    def changed_by(self, attribute: str, found: Any) -> Changed | None:
        """Who made an attribute what it was found to be. None: it isn't known, or the finding saw something else."""
        difference = None if self.drift is None else self.drift.differences.get(attribute)
        return difference.changed if difference is not None and difference.held == found else None

    def condensed(self) -> "Work":
        """What has to be known of it once newer work has passed over it: its fate, if it leaves, and its groups."""
        return replace(self, record=self.record.condensed(), drift=None)


class _Record(Struct, frozen=True):
    """The fields of a UserRecord that are read."""

    user: str
    seq: int
    prev: int
    effect: str
    cause: Cause
    desired: Resource
    operations: list[Raw]
    problems: list[str]


_RECORD: Final = Decoder(_Record)


def decode_desired(value: bytes) -> DesiredState:
    """Of a Kafka value of `scim.operations`. Raises pydantic.ValidationError where it isn't one."""
    record: _Record | UserRecord
    try:
        record = _RECORD.decode(value)
    except (DecodeError, RecursionError):
        record = decode(value)
    return DesiredState(
        record.user,
        record.seq,
        record.prev,
        record.effect,
        record.cause,
        record.desired,
        bool(record.operations),
        record.problems,
    )


def retry_of(user: str, seq: int, desired: Resource, cause: Cause) -> DesiredState:
    """Another attempt at what was set aside: no event's record, but treated like one."""
    return DesiredState(user, seq, seq, "unchanged", cause, desired, planned=False, problems=[])


def look_of(record: DesiredState) -> DesiredState:
    """The record once more, whose fate was told: nothing that it planned is to be told again."""
    return replace(record, effect="unchanged", planned=False, problems=_NONE)

"""Wanted: what the sink needs of records and deliveries. Unchecked, since we encoded them: a model costs too much."""

from dataclasses import dataclass, replace
from typing import Final

import orjson

from streamproc.core.records.delivery import decode_cause
from streamproc.core.records.resource import Resource
from streamproc.core.records.user_record import Cause

_STAYS: Final = Resource()
_LEAVES: Final = Resource(active=False)
_NONE: Final[list[str]] = []
"""One for all: in an outage those that were passed over are many."""


@dataclass(frozen=True, slots=True)
class DesiredState:
    """See `UserRecord`. `planned`: the event's own operation isn't nothing."""

    user: str
    seq: int
    prev: int
    effect: str
    cause: Cause
    desired: Resource
    planned: bool
    problems: list[str]

    def condensed(self) -> "DesiredState":
        """What has to be known of it once a newer one has passed over it: that it leaves, and its groups."""
        desired = _LEAVES if self.desired.get("active") is False else _STAYS
        if groups := self.desired.get("groups"):
            desired = desired.copy()
            desired["groups"] = groups
        return replace(self, desired=desired, problems=_NONE)


def decode_desired(value: bytes) -> DesiredState:
    """Of a Kafka value of `scim.operations`. Raises KeyError, TypeError or JSONDecodeError where it isn't one."""
    raw = orjson.loads(value)
    return DesiredState(
        raw["user"],
        raw["seq"],
        raw["prev"],
        raw["effect"],
        decode_cause(raw["cause"]),
        raw["desired"],
        bool(raw["operations"]),
        raw["problems"],
    )


def retry_of(user: str, seq: int, desired: Resource, cause: Cause) -> DesiredState:
    """Another attempt at what was set aside: no event's record, but treated like one."""
    return DesiredState(user, seq, seq, "unchanged", cause, desired, planned=False, problems=[])

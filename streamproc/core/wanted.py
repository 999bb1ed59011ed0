"""Wanted: what the sink needs of records and deliveries. Unchecked, since we encoded them: a model costs too much."""

from dataclasses import dataclass
from typing import Any

import orjson

from streamproc.core.delivery import Delivery, Parked
from streamproc.core.events import Origin
from streamproc.core.fold import Cause
from streamproc.core.guard import Standing
from streamproc.core.resource import Resource


@dataclass(frozen=True, slots=True)
class Wanted:
    """See `UserRecord`. `planned`: the event's own operation isn't nothing."""

    user: str
    seq: int
    prev: int
    effect: str
    cause: Cause
    desired: Resource
    planned: bool
    problems: list[str]


def wanted(value: bytes) -> Wanted:
    """Of a Kafka value of `scim.operations`. Raises KeyError, TypeError or JSONDecodeError where it isn't one."""
    raw = orjson.loads(value)
    return Wanted(
        raw["user"],
        raw["seq"],
        raw["prev"],
        raw["effect"],
        _cause(raw["cause"]),
        raw["desired"],
        bool(raw["operations"]),
        raw["problems"],
    )


def once_more(user: str, seq: int, desired: Resource, cause: Cause) -> bytes:
    """The value of another attempt at what was set aside: no event's record, but read like one."""
    return orjson.dumps(
        {
            "user": user,
            "seq": seq,
            "prev": seq,
            "effect": "unchanged",
            "cause": cause,
            "desired": desired,
            "operations": [],
            "problems": [],
        }
    )


def recall(value: bytes) -> Delivery:
    """A Kafka value of `scim.deliveries`; raises as above."""
    raw = orjson.loads(value)
    parked, standing = raw["parked"], raw["standing"]
    return Delivery(
        raw["user"],
        raw["seq"],
        raw["id"],
        raw["etag"],
        raw["held"],
        None if parked is None else Parked(**parked),
        raw["at"],
        None if standing is None else Standing(**standing | {"cause": _cause(standing["cause"])}),
    )


def _cause(raw: dict[str, Any]) -> Cause:
    origin = raw["origin"]
    place = Origin(origin["topic"], origin["partition"], origin["offset"], origin["appended"], origin["received"])
    return Cause(raw["source"], raw["event"], place, raw["reason"])

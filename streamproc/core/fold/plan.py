"""Plan: the smallest operations that turn what Genesys holds into what is desired.

Never a DELETE. Revocation goes first and alone, so that nothing else in the request can make it fail. While a user is
to be inactive nothing but `active` is compared: a leaver costs one request, and history stays as it was.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final, assert_never, cast

from streamproc.core.fold.policy import valued, writable
from streamproc.core.records.operation import Create, Deactivate, Join, Leave, Operation, Patch, Reactivate
from streamproc.core.records.resource import ACCESS, LEVELS, LISTS, SCALARS, Resource, same

_COMPARED: Final = ("externalId", "active", *SCALARS, "roles", *LEVELS, "externalIds")


class Urgency(IntEnum):
    """Lower goes first: what takes access away never waits behind what gives it."""

    REVOKE = 0
    REMOVE = 1
    ACTIVATE = 2
    CHANGE = 3
    NOTHING = 4


def plan(known: Resource | None, desired: Resource) -> list[Operation]:
    """Operations, in the order in which they are to be sent. `known` None: Genesys has no such user.

    `plan(x, x) == []`, and applying the plan to `known` gives `desired` in every owned attribute of an active user.
    Nobody is created inactive: a leaver whom Genesys never knew has nothing to lose. Who isn't ours is left alone.
    What the mapping only observes is in no operation, and what it seeds in none once `known` has a value of it.
    """
    active = desired.get("active")
    if is_left_alone(desired):
        return []
    desired = writable(desired, desired, valued(known or Resource(), desired), known)
    if known is None or known.get("scope") == "never":
        return [Create(), *_joins([], desired)] if active is True else []
    if active is False:
        return [Deactivate()] if known.get("active") is not False else []
    changes = changed(known, desired)
    held = known.get("groups", [])
    operations: list[Operation] = []
    if "groups" in desired:  # what takes access away goes first, before somebody is let in again
        operations += [Leave(group) for group in held if group not in desired["groups"]]
    if changes.get("active") is True:
        wanted = cast("dict[str, Any]", desired)
        again = {name: wanted[name] for name in ACCESS if name in wanted}
        operations.append(Reactivate(cast("Resource", cast("dict[str, Any]", changes) | again)))
    elif changes:
        operations.append(Patch(changes))
    return operations + _joins(held, desired)


def is_left_alone(desired: Resource) -> bool:
    """Whether nothing is written of somebody: they never were ours, or were released and haven't left since."""
    scope = desired.get("scope")
    return scope == "never" or (scope == "released" and desired.get("active") is not False)


def changed(known: Resource, desired: Resource) -> Resource:
    """Owned attributes whose value differs, groups apart: those are written through the Groups endpoint."""
    before = cast("dict[str, Any]", known)
    after = cast("dict[str, Any]", desired)
    different: dict[str, Any] = {}
    for name in _COMPARED:
        if name in after and (value := after[name]) != (held := before.get(name)) and not same(value, held):
            different[name] = value if name != "externalIds" else _ids_changed(held or {}, value)
    if not different.get("externalIds", True):
        del different["externalIds"]
    if different.get("active", True) is None:
        del different["active"]  # nobody said so: leave it as it is
    return cast("Resource", different)


def apply(known: Resource | None, operation: Operation, desired: Resource) -> Resource:
    """What Genesys holds once it has accepted the operation."""
    held = dict(known or {})
    match operation:
        case Create():
            held = {**desired, "groups": []}
        case Deactivate():
            held["active"] = False
        case Reactivate(changes) | Patch(changes):
            held |= _whole(held, changes)
        case Leave(group):
            held["groups"] = [each for each in cast("list[str]", held.get("groups", [])) if each != group]
        case Join(group):
            held["groups"] = sorted({*cast("list[str]", held.get("groups", [])), group})
        case _:
            assert_never(operation)
    return cast("Resource", held)


def urgency(operations: Sequence[Operation], known: Resource | None) -> Urgency:
    """How urgent a user's next work is: that of its most urgent operation."""
    return min((_urgency(operation, known) for operation in operations), default=Urgency.NOTHING)


def pressing(known: Resource | None, desired: Resource, *, certain: bool) -> Urgency:
    """How urgent it is to bring a user from what the target is known to hold to what is desired.

    Where that isn't `certain`, a leaver may well have access, by an account that we never looked for or by what was
    sent since: that is a revocation.
    """
    if desired.get("active") is False and not certain:
        return Urgency.REVOKE
    return urgency(plan(known, desired), known)


def _urgency(operation: Operation, known: Resource | None) -> Urgency:
    match operation:
        case Deactivate():
            return Urgency.REVOKE
        case Leave():
            return Urgency.REMOVE
        case Create() | Reactivate() | Join():
            return Urgency.ACTIVATE
        case Patch(changes):
            return Urgency.REMOVE if _takes(known or {}, changes) else Urgency.CHANGE
        case _:
            assert_never(operation)


def _takes(known: Resource, changes: Resource) -> bool:
    before = cast("dict[str, Any]", known)
    return any(
        not set(before.get(name) or ()) <= set(values or ())
        for name, values in cast("dict[str, Any]", changes).items()
        if name in LISTS or name in LEVELS
    )


def _ids_changed(held: Mapping[str, str | None], wanted: Mapping[str, str | None]) -> dict[str, str | None]:
    """Of external ids those that differ; others' authorities are none of ours."""
    return {authority: value for authority, value in wanted.items() if (value or None) != (held.get(authority) or None)}


def _whole(held: Mapping[str, Any], changes: Resource) -> Mapping[str, Any]:
    """The changes, with external ids that stay beside those that are written."""
    if "externalIds" not in changes:
        return changes
    return {**changes, "externalIds": {**(held.get("externalIds") or {}), **changes["externalIds"]}}


def _joins(held: list[str], desired: Resource) -> list[Operation]:
    return [Join(group) for group in desired.get("groups", []) if group not in held]

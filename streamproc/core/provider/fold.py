"""What a record of `events.scim` does: all of it, or nothing.

Several gateways append what they have decided, each on what it knew then. The log's order arbitrates: the first of two
that were decided on the same version counts, the other is void, and whoever wrote it decides anew. So the fold asks for
nothing but the versions and names that it has itself folded, and everybody who folds comes to the same.

Rule 1: no record, whatever it holds, raises anything or is half in effect.
Rule 2: the order in which records lie is all that counts; `request.at` is only shown.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from msgspec import json, structs

from streamproc.core.provider.event import ScimEvent
from streamproc.core.provider.group_members import MOST_CHANGES, NOBODY, Digest
from streamproc.core.provider.observed import names, still_observed
from streamproc.core.provider.state import Folded, Resources, ScimResource

Reason: TypeAlias = Literal["version", "taken", "exists", "members", "malformed"]
"""The resource isn't at the version that it was decided on; a name is another's; a seed comes where a client has
written, or has the id of what is there; members aren't what they were taken for; the record contradicts itself.
"""


@dataclass(frozen=True, slots=True)
class Void:
    """The record has no effect."""

    reason: Reason


def fold(resources: Resources, event: ScimEvent, *, partition: int, offset: int) -> Folded | Void:
    """What the event at this place does to its connection's resources, which hold all that lies before it."""
    before = None if event.id is None else resources.get(event.id)
    reason = _malformed(event) or _outdated(event, before) or _taken(resources, event)
    if reason is not None:
        return Void(reason)
    if event.change == "none":
        return Folded(before, before, offset=offset)
    if event.result is None:
        return Folded(before, None, offset=offset)
    members = None if event.type == "User" else NOBODY if before is None or before.members is None else before.members
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    if event.members is not None and members is not None:
        added, removed = event.members.add, event.members.remove
        there = frozenset() if before is None else resources.members_among(before.id, {*added, *removed})
        members = members.after(added, removed)
        if there != frozenset(removed) or members != Digest(event.members.count, event.members.hash):
            return Void("members")
    unknown = frozenset(added) - resources.known(added) if added else frozenset()
    after = structs.replace(
        before or _made(event, partition, offset),
        version=offset,
        modified=event.request.at if before is None else max(before.modified, event.request.at),
        attributes=event.result,
        claims=event.claims,
        members=members,
        seeded=event.change == "seed",
        observed=_observed(event, event.result, before),
    )
    return Folded(before, after, added, removed, unknown, offset)


def _made(event: ScimEvent, partition: int, offset: int) -> ScimResource:
    """What is there of a new resource before it has anything."""
    posted = event.request.sha256 if event.change == "create" else None
    at = event.request.at
    return ScimResource(_id(event, partition, offset), event.type, offset, offset, at, at, {}, {}, posted=posted)


def _observed(event: ScimEvent, result: dict[str, Any], before: ScimResource | None) -> tuple[str, ...]:
    if event.change == "seed":
        return names(result)
    there = () if before is None else still_observed(before, event.written)
    return tuple(sorted({*there}.intersection(names(result)))) if there else ()


def _id(event: ScimEvent, partition: int, offset: int) -> str:
    """The id of what the event makes, unless it is seeded: by its place, so that there is one, and never again.

    The request is in it as well, since in a topic that was made anew offsets begin again, and clients keep ids. In the
    form of a UUID (RFC 9562 §5.8, version 8), which some clients want.
    """
    if event.id is not None:
        return event.id
    place = json.encode([event.connection, event.type, partition, offset, event.request.id])
    digest = bytearray(hashlib.sha256(place).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _malformed(event: ScimEvent) -> Reason | None:
    """A record that no release of ours writes."""
    change, members = event.change, event.members
    makes = event.base is None
    fits = (
        (change in {"create", "seed"} if makes else event.id is not None)
        and (not makes or (event.id is None) == (change == "create"))
        and (event.result is None) == (change == "delete")
        and (members is None or (event.type == "Group" and change not in {"delete", "none"}))
    )
    if fits and members is not None:
        changes = [*members.add, *members.remove]
        fits = len(set(changes)) == len(changes) <= MOST_CHANGES and 1 <= members.part <= members.parts
    return None if fits else "malformed"


def _outdated(event: ScimEvent, before: ScimResource | None) -> Reason | None:
    if event.base is None:
        return None if before is None else "exists"
    if before is None or before.type != event.type or before.version != event.base:
        return "version"
    return "exists" if event.change == "seed" and not before.seeded else None


def _taken(resources: Resources, event: ScimEvent) -> Reason | None:
    for attribute, value in event.claims.items():
        if resources.claimant(event.type, attribute, value) not in {None, event.id}:
            return "taken"
    return None

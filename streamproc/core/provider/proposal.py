"""What is appended to the log for a write, in records that a broker takes."""

from dataclasses import dataclass
from typing import Any, Final

from msgspec import structs

from streamproc.core.provider.event import FORMAT, Asked, Change, Members, ScimEvent, encode
from streamproc.core.provider.group_members import NOBODY, Delta
from streamproc.core.provider.request import Connection
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.provider.state import ResourceType, ScimResource
from streamproc.core.text import unseen

KEPT_BODY: Final = 64 * 1024
"""Characters of a body that is kept in the log; of a larger one only the hash."""
LARGEST: Final = 384 * 1024
"""Bytes of a record without members. With 1,000 of them it is below what a broker takes."""
LONGEST_MEMBER: Final = 128
"""Characters of a member's id. Ours, and the target's, have 36."""


@dataclass(frozen=True, slots=True)
class Write:
    """What is to become of a resource. `before` None: it is made, `id` names it if it is seeded. The rest as in
    ScimEvent.
    """

    change: Change
    type: ResourceType
    before: ScimResource | None
    result: dict[str, Any] | None
    claims: dict[str, str]
    members: Delta = Delta()  # noqa: RUF009 - it is frozen
    written: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A record to be appended, and what is to follow it once it is folded: members beyond what one record takes."""

    event: ScimEvent
    rest: tuple[Delta, ...] = ()

    def then(self, made: ScimResource) -> "Proposal | None":
        """What follows, on the resource as the record has left it. None: that was all."""
        last = self.event.members
        if not self.rest or last is None:
            return None
        members = _members(made, self.rest[0], last.part + 1, last.parts)
        request = structs.replace(self.event.request, body=None)
        event = structs.replace(self.event, id=made.id, base=made.version, members=members, request=request)
        return Proposal(event, self.rest[1:])


def propose(connection: Connection, asked: Asked, write: Write) -> Proposal:
    """The records of a write. Raises ScimError where none can hold it."""
    if any(len(member) > LONGEST_MEMBER or unseen(member) for member in write.members.add):
        raise ScimError(400, "invalidValue", "The value of a member is no id of a resource.")
    if asked.body is not None and len(asked.body) > KEPT_BODY:
        asked = structs.replace(asked, body=None)
    before = write.before
    event = ScimEvent(
        v=FORMAT,
        connection=connection.name,
        anchor=connection.anchor,
        change=write.change,
        type=write.type,
        id=write.id if before is None else before.id,
        base=None if before is None else before.version,
        claims=write.claims,
        result=write.result,
        members=None,
        written=write.written,
        urgent=write.type == "User" and before is not None and _takes_access(before, write.result),
        request=asked,
        ignored=write.ignored,
        probes=connection.probes,
    )
    if len(encode(event)) > LARGEST:
        raise ScimError(413, None, "The resource is too large.")
    parts = tuple(write.members.parts())
    if not parts:
        return Proposal(event)
    return Proposal(structs.replace(event, members=_members(before, parts[0], 1, len(parts))), parts[1:])


def _members(before: ScimResource | None, change: Delta, part: int, parts: int) -> Members:
    held = NOBODY if before is None or before.members is None else before.members
    after = held.after(change.add, change.remove)
    return Members(change.add, change.remove, after.count, after.hash, part, parts)


def _takes_access(before: ScimResource, result: dict[str, Any] | None) -> bool:
    return result is None or (before.attributes.get("active") is not False and result.get("active") is False)

"""What a client asks for: a request as the normaliser has read it, before anything is known of what it is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from streamproc.core.provider.group_members import AddMembers
from streamproc.core.provider.normalise import ResourceBody
from streamproc.core.provider.normalise_patch import PatchRequest
from streamproc.core.provider.resource_types import RESOURCE_TYPES
from streamproc.core.provider.schema import ResourceType as Kind
from streamproc.core.provider.state import ResourceType, ScimResource
from streamproc.core.records.connection_definition import ANCHOR
from streamproc.core.records.units import Millis


@dataclass(frozen=True, slots=True)
class Connection:
    """What is set of a connection, as far as it decides."""

    name: str
    anchor: str = ANCHOR
    """The attribute that says who somebody is. Where it is `externalId`, no two users may have the same."""
    probes: tuple[str, ...] = ()
    """Patterns of the userNames of test users, which are nobody's."""
    repeated_within: Millis = Millis(0)  # noqa: RUF009 - a number
    """A POST that comes again within this time, ms, and before anybody has written what it made, is answered as at
    first; 0: with 409, as RFC 7644 §3.3 has it. Some clients never get over a 409 after an answer that they lost.
    """
    kinds: Mapping[ResourceType, Kind] = field(default_factory=lambda: RESOURCE_TYPES)


@dataclass(frozen=True, slots=True)
class Create:
    """POST (RFC 7644 §3.3)."""

    type: ResourceType
    body: ResourceBody


@dataclass(frozen=True, slots=True)
class Replace:
    """PUT (RFC 7644 §3.5.1). Members that it leaves out go, unless there are more of them than lists show."""

    type: ResourceType
    id: str
    body: ResourceBody
    if_match: str | None = None
    """Header If-Match (RFC 7644 §3.14)."""


@dataclass(frozen=True, slots=True)
class Patch:
    """PATCH (RFC 7644 §3.5.2)."""

    type: ResourceType
    id: str
    patch: PatchRequest
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE (RFC 7644 §3.6). Names are free afterwards."""

    type: ResourceType
    id: str
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class Seed:
    """What the target holds under this id."""

    type: ResourceType
    id: str
    body: ResourceBody


Request: TypeAlias = Create | Replace | Patch | Delete | Seed


def going_on(request: Request, made: ScimResource) -> Request:
    """What is left of a request, part of which has been folded, when a later part was void: somebody came between.

    `made`: what the request has made or changed. It is there already, and at no version that the client could name.
    """
    match request:
        case Create(type, body):
            members = PatchRequest((), (AddMembers(body.members or ()),), ("members",), body.ignored)
            return Patch(type, made.id, members)
        case Replace() | Patch():
            return replace(request, if_match=None)
        case Delete() | Seed():
            return request
        case _:
            assert_never(request)

"""What becomes of a client's write, by what is known of its connection now: a proposal for the log, or a refusal.

Nothing is promised yet. A proposal is appended and folded, and only then answered; where the fold finds it void, the
request is decided again. A refusal is told only if it is the same once all has been folded that the log held when the
request came: the gateway may be behind, and the name that is taken here may be free by now.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from streamproc.core.provider.event import Asked, Change
from streamproc.core.provider.group_members import LISTED, Delta, MemberEdit, ReplaceMembers, delta
from streamproc.core.provider.normalise import replace
from streamproc.core.provider.observed import Attributes, joined, parted, still_observed
from streamproc.core.provider.patch import apply
from streamproc.core.provider.proposal import Proposal, Write, propose
from streamproc.core.provider.refusal import AlreadyThere, Invalid, NotFound, Refusal, Stale, Taken
from streamproc.core.provider.request import Connection, Create, Delete, Patch, Replace, Request, Seed
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.provider.state import Resources, ResourceType, ScimResource, claimed


def decide(resources: Resources, connection: Connection, asked: Asked, request: Request) -> Proposal | Refusal:
    """What is to be appended for a request. `asked`: how it came."""
    desk = _Desk(resources, connection, asked)
    try:
        match request:
            case Create():
                return desk.create(request)
            case Replace() | Patch() | Delete():
                return desk.write(request)
            case Seed():
                return desk.seed(request)
            case _:
                assert_never(request)
    except ScimError as error:
        return Invalid(error)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where one request is decided on."""

    resources: Resources
    connection: Connection
    asked: Asked

    def create(self, request: Create) -> Proposal | Refusal:
        kind, body = request.type, request.body
        claims = self.claims(kind, body.attributes)
        held = self.held(kind, claims, None)
        if held is not None:
            there = self.resources.get(held.by)
            if there is None or not self.repeats(there):
                return Taken(held.attribute)
            return self.nothing(there, body.written, body.ignored)
        members = Delta(tuple(sorted(set(body.members or ()))))
        return self.propose(Write("create", kind, None, body.attributes, claims, members, body.written, body.ignored))

    def write(self, request: Replace | Patch | Delete) -> Proposal | Refusal:
        before = self.resources.get(request.id)
        if before is None or before.type != request.type:
            return NotFound()
        if request.if_match is not None and not _names_version(request.if_match, before.version):
            return Stale()
        kind = self.connection.kinds[request.type]
        match request:
            case Replace(body=body):
                observed, said = parted(before)
                attributes, written = replace(kind, said, body)
                if (members := _replaced(before, body.members)) and body.members is None:
                    written = (*written, "members")
                return self.change("put", before, joined(observed, attributes), members, written, body.ignored)
            case Patch(patch=patch):
                attributes = apply(before.attributes, patch.operations)
                return self.change("patch", before, attributes, patch.members, patch.written, patch.ignored)
            case Delete():
                return self.propose(Write("delete", request.type, before, None, {}))
            case _:
                assert_never(request)

    def seed(self, request: Seed) -> Proposal | Refusal:
        kind, body, before = request.type, request.body, self.resources.get(request.id)
        if before is not None:
            if before.type != kind or not before.seeded:
                return AlreadyThere()
            members = (ReplaceMembers(body.members or ()),)
            decided = self.change("seed", before, body.attributes, members, (), body.ignored)
            return AlreadyThere() if isinstance(decided, Proposal) and decided.event.change == "none" else decided
        claims = self.claims(kind, body.attributes)
        held = self.held(kind, claims, None)
        if held is not None:
            return Taken(held.attribute)
        new = Delta(tuple(sorted(set(body.members or ()))))
        return self.propose(
            Write("seed", kind, None, body.attributes, claims, new, ignored=body.ignored, id=request.id)
        )

    def change(
        self,
        change: Change,
        before: ScimResource,
        attributes: Attributes,
        edits: Iterable[MemberEdit],
        written: tuple[str, ...],
        ignored: tuple[str, ...],
    ) -> Proposal | Refusal:
        """Of what is there: to nothing, where it is so already, and by a client's word."""
        group = before.id
        members = Delta()
        if before.type == "Group":
            members = delta(
                edits, lambda ids: self.resources.members_among(group, ids), lambda: self.resources.members(group)
            )
        same = attributes is before.attributes or attributes == before.attributes
        if same and not members and still_observed(before, written) == before.observed:
            return self.nothing(before, written, ignored)
        claims = self.claims(before.type, attributes)
        held = self.held(before.type, claims, before.id)
        if held is not None:
            return Taken(held.attribute)
        return self.propose(Write(change, before.type, before, attributes, claims, members, written, ignored))

    def nothing(self, there: ScimResource, written: tuple[str, ...], ignored: tuple[str, ...]) -> Proposal:
        """The record of a request that asks for what is so."""
        same = Write("none", there.type, there, there.attributes, there.claims, written=written, ignored=ignored)
        return self.propose(same)

    def propose(self, write: Write) -> Proposal:
        return propose(self.connection, self.asked, write)

    def claims(self, kind: ResourceType, attributes: Attributes) -> dict[str, str]:
        """Raises ScimError where the name that everybody must have is missing."""
        required = "userName" if kind == "User" else "displayName"
        name = attributes.get(required)
        if not isinstance(name, str) or not name.strip():
            raise ScimError(400, "invalidValue", f"{required} is required.")
        claims = {required: claimed(required, name)}
        number = attributes.get("externalId")
        if kind == "User" and self.connection.anchor == "externalId" and isinstance(number, str):
            claims["externalId"] = claimed("externalId", number)
        return claims

    def held(self, kind: ResourceType, claims: dict[str, str], own: str | None) -> "_Held | None":
        """The first of the claims that is another resource's."""
        for attribute, value in claims.items():
            by = self.resources.claimant(kind, attribute, value)
            if by is not None and by != own:
                return _Held(attribute, by)
        return None

    def repeats(self, there: ScimResource) -> bool:
        """Whether this POST has made it, and its answer may have been lost."""
        return (
            there.posted is not None
            and there.posted == self.asked.sha256
            and "externalId" in there.attributes
            and there.version == there.first
            and self.asked.at - there.created < self.connection.repeated_within
        )


def _replaced(before: ScimResource, members: tuple[str, ...] | None) -> tuple[ReplaceMembers, ...]:
    """What a PUT makes of a group's members. Canaille and ConnId's connector leave them out where there are none left.

    But who has read a large group in a list hasn't seen its members, and doesn't mean them to go by sending it back;
    nor does a client whose group was seeded, and who never knew of them.
    """
    if members is not None:
        return (ReplaceMembers(members),)
    is_shown = before.members is not None and 0 < before.members.count <= LISTED and not before.seeded
    return (ReplaceMembers(()),) if is_shown else ()


@dataclass(frozen=True, slots=True)
class _Held:
    attribute: str
    by: str


def _names_version(if_match: str, version: int) -> bool:
    """`*`, or one of several: `W/"7"`, `"7"`, `7` (RFC 9110 §13.1.1). Clients write all of them."""
    tags = [tag.strip() for tag in if_match.split(",")]
    return any(tag == "*" or tag.removeprefix("W/").strip('"') == str(version) for tag in tags)

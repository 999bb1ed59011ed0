"""One gateway as it decides and folds, without the rest: a log in memory, and state that has folded some of it."""

import hashlib
from typing import Any

from streamproc.core.provider.decide import decide
from streamproc.core.provider.event import Asked, decode, encode
from streamproc.core.provider.fold import Void, fold
from streamproc.core.provider.group_members import AddMembers, MemberEdit
from streamproc.core.provider.normalise import ResourceBody
from streamproc.core.provider.normalise_patch import PatchRequest
from streamproc.core.provider.patch import PatchOperation
from streamproc.core.provider.proposal import Proposal
from streamproc.core.provider.refusal import Refusal
from streamproc.core.provider.request import Connection, Create, Delete, Patch, Replace, Request, Seed
from streamproc.core.provider.resource_types import GROUPS, USERS
from streamproc.core.provider.state import Folded, ResourcesInMemory, ScimResource
from streamproc.core.records.units import Millis

PARTITION = 3
OKTA = Connection("okta")


class Replica:
    """Folds a log that others append to as well."""

    def __init__(self, log: list[bytes], connection: Connection = OKTA, name: str = "gateway") -> None:
        self.log = log
        self.name = name
        self.connection = connection
        self.state = ResourcesInMemory()
        self.position = 0
        self.asked = 0

    def fold(self, records: int | None = None) -> list[Folded | Void]:
        """What the next records do, by default all that there are."""
        upto = len(self.log) if records is None else min(self.position + records, len(self.log))
        done = []
        for offset in range(self.position, upto):
            found = fold(self.state, decode(self.log[offset]), partition=PARTITION, offset=offset)
            if isinstance(found, Folded):
                self.state.apply(found)
            done.append(found)
        self.position = upto
        return done

    def decide(self, request: Request, *, at: int = 0, body: str | None = None) -> Proposal | Refusal:
        """By what has been folded so far."""
        self.asked += 1
        digest = None if body is None else hashlib.sha256(body.encode()).hexdigest()
        asked = Asked(f"{self.name}-{self.asked}", Millis(at), "POST", "/Users", sha256=digest, body=body)
        return decide(self.state, self.connection, asked, request)

    def write(self, request: Request, *, at: int = 0, body: str | None = None) -> Folded | Void | Refusal:
        """Decided, appended and folded; what the last record did."""
        self.fold()
        found = self.decide(request, at=at, body=body)
        done: Folded | Void | Refusal | None = None
        while isinstance(found, Proposal):
            self.log.append(encode(found.event))
            done = self.fold()[-1]
            if isinstance(done, Void) or done.after is None:
                return done
            following = found.then(done.after)
            if following is None:
                return done
            found = following
        return found

    def made(self, request: Request, *, at: int = 0, body: str | None = None) -> ScimResource:
        """What there is after it was written."""
        done = self.write(request, at=at, body=body)
        assert isinstance(done, Folded)
        assert done.after is not None
        return done.after

    def now(self, name: str) -> ScimResource:
        """The resource with this id."""
        found = self.state.get(name)
        assert found is not None
        return found


def body(members: tuple[str, ...] | None = None, *, ignored: tuple[str, ...] = (), **attributes: Any) -> ResourceBody:
    """A body as it is normalised. `members` None: it doesn't speak of them."""
    written = (*attributes, *(() if members is None else ("members",)))
    return ResourceBody(attributes, members, written, ignored)


def user(name: str = "kim@example.com", **attributes: Any) -> Create:
    """POST /Users."""
    return Create("User", body(userName=name, **attributes))


def group(name: str = "Sales", *members: str) -> Create:
    """POST /Groups."""
    return Create("Group", body(members, displayName=name))


def put(
    resource: ScimResource, members: tuple[str, ...] | None = None, if_match: str | None = None, **attributes: Any
) -> Replace:
    """PUT of the whole."""
    return Replace(resource.type, resource.id, body(members, **attributes), if_match)


def patch(resource: ScimResource, *edits: MemberEdit, if_match: str | None = None, **attributes: Any) -> Patch:
    """PATCH that replaces attributes, or removes those that are None, and edits members."""
    kind = USERS if resource.type == "User" else GROUPS
    operations = []
    for name, value in attributes.items():
        target = kind.find("", name)
        assert target is not None
        operations.append(PatchOperation("remove" if value is None else "replace", target, value))
    written = (*attributes, *(("members",) if edits else ()))
    return Patch(resource.type, resource.id, PatchRequest(tuple(operations), edits, written, ()), if_match)


def adds(resource: ScimResource, *members: str) -> Patch:
    """PATCH that adds members."""
    return patch(resource, AddMembers(members))


def seeded(name: str, members: tuple[str, ...] | None = None, **attributes: Any) -> Seed:
    """What the target holds under this id."""
    return Seed("User" if "userName" in attributes else "Group", name, body(members, **attributes))


def delete(resource: ScimResource, if_match: str | None = None) -> Delete:
    """DELETE."""
    return Delete(resource.type, resource.id, if_match)

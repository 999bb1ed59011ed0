"""What one server without a log would do: requests one after the other, on dictionaries, by code of its own."""

import unicodedata
from dataclasses import dataclass, field
from typing import Any

from streamproc.core.provider.group_members import AddMembers, RemoveMembers
from streamproc.core.provider.refusal import AlreadyThere, Invalid, NotFound, Stale, Taken
from streamproc.core.provider.request import Create, Delete, Patch, Replace, Request, Seed


@dataclass
class Held:
    """A resource. `seeded`: no client has changed it; `observed`: attributes that none has spoken of."""

    type: str
    attributes: dict[str, Any]
    members: set[str]
    version: int
    seeded: bool
    observed: set[str]


@dataclass
class Sequential:
    """All of them, by id."""

    held: dict[str, Held] = field(default_factory=dict)

    def refused(self, request: Request) -> type | None:
        """Which refusal it is; None: none."""
        if isinstance(request, Create):
            return self._named(request.type, request.body.attributes, None)
        here = self.held.get(request.id)
        if isinstance(request, Seed):
            if here is not None and (here.type != request.type or not here.seeded):
                return AlreadyThere
            wanted = (request.body.attributes, set(request.body.members or ()))
            if here is not None and (here.attributes, here.members) == wanted:
                return AlreadyThere
            return self._named(request.type, request.body.attributes, request.id)
        if here is None or here.type != request.type:
            return NotFound
        if request.if_match is not None and request.if_match != str(here.version):
            return Stale
        after = self._attributes(here, request)
        return None if after is None else self._named(request.type, after, request.id)

    def write(self, request: Request, name: str, offset: int) -> None:
        """Carries it out. `name`: the id, where it makes something."""
        here = self.held.get(name)
        if isinstance(request, Delete):
            del self.held[name]
        elif isinstance(request, Create | Seed):  # a seed comes again, too, where no client has written
            seeded, attributes = isinstance(request, Seed), dict(request.body.attributes)
            members = set(request.body.members or ())
            self.held[name] = Held(
                request.type, attributes, members, offset, seeded, set(attributes) if seeded else set()
            )
        else:
            assert here is not None
            after, members = self._attributes(here, request), self._members(here, request)
            assert after is not None
            written = set(request.body.written if isinstance(request, Replace) else request.patch.written)
            if (after, members) != (here.attributes, here.members) or here.observed & written:
                self.held[name] = Held(here.type, after, members, offset, False, here.observed - written)

    def _attributes(self, here: Held, request: Replace | Patch | Delete) -> dict[str, Any] | None:
        if isinstance(request, Delete):
            return None
        if isinstance(request, Replace):
            kept = {"active"} | here.observed
            return {**{each: here.attributes[each] for each in kept & set(here.attributes)}, **request.body.attributes}
        after = dict(here.attributes)
        for operation in request.patch.operations:
            after.pop(operation.target.attribute.name, None)
            if operation.op == "replace":
                after[operation.target.attribute.name] = operation.value
        return after

    def _members(self, here: Held, request: Replace | Patch) -> set[str]:
        if isinstance(request, Replace):
            if request.body.members is None:
                return here.members if here.seeded else set()
            return set(request.body.members)
        after = set(here.members)
        for edit in request.patch.members:
            if isinstance(edit, RemoveMembers):
                after -= set(edit.ids)
            else:
                after = (after if isinstance(edit, AddMembers) else set()) | set(edit.ids)
        return after

    def _named(self, kind: str, attributes: dict[str, Any], own: str | None) -> type | None:
        named = "userName" if kind == "User" else "displayName"
        if named not in attributes:
            return Invalid
        for name, other in self.held.items():
            if name != own and other.type == kind and _alike(other.attributes[named], attributes[named]):
                return Taken
        return None


def _alike(one: str, other: str) -> bool:
    return unicodedata.normalize("NFD", one.upper()) == unicodedata.normalize("NFD", other.upper())

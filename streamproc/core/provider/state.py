"""State of one connection: its resources as far as the log has been folded. A cache: the log makes it anew.

What decides and folds asks it (`Resources`); what a record has done to it is a value (`Folded`), which each kind of
state puts into effect in its own way (`FoldedResources`). A connection never sees another one's.
"""

from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeAlias

from streamproc.core.provider.group_members import Digest
from streamproc.core.provider.matching import comparable
from streamproc.core.records.units import Millis
from streamproc.core.records.value import Value, encode_sorted

ResourceType: TypeAlias = Literal["User", "Group"]


class ScimResource(Value, frozen=True):
    """A user or group (RFC 7643 §3).

    `attributes`: all that the client set, in canonical form, without `id`, `meta` and a group's `members`, under the
    names of the schema; of extensions, under their URN. They are shared, and never changed.
    """

    id: str
    type: ResourceType
    version: int
    """Offset of the last record that changed it: `meta.version` is `W/"version"`."""
    first: int
    """Offset of the record that made it: resources are listed in this order."""
    created: Millis
    modified: Millis
    attributes: dict[str, Any]
    claims: dict[str, str]
    """Attribute to the value that no other resource of this type may have, as it is compared (`claimed`)."""
    members: Digest | None = None
    """Of a group."""
    seeded: bool = False
    """No client has written it yet."""
    observed: tuple[str, ...] = ()
    """Attributes (`attribute_of`) with what was read at the target, of which no client has said anything yet."""
    posted: str | None = None
    """SHA-256 of the body of the POST that made it, in hexadecimal digits."""

    def encoded(self) -> bytes:
        """Equal resources are equal bytes."""
        return encode_sorted(self)


@dataclass(frozen=True, slots=True)
class Folded:
    """What a valid record has done to one resource.

    `before` None: it was made; `after` None: it was deleted, with all of its memberships if it is a group; the same in
    both: nothing was changed. `added` and `removed`: members of a group. `unknown`: those of `added` that are the id of
    no resource; they stay members. `offset`: of the record; None where it was none.
    """

    before: ScimResource | None
    after: ScimResource | None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unknown: frozenset[str] = frozenset()
    offset: int | None = field(default=None, compare=False)

    @property
    def changed(self) -> bool:
        """Whether state differs from before."""
        return self.before is not self.after


class Resources(Protocol):
    """One connection's resources now."""

    def get(self, id: str, /) -> ScimResource | None:  # noqa: A002 - the attribute's name (RFC 7643 §3.1)
        """By id, of whichever type. None: there is none, or it was deleted."""
        ...

    def claimant(self, type: ResourceType, attribute: str, value: str, /) -> str | None:  # noqa: A002 - RFC 7643's
        """Id of the resource with this in its `claims`."""
        ...

    def members(self, group: str, /) -> AbstractSet[str]:
        """Ids of all members; none, if there is no such group."""
        ...

    def members_among(self, group: str, ids: Collection[str], /) -> AbstractSet[str]:
        """Those of `ids` that are members: as `members(group) & set(ids)`, without reading the others."""
        ...

    def known(self, ids: Collection[str], /) -> AbstractSet[str]:
        """Those of `ids` that are the id of a resource."""
        ...


class FoldedResources(Resources, Protocol):
    """State that goes on with the log."""

    def apply(self, folded: Folded, /) -> None:
        """Puts it into effect: `after` in place of `before` with its claims, and what comes and goes of members.

        A deleted user's memberships stay: what a group holds is changed by the group's records alone.
        """
        ...


FOLDED: Final = frozenset({"userName", "displayName"})
"""Attributes that are claimed in whatever case they are written."""


def claimed(attribute: str, value: str) -> str:
    """As two values are compared, which is as a filter finds them: `userName` (RFC 7643 §4.1.1) and a group's
    `displayName` in any case and any form of Unicode, an `externalId` to the letter (§3.1).
    """
    return comparable(value, case_exact=attribute not in FOLDED)


class ResourcesInMemory:
    """State of a connection in dictionaries."""

    def __init__(self) -> None:
        self._resources: dict[str, ScimResource] = {}
        self._claims: dict[tuple[str, str, str], str] = {}
        self._members: dict[str, set[str]] = {}

    def __iter__(self) -> Iterator[ScimResource]:
        """All of them, in the order in which they were made."""
        return iter(sorted(self._resources.values(), key=lambda each: each.first))

    def get(self, id: str) -> ScimResource | None:  # noqa: A002 - see the protocol
        return self._resources.get(id)

    def claimant(self, type: ResourceType, attribute: str, value: str) -> str | None:  # noqa: A002 - see the protocol
        return self._claims.get((type, attribute, value))

    def members(self, group: str) -> AbstractSet[str]:
        return frozenset(self._members.get(group, ()))

    def members_among(self, group: str, ids: Collection[str]) -> AbstractSet[str]:
        return self._members.get(group, frozenset()).intersection(ids)

    def known(self, ids: Collection[str]) -> AbstractSet[str]:
        return self._resources.keys() & set(ids)

    def apply(self, folded: Folded) -> None:
        before, after = folded.before, folded.after
        if before is not None:
            del self._resources[before.id]
            for attribute, value in before.claims.items():
                del self._claims[before.type, attribute, value]
        if after is not None:
            self._resources[after.id] = after
            for attribute, value in after.claims.items():
                self._claims[after.type, attribute, value] = after.id
            if after.type == "Group":
                members = self._members.setdefault(after.id, set())
                members.difference_update(folded.removed)
                members.update(folded.added)
        elif before is not None:
            self._members.pop(before.id, None)

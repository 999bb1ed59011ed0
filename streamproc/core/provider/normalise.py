"""The body of a POST or PUT as a resource (RFC 7644 §3.3, §3.5.1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from streamproc.core.provider.group_members import ReplaceMembers
from streamproc.core.provider.normalise_operation import CanonicalOperations
from streamproc.core.provider.password import without_password
from streamproc.core.provider.patch import apply
from streamproc.core.provider.schema import Json, ResourceType
from streamproc.core.provider.scim_error import ScimError


@dataclass(frozen=True, slots=True)
class ResourceBody:
    """What a POST or PUT says."""

    attributes: Json
    """A resource, as `schema.py` has it."""
    members: tuple[str, ...] | None
    """Of a group, each id once. None: it doesn't say."""
    written: tuple[str, ...]
    """Paths of all that it has; each covers all that is below it."""
    ignored: tuple[str, ...]
    """Names that no schema knows."""


def normalise(kind: ResourceType, body: Any) -> ResourceBody:
    """What is null or "" is absent; `id`, `meta` and a user's `groups` are passed over. Raises ScimError."""
    if not isinstance(body, dict):
        raise ScimError(400, "invalidSyntax", "the body is an object")
    asked = CanonicalOperations(kind, clears=False)
    asked.object("replace", without_password(body))
    attributes = apply({}, asked.operations)
    for attribute in kind.schema.attributes.values():
        if attribute.required and attribute.name not in attributes:
            raise ScimError(400, "invalidValue", f"{attribute.name} is required")
    said = asked.members[-1] if asked.members else None
    members = said.ids if isinstance(said, ReplaceMembers) else None
    return ResourceBody(attributes, members, tuple(asked.written), asked.ignored)


def replace(kind: ResourceType, current: Json, body: ResourceBody) -> tuple[Json, tuple[str, ...]]:
    """The resource after a PUT, which is the very same object where nothing changes, and the paths that the client set,
    also those that it cleared by leaving them out. What it doesn't say of `active` stays: nobody is let in or out by
    what isn't said.
    """
    after = body.attributes
    if "active" in current and "active" not in after:
        after = {**after, "active": current["active"]}
    written = dict.fromkeys((*body.written, *_cleared(kind, current, after)))
    return (current if after == current else after), tuple(written)


def _cleared(kind: ResourceType, before: Json, after: Json) -> Iterator[str]:
    """Paths of what was there, and isn't."""
    for name, value in before.items():
        if kind.namespace(name) is not None:
            yield from (f"{name}:{each}" for each in value if each not in after.get(name, {}))
        elif name not in after:
            yield name
        elif isinstance(value, dict):
            yield from (f"{name}.{each}" for each in value if each not in after[name])

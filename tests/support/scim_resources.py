"""Users and groups as the log makes them."""

from typing import Any

from streamproc.core.provider.group_members import digest
from streamproc.core.provider.matching import comparable
from streamproc.core.provider.state import ScimResource
from streamproc.core.records.units import Millis

MADE = Millis(1_790_000_000_000)


def a_user(first: int, attributes: dict[str, Any], *, id: str) -> ScimResource:  # noqa: A002 - the attribute's name
    """Made by the record at this offset; its userName is claimed."""
    at = Millis(MADE + first)
    claims = {"userName": comparable(attributes["userName"], case_exact=False)}
    return ScimResource(id, "User", first, first, at, at, attributes, claims)


def a_group(first: int, name: str, members: frozenset[str], *, id: str) -> ScimResource:  # noqa: A002 - see above
    """Made by the record at this offset, with all of these members; its name is claimed."""
    at = Millis(MADE + first)
    claims = {"displayName": comparable(name, case_exact=False)}
    return ScimResource(id, "Group", first, first, at, at, {"displayName": name}, claims, digest(members))

"""A page of users or groups (RFC 7644 §3.4.2): which ones a client asks for, and how many there are.

Always in the order of creation: Okta's imports need one that stays. `sortBy` and cursors are passed over, as by servers
that have neither (§3.4.2.3).
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from streamproc.core.provider.filter import Filter
from streamproc.core.provider.filter_parser import parse
from streamproc.core.provider.group_members import LISTED
from streamproc.core.provider.matching import Predicate, attributes_named, predicate
from streamproc.core.provider.schema import ResourceType
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.provider.state import ScimResource
from streamproc.gateway.scim.filter_sql import ALL, Condition, condition
from streamproc.gateway.scim.representation import represent
from streamproc.gateway.scim.store import StoredResources

COUNT: Final = 100
"""Resources of a page, where the client doesn't say."""
MOST: Final = 1_000
"""Resources of a page."""
MOST_LISTED: Final = 100_000
"""Members of all groups of a page. A thousand groups of 10,000 would be gigabytes, and half a minute of it."""
MOST_SCANNED: Final = 10_000
"""Resources that are looked at one by one for a filter that no index answers; members of groups count as well."""

_ADDED: Final = frozenset({"schemas", "id", "meta", "members", "groups"})
"""Attributes that the server adds."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client asks for. `start_index`: from 1."""

    filter: Filter | None = None
    start_index: int = 1
    count: int = COUNT


@dataclass(frozen=True, slots=True)
class Page:
    """`total`: of all pages. `resources`: of this one."""

    total: int
    start_index: int
    resources: tuple[ScimResource, ...]


def wanted(query: Mapping[str, str]) -> Wanted:
    """From the parameters of a URL, whose names may be in any case; an empty one is none. Raises ScimError."""
    named = {name.lower(): value.strip() for name, value in query.items()}
    text = named.get("filter", "")
    start, count = _number(named, "startindex", 1), _number(named, "count", COUNT)
    # RFC 7644 §3.4.2.4: an index below 1 is 1, a negative count is 0.
    return Wanted(parse(text) if text else None, max(start, 1), min(max(count, 0), MOST))


def page(resources: StoredResources, kind: ResourceType, asked: Wanted) -> Page:
    """Raises ScimError: `invalidFilter`, or `tooMany` where too many resources would have to be looked at."""
    skip = asked.start_index - 1
    if asked.filter is None:
        return _counted(resources, kind, ALL, asked)
    fits = predicate(asked.filter, kind)
    narrowed = condition(asked.filter, kind, resources.connection)
    if narrowed.exact:
        return _counted(resources, kind, narrowed, asked)
    found = _scanned(resources, kind, narrowed, asked.filter, fits)
    return Page(len(found), asked.start_index, tuple(found[skip : skip + asked.count]))


def listed_members(resources: StoredResources, group: ScimResource, *, asked_for: bool) -> AbstractSet[str] | None:
    """Members of a group in a list. None: they aren't shown, since there are too many and nobody asked for them.

    Who reads a single group gets all of them.
    """
    many = group.members is not None and group.members.count > LISTED
    return None if many and not asked_for else resources.members(group.id)


def shortened(groups: Sequence[ScimResource], *, asked_for: bool) -> Sequence[ScimResource]:
    """As many groups, at least one, as have not too many members together; the next page begins with the others.

    A client hears from `itemsPerPage` how far it has come. It is never shown a group as if that had no members.
    """
    listed = 0
    for at, each in enumerate(groups):
        count = 0 if each.members is None else each.members.count
        listed += count if asked_for or count <= LISTED else 0
        if at and listed > MOST_LISTED:
            return groups[:at]
    return groups


def _number(named: Mapping[str, str], name: str, default: int) -> int:
    text = named.get(name, "")
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        raise ScimError(400, "invalidValue", f"{name} is a whole number") from None
    return min(number, 2**53)


def _counted(resources: StoredResources, kind: ResourceType, narrowed: Condition, asked: Wanted) -> Page:
    found: tuple[ScimResource, ...] = ()
    if asked.count:
        found = tuple(resources.page(kind.name, narrowed, asked.start_index - 1, asked.count))
    if found and len(found) < asked.count:
        return Page(asked.start_index - 1 + len(found), asked.start_index, found)
    return Page(resources.count(kind.name, narrowed), asked.start_index, found)


def _scanned(
    resources: StoredResources, kind: ResourceType, narrowed: Condition, asked: Filter, fits: Predicate
) -> list[ScimResource]:
    """Those that fit, of those that the condition lets through."""
    named = attributes_named(asked, kind)
    found = list[ScimResource]()
    scanned = resources.count(kind.name, narrowed)
    for each in resources.page(kind.name, narrowed, 0, MOST_SCANNED if scanned <= MOST_SCANNED else 0):
        scanned += each.members.count if each.members is not None and "members" in named else 0
        if scanned > MOST_SCANNED:
            break
        whole = each.attributes
        if not named.isdisjoint(_ADDED):
            members = resources.members(each.id) if "members" in named else ()
            groups = resources.groups_of(each.id) if "groups" in named else ()
            whole = represent(each, kind, "", members=members, groups=groups)
        if fits(whole):
            found.append(each)
    if scanned > MOST_SCANNED:
        raise ScimError(400, "tooMany", f"the filter would have to look at more than {MOST_SCANNED:,} resources")
    return found

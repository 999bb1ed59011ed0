"""Looking: the requests that ask the target, and change nothing."""

from typing import Final

from streamproc.core.records.operation import Join, Leave
from streamproc.core.scim.filter import equals, resource_path
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.steps import AskMembership, FindGroup, FindHolder, LookUp, Read, ReadManager, ScimRequest
from streamproc.sink.decide.target import Target

_LISTED: Final = "attributes=id,userName,externalId"
_NO_MEMBERS: Final = "excludedAttributes=members"


def look_up(progress: Progress) -> LookUp:
    """By `externalId`, then by `userName`; whoever is found is adopted (RFC 7644 §3.4.2)."""
    name = progress.record.desired.get("userName")
    if name is None or not progress.underway.unknown_by_external_id:
        return LookUp(search(progress, "externalId", progress.user), "externalId", progress.user, last=name is None)
    return LookUp(search(progress, "userName", name), "userName", name, last=True)


def read(progress: Progress, target: Target, *, hurry: bool) -> Read | FindGroup:
    """What the target holds of the user now, with its ETag. `hurry`: don't wait for groups."""
    if not hurry:
        for name in target.without_id(progress.group_names):
            if name not in progress.underway.sought:
                return find_group(progress, target, name, None)
    return Read(get_user(progress), hurry)


def get_user(progress: Progress) -> ScimRequest:
    """At the id."""
    return ScimRequest("read", "GET", resource_path("Users", str(progress.id)))


def search(progress: Progress, attribute: str, value: str) -> ScimRequest:
    """For users with this value, page by page."""
    page = progress.underway.listing.next_page
    return ScimRequest("read", "GET", f"/Users?{equals((attribute, value))}&{_LISTED}{page}")


def find_group(progress: Progress, target: Target, name: str, change: Join | Leave | None) -> FindGroup:
    """At its id, or by its name where the id isn't known or has another name by now."""
    there = target.group(name).id
    by_id = bool(there) and progress.underway.renamed != name
    path = f"{resource_path('Groups', there)}?" if by_id else f"/Groups?{equals(('displayName', name))}&"
    page = "" if by_id else progress.underway.listing.next_page
    return FindGroup(ScimRequest("read", "GET", path + _NO_MEMBERS + page), name, by_id, change)


def ask_membership(progress: Progress, target: Target, name: str) -> AskMembership:
    """Of the user who was just read."""
    there = target.group(name).id
    query = equals(("id", there), ("members.value", str(progress.id)))
    return AskMembership(ScimRequest("read", "GET", f"/Groups?{query}&{_NO_MEMBERS}"), name, there)


def read_manager(manager: str, there: str) -> ReadManager:
    """At the id that our deliveries tell."""
    path = f"{resource_path('Users', there)}?{_LISTED}"
    return ReadManager(ScimRequest("read", "GET", path), manager, there)


def find_holder(progress: Progress, name: str) -> FindHolder:
    """Of the userName that is the user's to have."""
    return FindHolder(search(progress, "userName", name), name)

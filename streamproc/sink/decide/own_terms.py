"""What a user resource of the target says of the user whose turn it is, in our own terms."""

from streamproc.core.scim import own_terms
from streamproc.core.scim.own_terms import OurUser, in_own_terms
from streamproc.core.scim.response_body import etag, is_resource, matches, resource_id, same_id
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.revoke_forms import WHOLE
from streamproc.sink.decide.target import Target
from streamproc.sink.decide.underway import UserRead


def user_read(progress: Progress, target: Target, response: Response) -> UserRead | None:
    """What it holds. Of groups only ours; where it doesn't tell them, those that were known.

    None: it is no user, or another one than the user who was asked for.
    """
    body = response.body
    if not is_resource(body, "User") or (progress.id is not None and not same_id(resource_id(body), progress.id)):
        return None
    desired = progress.record.desired
    held = in_own_terms(OurUser(progress.user, desired, progress.held, progress.spelled), body, target.dialect)
    whole = "userName" in held and body.get("active") is None
    if whole and progress.deactivated and target.shows_active and progress.form < WHOLE:
        held["active"] = False  # a server may leave out what is false
    members = own_terms.members(body, target.group_names())
    silent = members is None or (target.dialect.memberships != "user" and "groups" not in body)
    ours = set(progress.group_names)
    known = (progress.held or {}).get("groups", [])
    held["groups"] = known if silent else sorted(name for name in members or () if name in ours)
    if (manager := held.get("manager")) is not None:
        wanted = desired.get("manager")
        held["manager"] = own_terms.manager(wanted, target.manager_id(wanted) if wanted else None, manager)
    if held == progress.held:
        held = progress.held  # one for all requests of a turn
    again = progress.form >= WHOLE or target.dialect.elements == "whole"
    shown = body if again else None  # needed to write it back, and else large for nothing
    owner = own_terms.owner(progress.user, body)
    name = desired.get("userName")
    theirs = body.get("externalId") == progress.user or (
        owner is None and name is not None and matches(body, "userName", name)
    )
    return UserRead(held, etag(response), silent and bool(ours), owner, theirs, shown)

"""What a user resource of the target says, in our own terms: groups by name, the manager by user ID."""

from streamproc.core.scim.dialect import parse_user
from streamproc.core.scim.response_body import etag
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.target import Target
from streamproc.sink.decide.underway import UserRead


def user_read(progress: Progress, target: Target, response: Response) -> UserRead | None:
    """What it holds. Of groups only ours; where it doesn't tell them, those that were known.

    None: it is no user, or can't be understood.
    """
    body = response.body
    try:
        held = parse_user(body, target.dialect)
        names, ours = target.group_names(), set(progress.group_names)
        members = [names.get(str(group.get("value"))) for group in body.get("groups") or ()]
        version = etag(response)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if not body.get("id"):
        return None
    silent = target.dialect.memberships != "user" and "groups" not in body
    known = (progress.held or {}).get("groups", [])
    held["groups"] = known if silent else sorted(name for name in members if name in ours)
    if (there := held.get("manager")) is not None:
        held["manager"] = _manager(progress, target, there)
    return UserRead(held, version, silent and bool(ours))


def _manager(progress: Progress, target: Target, there: str) -> str:
    """The target's id as the user ID, where it is the manager who is desired."""
    desired = progress.record.desired.get("manager")
    return desired if desired and target.manager_id(desired) == there else there

"""What a user resource of the target says, in our own terms: groups by name, the manager by user ID, and a value of
ours as we write it, where the target only spells it otherwise.
"""

from typing import Any, cast

from streamproc.core.records.resource import LISTS, Resource
from streamproc.core.scim.dialect import parse_user
from streamproc.core.scim.response_body import etag, resource_id, same_id
from streamproc.core.scim.response_policy import Response
from streamproc.core.scim.spelling import alike, fold
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.revoke_forms import WHOLE
from streamproc.sink.decide.target import Target
from streamproc.sink.decide.underway import UserRead


def user_read(progress: Progress, target: Target, response: Response) -> UserRead | None:
    """What it holds. Of groups only ours; where it doesn't tell them, those that were known.

    None: it is no user, or another one than the user who was asked for.
    """
    body = response.body
    there = resource_id(body)
    if there is None or "Resources" in body or (progress.id is not None and not same_id(there, progress.id)):
        return None
    meta = body.get("meta")
    if isinstance(meta, dict) and str(meta.get("resourceType") or "User").casefold() != "user":
        return None
    held = _as_written(progress, parse_user(body, target.dialect))
    if "active" not in held and progress.deactivated and target.shows_active and progress.form < WHOLE:
        held["active"] = False  # a server may leave out what is false
    members = _members(body, target)
    silent = members is None or (target.dialect.memberships != "user" and "groups" not in body)
    ours = set(progress.group_names)
    known = (progress.held or {}).get("groups", [])
    held["groups"] = known if silent else sorted(name for name in members or () if name in ours)
    if (manager := held.get("manager")) is not None:
        held["manager"] = _manager(progress, target, manager)
    return UserRead(held, etag(response), silent and bool(ours), _owner(progress, body), body)


def _members(body: dict[str, Any], target: Target) -> list[str] | None:
    """Names of the groups that we know. None: they can't be understood."""
    names = target.group_names()
    told = body.get("groups") or ()
    if not isinstance(told, list | tuple) or not all(isinstance(group, dict) for group in told):
        return None
    found = (names.get(str(group.get("value")).casefold()) for group in told)
    return [name for name in found if name is not None]


def _owner(progress: Progress, body: dict[str, Any]) -> str | None:
    marked = body.get("externalId")
    return None if not marked or fold(str(marked)) == fold(progress.user) else str(marked)


def _as_written(progress: Progress, shown: Resource) -> Resource:
    """With what we wrote as we wrote it, where the target has its own spelling of it."""
    known = cast("dict[str, Any]", progress.held or {})
    held = cast("dict[str, Any]", shown)
    for name, value in held.items():
        ours = known.get(name)
        if ours is None or ours == value:
            continue
        if name in LISTS:
            spelled = {fold(each): each for each in ours}
            held[name] = sorted({spelled.get(fold(each), each) for each in value})
        elif alike(ours, value) or (name in progress.spelled and progress.spelled[name] == value):
            held[name] = ours
    return cast("Resource", held)


def _manager(progress: Progress, target: Target, there: str) -> str:
    """The target's id as the user ID, where it is the manager who is desired."""
    desired = progress.record.desired.get("manager")
    return desired if desired and same_id(there, target.manager_id(desired) or "") else there

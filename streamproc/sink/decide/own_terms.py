"""What a user resource of the target says, in our own terms: groups by name, the manager by user ID."""

from typing import Any

from streamproc.core.records.resource import Resource
from streamproc.core.scim.dialect import parse_user
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.target import Target


def parse(progress: Progress, target: Target, body: dict[str, Any]) -> Resource:
    """What it holds. Of groups only ours; where it doesn't tell them, those that were known."""
    held = parse_user(body, target.dialect)
    names, ours = target.group_names(), set(progress.group_names)
    members = (names.get(str(group.get("value"))) for group in body.get("groups") or ())
    held["groups"] = sorted(name for name in members if name in ours)
    if not tells_groups(target, body):
        held["groups"] = (progress.held or {}).get("groups", [])
    if (there := held.get("manager")) is not None:
        held["manager"] = _manager(progress, target, there)
    return held


def readable(progress: Progress, target: Target, body: dict[str, Any]) -> bool:
    """Whether it is a user, and can be understood."""
    try:
        parse(progress, target, body)
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    return bool(body.get("id"))


def tells_groups(target: Target, body: dict[str, Any]) -> bool:
    """Whether the user's resource says in which groups the user is."""
    return target.dialect.memberships == "user" or "groups" in body


def _manager(progress: Progress, target: Target, there: str) -> str:
    """The target's id as the user ID, where it is the manager who is desired."""
    desired = progress.record.desired.get("manager")
    return desired if desired and target.manager_id(desired) == there else there

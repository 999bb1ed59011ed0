"""What a user resource of the target says, in our own terms: groups by name, the manager by user ID, and a value of
ours as we write it, where the target only spells it otherwise.
"""

from collections.abc import Iterable
from typing import Any, Final, cast

from streamproc.core.records.resource import IF_OWNED, LEVELS, LISTS, Resource, owned
from streamproc.core.scim.dialect import Dialect, parse_user
from streamproc.core.scim.response_body import etag, id_key, is_resource, matches, resource_id, same_id
from streamproc.core.scim.response_policy import Response
from streamproc.core.scim.spelling import alike, fold
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.revoke_forms import WHOLE
from streamproc.sink.decide.target import Target
from streamproc.sink.decide.underway import UserRead

LONGEST: Final = 256
"""Characters that are kept of a text that isn't ours, and of each name in a list."""
ROOM: Final = 1000
"""Characters of names that are kept of a list that isn't ours. The rest shows when these are gone."""


def user_read(progress: Progress, target: Target, response: Response) -> UserRead | None:
    """What it holds. Of groups only ours; where it doesn't tell them, those that were known.

    None: it is no user, or another one than the user who was asked for.
    """
    body = response.body
    if not is_resource(body, "User") or (progress.id is not None and not same_id(resource_id(body), progress.id)):
        return None
    owned = _owned(progress, parse_user(body, target.dialect), target.dialect)
    held = _as_written(progress, _short(progress, owned))
    whole = "userName" in held and body.get("active") is None
    if whole and progress.deactivated and target.shows_active and progress.form < WHOLE:
        held["active"] = False  # a server may leave out what is false
    members = _members(body, target)
    silent = members is None or (target.dialect.memberships != "user" and "groups" not in body)
    ours = set(progress.group_names)
    known = (progress.held or {}).get("groups", [])
    held["groups"] = known if silent else sorted(name for name in members or () if name in ours)
    if (manager := held.get("manager")) is not None:
        held["manager"] = _manager(progress, target, manager)
    if held == progress.held:
        held = progress.held  # one for all requests of a turn
    again = progress.form >= WHOLE or target.dialect.elements == "whole"
    shown = body if again else None  # needed to write it back, and else large for nothing
    return UserRead(
        held, etag(response), silent and bool(ours), _owner(progress, body), _is_theirs(progress, body), shown
    )


def _members(body: dict[str, Any], target: Target) -> list[str] | None:
    """Names of the groups that we know. None: they can't be understood."""
    names = target.group_names()
    told = body.get("groups") or ()
    if not isinstance(told, list | tuple) or not all(isinstance(group, dict) for group in told):
        return None
    ids = (group.get("value") for group in told)
    found = (names.get(id_key(str(each))) for each in ids if isinstance(each, str | int))
    return [name for name in found if name is not None]


def _owner(progress: Progress, body: dict[str, Any]) -> str | None:
    marked = body.get("externalId")
    if not marked or (isinstance(marked, str) and fold(marked) == fold(progress.user)):
        return None
    return marked[:LONGEST] if isinstance(marked, str) else "that isn't a text"


def _is_theirs(progress: Progress, body: dict[str, Any]) -> bool:
    """Whether it shows itself whose it is: by the externalId as we write it, or by the userName and nobody's other."""
    if body.get("externalId") == progress.user:
        return True
    name = progress.record.desired.get("userName")
    return _owner(progress, body) is None and name is not None and matches(body, "userName", name)


def _owned(progress: Progress, shown: Resource, dialect: Dialect) -> Resource:
    """Without what is none of our business; null where something is, and isn't shown."""
    desired = progress.record.desired
    held = cast("dict[str, Any]", owned(shown, desired))
    empty = {name: None for name in desired if name in IF_OWNED and name in dialect and name not in held}
    if (ids := desired.get("externalIds")) and "externalIds" in dialect:
        held = {**held, "externalIds": dict.fromkeys(ids) | (held.get("externalIds") or {})}
    return cast("Resource", {**empty, **held})


def _short(progress: Progress, shown: Resource) -> Resource:
    """With what isn't ours cut short: somebody else decides how long it is, and it is kept for each user."""
    desired = cast("dict[str, Any]", progress.record.desired)
    known = cast("dict[str, Any]", progress.held or {})
    held = cast("dict[str, Any]", shown)
    for name, value in held.items():
        ours = [each for each in (desired.get(name), known.get(name)) if each]
        if name in LISTS or name in LEVELS:
            kept = _within(value, {fold(each) for names in ours for each in names})
            held[name] = {short: value[each] for each, short in kept.items()} if name in LEVELS else [*kept.values()]
        elif isinstance(value, dict):
            held[name] = {
                each: text and _cut(text, _longest(names.get(each) for names in ours)) for each, text in value.items()
            }
        elif isinstance(value, str):
            held[name] = _cut(value, _longest(ours))
    return cast("Resource", held)


def _within(names: Iterable[str], ours: set[str]) -> dict[str, str]:
    """All of ours, and as many of the others as there is room for, each with what is kept of it."""
    room, kept = ROOM, {}
    for each in names:
        if fold(each) in ours:
            kept[each] = each
        elif len(short := _cut(each, LONGEST)) <= room:
            kept[each] = short
            room -= len(short)
    return kept


def _longest(ours: Iterable[str | None]) -> int:
    return max([LONGEST, *(2 * len(each) for each in ours if each)])


def _cut(text: str, longest: int) -> str:
    """It stays another text than one of ours that begins like it."""
    return text if len(text) <= longest else f"{text[:longest]}…"


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

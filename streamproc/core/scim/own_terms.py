"""Own terms: what a user resource of the target says, in our own terms: groups by name, the manager by user ID, and a
value of ours as we write it, where the target only spells it otherwise.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from msgspec import Struct

from streamproc.core.records.resource import IF_OWNED, LEVELS, LISTS, Resource, owned
from streamproc.core.scim.dialect import Dialect, parse_user
from streamproc.core.scim.response_body import id_key, same_id
from streamproc.core.scim.spelling import alike, fold

LONGEST: Final = 256
"""Characters that are kept of a text that isn't ours, and of each name in a list."""
ROOM: Final = 1000
"""Characters of names that are kept of a list that isn't ours. The rest shows when these are gone."""


class OurUser(Struct, frozen=True):
    """What we know of a user. `held`: what the target was last known to hold; `spelled`: as in `DeliveredState`."""

    user: str
    desired: Resource
    held: Resource | None
    spelled: Mapping[str, Any]


def in_own_terms(user: OurUser, body: dict[str, Any], dialect: Dialect) -> Resource:
    """What the target holds of what is our business, groups apart; the manager by the target's id."""
    return _as_written(user, _short(user, _owned(user, parse_user(body, dialect), dialect)))


def members(body: dict[str, Any], names: Mapping[str, str]) -> list[str] | None:
    """Names of the groups that we know, which are `names` by their ids in one case (`id_key`). None: they can't be
    understood.
    """
    told = body.get("groups") or ()
    if not isinstance(told, list | tuple) or not all(isinstance(group, dict) for group in told):
        return None
    ids = (group.get("value") for group in told)
    found = (names.get(id_key(str(each))) for each in ids if isinstance(each, str | int))
    return [name for name in found if name is not None]


def owner(user: str, body: dict[str, Any]) -> str | None:
    """Whose the account is by its externalId, where it isn't the user's. None: the user's, or nobody's."""
    marked = body.get("externalId")
    if not marked or (isinstance(marked, str) and fold(marked) == fold(user)):
        return None
    return marked[:LONGEST] if isinstance(marked, str) else "that isn't a text"


def manager(desired: str | None, id_there: str | None, shown: str) -> str:
    """The target's id as the user ID, where it is the manager who is desired, whose id there is `id_there`."""
    return desired if desired and same_id(shown, id_there or "") else shown


def _owned(user: OurUser, shown: Resource, dialect: Dialect) -> Resource:
    """Without what is none of our business; null where something is, and isn't shown."""
    desired = user.desired
    held = cast("dict[str, Any]", owned(shown, desired))
    empty = {name: None for name in desired if name in IF_OWNED and name in dialect and name not in held}
    if (ids := desired.get("externalIds")) and "externalIds" in dialect:
        held = {**held, "externalIds": dict.fromkeys(ids) | (held.get("externalIds") or {})}
    return cast("Resource", {**empty, **held})


def _short(user: OurUser, shown: Resource) -> Resource:
    """With what isn't ours cut short: somebody else decides how long it is, and it is kept for each user."""
    desired = cast("dict[str, Any]", user.desired)
    known = cast("dict[str, Any]", user.held or {})
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


def _as_written(user: OurUser, shown: Resource) -> Resource:
    """With what we wrote as we wrote it, where the target has its own spelling of it."""
    known = cast("dict[str, Any]", user.held or {})
    held = cast("dict[str, Any]", shown)
    for name, value in held.items():
        ours = known.get(name)
        if ours is None or ours == value:
            continue
        if name in LISTS:
            spelled = {fold(each): each for each in ours}
            held[name] = sorted({spelled.get(fold(each), each) for each in value})
        elif alike(ours, value) or (name in user.spelled and user.spelled[name] == value):
            held[name] = ours
    return cast("Resource", held)

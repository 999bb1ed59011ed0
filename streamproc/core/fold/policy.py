"""Policy: which attributes are ours to write. `[policy]` of the mapping says so, and each record's desired state names
those that aren't `own`.

Rule 1: what is `observe` is never written, not even when somebody is created.
Rule 2: what is `seed` is written as long as it never had a value. Whoever gave it the first one, it is theirs from then
on, also once they clear it.
Rule 3: a list that lacks something of what is desired, and holds nothing else, hasn't had its value yet: to write it
takes nothing away. Groups are joined one by one, each once; when all were, they have had their value.
"""

from collections.abc import Collection
from typing import Any, cast

from streamproc.core.records.resource import EXTERNAL_ID, GROUP, LEVELS, Resource, parts, policy_of, whole


def writable(desired: Resource, by: Resource, had: Collection[str], held: Resource | None) -> Resource:
    """What of a desired state is written, without the names of policies.

    `by`: the desired state that names them. `had`: attributes that have had a value ("title", "groups", "group NAME",
    "externalIds AUTHORITY"). `held`: what the target holds, of whose groups nobody is taken out by a seed.
    """
    if "seed" not in by and "observe" not in by:
        return desired
    written: dict[str, Any] = {}
    for name, value in parts(desired).items():
        policy = policy_of(by, name)
        if name in {"seed", "observe"} or policy == "observe" or (policy == "seed" and name in had):
            continue
        written[name] = _joined(value, had, held or {}) if name == "groups" and policy == "seed" else value
    return whole(written)


def had(
    desired: Resource, held: Resource, before: Collection[str] = (), unsettled: Collection[str] = ()
) -> frozenset[str]:
    """Attributes of policy `seed` that have had a value: those of `before`, and those that are `held`.

    `unsettled`: what is held of these is the target's own doing, since ours was refused, unless it is what is desired.
    """
    names = set(before)
    wanted, there = cast("dict[str, Any]", desired), cast("dict[str, Any]", held)
    for name in desired.get("seed", ()):
        value, ours = there.get(name), wanted.get(name)
        if name == "groups":
            names |= {GROUP + group for group in ours or () if group in (value or ())}
            if ours and all(GROUP + group in names for group in ours):
                names = {each for each in names if not each.startswith(GROUP)} | {name}
        elif name == "externalIds":
            names |= {EXTERNAL_ID + authority for authority in ours or () if (value or {}).get(authority)}
        elif value and (value == ours or (name not in unsettled and not _lacks(value, ours, name))):
            names.add(name)
    return frozenset(names)


def valued(known: Resource, desired: Resource) -> frozenset[str]:
    """The same from one desired state to the next: what had a value in the one before has been written."""
    before = parts(known)
    return frozenset(name for name in parts(desired) if policy_of(desired, name) == "seed" and before.get(name))


def _joined(groups: list[str], had: Collection[str], held: Resource) -> list[str]:
    """Groups of somebody who stays in all that they are in, and comes into those in which they never were."""
    return sorted({*held.get("groups", []), *(group for group in groups if GROUP + group not in had)})


def _lacks(value: Any, ours: Any, name: str) -> bool:
    """Whether all of a list is desired, and not all that is desired is in it."""
    if name in LEVELS:
        return bool(dict(value).items() < dict(ours or {}).items())
    return isinstance(value, list) and set(value) < set(ours or ())

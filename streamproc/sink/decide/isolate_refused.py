"""What still goes out while the target refuses some of it: one bad attribute doesn't hold the others."""

from collections.abc import Collection
from typing import Any, cast

from streamproc.core.records.resource import ACCESS, LEVELS, Resource, parts, whole


def without_refused(
    desired: Resource, held: Resource | None, aside: Collection[str], given_up: Collection[str]
) -> Resource:
    """What is desired, less what was set aside: attributes, single groups ("group NAME") and external ids.

    Of access that was set aside, what takes away stays: what is `held` of it, as far as that is desired. Of what was
    `given_up` not even that.
    """
    if not aside:
        return desired
    before, entire = cast("dict[str, Any]", held or {}), parts(desired)
    deliverable = {name: value for name, value in entire.items() if name not in aside}
    for attribute in ACCESS:
        if attribute in entire and attribute in aside and attribute not in given_up:
            levels = {
                name: level for name, level in _levels(before.get(attribute)).items() if name in entire[attribute]
            }
            deliverable[attribute] = levels if attribute in LEVELS else list(levels)
    if "groups" in deliverable:
        member_of = set(before.get("groups", []))
        refused = {name.removeprefix("group ") for name in aside if name.startswith("group ")}
        deliverable["groups"] = sorted((set(deliverable["groups"]) - refused) | (member_of & refused))
    return whole(deliverable)


def next_batch(changes: Resource, alone: Collection[str]) -> Resource:
    """What of the changes goes into one request: all that may go together, and then each that goes `alone`.

    `active` first, since nobody who isn't let in needs their access asserted again. Of those alone what gives or takes
    access comes before the rest.
    """
    names = parts(changes)
    if names.keys().isdisjoint(alone):
        return changes
    if "active" in names and "active" in alone:
        return pick(changes, {"active"})
    if together := pick(changes, names.keys() - set(alone)):
        return together
    first = next((name for name in ACCESS if name in changes), next(iter(names)))
    return pick(changes, {first})


def pick(resource: Resource, names: Collection[str]) -> Resource:
    """These parts of it, in their order."""
    return whole({name: value for name, value in parts(resource).items() if name in names})


def _levels(held: Any) -> dict[str, Any]:
    """Roles as skills are: a name, and what is held of it."""
    return held if isinstance(held, dict) else dict.fromkeys(held or ())

"""Items: what of a user can be fought over alone: an attribute, a membership, a role, a skill, an external id."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, cast

from msgspec import Struct
from msgspec.structs import replace

from streamproc.core.records.delivery import Frozen, Round
from streamproc.core.records.resource import GROUP, LEVELS, LISTS, STANDING, Resource, parts, policy_of, same, whole
from streamproc.core.records.user_record import FIRST

_LISTED: Final = {"groups": GROUP, "roles": "role ", "skills": "skill ", "languages": "language "}
"""Attribute to what the names of its items begin with."""


class Loops(Struct, frozen=True):
    """What is known of what goes to and fro with one user."""

    left: Resource | None = None
    """What we had left in the target, whatever a read has shown since. None: that isn't known."""
    rounds: Mapping[str, list[Round]] = {}
    """Item to what was written of it lately."""
    frozen: Mapping[str, Frozen] = {}
    """Items that aren't written any more."""
    let_go: int = FIRST
    """Offset of the last order by which items were let go."""
    noted: frozenset[str] = frozenset()
    """Items that were written for what is desired now."""

    def anew(self) -> "Loops":
        """Something else is desired now."""
        return replace(self, noted=frozenset())


def items(resource: Resource) -> dict[str, Any]:
    """By name: "email", "group NAME", "role NAME", "skill NAME", "language NAME", "externalIds AUTHORITY"."""
    named: dict[str, Any] = {}
    for name, value in parts(resource).items():
        if (prefix := _LISTED.get(name)) is None:
            if name not in STANDING:
                named[name] = value
        elif name in LEVELS:
            named |= {prefix + each: level for each, level in (value or {}).items()}
        else:
            named |= {prefix + each: True for each in value or ()}
    return named


def attribute_of(item: str) -> str:
    """As findings and mappings name it: "roles" of "role NAME"; a membership and an external id by their own name."""
    for attribute, prefix in _LISTED.items():
        if item.startswith(prefix):
            return item if attribute == "groups" else attribute
    return item


def of_items(resource: Resource, names: Iterable[str]) -> Resource:
    """Of the resource the attributes that these items belong to."""
    wanted = {attribute_of(name) for name in names}
    wanted = {"groups" if name.startswith(GROUP) else name.partition(" ")[0] for name in wanted}
    return cast("Resource", {name: value for name, value in resource.items() if name in wanted})


def is_owned(item: str, desired: Resource) -> bool:
    """Whether the item is ours to write at all."""
    attribute = attribute_of(item)
    there = "groups" if attribute.startswith(GROUP) else attribute
    return there in parts(desired) and policy_of(desired, attribute) == "own"


def differing(held: Resource, wanted: Resource) -> dict[str, tuple[Any, Any]]:
    """Items that are (held, wanted) otherwise, of the attributes that are wanted. What isn't there is None."""
    written, there = parts(wanted), parts(held)
    before, after = items(whole({name: there[name] for name in written if name in there})), items(wanted)
    return {
        name: (before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if not same(before.get(name), after.get(name))
    }


def as_held(desired: Resource, held: Resource | None, names: Collection[str]) -> Resource:
    """What is desired, with these items as they are held, so that no plan changes them.

    Whoever isn't there yet is created with all of them, unless it is `active` that is fought over. A leaver leaves.
    """
    if not names or desired.get("active") is False:
        return desired
    if held is None:
        return whole({name: value for name, value in parts(desired).items() if name != "active" or name not in names})
    return with_items_of(desired, held, names)


def with_items_of(resource: Resource, held: Resource, names: Collection[str]) -> Resource:
    """The resource with these items of its lists as they are held, and without the others of these."""
    kept = {name: value for name, value in parts(resource).items() if name not in names}
    before = cast("Mapping[str, Any]", held)
    for attribute in (*LISTS, *LEVELS):
        mine = {name.removeprefix(_LISTED[attribute]) for name in names if name.startswith(_LISTED[attribute])}
        if attribute not in kept or not mine:
            continue
        wanted, there = _levels(kept[attribute]), _levels(before.get(attribute))
        left = {name: value for name, value in wanted.items() if name not in mine}
        left |= {name: value for name, value in there.items() if name in mine}
        kept[attribute] = left if attribute in LEVELS else sorted(left)
    return whole(kept)


def _levels(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else dict.fromkeys(value or (), True)

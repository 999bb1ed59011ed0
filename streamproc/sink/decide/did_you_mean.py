"""Names that the target refuses or doesn't have, beside those of which this sink knows that it has them.

Nothing is written that wasn't asked for: the reason with which something is set aside says what was probably meant, and
somebody corrects the mapping or the source.
"""

from typing import Any, Final, cast

from msgspec.structs import replace

from streamproc.core.records.resource import LEVELS, Resource
from streamproc.core.scim.spelling import meant
from streamproc.sink.decide.attempts import After
from streamproc.sink.decide.target import GroupLearned, NamesShown, Target

KINDS: Final = ("roles", *LEVELS, "division")
"""Attributes that hold names of the target's. Groups are known by the searches for them."""
MOST: Final = 5
"""Names of which something is said in one reason."""
_GROUP: Final = "group "


def names_shown(held: Resource, target: Target) -> tuple[NamesShown, ...]:
    """Those names that the target holds of a user and of which it wasn't known that it has them."""
    new = ((kind, target.unheard(kind, _names(held, kind))) for kind in KINDS if kind in held)
    return tuple(NamesShown(kind, names) for kind, names in new if names)


def with_proposals(result: After, target: Target) -> After:
    """With what is probably meant in its reason, where names are set aside and the target has others like them."""
    aside = result.aside
    if aside is None or aside.what is None:
        return result
    if aside.what.startswith(_GROUP):
        kind, names = "groups", [aside.what.removeprefix(_GROUP)]
    else:
        kind, names = aside.what, _names(result.progress.record.desired, aside.what) if aside.what in KINDS else []
    groups = [each.name for each in result.learned if isinstance(each, GroupLearned) and each.group.id]
    just_seen = groups if kind == "groups" else []
    proposed = ((name, target.meant(kind, name) or meant(name, just_seen)) for name in names)
    said = [f"did you mean {other!r} for {name!r}?" for name, other in proposed if other is not None][:MOST]
    return replace(result, aside=replace(aside, reason=" ".join([f"{aside.reason};", *said]))) if said else result


def _names(resource: Resource, kind: str) -> list[str]:
    value = cast("dict[str, Any]", resource).get(kind)
    return [value] if isinstance(value, str) else list(value or ())

"""Resource: the part of a Genesys user that streamproc owns, free of any target's wire format.

A key that is absent isn't owned and never written; null is owned and empty. Lists are sorted, so that equal states are
equal values. `manager` names the manager's user ID here; only the sink knows Genesys ids.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, cast

from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

OutOfScope: TypeAlias = Literal["never", "left", "released"]
"""Who isn't ours: never was; was, and has no access any more; was, and nothing but a leaving is written any more."""


class Resource(TypedDict, total=False):
    """Owned attributes of one user. Names follow RFC 7643 where it has one."""

    externalId: str
    userName: str
    displayName: str
    active: bool
    title: str | None
    phone: str | None
    email: str | None
    department: str | None
    division: str | None
    employeeNumber: str | None
    manager: str | None
    roles: list[str]
    groups: list[str]
    skills: dict[str, float]
    languages: dict[str, float]
    hired: str | None
    mobile: str | None
    phone2: str | None
    phone3: str | None
    phone4: str | None
    homePhone: str | None
    otherPhone: str | None
    externalIds: dict[str, str | None]
    """Authority to value; an authority that is absent isn't owned."""
    scope: OutOfScope
    """Absent: in scope. Nothing of the target's: it is never written."""
    suspended: Literal[True]
    """It is the mapping's suspension that takes access, and no source. Never written, either."""
    denied: Literal[True]
    """A source says no as well while somebody has left the scope. Never written, either."""
    seed: list[str]
    """Attributes that are written once, and are the target's from then on. Never written itself."""
    observe: list[str]
    """Attributes that aren't written, only compared. Never written itself."""


STANDING: Final = ("scope", "suspended", "denied", "seed", "observe")
"""Keys that say how a user, or an attribute, stands with us, and are never written to the target."""

REQUIRED: Final = ("userName", "displayName", "active")
"""Genesys won't create a user without the first two; without the third we would let somebody in on a guess."""

UNCLEARABLE: Final = (*REQUIRED, "division")
"""Genesys users always have these: that a source has no value for one means that it isn't the source's to say."""

SCALARS: Final = (
    "userName",
    "displayName",
    "title",
    "phone",
    "email",
    "department",
    "division",
    "employeeNumber",
    "manager",
    "hired",
    "mobile",
    "phone2",
    "phone3",
    "phone4",
    "homePhone",
    "otherPhone",
)
LISTS: Final = ("roles", "groups")
LEVELS: Final = ("skills", "languages")
"""Name to proficiency, 0.0 to 5.0."""

IF_OWNED: Final = frozenset({"hired", "mobile", "phone2", "phone3", "phone4", "homePhone", "otherPhone", "externalIds"})
"""What is kept of the target's answers only where it is owned: a private number is nobody's business here. Of these,
what is held and has no value is null, and what is absent was never looked at."""

ACCESS: Final = ("roles", "skills", "languages")
"""Asserted again on reactivation: a user who was deleted and restored has lost them."""


def withheld(resource: Resource) -> list[str]:
    """By what of the mapping access isn't given, in words: by the scope, by the suspension, or by neither."""
    words = ["out of scope"] if "scope" in resource else []
    return ["suspended", *words] if "suspended" in resource else words


def by_mapping(resource: Resource) -> bool:
    """Whether it is the mapping alone that takes access: its scope, or its suspension."""
    left = resource.get("scope") == "left" and "denied" not in resource
    return left or "suspended" in resource


def missing(resource: Resource) -> list[str]:
    """What must be known before the user can be created."""
    values: dict[str, Any] = dict(resource)
    return [name for name in REQUIRED if values.get(name) is None]


def owned(held: Resource, desired: Resource) -> Resource:
    """What is held, less what is kept only where it is owned, and isn't."""
    if IF_OWNED.isdisjoint(held):
        return held
    kept: dict[str, Any] = {name: value for name, value in held.items() if name not in IF_OWNED or name in desired}
    if (ids := kept.get("externalIds")) is not None:
        ours = desired["externalIds"]
        kept["externalIds"] = {authority: value for authority, value in ids.items() if authority in ours}
    return cast("Resource", kept)


def unlooked(held: Resource, desired: Resource) -> bool:
    """Whether something is owned of which it isn't known what the target holds: it is owned since a short while."""
    if any(name in IF_OWNED and name not in held for name in desired):
        return True
    return not desired.get("externalIds", {}).keys() <= held.get("externalIds", {}).keys()


def same(one: Any, other: Any) -> bool:
    """Absent, null and empty are one: a target leaves out what has no value (RFC 7643 §2.5)."""
    return one == other or (not one and not other and one is not False and other is not False)


EXTERNAL_ID: Final = "externalIds "
"""What the name of a single external id begins with; its authority follows."""

GROUP: Final = "group "
"""What the name of a single membership begins with; the group's name follows."""

Policy: TypeAlias = Literal["own", "seed", "observe"]
"""What becomes of an attribute that differs in the target: written again; left, once it had a value; only told."""


def policy_of(desired: Resource, attribute: str) -> Policy:
    """Of an attribute ("title"), a membership ("group NAME") or an external id ("externalIds AUTHORITY")."""
    name = "groups" if attribute.startswith(GROUP) else attribute.partition(" ")[0]
    if name in desired.get("observe", ()):
        return "observe"
    return "seed" if name in desired.get("seed", ()) else "own"


def parts(resource: Resource) -> Mapping[str, Any]:
    """By what is written, refused and set aside as one: each external id by itself ("externalIds AUTHORITY")."""
    if "externalIds" not in resource:
        return cast("Mapping[str, Any]", resource)
    named = {name: value for name, value in resource.items() if name != "externalIds"}
    return named | {EXTERNAL_ID + authority: value for authority, value in resource["externalIds"].items()}


def whole(named: Mapping[str, Any]) -> Resource:
    """The resource that has these parts: undoes `parts`."""
    resource: dict[str, Any] = {}
    for name, value in named.items():
        if name.startswith(EXTERNAL_ID):
            resource.setdefault("externalIds", {})[name.removeprefix(EXTERNAL_ID)] = value
        else:
            resource[name] = value
    return cast("Resource", resource)

"""Operations: what a plan consists of, in the target's terms."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from streamproc.core.records.resource import Resource


@dataclass(frozen=True, slots=True)
class Create:
    """POST the whole desired resource."""

    op: Literal["create"] = "create"


@dataclass(frozen=True, slots=True)
class Deactivate:
    """PATCH `active: false`, alone."""

    op: Literal["deactivate"] = "deactivate"


@dataclass(frozen=True, slots=True)
class Reactivate:
    """PATCH `active: true` with what changed, and roles, skills and languages again whether they changed or not."""

    changes: Resource
    op: Literal["reactivate"] = "reactivate"


@dataclass(frozen=True, slots=True)
class Patch:
    """PATCH only the attributes that changed; lists whole."""

    changes: Resource
    op: Literal["patch"] = "patch"


@dataclass(frozen=True, slots=True)
class Leave:
    """Take the user out of a group, by the group's name."""

    group: str
    op: Literal["leave"] = "leave"


@dataclass(frozen=True, slots=True)
class Join:
    """Put the user into a group, by the group's name."""

    group: str
    op: Literal["join"] = "join"


Operation: TypeAlias = Create | Deactivate | Reactivate | Patch | Leave | Join

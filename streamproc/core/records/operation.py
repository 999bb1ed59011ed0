"""Operations: what a plan consists of, in the target's terms."""

from typing import Literal, TypeAlias

from streamproc.core.records.resource import Resource
from streamproc.core.records.value import Value


class Create(Value, frozen=True):
    """POST the whole desired resource."""

    op: Literal["create"] = "create"


class Deactivate(Value, frozen=True):
    """PATCH `active: false`, alone."""

    op: Literal["deactivate"] = "deactivate"


class Reactivate(Value, frozen=True):
    """PATCH `active: true` with what changed, and roles, skills and languages again whether they changed or not."""

    changes: Resource
    op: Literal["reactivate"] = "reactivate"


class Patch(Value, frozen=True):
    """PATCH only the attributes that changed; lists whole."""

    changes: Resource
    op: Literal["patch"] = "patch"


class Leave(Value, frozen=True):
    """Take the user out of a group, by the group's name."""

    group: str
    op: Literal["leave"] = "leave"


class Join(Value, frozen=True):
    """Put the user into a group, by the group's name."""

    group: str
    op: Literal["join"] = "join"


Operation: TypeAlias = Create | Deactivate | Reactivate | Patch | Leave | Join

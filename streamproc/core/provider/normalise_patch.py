"""The body of a PATCH as canonical operations (RFC 7644 §3.5.2)."""

from dataclasses import dataclass
from typing import Any, Final, cast

from streamproc.core.provider.group_members import MemberEdit
from streamproc.core.provider.normalise_operation import CanonicalOperations, Op
from streamproc.core.provider.password import without_password
from streamproc.core.provider.patch import PatchOperation
from streamproc.core.provider.schema import ResourceType
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.scim.dialect import PATCH_OP

MOST: Final = 1_000
"""Operations of one PATCH."""


@dataclass(frozen=True, slots=True)
class PatchRequest:
    """What a PATCH asks for."""

    operations: tuple[PatchOperation, ...]
    members: tuple[MemberEdit, ...]
    """Of a group, in order. They touch nothing that `operations` do."""
    written: tuple[str, ...]
    """Paths that the client set; each covers all that is below it."""
    ignored: tuple[str, ...]
    """Names that no schema knows."""


def normalise_patch(kind: ResourceType, body: Any) -> PatchRequest:
    """Raises ScimError: `invalidSyntax` where it is no PATCH, and as §3.12 says where an operation can't be carried out
    on any resource. `schemas` isn't asked for, since some leave it out.

    ConnId's connector sends what it would PUT, without any operations: that replaces what it names. It sends a PATCH
    without anything, too, where only a user's groups change.
    """
    if not isinstance(body, dict):
        raise ScimError(400, "invalidSyntax", "the body is an object with Operations")
    asked = CanonicalOperations(kind, clears=True)
    given = _of(body, "Operations", _ABSENT)
    if given is _ABSENT:
        asked.object("replace", without_password(body))
        if not (asked.operations or asked.members or _says_patch(body)):
            raise ScimError(400, "invalidSyntax", "there are no Operations")
    else:
        for operation in _operations(given):
            _take(asked, operation)
    return PatchRequest(tuple(asked.operations), tuple(asked.members), tuple(asked.written), asked.ignored)


def _operations(given: Any) -> list[Any]:
    found = [given] if isinstance(given, dict) else given
    if not isinstance(found, list) or not found:
        raise ScimError(400, "invalidSyntax", "Operations is a list of operations")
    if len(found) > MOST:
        raise ScimError(413, None, f"more than {MOST:,} operations")
    kept: list[Any] = without_password(found)
    return kept


def _says_patch(body: dict[str, Any]) -> bool:
    schemas = _of(body, "schemas")
    return isinstance(schemas, list) and PATCH_OP in schemas


def _take(asked: CanonicalOperations, operation: Any) -> None:
    if not isinstance(operation, dict):
        raise ScimError(400, "invalidSyntax", "an operation is an object")
    op, path, value = _of(operation, "op"), _of(operation, "path"), _of(operation, "value", _ABSENT)
    op = op.strip().lower() if isinstance(op, str) else None
    if op not in {"add", "replace", "remove"}:
        raise ScimError(400, "invalidSyntax", "op is add, replace or remove")
    op = cast("Op", op)
    if op != "remove" and value is _ABSENT:
        raise ScimError(400, "invalidValue", f"{op} needs a value")
    if path is not None and not isinstance(path, str):
        raise ScimError(400, "invalidPath", "path is a text")
    value = None if value is _ABSENT else value
    if path is not None and path.strip():
        asked.path(op, path, value)
    elif op == "remove":
        raise ScimError(400, "noTarget", "remove needs a path")
    else:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, dict):
            raise ScimError(400, "invalidValue", "without a path the value is an object")
        asked.object(op, value)


_ABSENT: Final = object()


def _of(named: dict[str, Any], name: str, absent: Any = None) -> Any:
    """By name, in any case (RFC 7643 §2.1)."""
    if name in named:
        return named[name]
    lower = name.lower()
    return next((each for key, each in named.items() if key.lower() == lower), absent)

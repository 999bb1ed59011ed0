"""What a client asks to be written, in whatever dialect, as canonical operations (RFC 7644 §3.5.2).

Bodies of POST and PUT are read in the same way, as what replaces each attribute that they name: so a key is a path in
all of them. Entra (with `aadOptscim062020`) and OneLogin name attributes `name.givenName`, `urn:…:User:manager` and
`emails[type eq "work"].value` there, others write an extension as an object under its URN.

What no schema knows is named in `ignored`, and not written. What only we may write is passed over in an object, as
clients send back what they have read (RFC 7644 §3.5.1), and refused as the path of an operation (§3.5.2).
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

from streamproc.core.provider.filter import And, Compare, Filter, attribute_path, comparisons
from streamproc.core.provider.filter_parser import parse_path
from streamproc.core.provider.group_members import AddMembers, MemberEdit, RemoveMembers, ReplaceMembers
from streamproc.core.provider.matching import element_predicate
from streamproc.core.provider.member_ids import ids, ids_meant
from streamproc.core.provider.normalise_value import elements, part, scalar
from streamproc.core.provider.patch import PatchOperation, Selection
from streamproc.core.provider.schema import COMMON, Attribute, Json, ResourceType, Schema, Target
from streamproc.core.provider.scim_error import ScimError

Op: TypeAlias = Literal["add", "replace", "remove"]

LONGEST: Final = 100
"""Characters that are kept of the name of something unknown, and how many of them are kept."""


MOST: Final = 2_000
"""Operations of one request, where each attribute that an object names is one."""


class CanonicalOperations:
    """Collects what one request asks for."""

    def __init__(self, kind: ResourceType, *, clears: bool) -> None:
        """`clears`: what has no value is to be taken away; else it is absent, as in a POST."""
        self.kind = kind
        self.clears = clears
        self.operations: list[PatchOperation] = []
        self.members: list[MemberEdit] = []
        self.written: dict[str, None] = {}
        """Paths that the client set, in order: `userName`, `name.givenName`, `phoneNumbers[type eq "mobile"]` where
        only elements of one type are meant, and `phoneNumbers` where the list is. Each covers all that is below it."""
        self._ignored: dict[str, None] = {}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names that no schema knows; no values."""
        return tuple(self._ignored)

    def object(self, op: Op, value: Json, schema: Schema | None = None) -> None:
        """Each key of an object is the path of what it sets, within `schema` where it is one's object."""
        within = "" if schema is None or schema is self.kind.schema else f"{schema.urn}:"
        for name, each in value.items():
            self.path(op, name if name.lower().startswith("urn:") else within + name, each, explicit=False)

    def path(self, op: Op, path: str, value: Any, *, explicit: bool = True) -> None:
        """What a path names is to be written. `explicit`: the path of an operation, and no key of an object."""
        found = self._found(path, explicit=explicit)
        if found is None:
            self.ignore(path.partition("[")[0])
        elif isinstance(found, Schema):
            self._schema(op, found, value, explicit=explicit)
        else:
            self._target(op, *found, value, explicit=explicit)

    def ignore(self, name: str) -> None:
        if len(self._ignored) < LONGEST:
            self._ignored[name[:LONGEST]] = None

    def _found(self, path: str, *, explicit: bool) -> tuple[Target, Filter | None] | Schema | None:
        """Where a path leads: to an attribute, with the filter of its elements, or to a whole schema. None: nowhere."""
        if "[" not in path:
            found = self.kind.locate(path.strip())
            if found is None and explicit and attribute_path(path.strip()) is None:
                raise ScimError(400, "invalidPath", "a path is the name of an attribute")
            return (found, None) if isinstance(found, Target) else found
        parsed = parse_path(path)
        target = self.kind.locate(str(replace(parsed.path, sub=parsed.sub)))
        return (target, parsed.filter) if isinstance(target, Target) else None

    def _schema(self, op: Op, schema: Schema, value: Any, *, explicit: bool) -> None:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if op == "remove" or value is None or value in ("", []):
            for attribute in schema.attributes.values():
                urn = "" if schema is self.kind.schema else schema.urn
                self._target("remove", Target(urn, attribute), None, None, explicit=explicit)
        elif isinstance(value, dict):
            self.object(op, value, schema)
        else:
            raise ScimError(400, "invalidValue", f"{schema.urn} isn't an object")

    def _target(self, op: Op, target: Target, where: Filter | None, value: Any, *, explicit: bool) -> None:
        attribute = target.attribute
        if attribute is COMMON["schemas"] or attribute.mutability == "writeOnly":
            return  # it follows from what a resource has; a password is nobody's here
        if self.kind.name == "Group" and attribute.name == "members":
            if target.sub in (None, attribute.sub("value")):  # the rest follows from whose id it is
                self._members(op, where, value)
            return
        if "readOnly" in (attribute.mutability, target.leaf.mutability):
            if explicit:
                raise ScimError(400, "mutability", f"{target.path} is read-only")
            return
        if where is not None and not (attribute.multi_valued and attribute.sub_attributes):
            raise ScimError(400, "invalidPath", f"{target.path} has no elements to choose from")
        if op == "remove":
            self._remove(target, where, value)
        else:
            self._write(op, target, where, value)

    def _write(self, op: Literal["add", "replace"], target: Target, where: Filter | None, value: Any) -> None:
        attribute, path = target.attribute, target.path
        if value is None or value == "" or (value == [] and op == "replace"):
            self._remove(target, where, None)
            return
        if target.sub is not None:
            found: Any = scalar(target.sub, value, path)
        elif attribute.multi_valued and where is None:
            found = elements(attribute, value, path, self.ignore)
        elif attribute.type == "complex":
            found = part(attribute, value, path, self.ignore)
            found = found if self.clears else {name: each for name, each in found.items() if each is not None}
        else:
            found = scalar(attribute, value, path)
            found = None if attribute.required and isinstance(found, str) and not found.strip() else found
        if found is None or (found == [] and op == "replace"):
            self._remove(target, where, None)
        elif found not in ([], {}):
            self._append(PatchOperation(op, target, found, _selection(attribute, where)), where)

    def _remove(self, target: Target, where: Filter | None, value: Any) -> None:
        attribute = target.attribute
        if not self.clears:
            return
        if attribute.required:
            raise ScimError(400, "mutability", f"{target.path} is required")
        gone = None
        if attribute.multi_valued and where is None and target.sub is None and value not in (None, ""):
            gone = self._named(attribute, value, target.path)
            if not gone:
                return
        self._append(PatchOperation("remove", target, gone, _selection(attribute, where)), where)

    def _named(self, attribute: Attribute, value: Any, path: str) -> list[Any]:
        """The elements that a `remove` names by its value (Entra)."""
        given = value if isinstance(value, list) else [value]
        if attribute.type != "complex":
            return elements(attribute, given, path, self.ignore)
        named = (part(attribute, each, path, self.ignore) for each in given)
        return [found for each in named if (found := {name: one for name, one in each.items() if one is not None})]

    def _members(self, op: Op, where: Filter | None, value: Any) -> None:
        if where is not None:
            meant = ids_meant(where)
            self.members.append(RemoveMembers(meant) if op == "remove" else AddMembers(meant))
        elif value is None or value == "":
            if not self.clears:
                return
            if op != "add":
                self.members.append(ReplaceMembers(()))
        elif op == "replace":
            self.members.append(ReplaceMembers(ids(value)))
        elif named := ids(value):
            self.members.append(AddMembers(named) if op == "add" else RemoveMembers(named))
        self.written["members"] = None

    def _append(self, operation: PatchOperation, where: Filter | None) -> None:
        if len(self.operations) >= MOST:
            raise ScimError(413, None, f"more than {MOST:,} operations")
        self.operations.append(operation)
        self.written.update(dict.fromkeys(_written(operation, where)))


def _selection(attribute: Attribute, where: Filter | None) -> Selection | None:
    if where is None:
        return None
    return Selection(element_predicate(where, attribute), _described(attribute, where), comparisons(where))


def _described(attribute: Attribute, where: Filter) -> Json | None:
    """The element that a filter describes: one with these values."""
    found: Json = {}
    for each in where.parts if isinstance(where, And) else (where,):
        if not isinstance(each, Compare) or each.operator != "eq" or each.operand.is_null:
            return None
        sub = None if each.path.sub or each.path.urn else attribute.sub(each.path.name)
        if sub is None or sub.mutability == "readOnly":
            return None
        found[sub.name] = scalar(sub, each.operand.text, f"{attribute.name}.{sub.name}")
    return found


_TELLING: Final = ("type", "authority", "name")
"""Sub-attributes by which elements of a list are written one by one, as different attributes are."""


def _written(operation: PatchOperation, where: Filter | None) -> Iterable[str]:
    target, value = operation.target, operation.value
    path = Target(target.urn, target.attribute).path
    if not target.attribute.multi_valued:
        if target.attribute.scalar == "value":
            return [path]  # a manager is one value
        if target.sub is None and isinstance(value, dict):
            return [f"{path}.{name}" for name in value]
        return [target.path]
    if where is not None:
        return [_of_elements(path, operation.where.described if operation.where else None)]
    if isinstance(value, list) and operation.op != "replace":
        return [_of_elements(path, each) for each in value]
    return [path]


def _of_elements(path: str, element: Any) -> str:
    """The path of the elements that are like this one: `phoneNumbers[type eq "mobile"]`."""
    name = next((each for each in _TELLING if isinstance(element, dict) and element.get(each)), None)
    return path if name is None else f"{path}[{name} eq {json.dumps(element[name], ensure_ascii=False)}]"

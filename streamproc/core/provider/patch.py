"""What operations make of a resource (RFC 7644 §3.5.2). They are canonical: `normalise_patch.py` makes them so.

Rule 1: nothing is changed in place. What an operation doesn't touch is shared between the resource before and after.
Rule 2: removing what isn't there, adding what is, and replacing a value by itself change nothing.
Rule 3: an element is found by its identity (`Attribute.identity`), and what is added to it is said of it; a filter that
finds no element describes one where it can (Entra: `emails[type eq "work"].value` of a user without any).
Rule 4: one element of a list is primary: the one that was said to be so last (RFC 7644 §3.5.2).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, assert_never

from streamproc.core.provider.normalise_value import MOST, identity, one_primary, same, unique
from streamproc.core.provider.schema import Attribute, Json, Target
from streamproc.core.provider.scim_error import ScimError

MOST_COMPARED: Final = 50_000
"""Comparisons with elements of lists in one request. A gateway does nothing else while it makes them, and a body of
1 MiB can ask for hundreds of millions.
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which elements of a list are meant."""

    matches: Callable[[Json], bool]
    described: Json | None
    """The element that the filter describes. None: it describes none, since it has more in it than `eq` and `and`."""
    comparisons: int = 1
    """Of the filter."""


@dataclass(frozen=True, slots=True)
class PatchOperation:
    """One operation on one attribute.

    `value`, of `add` and `replace`: canonical, and never None or empty. Of a whole complex attribute, or of elements
    that are selected: sub-attributes, where None takes one away. Of `remove`: None, or elements that are to go.
    """

    op: Literal["add", "replace", "remove"]
    target: Target
    value: Any = None
    where: Selection | None = None


def apply(resource: Json, operations: Iterable[PatchOperation]) -> Json:
    """The resource after all of them, one after the other; the very same object where nothing is changed.

    Raises ScimError: `noTarget` where a filter finds nothing that could be written; 413 where it is too much work.
    """
    after = dict(resource)
    compared = 0
    lists: dict[tuple[str, str], Attribute] = {}
    for operation in operations:
        urn, attribute = operation.target.urn, operation.target.attribute
        home = after.get(urn) or {} if urn else after
        before = home.get(attribute.name)
        if attribute.multi_valued:
            compared += _comparisons(operation, len(before or ()))
            if compared > MOST_COMPARED:
                raise ScimError(413, None, "The operations would have to look at too many values.")
            changed: Any = _list(attribute, before or [], operation)
            if attribute.type == "complex":
                lists[urn, attribute.name] = attribute
        else:
            changed = _value(attribute, before, operation)
        if changed != before:
            _put(after, urn, attribute.name, changed)
    for (urn, name), attribute in lists.items():
        there = (after.get(urn) or {} if urn else after).get(name)
        if there and len(whole := _settled(attribute, there)) < len(there):
            _put(after, urn, name, whole)
    return resource if after == resource else after


def _comparisons(operation: PatchOperation, elements: int) -> int:
    """How many an operation makes on a list, at most."""
    if operation.where is not None:
        return elements * operation.where.comparisons
    named = len(operation.value) if isinstance(operation.value, list) else 1
    return elements * named if operation.op == "remove" else elements + named


def _put(after: Json, urn: str, name: str, value: Any) -> None:
    """With nothing empty left (RFC 7643 §2.5)."""
    home = dict(after.get(urn) or {}) if urn else after
    if value is None or value in ([], {}):
        home.pop(name, None)
    else:
        home[name] = value
    if urn and home:
        after[urn] = home
    elif urn:
        after.pop(urn, None)


_LABELS: Final = frozenset({"type", "primary"})
"""Sub-attributes that only say something of what an element is; alone they are nothing (RFC 7643 §2.4)."""


def _settled(attribute: Attribute, elements: list[Json]) -> list[Json]:
    """Without what says nothing any more, as `emails[…].value` without a value does, and each once: a role that was
    written as the primary one may have been there before. Only after all operations, since Entra writes part by part.
    """
    needed = {sub.name for sub in attribute.sub_attributes.values() if sub.required}
    return unique(attribute, (each for each in elements if not each.keys() <= _LABELS and needed <= each.keys()))


def _value(attribute: Attribute, before: Any, operation: PatchOperation) -> Any:
    """What becomes of an attribute that isn't a list. None: it has no value any more."""
    sub = operation.target.sub
    if sub is None and (operation.op == "remove" or attribute.type != "complex"):
        return operation.value
    part = operation.value if sub is None else {sub.name: operation.value}
    if attribute.scalar == "value" and part.get("value", _UNSAID) not in (_UNSAID, (before or {}).get("value")):
        before = None  # another manager, whose `$ref` isn't the last one's
    return _merged(before or {}, part) or None


_UNSAID: Final = object()


def _list(attribute: Attribute, before: list[Any], operation: PatchOperation) -> list[Any]:
    """What becomes of a list."""
    if operation.where is None and operation.target.sub is None:
        after = _whole(attribute, before, operation)
    elif operation.op == "remove":
        return _removed(before, operation)
    else:
        after = _written(attribute, before, operation)
    if len(after) > MOST:
        raise ScimError(400, "invalidValue", f"{operation.target.path} has more than {MOST:,} values")
    return after


def _whole(attribute: Attribute, before: list[Any], operation: PatchOperation) -> list[Any]:
    match operation.op:
        case "add":
            return _added(attribute, before, operation.value)
        case "replace":
            return list(operation.value)
        case "remove":
            gone = operation.value
            return [each for each in before if gone and not any(_is_meant(attribute, each, one) for one in gone)]
        case _:
            assert_never(operation.op)


def _removed(before: list[Json], operation: PatchOperation) -> list[Json]:
    """Without what a filter selects, or without a sub-attribute of it; without a filter all are meant."""
    where, sub = operation.where, operation.target.sub
    after = []
    for each in before:
        if where is not None and not where.matches(each):
            after.append(each)
        elif sub is not None:
            after.append(_merged(each, {sub.name: None}))
    return after


def _is_meant(attribute: Attribute, element: Any, gone: Any) -> bool:
    """Whether an element is what a client names: by what tells elements apart, as far as it is said (Entra)."""
    if not isinstance(element, dict):
        return same(attribute, element, gone)
    names = [name for name in attribute.identity if name in gone] or gone
    return all(same(attribute.sub(name), element.get(name), gone[name]) for name in names)


def _added(attribute: Attribute, before: list[Any], new: list[Any]) -> list[Any]:
    after, first = list(before), None
    places = {identity(attribute, each): at for at, each in enumerate(before)}
    for each in new:
        at = places.setdefault(identity(attribute, each), len(after))
        if at == len(after):
            after.append(each)
        elif isinstance(each, dict):
            after[at] = {**after[at], **each}
        if first is None and isinstance(each, dict) and each.get("primary") is True:
            first = at
    return after if first is None else one_primary(after, first)


def _written(attribute: Attribute, before: list[Json], operation: PatchOperation) -> list[Json]:
    """The list with something written in the elements that are meant; without a filter these are all."""
    where, sub = operation.where, operation.target.sub
    part = operation.value if sub is None else {sub.name: operation.value}
    places = [at for at, each in enumerate(before) if where is None or where.matches(each)]
    after = list(before)
    for at in places:
        after[at] = _merged(after[at], part)
    if not places:
        new = _described(attribute, part, where)
        if new is None:
            return before
        places = [len(after)]
        after.append(new)
    return one_primary(after, places[0]) if after[places[0]].get("primary") is True else after


def _described(attribute: Attribute, part: Json, where: Selection | None) -> Json | None:
    """The element that is made where none is meant. None: without a filter, and nothing that would be one by itself."""
    if where is None:
        return part if attribute.scalar in part else None
    new = None if where.described is None else _merged(where.described, part)
    if new is None or not where.matches(new):  # another would be made each time
        raise ScimError(400, "noTarget", f"no value of {attribute.name} matches the filter")
    return new


def _merged(before: Json, part: Json) -> Json:
    return {name: each for name, each in {**before, **part}.items() if each is not None}

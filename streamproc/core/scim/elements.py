"""Elements: one telephone number, e-mail address or external id among others, told by its type or authority.

Others own what else is in the list, so none of these forms takes it away. RFC 7644 leaves open what `add` at a filter
does where nothing matches, and servers differ (§3.5.2.1); a list that is added to, and one that is replaced, aren't
open, but which of the three a server has got right is only known by trying.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from streamproc.core.scim.filter import text

Json = dict[str, Any]

ElementForm: TypeAlias = Literal["path", "added", "whole"]
"""How an element is written. `path`: by its filter, also where there is none yet, as Entra does. `added`: the same, but
a new one is added to the list. `whole`: the list as it was read, with ours in it; without a read, as `added`."""

GENESYS_OWN: Final = "x-pc:scimv2:v1"
"""What the authority begins with under which Genesys keeps `externalId` itself; nobody writes it there."""


class Element(NamedTuple):
    """What becomes of one element of the list at `path`: the one whose sub-attribute `key` is `of`."""

    path: str
    key: str
    of: str
    before: str | None
    value: str | None


def element_operation(element: Element, form: ElementForm) -> Json:
    """The operation that writes this element, and no other."""
    path, key, of, before, value = element
    at = f"{path}[{key} eq {text(of)}]"
    if value is None:
        return {"op": "remove", "path": at}
    if before is not None:
        return {"op": "replace", "path": f"{at}.value", "value": value}
    if form == "path":
        return {"op": "add", "path": f"{at}.value", "value": value}
    return {"op": "add", "path": path, "value": [{"value": value, key: of}]}


def list_operations(elements: Iterable[Element], shown: Any, *, makes_some: bool = True) -> list[Json]:
    """Elements of one list, written with all others that were `shown`. A list of an odd shape is left as it is.

    Of several that are ours by their type or authority one stays. `makes_some`: the target makes elements itself, which
    nobody may write.
    """
    ours = {element.of: element for element in elements}
    first = next(iter(ours.values()))
    there = shown or []
    if not isinstance(there, list) or not all(isinstance(each, dict) for each in there):
        return [element_operation(element, "added") for element in ours.values()]
    kept: list[Json] = []
    written: set[str | None] = set()
    for each in there:
        if makes_some and _is_servers(first.path, each):
            continue
        key = named(first.key, each)
        element = None if key is None else ours.get(key)
        if element is None:
            kept.append(each)
        elif element.value is not None and key not in written:
            kept.append({**each, "value": element.value})
        written.add(key)
    kept += [
        {"value": new.value, new.key: new.of}
        for key, new in ours.items()
        if key not in written and new.value is not None
    ]
    if not kept:
        return [{"op": "remove", "path": first.path}]
    return [{"op": "replace", "path": first.path, "value": kept}]


def named(key: str, element: Json) -> str | None:
    """By which type or authority an element is told: types in small letters, since their case doesn't matter, but that
    of an authority does. None: by none.
    """
    name = element.get(key)
    if not isinstance(name, str):
        return None
    return name.casefold() if key == "type" else name


def _is_servers(path: str, element: Json) -> bool:
    """Whether the target makes it of something else: an e-mail address of the userName, an id of the externalId."""
    if path == "emails":
        return named("type", element) == "other"
    return str(element.get("authority", "")).startswith(GENESYS_OWN)

"""A value as a client writes it, as the one that its attribute has.

Clients write booleans as text (Entra: `"False"`) or as a list of one, a manager as an id, as an object or as a list, a
role as its name, as an object or as JSON in a text (Entra's AppRoleAssignmentsComplex), and one e-mail address where a
list belongs. All that means the same becomes the same. Texts stay as they are sent: Entra compares what it reads back.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import orjson

from streamproc.core.provider.matching import comparable
from streamproc.core.provider.schema import Attribute, Json, Type
from streamproc.core.provider.scim_error import ScimError

MOST: Final = 1_000
"""Elements of a list."""
Ignore: TypeAlias = Callable[[str], None]
"""Takes the name of what isn't known, so nothing is kept of it."""


def canonical(attribute: Attribute, value: Any, path: str, ignore: Ignore) -> Any:
    """The value of a whole attribute. None: it has none.

    Of a complex attribute that isn't a list, sub-attributes without a value are there with None: a PATCH clears them.
    Raises ScimError `invalidValue`, naming the path and never the value.
    """
    if attribute.multi_valued:
        return elements(attribute, value, path, ignore) or None
    if attribute.type == "complex":
        found = _complex(attribute, _only(value, path), path, ignore)
        return found if found and any(each is not None for each in found.values()) else None
    return scalar(attribute, value, path)


def elements(attribute: Attribute, value: Any, path: str, ignore: Ignore) -> list[Any]:
    """The elements of a list, each once, in the order in which they are sent; without those that are empty."""
    given = value if isinstance(value, list) else [value]
    if len(given) > MOST:
        raise ScimError(400, "invalidValue", f"{path} has more than {MOST:,} values")
    if attribute.type != "complex":
        return unique(attribute, (each for one in given if (each := scalar(attribute, one, path)) is not None))
    found = [each for one in given if (each := element(attribute, one, path, ignore)) is not None]
    return one_primary(unique(attribute, found))


def element(attribute: Attribute, value: Any, path: str, ignore: Ignore) -> Json | None:
    """One element. None: it is empty. Raises ScimError where it lacks what each of them has to have."""
    found = _complex(attribute, value, path, ignore)
    held = {name: each for name, each in (found or {}).items() if each is not None}
    if not held:
        return None
    for sub in attribute.sub_attributes.values():
        if sub.required and sub.name not in held:
            raise ScimError(400, "invalidValue", f"{path} needs {sub.name}")
    return held


def part(attribute: Attribute, value: Any, path: str, ignore: Ignore) -> Json:
    """What is to be written of one element, or of several; what is None is taken away. Empty: nothing."""
    return _complex(attribute, _only(value, path), path, ignore) or {}


def scalar(attribute: Attribute, value: Any, path: str) -> Any:
    """The value of an attribute that isn't complex. None: it has none, which "" means as well."""
    value = _only(value, path)
    if isinstance(value, dict) and len(value) == 1:
        ((name, within),) = value.items()
        value = _only(within, path) if name.lower() == "value" else value
    if attribute.name == "value" and isinstance(value, str) and value.startswith("{"):
        value = _within_json(value)
    if value is None or value == "":
        return None
    reader: Callable[[Any], Any] = _READ.get(attribute.type, _text)
    read = reader(value)
    if read is None:
        raise ScimError(400, "invalidValue", f"{path} isn't a {attribute.type}")
    return read


def identity(attribute: Attribute, element: Any) -> Any:
    """What two elements have in common that are one, as something hashable."""
    if not isinstance(element, dict):
        return _comparable(attribute, element)
    names = attribute.identity or sorted(element)
    return tuple((name, _comparable(attribute.sub(name), element.get(name))) for name in names)


def unique(attribute: Attribute, found: Iterable[Any]) -> list[Any]:
    """Each of them once; of several that are one, what any of them says, and the last where they differ."""
    by_identity: dict[Any, Any] = {}
    for each in found:
        key = identity(attribute, each)
        before = by_identity.get(key)
        by_identity[key] = {**before, **each} if isinstance(each, dict) and before is not None else each
    return list(by_identity.values())


def one_primary(found: list[Json], first: int | None = None) -> list[Json]:
    """With one primary element at most (RFC 7643 §2.4): that at `first`, or else the first that says so."""
    if first is None:
        first = next((at for at, each in enumerate(found) if each.get("primary") is True), None)
    return [
        {**each, "primary": False} if at != first and each.get("primary") is True else each
        for at, each in enumerate(found)
    ]


def same(attribute: Attribute | None, one: Any, other: Any) -> bool:
    """Whether these are one value, by whether the case matters to the attribute (RFC 7643 §2.2)."""
    return bool(_comparable(attribute, one) == _comparable(attribute, other))


def _comparable(attribute: Attribute | None, value: Any) -> Any:
    if isinstance(value, str):
        return comparable(value, case_exact=attribute is not None and attribute.case_exact)
    return (type(value) is bool, value)


def _complex(attribute: Attribute, value: Any, path: str, ignore: Ignore) -> Json | None:
    """The sub-attributes that the value has, those without a value as None. None: there is no value at all."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _json_object(value)
    if not isinstance(value, dict):
        if isinstance(value, list) or not attribute.scalar:
            raise ScimError(400, "invalidValue", f"{path} isn't an object")
        sub = attribute.sub_attributes[attribute.scalar.lower()]
        return {sub.name: scalar(sub, value, path)}
    found: Json = {}
    for name, each in value.items():
        known = attribute.sub_attributes.get(name.lower())
        if known is None:
            ignore(f"{path}.{name}")
        elif known.mutability != "readOnly":
            found[known.name] = scalar(known, each, f"{path}.{known.name}")
    return found


def _json_object(text: str) -> Any:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return found if isinstance(found, dict) else text


def _within_json(text: str) -> Any:
    """The `value` of an object that is written as JSON in a text (Entra's AppRoleAssignmentsComplex); else the text."""
    found = _json_object(text)
    return found.get("value", text) if isinstance(found, dict) else text


def _only(value: Any, path: str) -> Any:
    """The one value of a list that has one: some clients write lists where none belongs."""
    if not isinstance(value, list):
        return value
    if len(value) > 1:
        raise ScimError(400, "invalidValue", f"{path} has one value")
    return value[0] if value else None


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(value: Any) -> bool | None:
    return _BOOLEANS.get(value.strip().lower() if isinstance(value, str) else value) if _hashable(value) else None


def _hashable(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _decimal(value: Any) -> float | None:
    if isinstance(value, bool) or not _hashable(value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _integer(value: Any) -> int | None:
    number = _decimal(value)
    return int(number) if number is not None and number.is_integer() else None


_BOOLEANS: Final[dict[Any, bool]] = {
    True: True, False: False, "true": True, "false": False, "1": True, "0": False,
}  # fmt: skip
"""1 and 0 are equal to the first two."""
_READ: Final[dict[Type, Callable[[Any], Any]]] = {"boolean": _boolean, "decimal": _decimal, "integer": _integer}

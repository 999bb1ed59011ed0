"""Whether a resource is like a filter says (RFC 7644 §3.4.2.2), by what the schema says of each attribute.

Rule 1: `ne` is what `eq` isn't, also where an attribute is absent or has several values. The RFC leaves both open.
Rule 2: of several values one that fits is enough.
Rule 3: an attribute that no schema of this kind of resource has fits nothing (§3.4.2.1). Entra's test looks for one.
Rule 4: an operator or operand that an attribute's type doesn't take is the client's mistake: `invalidFilter`.
"""

import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import contains, eq, ge, gt, le, lt
from typing import Any, Final, NoReturn, TypeAlias, assert_never

from streamproc.core.provider.filter import And, AttributePath, Compare, Element, Filter, Not, Operator, Or, Present
from streamproc.core.provider.schema import Attribute, ResourceType, Target
from streamproc.core.provider.scim_error import ScimError

Predicate: TypeAlias = Callable[[Mapping[str, Any]], bool]
"""Of a resource, or of one element of a list of it, as a dictionary."""
Values: TypeAlias = Callable[[Mapping[str, Any]], Iterable[Any]]

_OPERATORS: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    "eq": eq,
    "co": contains,
    "sw": str.startswith,
    "ew": str.endswith,
    "gt": gt,
    "ge": ge,
    "lt": lt,
    "le": le,
}
_OF_TEXT: Final = frozenset({"co", "sw", "ew"})
_BOOLEANS: Final = {"true": True, "false": False}
_OTHER_NAMES: Final = {"email": "emails"}
"""What Genesys Cloud's own filters and PingOne's examples call an attribute, to its name."""


def predicate(of: Filter, kind: ResourceType) -> Predicate:
    """What tells whether a resource fits. `id`, `meta`, `schemas`, `members` and `groups` are looked for in it as well,
    so they must be there if the filter names them (`attributes_named`). Raises ScimError `invalidFilter`.
    """
    return _predicate(of, lambda path: _in_resource(kind, path))


def element_predicate(of: Filter, attribute: Attribute) -> Predicate:
    """What tells whether an element of this attribute fits: paths name sub-attributes. Raises ScimError
    `invalidFilter`.
    """
    return _predicate(of, lambda path: _in_element(attribute, path))


def resolve(kind: ResourceType, path: AttributePath) -> Target | None:
    """The attribute that a filter means. Extensions' are found without their URN, too, as in Genesys Cloud's filters:
    `employeeNumber eq "1"`. None: there is no such attribute.
    """
    name = _OTHER_NAMES.get(path.name.lower(), path.name)
    found = kind.find(path.urn, name, path.sub)
    if found is not None or path.urn:
        return found
    return next(filter(None, (kind.find(each.urn, name, path.sub) for each in kind.extensions.values())), None)


def values_at(target: Target) -> Values:
    """What takes all values of an attribute out of a resource, of a list one after the other."""
    return _values(_keys(target))


def value_of(attribute: Attribute) -> Attribute | None:
    """The sub-attribute that is compared where a filter names a complex attribute as a whole (RFC 7643 §2.4):
    `emails co "x"` is `emails.value co "x"`, and `manager eq "1"` looks at the id. None: it has no such one.
    """
    return attribute.sub(attribute.scalar or "value")


def attributes_named(of: Filter, kind: ResourceType) -> frozenset[str]:
    """Names of the attributes that a filter looks at, without those of extensions."""
    targets = (resolve(kind, path) for path in _paths(of))
    return frozenset(each.attribute.name for each in targets if each is not None and not each.urn)


def comparable(text: str, *, case_exact: bool) -> str:
    """A text as it is compared: to the letter, or in any case and any form of Unicode."""
    if case_exact:
        return text
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def boolean(text: str) -> bool | None:
    """A boolean as clients write it: `true`, `"True"` (Entra). None: it isn't one."""
    return _BOOLEANS.get(text.lower())


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a path leads: keys from the outside, and the attribute there. None: a schema as a whole."""

    keys: tuple[str, ...]
    attribute: Attribute | None


_Find: TypeAlias = Callable[[AttributePath], _Place | None]


def _predicate(of: Filter, find: _Find) -> Predicate:
    match of:
        case And(parts):
            every = [_predicate(part, find) for part in parts]
            return lambda resource: all(each(resource) for each in every)
        case Or(parts):
            some = [_predicate(part, find) for part in parts]
            return lambda resource: any(each(resource) for each in some)
        case Not(inner):
            refused = _predicate(inner, find)
            return lambda resource: not refused(resource)
        case Present(path):
            place = find(path)
            return _never if place is None else _present(place.keys)
        case Compare():
            place = find(of.path)
            return _never if place is None else _compare(of, place)
        case Element(path, inner):
            place = find(AttributePath(path.urn, path.name))
            return _never if place is None else _element(place, inner)
        case _:
            assert_never(of)


def _never(_: Mapping[str, Any]) -> bool:
    return False


def _in_resource(kind: ResourceType, path: AttributePath) -> _Place | None:
    if not path.name:
        schema = kind.namespace(path.urn)
        return None if schema is None else _Place(() if schema is kind.schema else (schema.urn,), None)
    target = resolve(kind, path)
    if target is None:
        return None
    return _Place(_keys(target), target.leaf)


def _keys(target: Target) -> tuple[str, ...]:
    names = (target.urn, target.attribute.name, target.sub.name if target.sub else "")
    return tuple(each for each in names if each)


def _in_element(attribute: Attribute, path: AttributePath) -> _Place | None:
    sub = None if path.urn or path.sub else attribute.sub(path.name)
    return None if sub is None else _Place((sub.name,), sub)


def _values(keys: tuple[str, ...]) -> Values:
    """What takes all values that are there; those of several elements one after the other."""
    if not keys:
        return lambda resource: (resource,)
    first = keys[0]
    if len(keys) == 1:
        return lambda resource: _listed(resource.get(first))
    below = _values(keys[1:])
    return lambda resource: [
        value for each in _listed(resource.get(first)) if isinstance(each, Mapping) for value in below(each)
    ]


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else () if value is None else (value,)


def _present(keys: tuple[str, ...]) -> Predicate:
    values = _values(keys)
    return lambda resource: any(map(_is_there, values(resource)))


def _is_there(value: Any) -> bool:
    """Not null, nor empty (RFC 7644 §3.4.2.2, `pr`)."""
    if isinstance(value, Mapping):
        return any(map(_is_there, value.values()))
    if isinstance(value, list):
        return any(map(_is_there, value))
    return value is not None and value != ""


def _element(place: _Place, inner: Filter) -> Predicate:
    attribute = place.attribute
    if attribute is None or not attribute.sub_attributes:
        _wrong(f"{_name(place)} has no elements to choose from")
    values, fits = _values(place.keys), element_predicate(inner, attribute)
    return lambda resource: any(isinstance(each, Mapping) and fits(each) for each in values(resource))


def _compare(of: Compare, place: _Place) -> Predicate:
    operator, operand, attribute = of.operator, of.operand, place.attribute
    if attribute is not None and attribute.type == "complex":
        attribute = value_of(attribute)
        place = _Place((*place.keys, "" if attribute is None else attribute.name), attribute)
    if attribute is None:
        _wrong(f"{_name(place)} is compared by one of its sub-attributes")
    if operand.is_null:
        return _null(operator, _present(place.keys), attribute.name)
    values, fits = _values(place.keys), _comparison(attribute, "eq" if operator == "ne" else operator, operand.text)
    if operator == "ne":
        return lambda resource: not any(map(fits, values(resource)))
    return lambda resource: any(map(fits, values(resource)))


def _null(operator: Operator, there: Predicate, name: str) -> Predicate:
    if operator == "ne":
        return there
    if operator != "eq":
        _wrong(f"{name} is compared with null by eq or ne")
    return lambda resource: not there(resource)


def _comparison(attribute: Attribute, operator: Operator, text: str) -> Callable[[Any], bool]:
    """What compares one value. `operator`: not ne."""
    match attribute.type:
        case "boolean":
            if operator != "eq" or (truth := boolean(text)) is None:
                _wrong(f"{attribute.name} is compared by eq or ne with true or false")
            return lambda value: value is truth
        case "integer" | "decimal":
            return _ordered(operator, _number(text, attribute.name), _known_number)
        case "dateTime" if operator not in _OF_TEXT:
            moment = date_time(text)
            if moment is None:
                _wrong(f"{attribute.name} is compared with a time such as 2011-05-13T04:42:34Z")
            return _ordered(operator, moment, lambda value: date_time(value) if isinstance(value, str) else None)
        case "binary" if operator not in {"eq", *_OF_TEXT}:
            _wrong(f"{attribute.name} has no order")  # RFC 7644 §3.4.2.2
        case "complex":
            _wrong(f"{attribute.name} is compared by one of its sub-attributes")
    return _text(operator, text, case_exact=attribute.case_exact)


def _text(operator: Operator, text: str, *, case_exact: bool) -> Callable[[Any], bool]:
    sought = comparable(text, case_exact=case_exact)
    compare = _OPERATORS[operator]
    return lambda value: isinstance(value, str) and compare(comparable(value, case_exact=case_exact), sought)


def _ordered(operator: Operator, sought: Any, of_value: Callable[[Any], Any]) -> Callable[[Any], bool]:
    if operator in _OF_TEXT:
        _wrong(f"{operator} compares texts only")
    compare = _OPERATORS[operator]

    def fits(value: Any) -> bool:
        known = of_value(value)
        return known is not None and compare(known, sought)

    return fits


def _number(text: str, name: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        _wrong(f"{name} is compared with a number")
    return number


def _known_number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def date_time(text: str) -> datetime | None:
    """RFC 7643 §2.3.5; without a zone it is taken for UTC. None: it isn't one."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _paths(of: Filter) -> Iterator[AttributePath]:
    """Of a resource, so none within brackets."""
    match of:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _paths(part)
        case Not(inner):
            yield from _paths(inner)
        case Present(path) | Compare(path) | Element(path):
            yield path


def _name(place: _Place) -> str:
    return "the resource" if not place.keys else next(filter(None, reversed(place.keys)))


def _wrong(what: str) -> NoReturn:
    raise ScimError(400, "invalidFilter", what)

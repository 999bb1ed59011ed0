"""Place: where an attribute lives at a target, how its value goes out and comes in, and what is written of it."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, assert_never

from streamproc.core.scim.elements import GENESYS_OWN, Element
from streamproc.core.scim.filter import resource_path

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Whole:
    """Written as one: a list takes the place of the list that was there (RFC 7644 §3.5.2.3)."""


@dataclass(frozen=True, slots=True)
class Typed:
    """The one element of a multi-valued attribute with this `type`; only its `value` is written (RFC 7644 §3.5.2)."""

    type: str


@dataclass(frozen=True, slots=True)
class Keyed:
    """Elements of a multi-valued attribute by this sub-attribute, each with a `value`; those that we know are ours."""

    key: str


@dataclass(frozen=True, slots=True)
class Elements:
    """A list of names, each an element with this `value`: added and removed one by one, so that what else the target
    keeps of an element stays (RFC 7644 §3.5.2.1, §3.5.2.2).
    """


Written: TypeAlias = Whole | Typed | Keyed | Elements


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attribute lives: extension URN ("" for core), wire name, and how values go out and come in."""

    urn: str
    name: str
    out: Callable[[Any], Any]
    back: Callable[[Any], Any]
    written: Written = Whole()

    @property
    def path(self) -> str:
        """The attribute path of a PATCH operation (RFC 7644 §3.10)."""
        return f"{self.urn}:{self.name}" if self.urn else self.name


def same(value: Any) -> Any:
    return value


def text_back(value: Any) -> str:
    """A text; some servers write it as a number. Raises TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    return str(value)


def values(names: Iterable[str]) -> list[Json]:
    return [{"value": name} for name in names]


def names(elements: Any) -> list[str]:
    return sorted({text_back(element["value"]) for element in elements or () if element.get("value")})


def levels_out(levels: Mapping[str, float]) -> list[Json]:
    return [{"name": name, "proficiency": level} for name, level in levels.items()]


def levels_back(elements: Any) -> dict[str, float]:
    levels = {
        text_back(element["name"]): float(element.get("proficiency") or 0.0)
        for element in elements or ()
        if element.get("name")
    }
    if not all(map(math.isfinite, levels.values())):
        raise ValueError
    return levels


def active_back(value: Any) -> bool | None:
    """Whether somebody is active. Some servers write it as text or as a number. None: it doesn't say."""
    return _ACTIVE.get(value.strip().casefold() if isinstance(value, str) else value)


_ACTIVE: Final[Mapping[Any, bool]] = {False: False, True: True, "false": False, "true": True, "0": False, "1": True}
"""What a server shows → whether the user is active. 0 and 1 are equal to the first two."""


def phone_back(value: Any) -> str:
    return text_back(value).removeprefix("tel:")


def phone_out(value: str) -> str:
    # E.164 as it is, and with an extension as RFC 3966 has it: Genesys takes these two.
    return f"tel:{value}" if ";ext=" in value and not value.startswith("tel:") else value


def external_ids_back(elements: Any) -> dict[str, str]:
    return {
        each["authority"]: each["value"]
        for each in elements or ()
        if isinstance(each, dict) and isinstance(each.get("authority"), str) and isinstance(each.get("value"), str)
        if each["value"] and not each["authority"].startswith(GENESYS_OWN)
    }


def reference_out(value: str) -> Json:
    return {"value": value}


def manager_out(value: str) -> Json:
    # RFC 7643 §8.7.1 says that both are required; as in §8.3.
    return {"value": value, "$ref": f"..{resource_path('Users', value)}"}


def reference_back(value: Any) -> str | None:
    there = value.get("value") if isinstance(value, dict) else value
    return None if there is None else text_back(there)


def phone(kind: str) -> Place:
    return Place("", "phoneNumbers", phone_out, phone_back, Typed(kind))


def elements_of(place: Place, before: Any, value: Any) -> list[Element]:
    """What becomes of the elements of a list that an attribute owns."""
    match place.written:
        case Typed(kind):
            return [Element(place.path, "type", kind, before, None if value is None else place.out(value))]
        case Keyed(key):
            return [Element(place.path, key, of, (before or {}).get(of), each) for of, each in value.items()]
        case Whole() | Elements():
            return []
        case _:
            assert_never(place.written)


def new_element(element: Element) -> Json:
    primary = {"primary": True} if element.of == "work" else {}
    return {"value": element.value, element.key: element.of, **primary}

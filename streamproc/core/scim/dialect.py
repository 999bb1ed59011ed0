"""Dialect: how a target wants to be spoken to, as data. SCIM 2.0 (RFC 7643, RFC 7644) on the wire, Resource within.

`genesys` replaces attributes whole, by their full URN path: element-level paths on roles and skills aren't documented
by Genesys Cloud, so they aren't guessed. `rfc7644` is for any other SCIM 2.0 server: the core user and the enterprise
extension, roles added and removed one by one. Routing skills and languages have no place in those two schemas, so
they aren't owned there.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, assert_never, cast

from streamproc.core.records.resource import Resource
from streamproc.core.scim.filter import resource_path, text

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GENESYS: Final = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

Json = dict[str, Any]
Lookup = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Whole:
    """Written as one: a list takes the place of the list that was there (RFC 7644 §3.5.2.3)."""


@dataclass(frozen=True, slots=True)
class Typed:
    """The one element of a multi-valued attribute with this `type`; only its `value` is written (RFC 7644 §3.5.2)."""

    type: str


@dataclass(frozen=True, slots=True)
class Elements:
    """A list of names, each an element with this `value`: added and removed one by one, so that what else the target
    keeps of an element stays (RFC 7644 §3.5.2.1, §3.5.2.2).
    """


Written: TypeAlias = Whole | Typed | Elements


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


def _same(value: Any) -> Any:
    return value


def _text_back(value: Any) -> str:
    """A text; some servers write it as a number. Raises TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    return str(value)


def _values(names: Iterable[str]) -> list[Json]:
    return [{"value": name} for name in names]


def _names(elements: Any) -> list[str]:
    return sorted({_text_back(element["value"]) for element in elements or () if element.get("value")})


def _levels_out(levels: Mapping[str, float]) -> list[Json]:
    return [{"name": name, "proficiency": level} for name, level in levels.items()]


def _levels_back(elements: Any) -> dict[str, float]:
    levels = {
        _text_back(element["name"]): float(element.get("proficiency") or 0.0)
        for element in elements or ()
        if element.get("name")
    }
    if not all(map(math.isfinite, levels.values())):
        raise ValueError
    return levels


def _active_back(value: Any) -> bool | None:
    """Whether somebody is active. Some servers write it as text or as a number. None: it doesn't say."""
    return _ACTIVE.get(value.strip().casefold() if isinstance(value, str) else value)


_ACTIVE: Final[Mapping[Any, bool]] = {False: False, True: True, "false": False, "true": True, "0": False, "1": True}
"""What a server shows → whether the user is active. 0 and 1 are equal to the first two."""


def _phone_back(value: Any) -> str:
    return _text_back(value).removeprefix("tel:")  # both forms are documented; we write plain E.164


def _reference_out(value: str) -> Json:
    return {"value": value}


def _manager_out(value: str) -> Json:
    # RFC 7643 §8.7.1 says that both are required; as in §8.3.
    return {"value": value, "$ref": f"..{resource_path('Users', value)}"}


def _reference_back(value: Any) -> str | None:
    there = value.get("value") if isinstance(value, dict) else value
    return None if there is None else _text_back(there)


@dataclass(frozen=True, slots=True)
class Dialect:
    """Attribute → its place; one without a place isn't owned at this target. Groups are written through /Groups."""

    places: Mapping[str, Place]
    memberships: Literal["user", "groups"]
    """Where the target tells who is in which group: with each user, or where a user says nothing, with the groups.
    `groups` of a user is optional to servers (RFC 7643 §4.1.2), and its lack is no sign of being in none."""

    def __contains__(self, name: str) -> bool:
        return name in self.places


_SHARED: Final = {
    "externalId": Place("", "externalId", _same, _text_back),
    "userName": Place("", "userName", _same, _text_back),
    "displayName": Place("", "displayName", _same, _text_back),
    "active": Place("", "active", _same, _active_back),
    "title": Place("", "title", _same, _text_back),
    "phone": Place("", "phoneNumbers", _same, _phone_back, Typed("work")),
    "email": Place("", "emails", _same, _text_back, Typed("work")),
    "department": Place(ENTERPRISE, "department", _same, _text_back),
    "division": Place(ENTERPRISE, "division", _same, _text_back),
    "employeeNumber": Place(ENTERPRISE, "employeeNumber", _same, _text_back),
}

GENESYS_DIALECT: Final = Dialect(
    {
        **_SHARED,
        "roles": Place("", "roles", _values, _names),
        "manager": Place(ENTERPRISE, "manager", _reference_out, _reference_back),
        "skills": Place(GENESYS, "routingSkills", _levels_out, _levels_back),
        "languages": Place(GENESYS, "routingLanguages", _levels_out, _levels_back),
    },
    memberships="user",
)

RFC7644_DIALECT: Final = Dialect(
    {
        **_SHARED,
        "roles": Place("", "roles", _values, _names, Elements()),
        "manager": Place(ENTERPRISE, "manager", _manager_out, _reference_back),
    },
    memberships="groups",
)

DIALECTS: Final = {"genesys": GENESYS_DIALECT, "rfc7644": RFC7644_DIALECT}


def expressible(resource: Resource, dialect: Dialect) -> Resource:
    """The part that the target has a place for. The rest must neither be written nor compared, or nothing converges."""
    owned = {name: value for name, value in resource.items() if name in dialect or name == "groups"}
    return cast("Resource", owned)


def create_body(desired: Resource, dialect: Dialect) -> Json:
    """POST body (RFC 7644 §3.3). Null and empty values are left out; `manager` must be the target's own id here."""
    body: Json = {"schemas": [USER]}
    for name, value in cast("Json", desired).items():
        place = dialect.places.get(name)
        if place is None or value is None or value in ([], {}):
            continue
        holder = body
        if place.urn:
            holder = body.setdefault(place.urn, {})
            if place.urn not in body["schemas"]:
                body["schemas"].append(place.urn)
        if isinstance(place.written, Typed):
            element = {"value": place.out(value), "type": place.written.type, "primary": True}
            holder.setdefault(place.name, []).append(element)
        else:
            holder[place.name] = place.out(value)
    return body


def patch_body(known: Resource, changes: Resource, dialect: Dialect) -> Json:
    """PatchOp that makes `changes` of what is `known` (RFC 7644 §3.5.2)."""
    before = cast("Json", known)
    returns = changes.get("active") is True
    operations: list[Json] = []
    for name, value in cast("Json", changes).items():
        if place := dialect.places.get(name):
            operations += _operations(place, before.get(name), value, again=returns)
    return {"schemas": [PATCH_OP], "Operations": operations}


def member_body(user_id: str, *, join: bool) -> Json:
    """PatchOp on a group that adds or removes the one member, and touches no other (RFC 7644 §3.5.2.1, §3.5.2.2)."""
    if join:
        operation: Json = {"op": "add", "path": "members", "value": [{"value": user_id}]}
    else:
        operation = {"op": "remove", "path": f"members[value eq {text(user_id)}]"}
    return {"schemas": [PATCH_OP], "Operations": [operation]}


def parse_user(body: Json, dialect: Dialect) -> Resource:
    """What the target says that it holds, groups apart (it tells those by id). Unknown attributes are passed over, and
    what can't be understood: a leaver isn't kept by a phone number of an odd shape.
    """
    held: Json = {}
    for name, place in dialect.places.items():
        try:
            said = _said(body, place)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        if said is not None:
            held[name] = said
    return cast("Resource", held)


def _said(body: Json, place: Place) -> Any:
    value = (body.get(place.urn) or {} if place.urn else body).get(place.name)
    if isinstance(place.written, Typed):
        kind = place.written.type
        value = next((element.get("value") for element in value or () if element.get("type") == kind), None)
    return None if value is None else place.back(value)


def _operations(place: Place, before: Any, value: Any, *, again: bool) -> list[Json]:
    match place.written:
        case Whole():
            return [_written(place, value)]
        case Typed(kind):
            return [_typed(place, kind, before, value)]
        case Elements():
            return _elements(place, set(before or ()), value or [], again=again)
        case _:
            assert_never(place.written)


def _written(place: Place, value: Any) -> Json:
    if value is None:
        return {"op": "remove", "path": place.path}
    return {"op": "replace", "path": place.path, "value": place.out(value)}


def _typed(place: Place, kind: str, before: Any, value: Any) -> Json:
    element = f'{place.path}[type eq "{kind}"]'
    if value is None:
        return {"op": "remove", "path": element}
    if before is None:  # replace needs a target that matches (RFC 7644 §3.5.2.3: noTarget otherwise)
        return {"op": "add", "path": place.path, "value": [{"value": value, "type": kind}]}
    return {"op": "replace", "path": f"{element}.value", "value": value}


def _elements(place: Place, before: set[str], wanted: list[str], *, again: bool) -> list[Json]:
    """First what goes, then what comes: an element that stays isn't named, and keeps what else the target knows of it.

    Two cases are written whole. `again`: the target may have lost what was held. And where names differ by case alone:
    a filter may take no notice of it (RFC 7643 §2.2: caseExact), and remove what is to stay.
    """
    gone = sorted(before - set(wanted))
    folded = {name.casefold() for name in gone}
    if again or any(name.casefold() in folded for name in wanted):
        return [_written(place, wanted)]
    operations: list[Json] = [{"op": "remove", "path": f"{place.path}[value eq {text(name)}]"} for name in gone]
    if added := [name for name in wanted if name not in before]:
        operations.append({"op": "add", "path": place.path, "value": place.out(added)})
    return operations

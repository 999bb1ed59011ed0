"""Dialect: how a target wants to be spoken to, as data. SCIM 2.0 (RFC 7643, RFC 7644) on the wire, Resource within.

`genesys` replaces attributes whole, by their full URN path: element-level paths on roles and skills aren't documented
by Genesys Cloud, so they aren't guessed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from streamproc.core.resource import Resource

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GENESYS: Final = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

Json = dict[str, Any]
Lookup = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attribute lives: extension URN ("" for core), wire name, and how values go out and come in."""

    urn: str
    name: str
    out: Callable[[Any], Any]
    back: Callable[[Any], Any]
    typed: str | None = None
    """For an element of a multi-valued attribute: its `type`; only its `value` is written (RFC 7644 §3.5.2)."""

    @property
    def path(self) -> str:
        """The attribute path of a PATCH operation (RFC 7644 §3.10)."""
        return f"{self.urn}:{self.name}" if self.urn else self.name


def _same(value: Any) -> Any:
    return value


def _values(names: Iterable[str]) -> list[Json]:
    return [{"value": name} for name in names]


def _names(elements: Any) -> list[str]:
    return sorted({each["value"] for each in elements or () if each.get("value")})


def _levels_out(levels: Mapping[str, float]) -> list[Json]:
    return [{"name": name, "proficiency": level} for name, level in levels.items()]


def _levels_back(elements: Any) -> dict[str, float]:
    return {each["name"]: float(each.get("proficiency") or 0.0) for each in elements or () if each.get("name")}


def _phone_back(value: str) -> str:
    return value.removeprefix("tel:")  # both forms are documented; we write plain E.164


def _reference_out(value: str) -> Json:
    return {"value": value}


def _reference_back(value: Any) -> Any:
    return value.get("value") if isinstance(value, dict) else value


Dialect = dict[str, Place]

GENESYS_DIALECT: Final[Dialect] = {
    "externalId": Place("", "externalId", _same, _same),
    "userName": Place("", "userName", _same, _same),
    "displayName": Place("", "displayName", _same, _same),
    "active": Place("", "active", _same, _same),
    "title": Place("", "title", _same, _same),
    "phone": Place("", "phoneNumbers", _same, _phone_back, typed="work"),
    "email": Place("", "emails", _same, _same, typed="work"),
    "roles": Place("", "roles", _values, _names),
    "department": Place(ENTERPRISE, "department", _same, _same),
    "division": Place(ENTERPRISE, "division", _same, _same),
    "employeeNumber": Place(ENTERPRISE, "employeeNumber", _same, _same),
    "manager": Place(ENTERPRISE, "manager", _reference_out, _reference_back),
    "skills": Place(GENESYS, "routingSkills", _levels_out, _levels_back),
    "languages": Place(GENESYS, "routingLanguages", _levels_out, _levels_back),
}

DIALECTS: Final[dict[str, Dialect]] = {"genesys": GENESYS_DIALECT}


def create_body(desired: Resource, dialect: Dialect) -> Json:
    """POST body (RFC 7644 §3.3). Null and empty values are left out; `manager` must be the target's own id here."""
    body: Json = {"schemas": [USER]}
    for name, value in cast("Json", desired).items():
        place = dialect.get(name)
        if place is None or value is None or value in ([], {}):
            continue
        holder = body
        if place.urn:
            holder = body.setdefault(place.urn, {})
            if place.urn not in body["schemas"]:
                body["schemas"].append(place.urn)
        if place.typed:
            element = {"value": place.out(value), "type": place.typed, "primary": True}
            holder.setdefault(place.name, []).append(element)
        else:
            holder[place.name] = place.out(value)
    return body


def patch_body(known: Resource, changes: Resource, dialect: Dialect) -> Json:
    """PatchOp that makes `changes` of what is `known` (RFC 7644 §3.5.2)."""
    before = cast("Json", known)
    operations = [
        _operation(dialect[name], before.get(name), value)
        for name, value in cast("Json", changes).items()
        if name in dialect
    ]
    return {"schemas": [PATCH_OP], "Operations": operations}


def member_body(user_id: str, *, join: bool) -> Json:
    """PatchOp on a group that adds or removes the one member, and touches no other (RFC 7644 §3.5.2.1, §3.5.2.2)."""
    if join:
        operation: Json = {"op": "add", "path": "members", "value": [{"value": user_id}]}
    else:
        operation = {"op": "remove", "path": f'members[value eq "{user_id}"]'}
    return {"schemas": [PATCH_OP], "Operations": [operation]}


def parse_user(body: Json, dialect: Dialect) -> Resource:
    """What the target says that it holds, groups apart (it tells those by id). Unknown attributes are passed over."""
    held: Json = {}
    for name, place in dialect.items():
        value = (body.get(place.urn) or {} if place.urn else body).get(place.name)
        if place.typed:
            value = next((each.get("value") for each in value or () if each.get("type") == place.typed), None)
        if value is not None:
            held[name] = place.back(value)
    return cast("Resource", held)


def _operation(place: Place, before: Any, value: Any) -> Json:
    if place.typed:
        element = f'{place.path}[type eq "{place.typed}"]'
        if value is None:
            return {"op": "remove", "path": element}
        if before is None:  # replace needs a target that matches (RFC 7644 §3.5.2.3: noTarget otherwise)
            return {"op": "add", "path": place.path, "value": [{"value": value, "type": place.typed}]}
        return {"op": "replace", "path": f"{element}.value", "value": value}
    if value is None:
        return {"op": "remove", "path": place.path}
    return {"op": "replace", "path": place.path, "value": place.out(value)}

"""Dialect: how a target wants to be spoken to, as data. SCIM 2.0 (RFC 7643, RFC 7644) on the wire, Resource within.

`genesys` replaces attributes whole, by their full URN path: element-level paths on roles and skills aren't documented
by Genesys Cloud, so they aren't guessed. `rfc7644` is for any other SCIM 2.0 server: the core user and the enterprise
extension, roles added and removed one by one. Routing skills and languages have no place in those two schemas, so
they aren't owned there; nor have a second work number, a date of hire and ids of other systems.

Of telephone numbers, e-mail addresses and external ids each is an element, told by its type or authority, and only the
owned ones are written: what else there is in the list is others', and stays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from streamproc.core.records.resource import Resource
from streamproc.core.scim.elements import Element, ElementForm, element_operation, list_operations, named
from streamproc.core.scim.filter import text
from streamproc.core.scim.place import (
    Elements,
    Keyed,
    Place,
    Typed,
    active_back,
    elements_of,
    external_ids_back,
    levels_back,
    levels_out,
    manager_out,
    names,
    new_element,
    phone,
    reference_back,
    reference_out,
    same,
    text_back,
    values,
)

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GENESYS: Final = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

Json = dict[str, Any]
Lookup = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Dialect:
    """Attribute → its place; one without a place isn't owned at this target. Groups are written through /Groups."""

    places: Mapping[str, Place]
    memberships: Literal["user", "groups"]
    """Where the target tells who is in which group: with each user, or where a user says nothing, with the groups.
    `groups` of a user is optional to servers (RFC 7643 §4.1.2), and its lack is no sign of being in none."""
    elements: ElementForm
    """How one element among others is written."""
    makes_elements: bool
    """Whether the target makes some itself, which nobody may write: an address of the userName, ids of externalId."""

    def __contains__(self, name: str) -> bool:
        return name in self.places


_SHARED: Final = {
    "externalId": Place("", "externalId", same, text_back),
    "userName": Place("", "userName", same, text_back),
    "displayName": Place("", "displayName", same, text_back),
    "active": Place("", "active", same, active_back),
    "title": Place("", "title", same, text_back),
    "phone": phone("work"),
    "email": Place("", "emails", same, text_back, Typed("work")),
    "department": Place(ENTERPRISE, "department", same, text_back),
    "division": Place(ENTERPRISE, "division", same, text_back),
    "employeeNumber": Place(ENTERPRISE, "employeeNumber", same, text_back),
    "mobile": phone("mobile"),
    "homePhone": phone("home"),
    "otherPhone": phone("other"),
}

GENESYS_DIALECT: Final = Dialect(
    {
        **_SHARED,
        "roles": Place("", "roles", values, names),
        "manager": Place(ENTERPRISE, "manager", reference_out, reference_back),
        "skills": Place(GENESYS, "routingSkills", levels_out, levels_back),
        "languages": Place(GENESYS, "routingLanguages", levels_out, levels_back),
        "hired": Place(ENTERPRISE, "dateHire", same, text_back),
        "phone2": phone("work2"),
        "phone3": phone("work3"),
        "phone4": phone("work4"),
        "externalIds": Place(GENESYS, "externalIds", same, external_ids_back, Keyed("authority")),
    },
    memberships="user",
    elements="path",
    makes_elements=True,
)

RFC7644_DIALECT: Final = Dialect(
    {
        **_SHARED,
        "roles": Place("", "roles", values, names, Elements()),
        "manager": Place(ENTERPRISE, "manager", manager_out, reference_back),
    },
    memberships="groups",
    elements="added",
    makes_elements=False,
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
        if isinstance(place.written, Typed | Keyed):
            out = [new_element(element) for element in elements_of(place, None, value) if element.value is not None]
            if not out:
                continue
        holder = body
        if place.urn:
            holder = body.setdefault(place.urn, {})
            if place.urn not in body["schemas"]:
                body["schemas"].append(place.urn)
        if isinstance(place.written, Typed | Keyed):
            holder.setdefault(place.name, []).extend(out)
        else:
            holder[place.name] = place.out(value)
    return body


def patch_body(known: Resource, changes: Resource, dialect: Dialect, shown: Json | None = None) -> Json:
    """PatchOp that makes `changes` of what is `known` (RFC 7644 §3.5.2). `shown`: the user as read just before, where
    lists are written whole.
    """
    before = cast("Json", known)
    returns = changes.get("active") is True
    operations: list[Json] = []
    listed: dict[tuple[str, str], list[Element]] = {}
    for name, value in cast("Json", changes).items():
        place = dialect.places.get(name)
        if place is None:
            continue
        if not isinstance(place.written, Typed | Keyed):
            operations += _operations(place, before.get(name), value, again=returns)
        elif dialect.elements == "whole" and shown is not None:
            listed.setdefault((place.urn, place.name), []).extend(elements_of(place, before.get(name), value))
        else:
            elements = elements_of(place, before.get(name), value)
            operations += [element_operation(element, dialect.elements) for element in elements]
    for (urn, name), elements in listed.items():
        operations += list_operations(elements, _at(shown or {}, urn, name), makes_some=dialect.makes_elements)
    return {"schemas": [PATCH_OP], "Operations": operations}


def rests_on_read(changes: Resource, dialect: Dialect) -> bool:
    """Whether a PATCH of these has to say again what else the target holds, so that it has to be read just before."""
    places = (dialect.places.get(name) for name in changes)
    return dialect.elements == "whole" and any(place and isinstance(place.written, Typed | Keyed) for place in places)


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
    value = _at(body, place.urn, place.name)
    if isinstance(place.written, Typed):
        kind = place.written.type
        value = next((element.get("value") for element in value or () if named("type", element) == kind), None)
    return None if value is None else place.back(value)


def _at(body: Json, urn: str, name: str) -> Any:
    holder = body.get(urn) if urn else body
    return holder.get(name) if isinstance(holder, dict) else None


def _operations(place: Place, before: Any, value: Any, *, again: bool) -> list[Json]:
    if isinstance(place.written, Elements):
        return _elements(place, set(before or ()), value or [], again=again)
    return [_written(place, value)]


def _written(place: Place, value: Any) -> Json:
    if value is None:
        return {"op": "remove", "path": place.path}
    return {"op": "replace", "path": place.path, "value": place.out(value)}


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

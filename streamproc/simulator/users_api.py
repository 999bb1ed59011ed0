"""The platform's own view of users, as its administration uses it: reading one or a page, and changing one.

A change needs the version that was read (409 otherwise), and one of `state` changes nothing else.
"""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from streamproc.simulator.access import Client, entity_id
from streamproc.simulator.audits import actor_of
from streamproc.simulator.errors import PlatformError, ScimError, not_found
from streamproc.simulator.platform_api import PREFIX, guarded, page, refused
from streamproc.simulator.request_pipeline import Simulator
from streamproc.simulator.resources import Entry
from streamproc.simulator.schema import USER, Attribute
from streamproc.simulator.store import Change, Store

EDIT, DELETE = "directory:user:edit", "directory:user:delete"
STATES = ("active", "inactive", "deleted")
_TEXTS = {
    "email": "userName",
    "username": "userName",
    "name": "displayName",
    "title": "title",
    "department": "department",
}
_CONTACT_TYPES = {"work": "WORK", "work2": "WORK2", "work3": "WORK3", "work4": "WORK4"} | {
    "home": "HOME",
    "mobile": "MOBILE",
    "other": "OTHER",
}


def add_routes(app: web.Application, simulator: Simulator) -> None:
    api = UsersApi(simulator)
    for method, path, handler, needed in (
        ("GET", "users", api.list, ()),
        ("GET", "users/{id}", api.get, ()),
        ("PATCH", "users/{id}", api.patch, (EDIT,)),
        ("DELETE", "users/{id}", api.delete, (DELETE,)),
    ):
        app.router.add_route(method, PREFIX + path, guarded(simulator, handler, needed))


class UsersApi:
    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def list(self, request: web.Request, _client: Client, _body: Any) -> Any:
        state = request.query.get("state", "active")
        if state not in (*STATES, "any"):
            raise refused(f"state is one of {', '.join(STATES)}, any.")
        users = self.simulator.store.users.values()
        found = [entry for entry in users if state in ("any", entry.state)]
        return page(request, found, lambda entry: self._shown(request, entry), most=500)

    def get(self, request: web.Request, _client: Client, _body: Any) -> Any:
        entry = self._entry(request)
        if entry.state == "deleted" and request.query.get("state") != "deleted":
            raise not_found("user")
        return self._shown(request, entry)

    def patch(self, request: web.Request, client: Client, body: Any) -> Any:
        entry = self._entry(request)
        if not isinstance(body, dict):
            raise refused("The body must be an object.")
        if body.get("version") != entry.version:
            message = f"Version {body.get('version')} does not match the current version."
            raise refused(message, "general.conflict", 409)
        changes = {name: value for name, value in body.items() if name not in ("version", "id", "selfUri")}
        try:
            change = edited(self.simulator.store, entry, changes)
        except ScimError as error:
            raise refused(error.detail, "invalid.value", error.status) from None
        self.simulator.audit(actor_of(client), change)
        return self._shown(request, change.after)

    def delete(self, request: web.Request, client: Client, _body: Any) -> Any:
        entry = self._entry(request)
        if entry.state == "deleted":
            raise not_found("user")
        self.simulator.audit(actor_of(client), self.simulator.store.delete_user(entry))
        return 202, {}

    def _entry(self, request: web.Request) -> Entry:
        entry = self.simulator.store.users.get(request.match_info["id"])
        if entry is None:
            raise not_found("user")
        return entry

    def _shown(self, request: web.Request, entry: Entry) -> dict[str, Any]:
        expanded = {part for each in request.query.getall("expand", []) for part in each.split(",")}
        shown = _user(entry)
        shown |= {name: show(entry) for name, show in _EXPANDED.items() if name in expanded}
        return shown


def edited(store: Store, entry: Entry, changes: dict[str, Any], *, scim_names: bool = False) -> Change:
    """`changes` by the platform's names, or SCIM's too. Raises ScimError for a value, PlatformError for a name."""
    state = changes.get("state")
    if state is not None:
        if len(changes) > 1 or state not in STATES:
            raise refused(f"state is one of {', '.join(STATES)}, and the only change where it is one.")
        if state == "deleted":
            return store.delete_user(entry)
        if entry.state == "deleted":
            return store.restore_user(entry, active=state == "active")
        return store.edit_user(entry, [(_attribute("active"), state == "active")])
    if entry.state == "deleted":
        raise not_found("user")
    values: list[tuple[Attribute, Any]] = []
    for name, value in changes.items():
        if name in _TEXTS:
            values.append((_attribute(_TEXTS[name]), value or None))
        elif name == "manager" and not isinstance(value, dict):
            values.append((_attribute("manager"), {"value": value} if value else None))
        elif name == "addresses":
            values += _contacts(value)
        elif scim_names and name.lower() in USER.by_name:
            values.append((_attribute(name), value))
        else:
            raise refused(f"There is no {name} that can be changed.")
    return store.edit_user(entry, values)


def _contacts(value: Any) -> list[tuple[Attribute, Any]]:
    """A user's addresses, whole: telephone numbers and email addresses are two attributes in SCIM."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise refused("addresses must be a list of objects.")
    types = {theirs: ours for ours, theirs in _CONTACT_TYPES.items()}
    found: dict[str, list[dict[str, Any]]] = {"PHONE": [], "EMAIL": []}
    for each in value:
        if each.get("mediaType") not in found or each.get("type") not in types:
            raise refused("An address has a mediaType, PHONE or EMAIL, a type and an address.")
        address = str(each.get("address", "")) + (f";ext={each['extension']}" if each.get("extension") else "")
        found[each["mediaType"]].append({"value": address, "type": types[each["type"]]})
    return [(_attribute("phoneNumbers"), found["PHONE"]), (_attribute("emails"), found["EMAIL"])]


def _attribute(name: str) -> Attribute:
    return USER.by_name[name.lower()][1]


def _user(entry: Entry) -> dict[str, Any]:
    attrs = entry.attrs
    division = attrs["division"]
    email = {"address": attrs["userName"], "mediaType": "EMAIL", "type": "PRIMARY"}
    shown: dict[str, Any] = {
        "id": entry.id,
        "name": attrs["displayName"],
        "division": {"id": entity_id("divisions", division), "name": division},
        "email": attrs["userName"],
        "username": attrs["userName"],
        "state": entry.state,
        "version": entry.version,
        "primaryContactInfo": [email],
        "addresses": [*_shown_contacts(attrs, "phoneNumbers", "PHONE"), *_shown_contacts(attrs, "emails", "EMAIL")],
        "selfUri": f"{PREFIX}users/{entry.id}",
    }
    shown |= {name: attrs[name] for name in ("title", "department") if name in attrs}
    if "manager" in attrs:
        manager = attrs["manager"]["value"]
        shown["manager"] = {"id": manager, "selfUri": f"{PREFIX}users/{manager}"}
    return shown


def _shown_contacts(attrs: dict[str, Any], name: str, media: str) -> list[dict[str, Any]]:
    shown = []
    for each in attrs.get(name, {}).values():
        address, _, extension = each["value"].partition(";ext=")
        contact = {"address": address, "mediaType": media, "type": _CONTACT_TYPES.get(each["type"], "OTHER")}
        shown.append(contact | ({"extension": extension} if extension else {}))
    return shown


def _employer(entry: Entry) -> dict[str, Any]:
    pairs = (("employeeId", entry.attrs.get("employeeNumber")), ("dateHire", entry.attrs.get("dateHire")))
    return {name: value for name, value in pairs if value is not None}


def _rated(entry: Entry, name: str, kind: str) -> list[dict[str, Any]]:
    return [
        {"id": entity_id(kind, each), **rating, "state": "active"} for each, rating in entry.attrs.get(name, {}).items()
    ]


_EXPANDED: dict[str, Callable[[Entry], Any]] = {
    "skills": lambda entry: _rated(entry, "routingSkills", "skills"),
    "languages": lambda entry: _rated(entry, "routingLanguages", "languages"),
    "groups": lambda entry: [{"id": group, "selfUri": f"{PREFIX}groups/{group}"} for group in entry.groups],
    "employerInfo": _employer,
    "authorization": lambda entry: {
        "roles": [{"id": entity_id("roles", role), "name": role} for role in entry.attrs.get("roles", {})]
    },
}


def refusal_of(error: PlatformError | ScimError) -> str:
    return error.detail if isinstance(error, ScimError) else error.message

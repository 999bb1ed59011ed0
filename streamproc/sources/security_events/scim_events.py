"""SCIM users and PATCH bodies as others send them (RFC 7643, RFC 7644), as one flat resource.

Attribute names mean the same in any case (RFC 7643 §2.1), and what extensions hold lies beside the core's attributes.
Entra's habits are taken: `active` as text, dotted and URN-qualified keys, capitalised operations
(learn.microsoft.com, "application-provisioning-config-problem-scim-compatibility").
"""

from typing import Any, Final

from streamproc.core.records.change_event import Fact
from streamproc.sources.lenient_json import at, fact, items, others, record, text, truth
from streamproc.sources.options import SourceOptions

STANDARD: Final = frozenset([
    "schemas", "id", "externalId", "meta", "userName", "name", "displayName", "nickName", "profileUrl", "title",
    "userType", "preferredLanguage", "locale", "timezone", "active", "password", "emails", "phoneNumbers", "ims",
    "photos", "addresses", "groups", "entitlements", "roles", "x509Certificates", "employeeNumber", "costCenter",
    "organization", "division", "department", "manager",
])  # fmt: skip
"""Attributes of the core and enterprise user schemas; what else there is is the customer's own."""
_SPELLED: Final = {name.casefold(): name for name in STANDARD}
_LISTS: Final = ("emails", "phoneNumbers")
_ONE: Final = frozenset({'typeeq"work"].value', "primaryeqtrue].value"})
"""Conditions that name the one element that counts here."""


def flat(resource: Any) -> dict[str, Any]:
    """A user with its extensions' attributes beside the core's, one e-mail, one phone number, and the manager's id."""
    core: dict[str, Any] = {}
    extensions: dict[str, Any] = {}
    for key, value in record(resource).items():
        name = _name(key)
        if key.casefold().startswith("urn:") and isinstance(value, dict) and name not in STANDARD:
            extensions |= {_name(inner): _one(_name(inner), each) for inner, each in value.items()}
        else:
            core[name] = _one(name, value)
    return extensions | core


def _one(name: str, value: Any) -> Any:
    return _best(value) if name in _LISTS else _manager(value) if name == "manager" else value


def snapshot(resource: Any, options: SourceOptions) -> dict[str, Fact]:
    """The facts of a whole user; what it leaves out has no value."""
    user = flat(resource)
    said = others(user, STANDARD) | {name: fact(at(user, path)) for name, path in sorted(options.attributes.items())}
    if said.get("displayName", "") is None:
        parts = [text(at(user, path)) for path in ("name.givenName", "name.familyName")]
        said["displayName"] = text(at(user, "name.formatted")) or " ".join(part for part in parts if part) or None
    return said | ({"active": truth(said["active"])} if "active" in said else {})


def change(body: Any, options: SourceOptions) -> tuple[dict[str, Fact], bool]:
    """The facts that a PatchOp, or a part of a user, changes; and whether that is all of it.

    What a PatchOp does to an element of a list can't always be told without the list.
    """
    sent = {name.casefold(): value for name, value in record(body).items()}
    changed: dict[str, Any] = {}
    if "operations" not in sent:
        changed, whole = flat(body), True
    else:
        whole = False not in [_apply(changed, record(each)) for each in items(sent["operations"])]
    said = others(changed, STANDARD)
    for name, path in options.attributes.items():
        if any(each.strip().partition(".")[0] in changed for each in path.split("|")):
            said[name] = fact(at(changed, path))
    if "active" in said:
        said["active"] = truth(said["active"])
        if said["active"] is None:  # neither yes nor no
            del said["active"]
            whole = False
    return said, whole


def _apply(changed: dict[str, Any], operation: dict[str, Any]) -> bool:
    """One operation; false where it can't be told what it leads to."""
    kind = (text(operation.get("op")) or "").casefold()
    path, value = text(operation.get("path")), operation.get("value")
    if kind not in ("add", "replace", "remove"):
        return False
    if path is not None:
        if kind == "remove" and value is not None:  # some name in this way what is to go from a list
            return False
        return _put(changed, path, value, kind)
    if kind == "remove" or not isinstance(value, dict):
        return False
    return False not in [_put(changed, key, each, kind) for key, each in value.items()]


def _put(changed: dict[str, Any], path: str, value: Any, kind: str) -> bool:
    target, bracket, condition = path.partition("[")
    name, _, part = _name(target).partition(".")
    name = _SPELLED.get(name.casefold(), name)
    if target.casefold().startswith("urn:") and name not in STANDARD and isinstance(value, dict):
        changed |= flat({target: value})
        return True
    if bracket:
        one = kind != "remove" and condition.casefold().replace(" ", "") in _ONE
        if one and name in _LISTS:
            changed[name] = text(value)
        return one or name in STANDARD - {*_LISTS}
    if kind == "add" and isinstance(value, list) and (name in _LISTS or name not in STANDARD):
        return False  # beside what is there
    if not part or (name, part) == ("manager", "value"):
        changed[name] = _one(name, value)
    return True


def _name(key: str) -> str:
    """An attribute's name without its schema's URN, as the schema spells it."""
    name = key.rpartition(":")[2] if key.casefold().startswith("urn:") else key
    return _SPELLED.get(name.casefold(), name)


def _best(values: Any) -> str | None:
    """The primary one of several, else the one at work, else the first."""
    found = [(text(record(each).get("value", each)), record(each)) for each in items(values)]
    known = [(value, each) for value, each in found if value is not None]
    best = max(
        known, key=lambda one: (truth(one[1].get("primary")) is True, one[1].get("type") == "work"), default=None
    )
    return None if best is None else best[0]


def _manager(value: Any) -> str | None:
    """The manager's id; some send a list, some the id alone."""
    first = next(iter(items(value)), None)
    return text(record(first).get("value", first))

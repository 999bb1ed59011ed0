"""SCIM users and PATCH bodies as others send them (RFC 7643, RFC 7644), as one flat resource.

Attribute names mean the same in any case (RFC 7643 §2.1), and attributes of extensions lie beside the core's. Entra's
deviations are accepted: `active` as text, dotted and URN-qualified keys, capitalised operations
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
"""Attributes of the core and enterprise user schemas; all others are the customer's own."""
_SPELLED: Final = {name.casefold(): name for name in STANDARD}
_LISTS: Final = ("emails", "phoneNumbers")
_ONE: Final = frozenset({'typeeq"work"].value', "primaryeqtrue].value"})
"""Filters that select the one element that counts here."""


def flat(resource: Any) -> dict[str, Any]:
    """A user with its extensions' attributes beside the core's, one e-mail, one phone number, and the manager's id."""
    core: dict[str, Any] = {}
    extensions: dict[str, Any] = {}
    for key, value in record(resource).items():
        name = _name(key)
        if key.casefold().startswith("urn:") and isinstance(value, dict) and name not in STANDARD:
            extensions |= {_name(inner): _one(_name(inner), inner_value) for inner, inner_value in value.items()}
        else:
            core[name] = _one(name, value)
    return extensions | core


def _one(name: str, value: Any) -> Any:
    return _best(value) if name in _LISTS else _manager(value) if name == "manager" else value


def snapshot(resource: Any, options: SourceOptions) -> dict[str, Fact]:
    """The facts of a complete user; what it leaves out has no value."""
    user = flat(resource)
    attributes = others(user, STANDARD) | {
        name: fact(at(user, path)) for name, path in sorted(options.attributes.items())
    }
    if attributes.get("displayName", "") is None:
        parts = [text(at(user, path)) for path in ("name.givenName", "name.familyName")]
        attributes["displayName"] = text(at(user, "name.formatted")) or " ".join(part for part in parts if part) or None
    return attributes | ({"active": truth(attributes["active"])} if "active" in attributes else {})


def change(body: Any, options: SourceOptions) -> tuple[dict[str, Fact], bool]:
    """The facts that a PatchOp, or a part of a user, changes; and whether these are all.

    The effect of a PatchOp on an element of a list isn't always known without the list.
    """
    sent = {name.casefold(): value for name, value in record(body).items()}
    changed: dict[str, Any] = {}
    if "operations" not in sent:
        changed, complete = flat(body), True
    else:
        complete = False not in [_apply(changed, record(part)) for part in items(sent["operations"])]
    attributes = others(changed, STANDARD)
    for name, path in options.attributes.items():
        if any(part.strip().partition(".")[0] in changed for part in path.split("|")):
            attributes[name] = fact(at(changed, path))
    if "active" in attributes:
        attributes["active"] = truth(attributes["active"])
        if attributes["active"] is None:  # neither yes nor no
            del attributes["active"]
            complete = False
    return attributes, complete


def _apply(changed: dict[str, Any], operation: dict[str, Any]) -> bool:
    """One operation; false where its effect isn't known."""
    kind = (text(operation.get("op")) or "").casefold()
    path, value = text(operation.get("path")), operation.get("value")
    if kind not in ("add", "replace", "remove"):
        return False
    if path is not None:
        if kind == "remove" and value is not None:  # some senders name in this way what to remove from a list
            return False
        return _put(changed, path, value, kind)
    if kind == "remove" or not isinstance(value, dict):
        return False
    return False not in [_put(changed, key, item, kind) for key, item in value.items()]


def _put(changed: dict[str, Any], path: str, value: Any, kind: str) -> bool:
    target, bracket, condition = path.partition("[")
    name, _, part = _name(target).partition(".")
    name = _SPELLED.get(name.casefold(), name)
    if target.casefold().startswith("urn:") and name not in STANDARD and isinstance(value, dict):
        changed |= flat({target: value})
        return True
    if bracket:
        is_primary = kind != "remove" and condition.casefold().replace(" ", "") in _ONE
        if is_primary and name in _LISTS:
            changed[name] = text(value)
        return is_primary or name in STANDARD - {*_LISTS}
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
    pairs = [(text(record(item).get("value", item)), record(item)) for item in items(values)]
    usable = [(value, item) for value, item in pairs if value is not None]
    best = max(
        usable, key=lambda one: (truth(one[1].get("primary")) is True, one[1].get("type") == "work"), default=None
    )
    return None if best is None else best[0]


def _manager(value: Any) -> str | None:
    """The manager's id; some senders have a list, some only the id."""
    first = next(iter(items(value)), None)
    return text(record(first).get("value", first))

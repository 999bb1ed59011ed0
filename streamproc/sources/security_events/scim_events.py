"""SCIM users and PATCH bodies as others send them (RFC 7643, RFC 7644), as one flat resource.

Attribute names mean the same in any case (RFC 7643 §2.1), and attributes of extensions lie beside the core's. Entra's
deviations are accepted: `active` as text, dotted and URN-qualified keys, capitalised operations
(learn.microsoft.com, "application-provisioning-config-problem-scim-compatibility").
"""

import re
from typing import Any, Final

from streamproc.sources.lenient_json import at, items, json_text, record, text, truth
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import Reading, add_others, full_name, read_all, read_named, single
from streamproc.sources.values.statuses import status
from streamproc.sources.values.unread import UNREAD

STANDARD: Final = frozenset([
    "schemas", "id", "externalId", "meta", "userName", "name", "displayName", "nickName", "profileUrl", "title",
    "userType", "preferredLanguage", "locale", "timezone", "active", "password", "emails", "phoneNumbers", "ims",
    "photos", "addresses", "groups", "entitlements", "roles", "x509Certificates", "employeeNumber", "costCenter",
    "organization", "division", "department", "manager",
])  # fmt: skip
"""Attributes of the core and enterprise user schemas; all others are the customer's own."""
_SPELLED: Final = {name.casefold(): name for name in STANDARD}
_PATH: Final = re.compile(r"/?[A-Za-z]")
"""What a path begins with: the name of an attribute (RFC 7643 §2.1) or a URN; or `/`, from JSON Patch."""
_NAME: Final = ("givenName", "familyName")
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


def is_user(resource: Any) -> bool:
    """Whether it says anything of a user: an answer that is an error isn't one in whom everything is left out."""
    return not (STANDARD - {"schemas", "id", "meta"}).isdisjoint(flat(resource))


def _one(name: str, value: Any) -> Any:
    return _best(value) if name in _LISTS else _manager(value) if name == "manager" else value


def snapshot(resource: Any, options: SourceOptions, *, created: bool) -> Reading:
    """What a complete user says; what it leaves out has no value, but for `active`.

    Whoever was made without a word on `active` is active; of others what was known stays.
    """
    user = flat(resource)
    reading = read_all(user, options)
    _add_active(reading, user, options)
    if reading.facts.get("active") is None and "active" in options.attributes:
        if created and "active" not in reading.unread:
            reading.facts["active"] = True
        else:
            reading.facts.pop("active", None)
    add_others(reading, user, STANDARD)
    if reading.facts.get("displayName", "") is None:
        formatted = text(at(user, "name.formatted"))
        reading.facts["displayName"] = formatted or full_name(*(at(user, f"name.{part}") for part in _NAME))
    return reading


def change(body: Any, options: SourceOptions) -> tuple[Reading, list[str | None]]:
    """What a PatchOp, or a part of a user, changes; and the paths of operations whose effect isn't known.

    That of an operation on an element of a list often isn't without the list. None: it has no path.
    """
    sent = {name.casefold(): value for name, value in record(json_text(body)).items()}
    changed: dict[str, Any] = {}
    unknown: list[str | None] = []
    if "operations" not in sent:
        changed = flat(json_text(body))
    else:
        for part in items(json_text(sent["operations"])):
            operation = {name.casefold(): value for name, value in record(part).items()}
            if not _apply(changed, operation):
                unknown.append(text(operation.get("path")))
    reading = read_named(changed, options)
    _add_active(reading, changed, options)
    add_others(reading, changed, STANDARD)
    if reading.facts.get("active", "") is None:  # taken away, which is neither yes nor no
        del reading.facts["active"]
        reading.unread["active"] = "status"
    return reading, unknown


def _add_active(reading: Reading, user: dict[str, Any], options: SourceOptions) -> None:
    """`active`, also as the element of a list or under `value`, as some senders have it."""
    path = options.attributes.get("active", "")
    if not any(part.strip().partition(".")[0] in user for part in path.split("|")):
        return
    value = single(at(user, path))
    if isinstance(value, dict):
        value = single({name.casefold(): each for name, each in value.items()}.get("value", value))
    reading.take("active", status(value, options.active, options.inactive), "status")


def _apply(changed: dict[str, Any], operation: dict[str, Any]) -> bool:
    """One operation; false where its effect isn't known."""
    kind = (text(operation.get("op")) or "").casefold()
    path, value = text(operation.get("path")), json_text(operation.get("value"))
    if operation.get("path") not in (None, "") and _PATH.match(path or "") is None:
        return False
    if path is not None and not path[1:].count("/"):
        path = path.removeprefix("/")  # of JSON Patch (RFC 6902), where somebody has mixed them up
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
    if name == "active" and (bracket or part):
        return False
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


def _best(values: Any) -> Any:
    """The primary one of several, else the one at work, else the first; UNREAD: there are some, and none is text."""
    elements = [
        {name.casefold(): value for name, value in item.items()} if isinstance(item, dict) else {"value": item}
        for item in items(values)
    ]
    usable = [element for element in elements if text(element.get("value")) is not None]
    if not usable:
        return UNREAD if any(element.get("value", element) not in (None, "") for element in elements) else None
    best = max(
        usable, key=lambda one: (truth(one.get("primary")) is True, (text(one.get("type")) or "").casefold() == "work")
    )
    return text(best["value"])


def _manager(value: Any) -> Any:
    """The manager's id; some senders have a list, some only the id. UNREAD: there is one without an id."""
    first = next(iter(items(value)), None)
    if not isinstance(first, dict):
        return first
    return {name.casefold(): each for name, each in first.items()}.get("value", UNREAD if first else None)

"""Validation: one value of one attribute, checked against the table in `schema` and the organisation.

Stored form: a flat dict by attribute name. A multi-valued attribute is a dict from its elements' key to the element, so
that equality ignores order, and an unassigned attribute is absent (RFC 7643 §2.5: null, [] and absent are one).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

from streamproc.simulator import defaults
from streamproc.simulator.errors import ScimError
from streamproc.simulator.options import SimulatorOptions
from streamproc.simulator.schema import SCIM_AUTHORITY, Attribute, Kind

Attrs = dict[str, Any]

# "value (E.164 or `tel:+n;ext=x`)" in the SDK's phone number model.
_PHONE = re.compile(r"(tel:)?\+[1-9]\d{1,14}(;ext=\d+)?")

_IGNORED_IN_BODIES = frozenset({"id", "meta", "schemas"})


@dataclass(frozen=True, slots=True)
class Rules:
    """The organisation's names and switches, as the checks need them."""

    options: SimulatorOptions
    user_exists: Callable[[str], bool]


def pairs(kind: Kind, body: Mapping[str, Any], *, dotted: bool) -> list[tuple[Attribute, Any]]:
    """The attributes in a resource body. `dotted` also allows full-URN keys, as IdPs send in no-path PATCHes."""
    pairs_: list[tuple[Attribute, Any]] = []
    for name, value in body.items():
        urn, attribute = kind.by_name.get(name.lower(), (None, None))
        if attribute is not None and urn == kind.core:
            pairs_.append((attribute, value))
        elif name in kind.schemas:
            if not isinstance(value, dict):
                raise ScimError("invalidValue", f"{name} must be an object")
            for inner, inner_value in value.items():
                urn, attribute = kind.by_name.get(inner.lower(), (None, None))
                if attribute is None or urn != name:
                    raise ScimError("invalidSyntax", f"{name} has no attribute {inner}")
                pairs_.append((attribute, inner_value))
        elif dotted and (split := name.rpartition(":"))[0] in kind.schemas:
            urn, attribute = kind.by_name.get(split[2].lower(), (None, None))
            if attribute is None or urn != split[0]:
                raise ScimError("invalidPath", f"{split[0]} has no attribute {split[2]}")
            pairs_.append((attribute, value))
        elif name not in _IGNORED_IN_BODIES:
            raise ScimError("invalidSyntax", f"{kind.name} has no attribute {name}")
    # The email of type other must equal userName, so userName has to be known first.
    return sorted(pairs_, key=lambda pair: pair[0].name != "userName")


def assign(attrs: Attrs, attribute: Attribute, value: Any, rules: Rules) -> None:
    """Give `attribute` this whole value; None unassigns it."""
    name = attribute.name
    if attribute.mutability == "readOnly":
        if rules.options.user_groups_write == "ignore":
            return
        raise ScimError("mutability", f"{name} is read-only; change the members of the group")
    checked = None if value is None else normalise(attribute, value, rules)
    if name == "emails" and checked:
        checked = _without_login(attrs, checked)
    elif name == "externalIds" and checked:
        checked = _without_scim_authority(attrs, checked)
    elif name == "division" and checked is None:
        checked = defaults.HOME_DIVISION
    if checked is None or checked == {} or (attribute.required and checked == ""):
        if attribute.required or name == "active":
            raise ScimError("invalidValue", f"{name} must have a value")
        attrs.pop(name, None)
    else:
        attrs[name] = checked


def normalise(attribute: Attribute, value: Any, rules: Rules) -> Any:
    if not attribute.multi:
        return _single(attribute, value, rules)
    if not isinstance(value, list):
        raise ScimError("invalidValue", f"{attribute.name} must be an array")
    elements: dict[str, Any] = {}
    for item in value:
        element = _single(attribute, item, rules)
        if element is None:
            continue
        key = element[attribute.key]
        if elements.setdefault(key, element) != element:
            raise ScimError("invalidValue", f"{attribute.name} has two elements with {attribute.key} {key!r}")
    check_limit(attribute, elements)
    return elements


def check_limit(attribute: Attribute, elements: Mapping[str, Any]) -> None:
    if attribute.limit and len(elements) > attribute.limit:
        raise ScimError("invalidValue", f"{attribute.name} may have at most {attribute.limit} elements")


def _single(attribute: Attribute, value: Any, rules: Rules) -> Any:
    if attribute.kind == "complex":
        if not isinstance(value, dict):
            what = "every element" if attribute.multi else "the value"
            raise ScimError("invalidValue", f"{attribute.name}: {what} must be an object")
        value = _element(attribute, value, rules)
    elif attribute.kind == "boolean":
        if rules.options.string_booleans and isinstance(value, str) and value.lower() in ("true", "false"):
            value = value.lower() == "true"
        if not isinstance(value, bool):
            raise ScimError("invalidValue", f"{attribute.name} must be a boolean")
    elif attribute.kind == "decimal":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ScimError("invalidValue", f"{attribute.name} must be a number")
        value = float(value)
    elif not isinstance(value, str):
        raise ScimError("invalidValue", f"{attribute.name} must be a string")
    check = _CHECKS.get(attribute.name)
    return check(attribute, value, rules) if check else value


def _element(attribute: Attribute, value: Mapping[str, Any], rules: Rules) -> dict[str, Any]:
    """The known parts of one element; unknown ones are ignored, as the vendor's field mapping page says."""
    parts = {name.lower(): part for name, part in value.items()}
    element: dict[str, Any] = {}
    for part in attribute.parts:
        inner = parts.get(part.name.lower())
        if inner is None:
            if part.required:
                raise ScimError("invalidValue", f"{attribute.name}: {part.name} is missing")
            continue
        if part.mutability == "readOnly":
            continue
        if part.canonical and inner not in part.canonical:
            raise ScimError("invalidValue", f"{attribute.name}: {part.name} {inner!r} is not supported")
        element[part.name] = _single(part, inner, rules)
    return element


def _without_login(attrs: Attrs, emails: dict[str, Any]) -> dict[str, Any]:
    other = emails.pop("other", None)
    if other is not None and other["value"].lower() != str(attrs.get("userName")).lower():
        raise ScimError("mutability", "emails of type other are immutable: they equal userName")
    return emails


def _without_scim_authority(attrs: Attrs, external_ids: dict[str, Any]) -> dict[str, Any]:
    others = {}
    for authority, element in external_ids.items():
        if not authority.startswith(SCIM_AUTHORITY):
            others[authority] = element
        elif element["value"] != attrs.get("externalId"):
            raise ScimError("mutability", f"externalIds of authority {authority} are immutable; write externalId")
    return others


def _configured(attribute: Attribute, name: str, configured: tuple[str, ...], rules: Rules) -> bool:
    if name in configured:
        return True
    if rules.options.unknown_names == "ignore":
        return False
    raise ScimError("invalidValue", f"{attribute.name}: {name!r} is not configured in this organization")


def _rating(attribute: Attribute, value: Any, rules: Rules) -> Any:
    options = rules.options
    configured = options.skills if attribute.name == "routingSkills" else options.languages
    proficiency = value.setdefault("proficiency", 0.0)
    if not 0.0 <= proficiency <= 5.0:
        detail = f"{attribute.name}: proficiency {proficiency} of {value['name']!r} is not within 0.0 and 5.0"
        raise ScimError("invalidValue", detail)
    return value if _configured(attribute, value["name"], configured, rules) else None


def _role(attribute: Attribute, value: Any, rules: Rules) -> Any:
    return value if _configured(attribute, value["value"], rules.options.roles, rules) else None


def _division(attribute: Attribute, value: Any, rules: Rules) -> Any:
    return value if _configured(attribute, value, rules.options.divisions, rules) else None


def _user(attribute: Attribute, value: Any, rules: Rules) -> Any:
    value.pop("type", None)
    if (attribute.multi or rules.options.manager_must_exist) and not rules.user_exists(value["value"]):
        raise ScimError("invalidValue", f"{attribute.name}: there is no user {value['value']}")
    return value


def _phone(attribute: Attribute, value: Any, _rules: Rules) -> Any:
    if not _PHONE.fullmatch(value["value"]):
        raise ScimError("invalidValue", f"{attribute.name}: the {value['type']} number is not E.164 or tel:")
    return value


def _email(attribute: Attribute, value: Any, _rules: Rules) -> Any:
    if "@" not in value["value"]:
        raise ScimError("invalidValue", f"{attribute.name}: the {value['type']} address is not an email address")
    return value


def _date(attribute: Attribute, value: Any, _rules: Rules) -> Any:
    """Accepts any ISO 8601 form and returns a date (vendor's field mapping page)."""
    try:
        return (date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value).date()).isoformat()
    except ValueError:
        raise ScimError("invalidValue", f"{attribute.name} is not an ISO 8601 date") from None


def _password(_attribute: Attribute, value: Any, _rules: Rules) -> Any:
    """Stores only enough to recognise a different one later."""
    return blake2b(value.encode(), digest_size=16).hexdigest()


_CHECKS: dict[str, Callable[[Attribute, Any, Rules], Any]] = {
    "routingSkills": _rating,
    "routingLanguages": _rating,
    "roles": _role,
    "division": _division,
    "manager": _user,
    "members": _user,
    "phoneNumbers": _phone,
    "emails": _email,
    "dateHire": _date,
    "password": _password,
}

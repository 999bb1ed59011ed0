"""The PATCH interpreter: RFC 7644 §3.5.2, narrowed to what Genesys documents.

Rule 1: an extension's attribute is addressed by its full URN; the bare name "does not work" (vendor forum, 2025-08).
Rule 2: add and replace of a whole multi-valued attribute merge by the elements' key, and replace the list.
Rule 3: element paths (`phoneNumbers[type eq "work"]`) select by the key, with `eq`, and nothing else.
Rule 4: replace of an element that is not there is noTarget (§3.5.2.3); add creates it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from streamproc.simulator.errors import ScimError
from streamproc.simulator.schema import SCIM_AUTHORITY, Attribute, Kind
from streamproc.simulator.values import Attrs, Rules, assign, check_limit, normalise, pairs

PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

_PATH = re.compile(
    r"(?:(?P<urn>urn:[^\[\]]+:2\.0:[A-Za-z]+):)?(?P<name>[$A-Za-z][$\w-]*)"
    r"(?:\[(?P<filter>.*)\])?(?:\.(?P<part>[$\w]+))?",
    re.IGNORECASE | re.DOTALL,
)
_SELECTION = re.compile(r'\s*(?P<name>\w+)\s+eq\s+(?P<value>"(?:[^"\\]|\\.)*")\s*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    attribute: Attribute
    element: str | None = None
    part: str | None = None


def apply(kind: Kind, attrs: Attrs, body: Any, rules: Rules) -> tuple[Attrs, ScimError | None]:
    """The attributes after the PATCH. An error is returned with them only where operations aren't atomic."""
    operations = _operations(body)
    done = dict(attrs)
    for operation in operations:
        working = dict(done)
        try:
            _operate(kind, working, operation, rules)
        except ScimError as error:
            if rules.options.atomic_patch:
                raise
            return done, error
        done = working
    return done, None


def _operations(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, dict):
        raise ScimError("invalidSyntax", "the body must be an object")
    schemas = body.get("schemas")
    if not isinstance(schemas, list) or PATCH_URN not in schemas:
        raise ScimError("invalidSyntax", f"schemas must contain {PATCH_URN}")
    operations = body.get("Operations")
    if not isinstance(operations, list) or not operations or not all(isinstance(item, dict) for item in operations):
        raise ScimError("invalidSyntax", "Operations must be a non-empty array of objects")
    return operations


def _operate(kind: Kind, attrs: Attrs, operation: dict[str, Any], rules: Rules) -> None:
    op = str(operation.get("op")).lower()
    if op not in ("add", "replace", "remove"):
        raise ScimError("invalidSyntax", f"op {operation.get('op')!r} is not add, replace or remove")
    if op != "remove" and "value" not in operation:
        raise ScimError("invalidValue", f"{op} needs a value")
    path = operation.get("path")
    value = operation.get("value")
    if path is None:
        if op == "remove":
            raise ScimError("noTarget", "remove needs a path")
        if not rules.options.no_path_patch:
            raise ScimError("invalidPath", f"{op} needs a path")
        if not isinstance(value, dict):
            raise ScimError("invalidValue", f"{op} without a path needs an object")
        for attribute, inner in pairs(kind, value, dotted=True):
            _whole(attrs, attribute, op, inner, rules)
        return
    if not isinstance(path, str):
        raise ScimError("invalidPath", "path must be a string")
    target = resolve(kind, path)
    if target.element is not None:
        typed = target.attribute.key in ("type", "authority")
        if not (rules.options.typed_paths if typed else target.attribute.confirmed or rules.options.element_paths):
            raise ScimError("invalidPath", f"elements of {target.attribute.name} cannot be addressed; replace the list")
        _element(attrs, target, op, value, rules)
    elif target.part is not None:
        _part(attrs, target, op, value, rules)
    else:
        _whole(attrs, target.attribute, op, value, rules)


@lru_cache(maxsize=4096)
def resolve(kind: Kind, path: str) -> Target:
    match = _PATH.fullmatch(path.strip())
    if not match:
        raise ScimError("invalidPath", f"{path!r} is not a path")
    urn, name = match["urn"] or kind.core, match["name"]
    if name.lower() in ("id", "meta", "schemas"):
        raise ScimError("mutability", f"{name} is read-only")
    home, attribute = kind.by_name.get(name.lower(), ("", None))
    if attribute is None or urn.lower() != home.lower():
        hint = f"; address it by its full URN, {home}:{attribute.name}" if attribute and not match["urn"] else ""
        raise ScimError("invalidPath", f"{urn} has no attribute {name}{hint}")
    parts = {part.name.lower(): part.name for part in attribute.parts}
    part = match["part"] and parts.get(match["part"].lower())
    if match["part"] and not part:
        raise ScimError("invalidPath", f"{attribute.name} has no sub-attribute {match['part']}")
    if match["filter"] is None:
        if part and attribute.multi:
            raise ScimError("invalidPath", f"{attribute.name}.{part} needs a filter that names the element")
        return Target(attribute, None, part)
    selection = _SELECTION.fullmatch(match["filter"])
    if not attribute.multi or not selection or selection["name"].lower() != attribute.key.lower():
        raise ScimError("invalidPath", f'{path!r}: only [{attribute.key or "-"} eq "..."] can select an element')
    try:
        return Target(attribute, orjson.loads(selection["value"]), part)
    except orjson.JSONDecodeError:
        raise ScimError("invalidPath", f"{path!r}: the filter's value is not a JSON string") from None


def _whole(attrs: Attrs, attribute: Attribute, op: str, value: Any, rules: Rules) -> None:
    if op == "remove" and value is not None and attribute.multi and attribute.mutability != "readOnly":
        _remove_listed(attrs, attribute, value, rules)
    elif op == "add" and attribute.multi and value is not None and attribute.mutability != "readOnly":
        stored = attrs.get(attribute.name, {})
        # Checked as a list of its own first, so that the merged list is never built from unchecked elements.
        assign(attrs, attribute, value, rules)
        keeps = rules.options.list_add == "merge" or attribute.name == "members"
        merged = {**(stored if keeps else {}), **attrs.get(attribute.name, {})}
        check_limit(attribute, merged)
        if merged:
            attrs[attribute.name] = merged
    else:
        assign(attrs, attribute, None if op == "remove" else value, rules)


def _remove_listed(attrs: Attrs, attribute: Attribute, value: Any, rules: Rules) -> None:
    """Entra's way to remove members; on users it is as unconfirmed as element paths are."""
    if attribute.name != "members" and not rules.options.element_paths:
        raise ScimError("invalidSyntax", f"remove of {attribute.name} takes no value")
    if not isinstance(value, list) or not all(isinstance(item, dict) and attribute.key in item for item in value):
        raise ScimError("invalidValue", f"{attribute.name} must be an array of objects with {attribute.key}")
    for item in value:
        _element(attrs, Target(attribute, item[attribute.key]), "remove", None, rules)


def _element(attrs: Attrs, target: Target, op: str, value: Any, rules: Rules) -> None:
    attribute, key = target.attribute, target.element
    assert key is not None
    if attribute.mutability == "readOnly":
        assign(attrs, attribute, [], rules)
        return
    if (attribute.name, key) == ("emails", "other") or key.startswith(SCIM_AUTHORITY):
        raise ScimError("mutability", f"{attribute.name} with {attribute.key} {key!r} is immutable")
    elements: dict[str, Any] = dict(attrs.get(attribute.name, {}))
    stored = elements.get(key)
    if stored is None and (op == "replace" or (op == "remove" and rules.options.remove_no_match == "noTarget")):
        raise ScimError("noTarget", f"no element of {attribute.name} has {attribute.key} {key!r}")
    required = {part.name for part in attribute.parts if part.required}
    if op == "remove" and (target.part is None or target.part in required):
        elements.pop(key, None)
    else:
        if target.part is not None:
            value = {target.part: None if op == "remove" else value}
        elif not isinstance(value, dict):
            raise ScimError("invalidValue", f"an element of {attribute.name} must be an object")
        base = stored if stored and (target.part or op == "add") else {}
        changed = normalise(attribute, [{**base, attribute.key: key, **value}], rules)
        if changed:
            elements.pop(key, None)
        elements.update(changed)
    check_limit(attribute, elements)
    if elements:
        attrs[attribute.name] = elements
    else:
        attrs.pop(attribute.name, None)


def _part(attrs: Attrs, target: Target, op: str, value: Any, rules: Rules) -> None:
    """A sub-attribute of a single complex attribute: `manager.value`."""
    assert target.part is not None
    if op == "remove" or value is None:
        assign(attrs, target.attribute, None, rules)
    else:
        assign(attrs, target.attribute, {**attrs.get(target.attribute.name, {}), target.part: value}, rules)

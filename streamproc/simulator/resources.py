"""One version of one user or group, and how it looks on the wire."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.simulator.errors import ScimError
from streamproc.simulator.schema import ENTERPRISE, GENESYS, SCIM_AUTHORITY, USER, Kind
from streamproc.simulator.values import Attrs

ROOT = "/api/v2/scim/v2"


@dataclass(slots=True, eq=False)
class Entry:
    """A value: every write makes a new one, so the lagging search index can keep the old ones."""

    kind: Kind
    id: str
    attrs: Attrs
    version: int
    modified: str
    state: str = "active"
    groups: tuple[str, ...] = ()
    _body: bytes | None = field(default=None, init=False)

    @property
    def etag(self) -> str:
        """Strong and an integer: `"56"` (vendor forum, thread 4986)."""
        return f'"{self.version}"'

    @property
    def location(self) -> str:
        return f"{ROOT}/{self.kind.endpoint}/{self.id}"

    @property
    def body(self) -> bytes:
        if self._body is None:
            # Copied to fit: orjson 3.13 keeps at least 4 KB behind every text, and the ledger keeps every version.
            self._body = bytes(memoryview(orjson.dumps(rendered(self))))
        return self._body


def rendered(entry: Entry) -> dict[str, Any]:
    attrs = entry.attrs
    schemas = [entry.kind.core]
    resource: dict[str, Any] = {"id": entry.id, "schemas": schemas}
    for urn, attributes in entry.kind.schemas.items():
        fields: dict[str, Any] = {}
        for attribute in attributes:
            name = attribute.name
            value = attrs.get(name)
            if value is not None and attribute.returned != "never":
                fields[name] = list(value.values()) if attribute.multi else value
        if urn == GENESYS and "externalId" in attrs:
            own = {"authority": SCIM_AUTHORITY, "value": attrs["externalId"]}
            fields["externalIds"] = [own, *fields.get("externalIds", ())]
        if urn == entry.kind.core:
            resource.update(fields)
        elif fields:
            schemas.append(urn)
            resource[urn] = fields
    if entry.kind is USER:
        _render_user(entry, resource)
    elif "members" in resource:
        resource["members"] = [
            {"type": "User", "value": member, "$ref": f"{ROOT}/users/{member}"} for member in attrs["members"]
        ]
    resource["meta"] = {
        "resourceType": entry.kind.name,
        "lastModified": entry.modified,
        "location": entry.location,
        "version": str(entry.version),
    }
    return resource


def _render_user(entry: Entry, resource: dict[str, Any]) -> None:
    emails = resource.get("emails", [])
    login = {"value": entry.attrs["userName"], "type": "other"}
    if not any(email.get("primary") for email in emails):
        login["primary"] = True
    resource["emails"] = [*emails, login]
    if entry.groups:
        resource["groups"] = [
            {"type": "Group", "value": group, "$ref": f"{ROOT}/groups/{group}"} for group in entry.groups
        ]
    if manager := entry.attrs.get("manager"):
        resource[ENTERPRISE]["manager"] = {**manager, "$ref": f"{ROOT}/users/{manager['value']}"}


class Projection:
    """`attributes` or `excludedAttributes` (RFC 7644 §3.9), limited to the names Genesys lists."""

    def __init__(self, kind: Kind, attributes: str | None, excluded: str | None) -> None:
        if attributes and excluded:
            raise ScimError("invalidValue", "attributes and excludedAttributes exclude each other")
        self.kind = kind
        self.including = bool(attributes)
        names = (attributes or excluded or "").split(",")
        self.targets = {self._target(name.strip()) for name in names if name.strip()}

    def __bool__(self) -> bool:
        return bool(self.targets)

    def covers(self, urn: str, name: str) -> bool:
        """Is this attribute returned?"""
        named = (urn, name, None) in self.targets or (urn, "", None) in self.targets
        return named if self.including else not named

    def of(self, entry: Entry) -> dict[str, Any]:
        resource = rendered(entry)
        always = self.kind.always
        if not self.including:
            for urn, name, part in self.targets:
                holder = resource if urn == self.kind.core else resource.get(urn, {})
                if name == "":
                    resource.pop(urn, None)
                elif part and isinstance(holder.get(name), dict):
                    holder[name] = {key: value for key, value in holder[name].items() if key != part}
                elif name not in always:
                    holder.pop(name, None)
            return resource
        selected = {(urn, name) for urn, name, _ in self.targets}
        projected = {
            name: value for name, value in resource.items() if name in always or (self.kind.core, name) in selected
        }
        for urn in self.kind.schemas:
            if urn in resource:
                inner = {
                    name: value
                    for name, value in resource[urn].items()
                    if (urn, name) in selected or (urn, "") in selected
                }
                if inner:
                    projected[urn] = inner
        return projected

    def _target(self, name: str) -> tuple[str, str, str | None]:
        core = self.kind.core
        if name in self.kind.schemas and name != core:
            return name, "", None
        for urn in self.kind.schemas:
            if name.startswith(f"{urn}:"):
                name, home = name[len(urn) + 1 :], urn
                break
        else:
            home = core
        head, _, part = name.partition(".")
        if head in ("id", "meta") and home == core:
            return core, head, part or None
        urn, attribute = self.kind.by_name.get(head.lower(), ("", None))
        if attribute is None or urn != home:
            raise ScimError("invalidValue", f"{name} is not an attribute that can be chosen")
        return home, attribute.name, part or None

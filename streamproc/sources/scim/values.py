"""A SCIM user as facts, under the names that other sources use.

Rule 1: a fact follows from what a client has written, never from what was only read at the target. So a fact is said
where one of the paths that a client wrote has to do with it, and then it has a value or none.
Rule 2: attributes of the core, the enterprise and the Genesys extension are facts by a table of paths, which options
may change; those of any other extension are facts under their whole path, `urn:acme:2.0:User:badge`.

RFC 7643 §4.1, §4.3; paths as RFC 7644 §3.10 has them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from streamproc.core.provider.event import attribute_of
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS, USER
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import Reading, any_value, full_name, value_of

DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={
        "userName": "userName",
        "displayName": "displayName|name.formatted",
        "givenName": "name.givenName",
        "familyName": "name.familyName",
        "email": "emails",
        "phone": 'phoneNumbers[type eq "work"]',
        "mobile": 'phoneNumbers[type eq "mobile"]',
        "phone2": 'phoneNumbers[type eq "work2"]',
        "phone3": 'phoneNumbers[type eq "work3"]',
        "phone4": 'phoneNumbers[type eq "work4"]',
        "homePhone": 'phoneNumbers[type eq "home"]',
        "otherPhone": 'phoneNumbers[type eq "other"]',
        "job": "title",
        "department": f"{ENTERPRISE}:department",
        "division": f"{ENTERPRISE}:division",
        "employeeNumber": f"{ENTERPRISE}:employeeNumber",
        "costCenter": f"{ENTERPRISE}:costCenter",
        "organization": f"{ENTERPRISE}:organization",
        "hireDate": f"{ENTERPRISE}:dateHire",
        "manager": f"{ENTERPRISE}:manager.value",
        "externalId": "externalId",
        "userType": "userType",
        "locale": "locale",
        "preferredLanguage": "preferredLanguage",
        "timezone": "timezone",
        "roles": "roles",
        "entitlements": "entitlements",
        "routingSkills": f"{GENESYS}:routingSkills",
        "routingLanguages": f"{GENESYS}:routingLanguages",
        "externalIds": f"{GENESYS}:externalIds",
    },
)
"""Several numbers, addresses or ids of one user: see `_value`. `active` is the fact of access, and always read."""

OURS: Final = frozenset({USER, ENTERPRISE, GENESYS})
"""Schemas whose attributes have facts by the table."""
_TYPE: Final = re.compile(r'\[\s*type\s+eq\s+"([^"]*)"\s*\]', re.IGNORECASE)
_NAME: Final = ("name.givenName", "name.familyName")
_ALL: Final = frozenset({"roles", "entitlements"})
"""Lists that are facts as a whole; of others one element counts."""
_LEVELS: Final = frozenset({"routingSkills", "routingLanguages"})


@dataclass(frozen=True, slots=True)
class Path:
    """`urn:…:User:manager.value`, `phoneNumbers[type eq "mobile"]`. `attribute`: with its URN. `type`, `sub`: "" where
    there is none.
    """

    attribute: str
    type: str
    sub: str

    def covers(self, other: "Path") -> bool:
        """Whether who writes this writes something of the other."""
        if self.attribute != other.attribute:
            return other.attribute.startswith(self.attribute + ":")  # a whole extension
        differ = (self.type and other.type and self.type != other.type) or (
            self.sub and other.sub and self.sub != other.sub and not other.type
        )
        return not differ


@lru_cache(maxsize=1024)
def path_of(written: str) -> Path:
    """A path as it is written in an event or in options."""
    attribute, type_ = attribute_of(written), _TYPE.search(written)
    rest = written.rpartition("]")[2] if "]" in written else written[len(attribute) :]
    return Path(attribute, type_[1].casefold() if type_ else "", rest.removeprefix("."))


def touched(written: Iterable[str], options: SourceOptions, *resources: dict[str, Any]) -> frozenset[str]:
    """Facts of which somebody spoke by writing these paths. `resources`: before and after, for what is in extensions
    that aren't ours.
    """
    paths = [path_of(each) for each in written]
    if not paths:
        return frozenset()
    found = {name for name in _own(*resources) if any(each.covers(path_of(name)) for each in paths)}
    found |= {each.attribute for each in paths if _is_own(each.attribute)}
    table = _table(tuple(options.attributes.items()))
    for path in paths:
        beneath = [name for name in table if name.startswith(path.attribute + ":")] if ":" in path.attribute else []
        for attribute in (path.attribute, *beneath):
            found |= {fact for fact, each in table.get(attribute, ()) if path.covers(each)}
    if any(path.attribute == "active" for path in paths):
        found.add("active")
    return frozenset(found - {urn for each in resources for urn in each if ":" in urn})


def read(attributes: dict[str, Any], names: Iterable[str], options: SourceOptions) -> Reading:
    """These facts of a user, each with None where it has no value; but no `active` says nothing."""
    reading = Reading()
    for name in sorted(names):
        if name == "active":
            if isinstance(active := attributes.get("active"), bool):
                reading.facts["active"] = active
        elif name in options.attributes:
            reading.take(name, *value_of(name, _first(attributes, options.attributes[name]), options))
            if name == "displayName" and reading.facts.get(name, "") is None:
                reading.facts[name] = full_name(*(_value(attributes, path_of(each)) for each in _NAME))
        else:
            urn, _, last = name.rpartition(":")
            reading.take(name, any_value(attributes.get(urn, {}).get(last)), "value")
    return reading


@lru_cache(maxsize=16)
def _table(attributes: tuple[tuple[str, str], ...]) -> dict[str, list[tuple[str, Path]]]:
    """By attribute, the facts that are read of it, and the path of each."""
    table: dict[str, list[tuple[str, Path]]] = {}
    for fact, text in attributes:
        for written in (*text.split("|"), *(_NAME if fact == "displayName" else ())):
            path = path_of(written.strip())
            table.setdefault(path.attribute, []).append((fact, path))
    return table


def _own(*resources: dict[str, Any]) -> Iterator[str]:
    """Facts of extensions that aren't ours."""
    for each in resources:
        for urn, block in each.items():
            if ":" in urn and urn not in OURS and isinstance(block, dict):
                yield from (f"{urn}:{name}" for name in block)


def _is_own(attribute: str) -> bool:
    urn = attribute.rpartition(":")[0]
    return bool(urn) and urn not in OURS and attribute not in OURS


def _first(attributes: dict[str, Any], text: str) -> Any:
    values = (_value(attributes, path_of(each.strip())) for each in text.split("|"))
    return next((value for value in values if value not in (None, "", [], {})), None)


def _value(attributes: dict[str, Any], path: Path) -> Any:
    """Of a list: all values of roles and entitlements, names with their levels, ids by their authority; of others the
    primary element, else the one of work, else the first. A number without a type is one of work.
    """
    urn, _, name = path.attribute.rpartition(":")
    value = (attributes.get(urn) or {}).get(name) if urn else attributes.get(name)
    if isinstance(value, dict):
        return value.get(path.sub or ("formatted" if name == "name" else "value"))
    if not isinstance(value, list):
        return value
    elements = [each if isinstance(each, dict) else {"value": each} for each in value]
    if name in _LEVELS:
        levels = {each["name"]: each.get("proficiency") for each in elements if each.get("name")}
        return levels if levels and None not in levels.values() else _said(levels)
    if name == "externalIds":
        return {each["authority"]: each.get("value") for each in elements if each.get("authority")}
    if path.type:
        elements = [each for each in elements if str(each.get("type") or "work").casefold() == path.type]
    if name in _ALL:
        return [each["value"] for each in elements if each.get("value") is not None]
    by_use = sorted(elements, key=lambda each: (each.get("primary") is not True, each.get("type") != "work"))
    return by_use[0].get(path.sub or "value") if by_use else None


def _said(levels: dict[str, Any]) -> list[str]:
    """Names, some without a level, as the mapping reads them."""
    return [name if level is None else f"{name}:{level}" for name, level in levels.items()]

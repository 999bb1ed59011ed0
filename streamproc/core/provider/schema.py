"""Schema: which attributes a resource has and what holds of each, as data (RFC 7643 §2 and §7).

The tables are in `user_attributes.py` and `resource_types.py`. Attribute names and URNs are found in any case
(RFC 7643 §2.1). In a resource they have the one spelling of the tables, and an extension is an object under its URN:

    {"userName": "a@example.com", "emails": [{"value": …, "type": "work"}], "urn:…:enterprise:2.0:User": {…}}

That is a resource throughout this package: without `schemas`, `id` and `meta`, a group also without `members`, and
nothing in it is null or empty, which is the same as absent (RFC 7643 §2.5).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]
Type: TypeAlias = Literal[
    "string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"
]  # RFC 7643 §2.3


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """An attribute, or a sub-attribute of one, and its characteristics (RFC 7643 §7), with their defaults."""

    name: str
    type: Type = "string"
    multi_valued: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: Literal["readOnly", "readWrite", "immutable", "writeOnly"] = "readWrite"
    returned: Literal["always", "never", "default", "request"] = "default"
    uniqueness: Literal["none", "server", "global"] = "none"
    description: str = ""
    canonical_values: tuple[str, ...] = ()
    reference_types: tuple[str, ...] = ()
    sub_attributes: Mapping[str, "Attribute"] = field(default_factory=dict)
    """By lower-case name; of what isn't complex, none."""
    scalar: str = ""
    """The sub-attribute that a bare value stands for: a manager who is only an id. Empty: there is none."""
    identity: tuple[str, ...] = ()
    """Sub-attributes that tell one element from another: two with the same are one. Empty: all of them do."""

    def sub(self, name: str) -> "Attribute | None":
        """The sub-attribute of this name, in any case."""
        return self.sub_attributes.get(name.lower())


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """A schema (RFC 7643 §7)."""

    urn: str
    name: str
    description: str
    attributes: Mapping[str, Attribute]
    """By lower-case name."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where an attribute is: what an attribute path names (RFC 7644 §3.10)."""

    urn: str
    """Of the extension; empty: of the resource itself."""
    attribute: Attribute
    sub: Attribute | None = None

    @property
    def path(self) -> str:
        """The path, spelled as in the tables: `name.familyName`, `urn:…:User:department`."""
        name = self.attribute.name if self.sub is None else f"{self.attribute.name}.{self.sub.name}"
        return f"{self.urn}:{name}" if self.urn else name

    @property
    def leaf(self) -> Attribute:
        """What the path's last name names."""
        return self.sub or self.attribute


@dataclass(frozen=True, slots=True, eq=False)
class ResourceType:
    """A kind of resource (RFC 7643 §6), and what it may hold."""

    name: Literal["User", "Group"]
    endpoint: str
    """Below the base URL: `/Users`."""
    description: str
    schema: Schema
    extensions: Mapping[str, Schema] = field(default_factory=dict)
    """By lower-case URN."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other URNs that clients use for these, in lower case, to ours in lower case."""

    def namespace(self, urn: str) -> Schema | None:
        """The schema of this URN, in any case, or by an older one. None: it isn't of this kind of resource."""
        lower = urn.lower()
        lower = self.aliases.get(lower, lower)
        return self.schema if lower == self.schema.urn.lower() else self.extensions.get(lower)

    def find(self, urn: str, name: str, sub: str = "") -> Target | None:
        """The attribute, or sub-attribute, that these name in any case; `urn` empty or the core schema's: of the
        resource itself. None: no such attribute.
        """
        schema = self.schema if not urn else self.namespace(urn)
        if schema is None:
            return None
        attribute = schema.attributes.get(name.lower())
        if attribute is None and schema is self.schema:
            attribute = COMMON.get(name.lower())
        if attribute is None:
            return None
        home = "" if schema is self.schema else schema.urn
        if not sub:
            return Target(home, attribute)
        below = attribute.sub_attributes.get(sub.lower())
        return None if below is None else Target(home, attribute, below)

    def split(self, path: str) -> tuple[str, str] | None:
        """A path that begins with one of our URNs: that URN as in the tables, and the rest, which is empty where the
        whole schema is meant. None: it begins with none. Some clients put a dot where a colon belongs.
        """
        lower = path.lower()
        for known in (self.schema.urn.lower(), *self.extensions, *self.aliases):
            if lower.startswith(known) and lower[len(known) : len(known) + 1] in {"", ":", "."}:
                schema = self.namespace(known)
                assert schema is not None
                return schema.urn, path[len(known) + 1 :]
        return None

    def locate(self, path: str) -> "Target | Schema | None":
        """What a path without brackets names: an attribute, or a schema as a whole. None: nothing that is known.

        An attribute of an extension is found by its name alone, too: filters of Genesys Cloud name them so.
        """
        named = self.split(path) if path[:4].lower() == "urn:" else ("", path)
        if named is None:
            return None
        urn, rest = named
        if urn and not rest:
            return self.namespace(urn)
        name, _, sub = rest.partition(".")
        found = self.find(urn, name, sub)
        if found is not None or urn:
            return found
        return next(filter(None, (self.find(each, name, sub) for each in self.extensions)), None)

    def with_extension(self, extension: Schema) -> "ResourceType":
        """The same with a further extension, as a connection may have: its attributes are stored as well."""
        return ResourceType(
            self.name,
            self.endpoint,
            self.description,
            self.schema,
            {**self.extensions, extension.urn.lower(): extension},
            self.aliases,
        )


def by_name(attributes: Iterable[Attribute]) -> dict[str, Attribute]:
    """As `Schema.attributes` and `Attribute.sub_attributes` have them."""
    return {each.name.lower(): each for each in attributes}


COMMON: Final = by_name(
    [
        Attribute("schemas", "reference", multi_valued=True, mutability="readOnly", returned="always"),
        Attribute("id", case_exact=True, mutability="readOnly", returned="always", uniqueness="server"),
        Attribute("externalId", case_exact=True),
        Attribute(
            "meta",
            "complex",
            mutability="readOnly",
            sub_attributes=by_name(
                [
                    Attribute("resourceType", case_exact=True, mutability="readOnly"),
                    Attribute("created", "dateTime", mutability="readOnly"),
                    Attribute("lastModified", "dateTime", mutability="readOnly"),
                    Attribute("location", "reference", case_exact=True, mutability="readOnly"),
                    Attribute("version", case_exact=True, mutability="readOnly"),
                ]
            ),
        ),
    ]
)
"""What all resources have (RFC 7643 §3.1). `schemas` follows from what a resource has, so nobody sets it."""

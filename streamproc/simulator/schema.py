"""The attributes of Genesys's SCIM users and groups, as a table.

The discovery documents print this table; `values` and `patch` interpret it (RFC 7643 §7).
Attribute names are unique across a resource's schemas, so state is kept flat, by attribute name.
"""

from dataclasses import dataclass, field

CORE_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
CORE_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GENESYS = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"

# The authority under which Genesys shows externalId among externalIds; nobody can write it there.
SCIM_AUTHORITY = "x-pc:scimv2:v1"


@dataclass(frozen=True, slots=True)
class Attribute:
    name: str
    kind: str = "string"
    description: str = ""
    multi: bool = False
    required: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    uniqueness: str = "none"
    exact: bool = False
    canonical: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    parts: tuple["Attribute", ...] = ()
    key: str = ""  # the part that tells elements apart
    confirmed: bool = True  # is `attribute[key eq "x"]` documented for it?
    limit: int = 0  # most elements allowed


@dataclass(frozen=True, eq=False)
class Kind:
    """A resource type: its name, its endpoint, its schemas in order."""

    name: str
    endpoint: str
    schemas: dict[str, tuple[Attribute, ...]]
    always: frozenset[str]
    by_name: dict[str, tuple[str, Attribute]] = field(init=False)

    def __post_init__(self) -> None:
        table = {a.name.lower(): (urn, a) for urn, attributes in self.schemas.items() for a in attributes}
        object.__setattr__(self, "by_name", table)

    @property
    def core(self) -> str:
        return next(iter(self.schemas))


def _typed_values(types: tuple[str, ...]) -> tuple[Attribute, ...]:
    return (
        Attribute("value", required=True),
        Attribute("type", required=True, canonical=types),
        Attribute("primary", "boolean"),
    )


def _ratings(what: str) -> tuple[Attribute, ...]:
    return (
        Attribute("name", description=f"A {what} configured in Genesys Cloud.", required=True, exact=True),
        Attribute("proficiency", "decimal", "0.0 to 5.0."),
    )


def _references(to: str) -> tuple[Attribute, ...]:
    return (
        Attribute("value", required=True, exact=True),
        Attribute("type", canonical=(to,)),
        Attribute("$ref", "reference", reference=(to,), mutability="readOnly"),
    )


PHONE_TYPES = (
    *("work", "work2", "work3", "work4", "home", "mobile", "other"),
    *("microsoftteams", "zoomphone", "eightbyeight", "ringcentral"),
)

USER = Kind(
    name="User",
    endpoint="users",
    always=frozenset({"id", "userName", "active", "meta", "schemas"}),
    schemas={
        CORE_USER: (
            Attribute("userName", description="The login email.", required=True, uniqueness="server"),
            Attribute("displayName", required=True),
            Attribute("active", "boolean"),
            Attribute("password", mutability="writeOnly", returned="never"),
            Attribute("title"),
            Attribute("phoneNumbers", "complex", multi=True, key="type", parts=_typed_values(PHONE_TYPES)),
            Attribute("emails", "complex", multi=True, key="type", parts=_typed_values(("work", "other"))),
            Attribute("externalId", exact=True),
            Attribute("groups", "complex", multi=True, key="value", mutability="readOnly", parts=_references("Group")),
            Attribute(
                "roles",
                "complex",
                "Names of roles.",
                multi=True,
                key="value",
                confirmed=False,
                parts=(Attribute("value", required=True, exact=True),),
            ),
        ),
        ENTERPRISE: (
            Attribute("division", description="The division's name."),
            Attribute("department"),
            Attribute("manager", "complex", parts=_references("User")),
            Attribute("employeeNumber"),
            Attribute("dateHire", description="yyyy-mm-dd"),
        ),
        GENESYS: (
            Attribute(
                "routingSkills", "complex", multi=True, key="name", confirmed=False, limit=50, parts=_ratings("skill")
            ),
            Attribute(
                "routingLanguages",
                "complex",
                multi=True,
                key="name",
                confirmed=False,
                limit=50,
                parts=_ratings("language"),
            ),
            Attribute(
                "externalIds",
                "complex",
                multi=True,
                key="authority",
                limit=100,
                parts=(
                    Attribute("authority", required=True, exact=True),
                    Attribute("value", required=True, exact=True),
                ),
            ),
        ),
    },
)

GROUP = Kind(
    name="Group",
    endpoint="groups",
    always=frozenset({"id", "meta", "schemas"}),
    schemas={
        CORE_GROUP: (
            Attribute("displayName", required=True),
            Attribute("externalId", exact=True),
            Attribute("members", "complex", multi=True, key="value", parts=_references("User")),
        ),
    },
)

KINDS = {kind.endpoint: kind for kind in (USER, GROUP)}

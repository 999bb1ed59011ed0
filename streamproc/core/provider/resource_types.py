"""The kinds of resources that are served: users and groups (RFC 7643 §4, §6)."""

from typing import Final

from streamproc.core.provider.schema import Attribute, ResourceType, Schema, by_name
from streamproc.core.provider.user_attributes import ENTERPRISE_SCHEMA, GENESYS_SCHEMA, USER_SCHEMA

GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"

GROUP_SCHEMA: Final = Schema(
    GROUP,
    "Group",
    "Group",
    by_name(
        [
            Attribute("displayName", required=True, uniqueness="server", description="The name; one group has it"),
            Attribute(
                "members",
                "complex",
                multi_valued=True,
                description="The members, by id; each once",
                scalar="value",
                identity=("value",),
                sub_attributes=by_name(
                    [
                        Attribute("value", case_exact=True, mutability="immutable"),
                        Attribute("$ref", "reference", mutability="readOnly", reference_types=("User", "Group")),
                        Attribute("type", mutability="readOnly", canonical_values=("User", "Group")),
                        Attribute("display", mutability="readOnly"),
                    ]
                ),
            ),
        ]
    ),
)
"""RFC 7643 §4.2. There a client writes `$ref` and `type`; here they follow from whose id it is."""

USERS: Final = ResourceType(
    "User",
    "/Users",
    "User Account",
    USER_SCHEMA,
    {each.urn.lower(): each for each in (ENTERPRISE_SCHEMA, GENESYS_SCHEMA)},
    {
        "urn:scim:schemas:core:2.0:user": USER_SCHEMA.urn.lower(),
        "urn:scim:schemas:core:2.0": USER_SCHEMA.urn.lower(),
        "urn:scim:schemas:core:1.0": USER_SCHEMA.urn.lower(),
        "urn:scim:schemas:extension:enterprise:2.0:user": ENTERPRISE_SCHEMA.urn.lower(),
        "urn:scim:schemas:extension:enterprise:2.0": ENTERPRISE_SCHEMA.urn.lower(),
        "urn:scim:schemas:extension:enterprise:1.0": ENTERPRISE_SCHEMA.urn.lower(),
    },
)
"""Other URNs are SCIM 1.1's, and OneLogin's and Google's, from before there was an RFC. The longer come first: they are
looked for at the beginning of a path."""

GROUPS: Final = ResourceType(
    "Group",
    "/Groups",
    "Group",
    GROUP_SCHEMA,
    aliases={
        "urn:scim:schemas:core:2.0:group": GROUP.lower(),
        "urn:scim:schemas:core:2.0": GROUP.lower(),
        "urn:scim:schemas:core:1.0": GROUP.lower(),
    },
)

RESOURCE_TYPES: Final = {each.name: each for each in (USERS, GROUPS)}

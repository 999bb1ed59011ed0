"""The attributes of a user: RFC 7643 §4.1 and §4.3, and the extension of Genesys Cloud.

`password` is only announced, since some clients make their own user of what `/Schemas` has (Canaille), and can't leave
it out. It is dropped before anything looks at it.
"""

from typing import Final, Literal

from streamproc.core.provider.schema import Attribute, Schema, by_name
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS, USER


def _labelled(
    name: str,
    description: str,
    *types: str,
    value: Literal["string", "reference", "binary"] = "string",
    case_exact: bool = False,
    identity: tuple[str, ...] = ("value", "type"),
) -> Attribute:
    """A list whose elements are a value and what is said of it (RFC 7643 §2.4)."""
    external = ("external",) if value == "reference" else ()
    return Attribute(
        name,
        "complex",
        multi_valued=True,
        description=description,
        scalar="value",
        identity=identity,
        sub_attributes=by_name(
            [
                Attribute("value", value, case_exact=case_exact, reference_types=external),
                Attribute("display"),
                Attribute("type", canonical_values=types),
                Attribute("primary", "boolean"),
            ]
        ),
    )


_NAME: Final = Attribute(
    "name",
    "complex",
    description="The components of the user's name",
    scalar="formatted",
    sub_attributes=by_name(
        Attribute(each)
        for each in ("formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")
    ),
)
_ADDRESSES: Final = Attribute(
    "addresses",
    "complex",
    multi_valued=True,
    description="Postal addresses",
    scalar="formatted",
    sub_attributes=by_name(
        [
            *map(Attribute, ("formatted", "streetAddress", "locality", "region", "postalCode", "country")),
            Attribute("type", canonical_values=("work", "home", "other")),
            Attribute("primary", "boolean"),
        ]
    ),
)
_GROUPS: Final = Attribute(
    "groups",
    "complex",
    multi_valued=True,
    mutability="readOnly",
    description="The groups that the user is a member of; they are changed through /Groups",
    identity=("value",),
    sub_attributes=by_name(
        [
            Attribute("value", case_exact=True, mutability="readOnly"),
            Attribute("$ref", "reference", mutability="readOnly", reference_types=("Group",)),
            Attribute("display", mutability="readOnly"),
            Attribute("type", mutability="readOnly", canonical_values=("direct", "indirect")),
        ]
    ),
)
USER_SCHEMA: Final = Schema(
    USER,
    "User",
    "User Account",
    by_name(
        [
            Attribute("userName", required=True, uniqueness="server", description="The login; one user has it"),
            _NAME,
            Attribute("displayName", description="The name that others see"),
            Attribute("nickName"),
            Attribute("profileUrl", "reference", reference_types=("external",)),
            Attribute("title", description="The job"),
            Attribute("userType"),
            Attribute("preferredLanguage"),
            Attribute("locale"),
            Attribute("timezone"),
            Attribute("active", "boolean", description="Whether the user has access"),
            Attribute("password", mutability="writeOnly", returned="never", description="Dropped unread"),
            _labelled("emails", "E-mail addresses", "work", "home", "other"),
            _labelled(
                "phoneNumbers",
                "Telephone numbers",
                *("work", "work2", "work3", "work4", "home", "mobile", "fax", "pager", "other"),
                *("microsoftteams", "zoomphone", "eightbyeight", "ringcentral"),
            ),
            _labelled("ims", "Addresses for instant messages"),
            _labelled("photos", "URLs of photos", "photo", "thumbnail", value="reference", case_exact=True),
            _ADDRESSES,
            _GROUPS,
            _labelled("entitlements", "Entitlements", identity=("value",)),
            _labelled("roles", "Roles, by name", identity=("value",)),
            _labelled("x509Certificates", "Certificates", value="binary", case_exact=True),
        ]
    ),
)
"""RFC 7643 §4.1; types of telephone numbers as Genesys Cloud has them."""

ENTERPRISE_SCHEMA: Final = Schema(
    ENTERPRISE,
    "EnterpriseUser",
    "Enterprise User",
    by_name(
        [
            Attribute("employeeNumber"),
            Attribute("costCenter"),
            Attribute("organization"),
            Attribute("division"),
            Attribute("department"),
            Attribute(
                "manager",
                "complex",
                description="The user's manager, by id",
                scalar="value",
                sub_attributes=by_name(
                    [
                        Attribute("value"),
                        Attribute("$ref", "reference", reference_types=("User",)),
                        Attribute("displayName", mutability="readOnly"),
                    ]
                ),
            ),
            Attribute("dateHire", description="The day of hire, YYYY-MM-DD"),
        ]
    ),
)
"""RFC 7643 §4.3. `dateHire` is Genesys Cloud's, under this URN. No client sends a `$ref` with each manager, as §8.7.1
would have it, so none is asked for."""


def _levels(name: str, description: str) -> Attribute:
    return Attribute(
        name,
        "complex",
        multi_valued=True,
        description=description,
        scalar="name",
        identity=("name",),
        sub_attributes=by_name(
            [
                Attribute("name", required=True, case_exact=True),
                Attribute("proficiency", "decimal", description="0.0 to 5.0"),
            ]
        ),
    )


GENESYS_SCHEMA: Final = Schema(
    GENESYS,
    "GenesysUser",
    "Genesys Cloud User",
    by_name(
        [
            _levels("routingSkills", "Skills by which calls are routed"),
            _levels("routingLanguages", "Languages by which calls are routed"),
            Attribute(
                "externalIds",
                "complex",
                multi_valued=True,
                description="Ids by which other systems know the user",
                identity=("authority",),
                sub_attributes=by_name(
                    [
                        Attribute("authority", required=True, case_exact=True),
                        Attribute("value", required=True, case_exact=True),
                    ]
                ),
            ),
        ]
    ),
)
"""As Genesys Cloud's own SCIM has them: names of skills and languages, and an authority, are told by their case."""

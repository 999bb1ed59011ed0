"""The schemas as clients see them, and how attributes are found."""

import pytest
from scim2_models import EnterpriseUser, Group, ResourceType, Schema, User

from streamproc.core.provider import schema as ours
from streamproc.core.provider.normalise import normalise
from streamproc.core.provider.normalise_patch import normalise_patch
from streamproc.core.provider.patch import apply
from streamproc.core.provider.resource_types import GROUPS, RESOURCE_TYPES, USERS
from streamproc.core.provider.schema import Attribute, Target, by_name
from streamproc.core.provider.schema_document import resource_type_document, schema_document
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS, USER

OURS = [*USERS.extensions.values(), USERS.schema, GROUPS.schema]


@pytest.mark.parametrize("schema", OURS, ids=lambda each: each.name)
def test_others_can_read_a_schema(schema: ours.Schema) -> None:
    """What `/Schemas` shows is one to another implementation, which finds each attribute and its type in it."""
    document = schema_document(schema)
    read = Schema.model_validate(document)
    assert read.id == schema.urn
    again = read.model_dump()["attributes"]
    assert [each["name"] for each in again] == [each.name for each in schema.attributes.values()]
    assert [each["type"] for each in again] == [each.type for each in schema.attributes.values()]


@pytest.mark.parametrize(
    ("schema", "theirs", "more"),
    [
        (USERS.schema, User, set()),
        (USERS.extensions[ENTERPRISE.lower()], EnterpriseUser, {"dateHire"}),
        (GROUPS.schema, Group, set()),
    ],
    ids=["user", "enterprise", "group"],
)
def test_the_rfcs_attributes_are_all_there(schema: ours.Schema, theirs: type, more: set[str]) -> None:
    """A client that maps any attribute of RFC 7643 finds it, with the same form; and the password, which is dropped."""
    document = theirs.to_schema().model_dump()  # type: ignore[attr-defined]
    known = {each["name"]: each for each in document["attributes"]}
    names = {each.name for each in schema.attributes.values()}
    assert names == known.keys() | more
    for name, there in known.items():
        attribute = schema.attributes.get(name.lower())
        if attribute is not None:
            assert (attribute.type, attribute.multi_valued) == (there["type"], there["multiValued"])
            subs = {each.name for each in attribute.sub_attributes.values()}
            assert subs == {each["name"] for each in there.get("subAttributes", ())}


@pytest.mark.parametrize("kind", RESOURCE_TYPES.values(), ids=RESOURCE_TYPES)
def test_others_can_read_a_resource_type(kind: ours.ResourceType) -> None:
    """SailPoint and authentik ask for the kinds of resources before anything else, and can read them."""
    read = ResourceType.model_validate(resource_type_document(kind))
    assert (read.name, str(read.endpoint)) == (kind.name, kind.endpoint)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("username", "userName"),
        ("NAME.givenname", "name.givenName"),
        (f"{USER}:title", "title"),
        (f"{ENTERPRISE.upper()}:department", f"{ENTERPRISE}:department"),
        (f"{ENTERPRISE}.department", f"{ENTERPRISE}:department"),
        ("urn:scim:schemas:core:1.0:emails.value", "emails.value"),
        ("urn:scim:schemas:core:2.0:User:title", "title"),
        ("urn:scim:schemas:extension:enterprise:1.0:manager", f"{ENTERPRISE}:manager"),
        ("department", f"{ENTERPRISE}:department"),
        ("routingSkills", f"{GENESYS}:routingSkills"),
        ("meta.lastModified", "meta.lastModified"),
        ("nothing", None),
        ("title.nothing", None),
        ("urn:somebody:else:2.0:User:title", None),
        (f"{ENTERPRISE}x:department", None),
    ],
)
def test_an_attribute_is_found_however_it_is_written(path: str, found: str | None) -> None:
    """In any case, under older URNs, with a dot after the URN, and without the URN of its extension."""
    target = USERS.locate(path)
    assert (target.path if isinstance(target, Target) else target) == found


def test_a_connections_own_extension_is_one_like_the_others() -> None:
    """Attributes that an administrator has added at the IdP have a place, under their own URN."""
    urn = "urn:example:params:scim:schemas:extension:site:2.0:User"
    site = ours.Schema(urn, "Site", "Where", by_name([Attribute("building"), Attribute("tags", multi_valued=True)]))
    kind = USERS.with_extension(site)
    target = kind.locate(f"{urn}:Building")
    assert isinstance(target, Target)
    assert target.path == f"{urn}:building"
    body = normalise(kind, {"userName": "a", f"{urn.upper()}:BUILDING": 1, urn: {"tags": ["x", "y", "x", None]}})
    assert body.attributes == {"userName": "a", urn: {"building": "1", "tags": ["x", "y"]}}
    operations = [
        {"op": "add", "path": f"{urn}:tags", "value": ["y", "z"]},
        {"op": "remove", "path": f"{urn}:tags", "value": "x"},
    ]
    after = apply(body.attributes, normalise_patch(kind, {"Operations": operations}).operations)
    assert after[urn] == {"building": "1", "tags": ["y", "z"]}
    assert USERS.locate(f"{urn}:building") is None

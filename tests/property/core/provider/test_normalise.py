"""Whatever a client sends, it is understood or refused, and what comes of it is canonical."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.provider.normalise import ResourceBody, normalise, replace
from streamproc.core.provider.normalise_patch import normalise_patch
from streamproc.core.provider.patch import apply
from streamproc.core.provider.projection import project, projection
from streamproc.core.provider.resource_types import GROUPS, USERS
from streamproc.core.provider.schema import Json, ResourceType
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS, USER

KINDS = pytest.mark.parametrize("kind", [USERS, GROUPS], ids=["users", "groups"])
NAMES = [
    *("userName", "displayName", "name", "active", "emails", "roles", "members", "groups", "id", "meta", "schemas"),
    *("value", "type", "primary", "display", "$ref", "Operations", "op", "path", "password", "manager", "department"),
    *("routingSkills", "externalIds", "authority", "proficiency", "x509Certificates", "addresses", "formatted"),
    *(USER, ENTERPRISE, GENESYS, f"{ENTERPRISE}:manager", f"{ENTERPRISE}:manager.value", "name.givenName", "title.x"),
    *(
        'emails[type eq "work"].value',
        'members[value eq "1"]',
        "roles[primary eq True].value",
        "emails[",
        "[]",
        "a b",
        "",
    ),
    *('members[value eq "1"].type', "members.value", "emails.value", "urn:", "urn:x:y", "Genesys", "\x00", "ł"),
]
names = st.sampled_from(NAMES) | st.text(max_size=5)
leaves = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)),
    names,
    st.sampled_from(["True", "false", '{"value":"x"}', '{"value":{"a":1}}', "{", "[1]", "add", "Replace", "remove"]),
)
values = st.recursive(
    leaves, lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=4), max_leaves=12
)
operations = st.fixed_dictionaries(
    {}, optional={"op": st.sampled_from(["add", "Replace", "remove", "x"]), "path": names | leaves, "value": values}
)
bodies = st.one_of(
    values,
    st.fixed_dictionaries({"userName": st.just("a"), "displayName": st.just("b")}).flatmap(
        lambda named: st.dictionaries(names, values, max_size=5).map(lambda more: {**named, **more})
    ),
)
patches = values | st.builds(lambda drawn: {"Operations": drawn}, st.lists(operations, max_size=4))


def assert_canonical(kind: ResourceType, resource: Json) -> None:
    """It is JSON without anything null or empty, spelled as the schema has it, and means itself."""
    assert orjson.loads(orjson.dumps(resource)) == resource

    def nothing(value: Any) -> bool:
        below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return value is None or value in ([], {}, "") or any(map(nothing, below))

    assert not any(map(nothing, resource.values()))
    assert not {"schemas", "id", "meta", "members", "groups", "password"} & resource.keys()
    whole = project(kind, resource, projection(kind))
    assert whole == resource
    body = normalise(kind, resource)
    assert replace(kind, resource, body)[0] is resource
    assert body.ignored == ()


@KINDS
@given(body=bodies)
def test_any_body_is_a_resource_or_refused(kind: ResourceType, body: Any) -> None:
    """No body of a POST ends in anything but a resource or a SCIM error; what is kept is canonical."""
    found: ResourceBody | None = None
    with suppress(ScimError):
        found = normalise(kind, body)
    if found is not None:
        assert_canonical(kind, found.attributes)
        assert found.members is None or len(set(found.members)) == len(found.members)


@KINDS
@given(body=patches)
def test_any_patch_is_carried_out_or_refused(kind: ResourceType, body: Any) -> None:
    """No body of a PATCH ends in anything but a resource or a SCIM error; what is kept is canonical."""
    before: Json = {"displayName": "b"} if kind is GROUPS else {"userName": "a", "emails": [{"value": "1"}]}
    after = before
    with suppress(ScimError):
        after = apply(before, normalise_patch(kind, body).operations)
    assert_canonical(kind, after)


@KINDS
@given(attributes=st.lists(names), excluded=st.lists(names))
def test_any_projection_keeps_what_is_always_returned(
    kind: ResourceType, attributes: list[str], excluded: list[str]
) -> None:
    """Whatever names a client asks for, a resource has its id and schemas, and nothing that it hadn't."""
    resource = {"schemas": [kind.schema.urn], "id": "1", "displayName": "b", "meta": {"version": "1"}}
    found = project(kind, resource, projection(kind, attributes, excluded))
    assert {"schemas", "id"} <= found.keys() <= resource.keys()

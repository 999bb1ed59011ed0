"""SCIM users: their shape, creation, deletion and revival, PUT, and versions."""

import asyncio
from typing import Any

import pytest

from tests.support.organization import CORE, ENTERPRISE, GENESYS, Org, Start, find


async def test_a_created_user_has_genesys_wire_shape(org: Org) -> None:
    """Every part of the shape a client reads back: derived email, default role, home division, integer ETag."""
    answer = await org.call(
        "POST",
        "users",
        {
            "schemas": [CORE, ENTERPRISE, GENESYS],
            "userName": "ada@example.com",
            "displayName": "Ada",
            "password": "secret",
            "externalId": "e-1",
            "emails": [{"value": "ada@work.example", "type": "work"}],
            "phoneNumbers": [{"value": "+13175550101", "type": "work", "primary": True}],
            ENTERPRISE: {"department": "Care", "dateHire": "2024-02-01T09:00:00Z"},
            GENESYS: {"routingSkills": [{"name": "Spanish", "proficiency": 4}]},
        },
    )
    body = answer.body
    assert answer.status == 201
    assert (answer.headers["ETag"], body["meta"]["version"]) == ('"1"', "1")
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.headers["Location"] == body["meta"]["location"] == f"/api/v2/scim/v2/users/{body['id']}"
    assert body["emails"] == [
        {"value": "ada@work.example", "type": "work"},
        {"value": "ada@example.com", "type": "other", "primary": True},
    ]
    assert body["roles"] == [{"value": "employee"}]
    assert body[ENTERPRISE] == {"division": "Home", "department": "Care", "dateHire": "2024-02-01"}
    assert body[GENESYS]["routingSkills"] == [{"name": "Spanish", "proficiency": 4.0}]
    assert body[GENESYS]["externalIds"] == [{"authority": "x-pc:scimv2:v1", "value": "e-1"}]
    assert "password" not in body
    assert (await org.call("GET", f"Users/{body['id']}")).body == body


@pytest.mark.parametrize(
    ("body", "scim_type", "named"),
    [
        ({"displayName": "A"}, "invalidValue", "userName"),
        ({"userName": "a@b.c"}, "invalidValue", "displayName"),
        ({"userName": "a@b.c", "displayName": "A", "name": {}}, "invalidSyntax", "name"),
        ({"userName": 7, "displayName": "A"}, "invalidValue", "userName"),
        ({"userName": "a@b.c", "displayName": "A", "roles": [{"value": "Boss"}]}, "invalidValue", "Boss"),
        ({"userName": "a@b.c", "displayName": "A", ENTERPRISE: {"division": "X"}}, "invalidValue", "X"),
        ({"userName": "a@b.c", "displayName": "A", ENTERPRISE: {"manager": {"value": "no"}}}, "invalidValue", "no"),
        ({"userName": "a@b.c", "displayName": "A", "groups": [{"value": "g"}]}, "mutability", "groups"),
        ({"userName": "a@b.c", "displayName": "A", "emails": [{"value": "x@y.z", "type": "other"}]}, "mutability", ""),
        ({"userName": "a@b.c", "displayName": "A", "emails": [{"value": "x@y.z"}]}, "invalidValue", "type"),
        (
            {"userName": "a@b.c", "displayName": "A", "phoneNumbers": [{"value": "12", "type": "work"}]},
            "invalidValue",
            "phoneNumbers",
        ),
        ({"userName": "a@b.c", "displayName": "A", ENTERPRISE: {"dateHire": "soon"}}, "invalidValue", "dateHire"),
        ({"schemas": ["other"], "userName": "a@b.c", "displayName": "A"}, "invalidSyntax", "schemas"),
    ],
)
async def test_a_bad_user_is_refused_by_name(org: Org, body: Any, scim_type: str, named: str) -> None:
    """The ScimError says which attribute or value is wrong, and nothing is stored."""
    answer = await org.call("POST", "Users", body)
    assert (answer.status, answer.body["status"], answer.body["scimType"]) == (400, "400", scim_type)
    assert named in answer.body["detail"]
    assert await org.sim("GET", "users") == []


async def test_names_are_unique_among_living_users(org: Org) -> None:
    """The names userName and externalId clash with 409 uniqueness, also for an inactive user and on PATCH."""
    ada = await org.user("ada", active=False)
    bob = await org.user("bob")
    clash = await org.call("POST", "Users", {"userName": "ADA@example.com", "displayName": "x"})
    assert (clash.status, clash.body["scimType"], clash.body["status"]) == (409, "uniqueness", "409")
    clash = await org.call("POST", "Users", {"userName": "n@example.com", "displayName": "x", "externalId": "ada"})
    assert (clash.status, clash.body["scimType"]) == (409, "uniqueness")
    assert (await org.patch(bob["id"], ("replace", "userName", ada["userName"]))).status == 409
    await org.sim("POST", "config", {"external_id_unique": False})
    assert (await org.patch(bob["id"], ("replace", "externalId", "ada"))).status == 200


async def test_an_id_of_one_authority_is_one_users(org: Org) -> None:
    """Another user isn't given it, at their creation or by PATCH, until its holder lets go of it or is deleted."""
    theirs = {GENESYS: {"externalIds": [{"authority": "hr", "value": "k1"}]}}
    write = ("add", f"{GENESYS}:externalIds", theirs[GENESYS]["externalIds"])
    ada = await org.user("ada", **theirs)
    bob = await org.user("bob")
    eve = {"userName": "eve@example.com", "displayName": "Eve", **theirs}
    assert (await org.call("POST", "Users", eve)).body["scimType"] == "uniqueness"
    assert (await org.patch(bob["id"], write)).status == 409
    await org.call("DELETE", f"Users/{ada['id']}")
    assert (await org.patch(bob["id"], write)).status == 200
    back = await org.call("POST", "Users", {"userName": ada["userName"], "displayName": "Ada"})
    assert [each["authority"] for each in back.body[GENESYS]["externalIds"]] == ["x-pc:scimv2:v1"]
    await org.sim("POST", "config", {"external_ids_unique": False})
    assert (await org.call("POST", "Users", eve)).status == 201


async def test_delete_is_soft_and_post_revives_the_same_record(org: Org) -> None:
    """A deleted user loses roles, groups and division; POST of the name brings the old id back without them."""
    made = await org.user("ada", **{ENTERPRISE: {"division": "Care"}}, roles=[{"value": "Agent"}])
    group = await org.group()
    await org.patch(group, ("add", "members", [{"value": made["id"]}]), to="Groups")
    assert (await org.call("DELETE", f"Users/{made['id']}")).status == 204
    assert (await org.call("DELETE", f"Users/{made['id']}")).status == 404
    assert (await org.call("GET", f"Users/{made['id']}")).status == 404
    assert (await org.call("GET", find("userName", "ada@example.com"))).body["totalResults"] == 0
    [kept] = await org.sim("GET", "users")
    assert (kept["_state"], kept[ENTERPRISE]["division"]) == ("deleted", "Home")
    assert "members" not in (await org.call("GET", f"Groups/{group}")).body

    again = await org.user("ada", roles=[{"value": "Agent"}])
    assert again["id"] == made["id"]
    assert again["meta"]["version"] == "3"
    assert again[ENTERPRISE]["division"] == "Home"
    assert "roles" not in again
    assert "groups" not in again


@pytest.mark.parametrize(("mode", "roles"), [("all", [{"value": "Agent"}]), ("ignore", None)])
async def test_what_a_revival_takes_from_the_body_is_a_switch(start: Start, mode: str, roles: Any) -> None:
    """Whether the body of the reviving POST counts is undocumented, so all three answers can be had."""
    org = await start(revive_body=mode, revive_status=200)
    made = await org.user("ada")
    await org.call("DELETE", f"Users/{made['id']}")
    body = {"userName": "ada@example.com", "displayName": "New", "roles": [{"value": "Agent"}]}
    again = await org.call("POST", "Users", body)
    assert again.status == 200
    assert again.body.get("roles") == roles
    assert again.body["displayName"] == ("New" if mode == "all" else "ada")


async def test_put_replaces_and_takes_back_what_get_gave(org: Org) -> None:
    """PUT of a GET's body changes nothing; omitted attributes are cleared; another's groups are refused."""
    made = await org.user("ada", title="Dr")
    await org.patch(await org.group(), ("add", "members", [{"value": made["id"]}]), to="Groups")
    seen = (await org.call("GET", f"Users/{made['id']}")).body
    same = await org.call("PUT", f"Users/{made['id']}", seen)
    assert (same.status, same.headers["ETag"]) == (200, '"1"')
    assert (await org.call("PUT", f"Users/{made['id']}", {**seen, "groups": []})).body["scimType"] == "mutability"
    bare = await org.call("PUT", f"Users/{made['id']}", {"userName": "ada@example.com", "displayName": "ada"})
    assert (bare.status, bare.headers["ETag"]) == (200, '"2"')
    assert not {"title", "roles", "externalId"} & bare.body.keys()
    assert bare.body["active"] is True


@pytest.mark.parametrize(
    ("mode", "status", "scim_type"), [("invalidVers400", 400, "invalidVers"), ("409", 409, None), ("412", 412, None)]
)
async def test_a_stale_if_match_is_refused_in_each_documented_way(
    start: Start, mode: str, status: int, scim_type: str | None
) -> None:
    """Three vendor texts give three answers; weak tags never match; the current tag and * do."""
    org = await start(version_mismatch=mode)
    made = await org.user()
    for stale in ('"7"', 'W/"1"', "1"):
        answer = await org.patch(made["id"], ("replace", "title", "Dr"), If_Match=stale)
        assert (answer.status, answer.body.get("scimType")) == (status, scim_type)
        assert answer.body["detail"] == "Version does not match current version."
    assert (await org.patch(made["id"], ("replace", "title", "Dr"), If_Match='"1"')).status == 200
    assert (await org.patch(made["id"], ("replace", "title", "Prof"), If_Match="*")).headers["ETag"] == '"3"'
    assert (await org.call("DELETE", f"Users/{made['id']}", If_Match='"2"')).status == status


async def test_if_none_match_spares_the_body(org: Org) -> None:
    """A current tag gives 304 with the tag and no body, an old one the resource."""
    made = await org.user()
    current = await org.call("GET", f"Users/{made['id']}", If_None_Match='"1"')
    assert (current.status, current.body, current.headers["ETag"]) == (304, None, '"1"')
    assert (await org.call("GET", f"Users/{made['id']}", If_None_Match='"0"')).status == 200


async def test_of_two_writers_with_one_tag_only_one_wins(org: Org) -> None:
    """Check and apply are one step: ten concurrent PATCHes under the same If-Match change the user once."""
    made = await org.user()
    answers = await asyncio.gather(
        *(org.patch(made["id"], ("replace", "title", str(n)), If_Match='"1"') for n in range(10))
    )
    assert sorted(answer.status for answer in answers) == [200, *[400] * 9]

"""PATCH: documented paths, switches for what isn't confirmed, and refusals."""

from typing import Any

import pytest

from tests.support.organization import CORE, ENTERPRISE, GENESYS, PATCH, Org, Start

SKILLS = f"{GENESYS}:routingSkills"


async def test_documented_patch_paths_work(org: Org) -> None:
    """Every path form Genesys or the Entra gallery app documents lands where it should, in one atomic request."""
    boss, user = await org.user("boss"), await org.user("ada")
    answer = await org.patch(
        user["id"],
        ("replace", "active", False),
        ("Replace", f"{CORE}:displayName", "Ada L."),
        ("add", "title", "Dr"),
        ("add", 'phoneNumbers[type eq "work2"].value', "tel:+13175550101;ext=7"),
        ("add", 'emails[type eq "work"].value', "ada@work.example"),
        ("replace", "roles", [{"value": "Supervisor", "other": 1}, {"value": "Agent"}]),
        ("replace", f"{ENTERPRISE}:department", "Care"),
        ("add", f"{ENTERPRISE}:manager", {"value": boss["id"]}),
        ("replace", f"{ENTERPRISE}:division", "Sales"),
        ("replace", SKILLS, [{"name": "Billing", "proficiency": 2.5}]),
        ("add", SKILLS, [{"name": "Spanish", "proficiency": 1}]),
        ("add", f"{GENESYS}:routingLanguages", [{"name": "French"}]),
        ("add", f'{GENESYS}:externalIds[authority eq "microsoftteams"].value', "t-1"),
    )
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"'), answer.body
    body = answer.body
    assert (body["active"], body["displayName"], body["title"]) == (False, "Ada L.", "Dr")
    assert body["phoneNumbers"] == [{"value": "tel:+13175550101;ext=7", "type": "work2"}]
    assert body["emails"][0] == {"value": "ada@work.example", "type": "work"}
    assert body["roles"] == [{"value": "Supervisor"}, {"value": "Agent"}]
    assert body[ENTERPRISE]["manager"]["value"] == boss["id"]
    assert (body[ENTERPRISE]["department"], body[ENTERPRISE]["division"]) == ("Care", "Sales")
    assert [skill["name"] for skill in body[GENESYS]["routingSkills"]] == ["Billing", "Spanish"]
    assert body[GENESYS]["routingLanguages"] == [{"name": "French", "proficiency": 0.0}]
    assert {"authority": "microsoftteams", "value": "t-1"} in body[GENESYS]["externalIds"]

    removed = await org.patch(
        user["id"],
        ("remove", "title"),
        ("remove", 'phoneNumbers[type eq "work2"]'),
        ("remove", SKILLS),
        ("remove", f"{ENTERPRISE}:manager"),
        ("replace", "roles", []),
    )
    assert not {"title", "phoneNumbers", "roles"} & removed.body.keys()
    assert "routingSkills" not in removed.body[GENESYS]
    assert "manager" not in removed.body[ENTERPRISE]


@pytest.mark.parametrize(
    ("operation", "scim_type", "named"),
    [
        (("replace", "routingSkills", []), "invalidPath", SKILLS),
        (("replace", "nickName", "x"), "invalidPath", "nickName"),
        (("replace", f"{ENTERPRISE}:title", "x"), "invalidPath", "title"),
        (("replace", "urn:other:2.0:User:title", "x"), "invalidPath", "urn:other"),
        (("replace", "title[", "x"), "invalidPath", "title["),
        (("replace", "phoneNumbers.value", "x"), "invalidPath", "filter"),
        (("replace", 'phoneNumbers[value eq "+1"].value', "x"), "invalidPath", "select"),
        (("remove", f'{SKILLS}[name eq "Spanish"]'), "invalidPath", "routingSkills"),
        (("remove", "roles", [{"value": "employee"}]), "invalidSyntax", "roles"),
        (("replace", 'phoneNumbers[type eq "home"].value', "+13175550101"), "noTarget", "home"),
        (("replace", SKILLS, [{"name": "spanish"}]), "invalidValue", "spanish"),
        (("replace", SKILLS, [{"name": "Spanish", "proficiency": 5.1}]), "invalidValue", "5.1"),
        (("replace", SKILLS, [{"name": "Spanish", "proficiency": "5"}]), "invalidValue", "proficiency"),
        (("replace", SKILLS, [{"value": "Spanish"}]), "invalidValue", "name"),
        (("replace", SKILLS, {"name": "Spanish"}), "invalidValue", "array"),
        (("replace", "active", "True"), "invalidValue", "active"),
        (("remove", "active"), "invalidValue", "active"),
        (("remove", "displayName"), "invalidValue", "displayName"),
        (("replace", "groups", []), "mutability", "groups"),
        (("add", 'groups[value eq "x"]', {}), "mutability", "groups"),
        (("replace", "id", "x"), "mutability", "id"),
        (("replace", 'emails[type eq "other"].value', "x@y.z"), "mutability", "other"),
        (("remove", f'{GENESYS}:externalIds[authority eq "x-pc:scimv2:v1"]'), "mutability", "x-pc"),
        (("replace", "title"), "invalidValue", "value"),
        (("remove",), "noTarget", "path"),
        (("replace", None, "x"), "invalidValue", "object"),
        (("replace", 7, "x"), "invalidPath", "string"),
        (("move", "title", "x"), "invalidSyntax", "move"),
    ],
)
async def test_a_bad_operation_is_refused_and_takes_the_good_one_with_it(
    org: Org, operation: Any, scim_type: str, named: str
) -> None:
    """The refusal names the fault, and the operation before it in the same PATCH is not applied."""
    user = await org.user()
    answer = await org.patch(user["id"], ("replace", "title", "Dr"), operation)
    assert (answer.status, answer.body.get("scimType")) == (400, scim_type)
    assert named in answer.body["detail"]
    assert (await org.call("GET", f"Users/{user['id']}")).body == user


@pytest.mark.parametrize(
    "body",
    [
        {"Operations": [{"op": "remove", "path": "title"}]},
        {"schemas": [PATCH]},
        {"schemas": [PATCH], "Operations": []},
        [],
    ],
)
async def test_a_patch_that_is_no_patchop_is_refused(org: Org, body: Any) -> None:
    """A body without the PatchOp URN or without operations is invalidSyntax."""
    user = await org.user()
    assert (await org.call("PATCH", f"Users/{user['id']}", body)).body["scimType"] == "invalidSyntax"


async def test_at_most_fifty_skills(start: Start) -> None:
    """Fifty skills are accepted; a fifty-first is refused, also when it is added to fifty stored ones."""
    names = [f"s{n}" for n in range(51)]
    org = await start(skills=tuple(names))
    user = await org.user()
    fifty = [{"name": name, "proficiency": 1.0} for name in names[:50]]
    assert (await org.patch(user["id"], ("replace", SKILLS, fifty))).status == 200
    answer = await org.patch(user["id"], ("add", SKILLS, [{"name": "s50", "proficiency": 1.0}]))
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")


async def test_unconfirmed_patch_forms_are_switches(org: Org) -> None:
    """Element paths, no-path operations, string booleans and half-applied PATCHes can each be turned round."""
    user = await org.user("ada", **{GENESYS: {"routingSkills": [{"name": "Spanish"}, {"name": "Sales"}]}})
    whole = ("replace", None, {"title": "Dr", f"{ENTERPRISE}:department": "Care", GENESYS: {"routingLanguages": []}})
    assert (await org.patch(user["id"], whole)).body["title"] == "Dr"
    await org.sim(
        "POST",
        "config",
        {"element_paths": True, "no_path_patch": False, "string_booleans": True, "atomic_patch": False},
    )
    skills = await org.patch(user["id"], ("remove", f'{SKILLS}[name eq "Sales"]'), ("replace", "active", "False"))
    assert skills.body[GENESYS]["routingSkills"] == [{"name": "Spanish", "proficiency": 0.0}]
    assert skills.body["active"] is False
    half = await org.patch(user["id"], ("replace", "title", "Prof"), whole)
    assert half.body["scimType"] == "invalidPath"
    assert (await org.call("GET", f"Users/{user['id']}")).body["title"] == "Prof"
    assert [(e["status"], e["applied"], e["changed"]) for e in await org.ledger()][-1] == (400, True, True)


async def test_how_an_element_is_written_is_a_switch(org: Org) -> None:
    """A target may refuse paths of single numbers and ids, and let what is added take the place of the list."""
    user = await org.user("ada", phoneNumbers=[{"value": "+13175550101", "type": "home"}])
    more = [{"value": "+13175550102", "type": "work"}]
    await org.sim("POST", "config", {"typed_paths": False})
    for path in ('phoneNumbers[type eq "home"].value', f'{GENESYS}:externalIds[authority eq "a"].value'):
        assert (await org.patch(user["id"], ("add", path, "+13175550109"))).body["scimType"] == "invalidPath"
    assert len((await org.patch(user["id"], ("add", "phoneNumbers", more))).body["phoneNumbers"]) == 2
    await org.sim("POST", "config", {"list_add": "replace"})
    assert (await org.patch(user["id"], ("add", "phoneNumbers", more))).body["phoneNumbers"] == more


async def test_a_patch_that_changes_nothing_keeps_the_version(org: Org) -> None:
    """Order does not matter to a multi-valued attribute; the switch makes the version move all the same."""
    made = await org.user("ada", roles=[{"value": "Agent"}, {"value": "Supervisor"}])
    same = ("replace", "roles", [{"value": "Supervisor"}, {"value": "Agent"}])
    assert (await org.patch(made["id"], same)).headers["ETag"] == '"1"'
    await org.sim("POST", "config", {"bump_on_noop": True})
    assert (await org.patch(made["id"], same)).headers["ETag"] == '"2"'

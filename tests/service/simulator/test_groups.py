"""SCIM groups and their members."""

from tests.support.organization import Org


async def test_group_members_in_every_documented_form(org: Org) -> None:
    """Members are added, removed by filter or by value list, and replaced; users show their groups read-only."""
    ada, bob = await org.user("ada"), await org.user("bob")
    group = await org.group()
    added = await org.patch(group, ("add", "members", [{"value": ada["id"]}, {"value": bob["id"]}]), to="Groups")
    assert [member["value"] for member in added.body["members"]] == [ada["id"], bob["id"]]
    assert added.headers["ETag"] == '"2"'
    assert (await org.call("GET", f"Users/{ada['id']}")).body["groups"][0]["value"] == group
    again = await org.patch(group, ("add", "members", [{"value": ada["id"]}]), to="Groups")
    assert again.headers["ETag"] == '"2"'
    await org.patch(group, ("remove", f'members[value eq "{ada["id"]}"]'), to="Groups")
    entra = await org.patch(group, ("Remove", "members", [{"value": bob["id"]}]), to="Groups")
    assert "members" not in entra.body
    assert "groups" not in (await org.call("GET", f"Users/{ada['id']}")).body
    gone = ("remove", f'members[value eq "{ada["id"]}"]')
    assert (await org.patch(group, gone, to="Groups")).status == 200
    await org.sim("POST", "config", {"remove_no_match": "noTarget", "membership_bumps_user": True})
    assert (await org.patch(group, gone, to="Groups")).body["scimType"] == "noTarget"
    replaced = await org.patch(group, ("replace", "members", [{"value": bob["id"]}]), to="Groups")
    assert [member["value"] for member in replaced.body["members"]] == [bob["id"]]
    assert (await org.call("GET", f"Users/{bob['id']}")).headers["ETag"] == '"2"'
    stranger = await org.patch(group, ("add", "members", [{"value": "nobody"}]), to="Groups")
    assert (stranger.status, stranger.body["scimType"]) == (400, "invalidValue")
    put = await org.call("PUT", f"Groups/{group}", {"displayName": "All Agents", "members": [{"value": ada["id"]}]})
    assert [member["value"] for member in put.body["members"]] == [ada["id"]]


async def test_groups_cannot_be_made_or_unmade(org: Org) -> None:
    """POST and DELETE of groups are 405, a group list needs a filter under /v2/ only, and tests can add groups."""
    group = await org.group()
    assert (await org.call("POST", "Groups", {"displayName": "x"})).status == 405
    assert (await org.call("DELETE", f"Groups/{group}")).status == 405
    assert (await org.call("GET", "Groups")).body["scimType"] == "invalidFilter"
    assert (await org.call("GET", "groups", root="/api/v2/scim/")).body["totalResults"] == 4
    await org.sim("POST", "config", {"groups": ["New"], "skills": ["Chess"]})
    assert await org.group("New")
    assert "Chess" in (await org.sim("GET", "config"))["skills"]

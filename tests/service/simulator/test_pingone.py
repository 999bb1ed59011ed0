"""PingOne's stand-in: users, hooks and activities as they are documented."""

import orjson
from yarl import URL

from tests.support.stand_ins import ADA, ENV, Site


async def test_pingone_leaves_out_what_isnt_set_and_what_wasnt_asked_for(site: Site) -> None:
    """Cleared and unset are both absent, groups come by `include`; the deleted are 404."""
    ada = await site.put("pingone", {**ADA, "groups": ["Supervisors"], "custom": {"genesysRole": "Agent"}})
    await site.change("pingone", ada, department=None, active=False)
    path = f"{ENV}/users/{ada}"
    user = await site.get(path)
    assert (user["enabled"], user["employeeNumber"], user["genesysRole"]) == (False, "1001", "Agent")
    assert not {"department", "memberOfGroupNames", "title"} & user.keys()
    assert (await site.get(f"{path}?include=memberOfGroupNames"))["memberOfGroupNames"] == ["Supervisors"]
    await site.sim("DELETE", f"pingone/people/{ada}")
    assert (await site.call("GET", path)).body["code"] == "NOT_FOUND"
    assert (await site.call("GET", path, Authorization="Bearer no")).status == 401


async def test_pingone_lists_by_links_and_filters_what_it_documents(site: Site) -> None:
    """Pages follow _links.next; updatedAt isn't an attribute that users can be filtered by."""
    await site.sim("POST", "pingone/people", [{"employeeNumber": str(n), "userName": f"u{n}"} for n in range(5)])
    url, names = f"{ENV}/users?limit=2", []
    while url:
        page = await site.get(url)
        names += [user["username"] for user in page["_embedded"]["users"]]
        url = page["_links"].get("next", {}).get("href", "")
    assert names == ["u0", "u1", "u2", "u3", "u4"]
    some = URL(f"{ENV}/users").with_query(filter='enabled eq true and username sw "u"', limit="4")
    page = await site.get(str(some))
    rest = await site.get(page["_links"]["next"]["href"])
    assert [user["username"] for user in rest["_embedded"]["users"]] == ["u4"]
    assert (await site.call("GET", f'{ENV}/users?filter=updatedAt gt "2026-01-01T00:00:00Z"')).status == 400


async def test_pingones_hook_is_an_array_that_blocks_until_it_is_answered_200(site: Site, receiver: URL) -> None:
    """202 isn't enough; what happens meanwhile waits, in order, and then comes in one array."""
    site.status = 202
    ada = await site.put("pingone", ADA)
    await site.change("pingone", ada, department="Sales", active=False)
    await site.change("pingone", ada, groups=["Supervisors"])
    await site.until_got(3)
    site.status = 200
    first, *_, last = await site.sent()
    assert [event["action"]["type"] for event in first] == ["USER.CREATED"]
    kinds = [event["action"]["type"] for event in last]
    assert kinds == ["USER.UPDATED", "USER.UPDATED", "MEMBER_OF_GROUP.CREATED"]
    assert "enabled" in last[1]["result"]["description"]
    assert f"/users/{ada}/memberOfGroups/" in last[2]["resources"][0]["href"]
    assert (last[2]["resources"][0]["name"], b"Sales" in orjson.dumps(last)) == ("Supervisors", False)
    assert {headers["X-Secret"] for _, headers, _ in site.got} == {"hook"}


async def test_pingones_activities_can_be_polled(site: Site) -> None:
    """What the webhook tells is in the audit API too, by recordedat."""
    ada = await site.put("pingone", ADA)
    await site.sim("DELETE", f"pingone/people/{ada}")
    query = {"filter": 'recordedat gt "2020-01-01T00:00:00Z" and action.type eq "USER.DELETED"'}
    found = await site.get(str(URL(f"{ENV}/activities").with_query(query)))
    assert [activity["resources"][0]["id"] for activity in found["_embedded"]["activities"]] == [ada]

"""The application of the stand-ins: who is assigned to it, as each vendor's documents show it."""

import pytest
from yarl import URL

from streamproc.simulator.directories.options import DirectoryOptions
from tests.support.stand_ins import ADA, BEN, ENV, Site

APP = DirectoryOptions().application


@pytest.fixture
async def site(site: Site) -> Site:
    """The group `Agents` is assigned."""
    await site.sim("POST", "config", {"application_groups": "Agents,Leads"})
    return site


async def test_oktas_application_has_users(site: Site) -> None:
    """Alone or by a group; who isn't, and an application that isn't there, are both 404, in other words each."""
    ada = await site.put("okta", {**ADA, "assigned": True})
    ben = await site.put("okta", {**BEN, "groups": ["Agents"]})
    path = f"/okta/api/v1/apps/{APP}"
    assert (await site.get(path))["status"] == "ACTIVE"
    shown = [await site.get(f"{path}/users/{who}") for who in (ada, ben)]
    assert [(each["id"], each["scope"]) for each in shown] == [(ada, "USER"), (ben, "GROUP")]
    await site.change("okta", ben, active=False)
    gone = await site.call("GET", f"{path}/users/{ben}")
    wrong = await site.call("GET", f"/okta/api/v1/apps/0oax/users/{ada}")
    assert [(each.status, each.body["errorCode"]) for each in (gone, wrong)] == [(404, "E0000007")] * 2
    assert ["(AppUser)" in gone.body["errorSummary"], "(AppInstance)" in wrong.body["errorSummary"]] == [True, True]


async def test_okta_tells_of_assignments_in_its_log_and_hook(site: Site, receiver: URL) -> None:
    """With the user of the application, the application and the user as targets, and no update of the user."""
    ada = await site.put("okta", ADA)
    updated = (await site.get(f"/okta/api/v1/users/{ada}"))["lastUpdated"]
    await site.change("okta", ada, groups=["Agents"])
    await site.change("okta", ada, groups=["Agents"], assigned=True)
    await site.change("okta", ada, active=False)
    log = await site.get(f'/okta/api/v1/logs?filter=target.id eq "{APP}"')
    assert [event["eventType"].rpartition(".")[2] for event in log] == ["add", "remove"], "a second way adds nothing"
    assert [target["type"] for target in log[0]["target"]] == ["AppUser", "AppInstance", "User"]
    hooked = [event["uuid"] for body in await site.sent() for event in body["data"]["events"]]
    assert {event["uuid"] for event in log} <= set(hooked)
    await site.change("okta", ada, active=True)
    assert (await site.get(f"/okta/api/v1/users/{ada}"))["lastUpdated"] > updated


async def test_graph_lists_users_and_groups_that_are_assigned(site: Site) -> None:
    """Page by page, and not the groups' members; an assignment changes neither the user nor the delta query."""
    await site.sim("POST", "config", {"page_size": 2})
    ada = await site.put("graph", {**ADA, "groups": ["Agents"]})
    delta = (await site.get("/graph/v1.0/users/delta"))["@odata.deltaLink"]
    await site.change("graph", ada, assigned=True)
    path = f"/graph/v1.0/servicePrincipals/{APP}/appRoleAssignedTo"
    first = await site.get(path)
    last = await site.get(first["@odata.nextLink"])
    listed = [(each["principalId"], each["principalType"]) for each in [*first["value"], *last["value"]]]
    assert listed[0] == (ada, "User")
    assert [kind for _, kind in listed] == ["User", "Group", "Group"]
    member_of = await site.get(f"/graph/v1.0/users/{ada}/memberOf")
    assert member_of["value"][0]["id"] in {who for who, _ in listed[1:]}
    assert (await site.get(delta))["value"] == []
    assert (await site.call("GET", f"/graph/v1.0/servicePrincipals/{ada}/appRoleAssignedTo")).status == 404


async def test_pingones_application_names_groups(site: Site) -> None:
    """By id, as its users have them; without groups there is no such restriction."""
    ada = await site.put("pingone", {**ADA, "groups": ["Agents"]})
    shown = (await site.get(f"{ENV}/applications/{APP}"))["accessControl"]["group"]
    own = (await site.get(f"{ENV}/users/{ada}?include=memberOfGroupIDs"))["memberOfGroupIDs"]
    assert (shown["type"], own[0] in [group["id"] for group in shown["groups"]]) == ("ANY_GROUP", True)
    await site.sim("POST", "config", {"application_groups": ""})
    assert "accessControl" not in await site.get(f"{ENV}/applications/{APP}")
    assert (await site.call("GET", f"{ENV}/applications/another")).status == 404

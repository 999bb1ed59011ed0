"""Synchronisation of Graph's groups: who joined and left, and that nothing about groups holds up users."""

import orjson
from structlog.testing import capture_logs

from tests.support.hydrator import World, fault
from tests.support.stand_ins import ADA, BEN


async def test_a_sync_of_entra_finds_who_joined_and_left_groups(world: World) -> None:
    """Graph tells that of groups alone: whoever is concerned is read, and nobody else."""
    ada, ben = await world.site.put("graph", {**ADA, "groups": ["Leads"]}), await world.site.put("graph", BEN)
    await world.sync("entra")
    before = len(world.log.records)
    await world.sync("entra")
    assert len(world.log.records) == before, "a first round doesn't ask for everybody again"
    await world.site.change("graph", ada, groups=["Agents"])
    await world.sync("entra")
    facts = world.log.facts()
    assert (facts[ada]["group:Agents"], facts[ada].get("group:Leads")) == ("Agents", None)
    assert {record.key for record in world.log.records[before:]} == {ada.encode()}
    await world.site.change("graph", ben, groups=["Agents"], department="Sales")
    await world.site.sim("PATCH", "graph/groups/Agents", {"displayName": "Agents EU"})
    await world.sync("entra")
    facts = world.log.facts()
    assert [(facts[who].get("group:Agents"), facts[who]["group:Agents EU"]) for who in (ada, ben)] == [
        (None, "Agents EU")
    ] * 2
    assert facts[ben]["department"] == "Sales"
    before = len(world.log.records)
    await world.site.change("graph", ben, groups=[])
    await world.sync("entra")
    assert {record.key for record in world.log.records[before:]} == {ben.encode()}


async def test_groups_that_are_refused_dont_hold_up_users(world: World) -> None:
    """Without the right to read groups leavers are still found, from the first round on; with it groups follow."""
    ada, ben = await world.site.put("graph", ADA), await world.site.put("graph", BEN)
    await fault(world, "entra", status=403, path="/groups")
    await world.sync("entra")
    assert world.log.facts()[ada]["active"] is True
    await world.site.change("graph", ada, active=False)
    with capture_logs() as logs:
        await world.sync("entra")
    assert world.log.facts()[ada]["active"] is False
    assert "GroupMember.Read.All" in next(log_["reason"] for log_ in logs if "reason" in log_)
    await fault(world, "entra")
    await world.sync("entra")
    await world.site.change("graph", ben, groups=["Agents"])
    await fault(world, "entra", status=403, path="/groups")
    await world.site.change("graph", ben, department="Sales")
    await world.sync("entra")
    assert world.log.facts()[ben]["department"] == "Sales"
    await fault(world, "entra")
    assert (await world.sync("entra")).fetched == 1
    assert world.log.facts()[ben]["group:Agents"] == "Agents"


async def test_a_group_whose_members_are_hidden_holds_up_nobody(world: World) -> None:
    """It was renamed, and who is in it isn't told: that is said, and the round goes on."""
    await world.site.put("graph", {**ADA, "groups": ["Hidden"]})
    ben = await world.site.put("graph", BEN)
    await world.sync("entra")
    await fault(world, "entra", status=403, path="/members/")
    await world.site.sim("PATCH", "graph/groups/Hidden", {"displayName": "Hidden EU"})
    await world.site.change("graph", ben, groups=["Agents"])
    with capture_logs() as logs:
        await world.sync("entra")
    assert [log_["event"] for log_ in logs].count("directory leaves something out") == 1
    assert world.log.facts()[ben]["group:Agents"] == "Agents"
    assert not world.cursors["entra"].place


async def test_groups_that_changed_while_everybody_was_read_come_with_the_next_round(world: World) -> None:
    """And page by page; a cursor from before groups were read goes on with its users."""
    await world.site.sim("POST", "config", {"page_size": 1})
    ada, ben = await world.site.put("graph", ADA), await world.site.put("graph", BEN)
    graph = world.directories["entra"]
    first = await graph.page("", "", full=True)
    await world.site.change("graph", ada, groups=["Agents"])
    await world.site.change("graph", ben, groups=["Leads"])
    last = await graph.page("", first.next_page, full=True)
    assert (first.subjects, last.subjects, last.next_page) == ((ada,), (ben,), "")
    subjects: list[str] = []
    page = await graph.page(last.since, "", full=False)
    while page.next_page:
        page = await graph.page(last.since, page.next_page, full=False)
        subjects += page.subjects
    assert sorted(subjects) == sorted([ada, ben])
    assert (await graph.page(page.since, "", full=False)).subjects == ()
    old = orjson.loads(last.since)["users"]
    assert orjson.loads((await graph.page(old, "", full=False)).since).keys() == {"users", "groups"}

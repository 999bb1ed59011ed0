"""Assignment to the application: asked with each user, found by synchronising, and never taken for no unanswered."""

from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from streamproc.compose.directories import directories
from streamproc.demo.directories import pointed
from streamproc.hydrator.directories import entra_assignments, pingone
from streamproc.settings import load_settings
from streamproc.simulator.directories.options import DirectoryOptions
from tests.support.hydrator import OF, OPTIONS, World, fault
from tests.support.stand_ins import ADA, BEN

APP = DirectoryOptions().application
ASSIGNING = pytest.mark.parametrize("source", ["okta", "entra", "pingone"])
PATH = {"okta": "/apps/", "entra": "/servicePrincipals/", "pingone": "/applications/"}
"""Part of the path at which the assignment is asked."""
NOTHING: Final[Any] = object()
"""In the place of what isn't known."""


def configure(world: World, application: str = APP) -> None:
    """As a start of the hydrator with this application would."""
    root = str(world.site.base).rstrip("/")
    world.log.options = {name: each.model_copy(update={"application": application}) for name, each in OPTIONS.items()}
    settings = load_settings(**pointed(root)).hydrator
    world.directories = directories(settings, world.site.session, world.log.options, world.clock.directories)


@pytest.fixture
async def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """With the application configured, and the group `Agents` assigned to it; no answer about it is kept."""
    for module in (entra_assignments, pingone):
        monkeypatch.setattr(module, "FRESH", -(10**15))
    configure(world)
    await world.site.sim("POST", "config", {"application_groups": "Agents"})
    return world


def assigned(world: World, who: str) -> Any:
    """What is known of somebody's assignment now."""
    return world.log.facts()[who].get("assigned", NOTHING)


@ASSIGNING
async def test_a_first_round_tells_of_everybody(world: World, source: str) -> None:
    """Members of an assigned group are, at Okta and Entra whoever was assigned alone, and nobody else."""
    ada = await world.site.put(OF[source], {**ADA, "groups": ["Agents"]})
    ben = await world.site.put(OF[source], {**BEN, "assigned": True})
    cy = await world.site.put(
        OF[source], {**BEN, "employeeNumber": "1003", "userName": "c@example.com", "groups": ["X"]}
    )
    counts = await world.sync(source)
    assert counts.given_up == 0
    alone = "no" if source == "pingone" else "yes"
    assert [assigned(world, who) for who in (ada, ben, cy)] == ["yes", alone, "no"]


@ASSIGNING
async def test_a_round_finds_who_came_and_went(world: World, source: str) -> None:
    """By joining or leaving a group that is assigned; only those concerned are told."""
    ada = await world.site.put(OF[source], {**ADA, "groups": ["Agents"]})
    ben = await world.site.put(OF[source], BEN)
    await world.site.put(OF[source], {**BEN, "employeeNumber": "1003", "userName": "c@example.com"})
    await world.sync(source)
    before = len(world.log.records)
    await world.site.change(OF[source], ada, groups=[])
    await world.site.change(OF[source], ben, groups=["Agents"])
    await world.sync(source)
    assert (assigned(world, ada), assigned(world, ben)) == ("no", "yes")
    if source == "entra":  # the others' logs are read from five minutes before, so they tell of hires again
        assert {record.key for record in world.log.records[before:]} == {ada.encode(), ben.encode()}


@pytest.mark.parametrize("source", ["okta", "entra"])
async def test_a_round_finds_who_was_assigned_alone(world: World, source: str) -> None:
    """No user changes by it, and no list of users tells."""
    ada = await world.site.put(OF[source], {**ADA, "assigned": True})
    ben = await world.site.put(OF[source], BEN)
    await world.sync(source)
    await world.site.change(OF[source], ada, assigned=False)
    await world.site.change(OF[source], ben, assigned=True)
    await world.sync(source)
    assert (assigned(world, ada), assigned(world, ben)) == ("no", "yes")


@pytest.mark.parametrize("source", ["entra", "pingone"])
async def test_a_round_finds_that_another_group_is_assigned(world: World, source: str) -> None:
    """Nobody is told by name: all members of the one and of the other are read."""
    ada = await world.site.put(OF[source], {**ADA, "groups": ["Agents"]})
    ben = await world.site.put(OF[source], {**BEN, "groups": ["Leads"]})
    await world.sync(source)
    await world.site.sim("POST", "config", {"application_groups": "Leads"})
    await world.sync(source)
    assert (assigned(world, ada), assigned(world, ben)) == ("no", "yes")


@ASSIGNING
@pytest.mark.parametrize("status", [403, 404, 500])
async def test_what_isnt_answered_is_as_it_was(world: World, source: str, status: int) -> None:
    """Also in somebody's first answer; the rest of it counts, leavers lose access, and it is asked again."""
    ada = await world.site.put(OF[source], {**ADA, "groups": ["Agents"]})
    await world.sync(source)
    ben = await world.site.put(OF[source], {**BEN, "groups": ["Agents"]})
    await fault(world, source, status=status, path=PATH[source])
    await world.site.change(OF[source], ada, department="Sales")
    with capture_logs() as logs:
        await world.sync(source)
    told = "yes" if source == "okta" else NOTHING  # whose log tells of it besides
    assert (assigned(world, ada), assigned(world, ben)) == ("yes", told)
    assert world.log.facts()[ada]["department"] == "Sales"
    assert any(APP in str(log_.get("reason")) for log_ in logs)
    await world.site.change(OF[source], ada, active=False)
    await world.sync(source)
    assert world.log.facts()[ada]["active"] is False
    await fault(world, source)
    await world.sync(source)
    assert assigned(world, ben) == "yes"


@ASSIGNING
async def test_an_application_that_isnt_there_is_nobodys_no(world: World, source: str) -> None:
    """A wrong id says nothing of anybody, though the directory answers 404 as for somebody who isn't assigned."""
    configure(world, "0oawrong")
    ada = await world.site.put(OF[source], {**ADA, "groups": ["Agents"]})
    await world.sync(source)
    assert assigned(world, ada) is NOTHING
    assert world.log.facts()[ada]["active"] is True
    problems = [each for record in world.log.records for each in world.log.parsed(record).ignored]
    assert [(each.code, each.subject, each.field) for each in problems] == [("not_understood", ada, "assigned")]


@pytest.mark.parametrize("source", ["pingone"])
async def test_an_application_that_is_open_to_everybody_assigns_nobody(world: World, source: str) -> None:
    """Without groups PingOne lets everybody in: that makes nobody ours, and nobody theirs."""
    ada = await world.site.put(OF[source], {**ADA, "groups": ["Agents"]})
    ben = await world.site.put(OF[source], BEN)
    await world.sync(source)
    await world.site.sim("POST", "config", {"application_groups": ""})
    await world.sync(source)
    assert (assigned(world, ada), assigned(world, ben)) == ("yes", "no")


@ASSIGNING
async def test_who_is_out_isnt_asked_about(world: World, source: str) -> None:
    """A leaver's answer waits for no other, and what was known of them stays."""
    ada = await world.site.put(OF[source], {**ADA, "groups": ["Agents"]})
    await world.fetch(source, ada)
    await world.site.change(OF[source], ada, active=False)
    before = len(await world.requests(source))
    await world.fetch(source, ada)
    asked = [request["path"] for request in (await world.requests(source))[before:]]
    assert not [path for path in asked if PATH[source] in path]
    assert (world.log.facts()[ada]["active"], assigned(world, ada)) == (False, "yes")


@ASSIGNING
async def test_everybody_is_read_once_the_application_is_configured(world: World, source: str) -> None:
    """A deployment that has synchronised for months learns of all, without an order."""
    configure(world, "")
    ada = await world.site.put(OF[source], {**ADA, "groups": ["Agents"]})
    await world.sync(source)
    assert assigned(world, ada) is NOTHING
    configure(world)
    await world.sync(source)
    assert assigned(world, ada) == "yes"
    whole = world.cursors[source].whole
    await world.sync(source)
    assert world.cursors[source].whole == whole, "once"


@ASSIGNING
async def test_without_an_application_nothing_is_asked(world: World, source: str) -> None:
    """The requests of a round are those of ever."""
    configure(world, "")
    await world.site.put(OF[source], {**ADA, "groups": ["Agents"], "assigned": True})
    await world.sync(source)
    await world.sync(source)
    assert not [each for each in await world.requests(source) if PATH[source] in each["path"]]


async def test_who_was_assigned_for_a_moment_between_two_rounds_isnt_for_longer(world: World) -> None:
    """They were read in that moment: the rounds before and after both don't list them."""
    ada = await world.site.put("graph", ADA)
    await world.sync("entra")
    await world.site.change("graph", ada, assigned=True)
    await world.fetch("entra", ada)
    assert assigned(world, ada) == "yes"
    await world.site.change("graph", ada, assigned=False)
    await world.sync("entra")
    assert assigned(world, ada) == "no"

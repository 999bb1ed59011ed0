"""First contact: who is there already is adopted, who isn't is created, and nobody is made twice."""

import asyncio
from dataclasses import replace

import pytest

from streamproc.core.scim.dialect import ENTERPRISE
from streamproc.core.scim.response_policy import Response
from tests.support.reconciler import CORE, Org, Start, person, roles, skills


async def test_a_new_joiner_is_looked_up_and_created(org: Org) -> None:
    """Somebody new appears in Genesys with all that HR said, after one look for each name they may have there."""
    seq = org.say("E1", **person("E1"), department="Spanish Support", genesysRole="Supervisor")
    await org.run()
    there = await org.user()
    assert (there["userName"], there["active"], there[ENTERPRISE]["department"]) == (
        "e1@example.com",
        True,
        "Spanish Support",
    )
    assert roles(there) == ["Agent", "Supervisor", "employee"]
    assert skills(there) == ["Spanish"]
    assert there["id"] in await org.members("Spanish Queue")
    assert org.fate(seq) == "delivered"
    counted = await org.requests()
    assert counted["GET users"] == 2
    assert counted["POST users"] == 1


@pytest.mark.parametrize("by", ["externalId", "userName"])
async def test_somebody_already_there_is_adopted(org: Org, by: str) -> None:
    """Who is in Genesys already isn't made a second time: found by externalId, else by userName, and marked as ours."""
    more = {"externalId": "E1"} if by == "externalId" else {}
    there = await org.foreign("old" if more else "e1", **more)
    org.say("E1", **person("E1"))
    await org.run()
    now = await org.user()
    assert (now["id"], now["userName"], now["displayName"]) == (there, "e1@example.com", "Person E1")
    counted = await org.requests()
    assert counted["GET users"] == (1 if more else 2)
    (patch,) = [each for each in await org.writes() if each["method"] == "PATCH"]
    assert patch["if_match"] == '"1"'
    assert "adopted" in [outcome.verdict for outcome in org.store.outcomes]


@pytest.mark.parametrize(
    "name", ["a+b@example.com", "a&b=c@example.com", 'quo"te\\d@example.com', "ñandú%2B@example.com"]
)
async def test_any_user_name_finds_its_owner(org: Org, name: str) -> None:
    """A login with a plus, an ampersand or a quote is found as it is, not mistaken for nobody."""
    there = await org.call("POST", "Users", {"schemas": [CORE], "userName": name, "displayName": "x"})
    org.say("E1", **{**person("E1"), "userName": name})
    await org.run()
    assert (await org.user())["id"] == there["id"]


async def test_a_user_name_of_somebody_else_is_parked(org: Org) -> None:
    """A login that belongs to another person isn't taken over: a human decides."""
    await org.foreign("e1", externalId="X9")
    org.mark = 1
    seq = org.say("E1", **person("E1"))
    await org.run()
    assert await org.writes() == []
    assert org.fate(seq) == "parked"
    assert org.store.parked == {"E1": "ambiguous"}


async def test_a_server_that_passes_over_filters_gives_nobody_away(org: Org) -> None:
    """A search that answers with somebody else doesn't hand that person's account to a new joiner."""
    other = await org.foreign("other", externalId="X9")

    def unfiltered(method: str, path: str, answer: Response) -> Response:
        if method == "GET" and path.startswith("/Users?"):
            one = {"id": other, "userName": "other@example.com", "externalId": "X9"}
            return replace(answer, body={"totalResults": 1, "Resources": [one]})
        return answer

    org.wire.after = unfiltered
    org.say("E1", **person("E1"))
    await org.run()
    assert (await org.user("X9"))["userName"] == "other@example.com"
    assert (await org.user("E1"))["id"] != other


@pytest.mark.parametrize("lag", [0, 60])
async def test_a_name_taken_meanwhile_is_adopted(start: Start, lag: int) -> None:
    """Somebody made by hand between our look and our create is adopted, even if the search shows them late."""
    org = await start(search_lag_ms=lag)
    made: list[str] = []

    async def meanwhile(method: str, path: str) -> None:
        if method == "POST" and not made:
            made.append(await org.foreign("e1"))

    async def wait(_: float) -> None:
        await asyncio.sleep(0.03)

    org.wire.before = meanwhile
    org.clock.during = wait
    seq = org.say("E1", **person("E1"))
    await org.run()
    assert (await org.user())["id"] == made[0]
    assert org.fate(seq) == "delivered"


async def test_a_leaver_whom_genesys_never_knew_costs_no_write(org: Org) -> None:
    """Nobody is created in order to be deactivated."""
    seq = org.say("E1", **{**person("E1"), "active": False})
    await org.run()
    assert await org.ledger() == []
    assert org.fate(seq) == "no-op"


async def test_a_leaver_at_first_contact_is_deactivated_alone(org: Org) -> None:
    """A leaver who was set up by hand loses access, and nothing else about them is touched."""
    there = await org.foreign("e1", externalId="E1", title="Boss")
    org.say("E1", **{**person("E1"), "active": False})
    await org.run()
    now = await org.user()
    assert (now["id"], now["active"], now["title"]) == (there, False, "Boss")


async def test_nobody_is_let_in_on_a_guess(org: Org) -> None:
    """Before all that a user needs is known they're set aside, and created when it is."""
    first = org.say("E1", userName="e1@example.com", active=True)
    await org.run()
    assert org.store.parked == {"E1": "incomplete"}
    assert await org.ledger() == []
    org.say("E1", displayName="Ada")
    await org.run()
    assert (await org.user())["displayName"] == "Ada"
    assert org.fate(first) == "parked"
    assert org.store.parked == {}


async def test_whom_the_search_shows_after_their_deletion_is_made_anew(org: Org) -> None:
    """A search index that shows the deleted for ever doesn't keep a rehire waiting for ever."""
    gone = {"id": "no-such-id", "userName": "e1@example.com", "externalId": "E1"}

    def stale(method: str, path: str, answer: Response) -> Response:
        if method == "GET" and path.startswith("/Users?"):
            return replace(answer, body={"totalResults": 1, "Resources": [gone]})
        return answer

    org.wire.after = stale
    seq = org.say("E1", **person("E1"))
    await org.run()
    assert (await org.user())["active"] is True
    assert org.fate(seq) == "delivered"
    assert sum(org.clock.paused) > 10
    assert (await org.requests())["GET users/{id}"] < 10

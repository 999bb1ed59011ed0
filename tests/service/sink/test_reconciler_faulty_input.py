"""A history that lacks something, and servers that misbehave."""

from typing import Any

import pytest

from streamproc.core.scim.dialect import ENTERPRISE
from streamproc.core.scim.response_policy import Response
from tests.support.reconciler import Org, Start, person


async def test_a_regressed_record_is_parked_but_a_leaver_goes_through(org: Org) -> None:
    """After a lost update nothing is given any more; access is taken all the same, and a human is still asked."""
    await org.hired()
    old = org.records["E1"]
    org.say("E1", department="Care")
    await org.run()
    org.records["E1"] = old  # the fold lost the last event
    regressed = org.say("E1", job="Team Lead")
    await org.run()
    assert org.fate(regressed) == "parked"
    assert org.store.parked == {"E1": "regressed"}
    assert (await org.user())[ENTERPRISE]["department"] == "Care"
    leaver = org.say("E1", active=False)
    await org.run()
    assert ((await org.user())["active"], org.fate(leaver)) == (False, "revoked")
    assert org.store.parked == {"E1": "regressed"}
    back = org.say("E1", active=True)
    await org.run()
    assert ((await org.user())["active"], org.fate(back)) == (False, "parked")


async def test_a_leaver_isnt_lost_behind_a_regressed_record(org: Org) -> None:
    """A leave that is overtaken by a record which doesn't know of it still takes access away."""
    await org.hired()
    old = org.records["E1"]
    left = org.say("E1", active=False)
    org.records["E1"] = old
    regressed = org.say("E1", department="Sales")
    await org.run()
    assert (await org.user())["active"] is False
    assert (org.fate(left), org.fate(regressed)) == ("superseded", "parked")
    assert org.store.parked == {"E1": "regressed"}


async def test_what_compaction_removed_is_told(org: Org) -> None:
    """Records that were compacted away are told as superseded, so that the counts add up."""
    await org.hired()
    seen = org.store.highest["E1"]
    org.folded("E1", department="Care")
    removed = org.folded("E1", department="Sales").seq
    seq = org.say("E1", department="Office")
    await org.run()
    (gone,) = [outcome for outcome in org.outcomes if outcome.seq == removed]
    assert (gone.verdict, gone.since, gone.final) == ("superseded", seen, True)
    assert org.fate(seq) == "delivered"


@pytest.mark.parametrize("body", [{}, {"meta": None}, {"Resources": [None]}, {"totalResults": 1}])
async def test_an_answer_that_shows_nothing_isnt_an_absence(org: Org, body: dict[str, Any]) -> None:
    """A proxy's 200 in place of Genesys's answer doesn't make a leaver look as if they weren't there."""
    await org.foreign("e1", externalId="E1")
    times = 2

    def proxy(method: str, path: str, answer: Response) -> Response:
        nonlocal times
        if method == "GET" and times:
            times -= 1
            return Response(200, body, {})
        return answer

    org.wire.after = proxy
    org.say("E1", active=False)
    await org.run()
    assert (await org.user())["active"] is False


async def test_a_user_who_cant_be_understood_is_read_again(org: Org) -> None:
    """A garbled answer costs a retry, not the whole sink."""
    await org.foreign("e1", externalId="E1")
    times = 2

    def garbled(method: str, path: str, answer: Response) -> Response:
        nonlocal times
        if path.startswith("/Users/") and method == "GET" and times:
            times -= 1
            return Response(200, {"id": "x", "roles": [None], "meta": None, "groups": 7}, {})
        return answer

    org.wire.after = garbled
    org.say("E1", **person("E1"))
    await org.run()
    assert (await org.user())["title"] == "Agent"


@pytest.mark.parametrize("kept", ["nothing", "location"])
async def test_a_create_answered_without_a_body_is_not_done_twice(org: Org, kept: str) -> None:
    """An empty answer to a create is looked into; there is one such user, with all that was asked for."""

    def empty(method: str, path: str, answer: Response) -> Response:
        if method != "POST":
            return answer
        return Response(201, {}, {"location": answer.headers["location"]} if kept == "location" else {})

    org.wire.after = empty
    seq = org.say("E1", **person("E1"), department="Spanish Support")
    await org.run()
    posts = [each for each in await org.ledger() if each["method"] == "POST"]
    assert len(posts) == 1
    assert (await org.user())["id"] in await org.members("Spanish Queue")
    assert org.fate(seq) == "delivered"
    assert (await org.requests())["GET users"] == (2 if kept == "location" else 3)


async def test_an_answer_without_etag_costs_a_read(org: Org) -> None:
    """A 204 to one change doesn't make the next one overwrite what it hasn't seen."""
    await org.hired()
    org.wire.after = lambda method, _, answer: Response(204, {}, {}) if method == "PATCH" else answer
    org.say("E1", department="Sales")
    await org.run()
    org.say("E1", department="Care")
    await org.run()
    assert [each["if_match"] for each in await org.writes()] == ['"1"', '"2"']
    assert (await org.user())[ENTERPRISE]["department"] == "Care"


async def test_a_server_that_accepts_but_doesnt_hold_ends(start: Start) -> None:
    """A skill that Genesys drops without a word isn't sent for ever, not even after doubts."""
    org = await start(unknown_names="ignore")
    await org.hired()
    await org.faults({"kind": "504_after", "method": "PATCH", "times": 2})
    seq = org.say("E1", genesysQueue="Quidditch")
    await org.run()
    assert org.fates[seq] == 1
    assert len(await org.writes()) < 6

"""Isolated changes, version conflicts, and answers that leave open what was done."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from streamproc.core.scim.dialect import ENTERPRISE
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.setbacks import CONFLICTS
from tests.support.reconciler import Org, Start, person


async def test_an_isolated_change_costs_one_request(org: Org) -> None:
    """After first contact one change is one PATCH with If-Match, and no read."""
    await org.hired()
    seq = org.say("E1", department="Sales")
    await org.run()
    assert await org.requests() == {"PATCH users/{id}": 1}
    (patch,) = await org.writes()
    assert patch["if_match"] == '"1"'
    assert [each["path"] for each in patch["body"]["Operations"]] == [f"{ENTERPRISE}:department"]
    assert org.fate(seq) == "delivered"


async def test_what_is_already_so_costs_nothing(org: Org) -> None:
    """An event that changes nothing makes no request, and its fate is told all the same."""
    await org.hired()
    seq = org.say("E1", job="Agent", unread="x")
    await org.run()
    assert await org.requests() == {}
    assert org.fate(seq) == "no-op"


async def test_request_ids_come_from_content(org: Org) -> None:
    """The id that Genesys's support sees names partition and event; another body has another id."""
    await org.hired()
    seq = org.say("E1", department="Sales")
    await org.run()
    later = org.say("E1", department="Care")
    await org.run()
    one, two = (each["request_id"] for each in await org.writes())
    assert one.startswith(f"0-{seq}-")
    assert two.startswith(f"0-{later}-")
    assert one.rpartition("-")[2] != two.rpartition("-")[2]
    told = {request.id for outcome in org.outcomes for request in outcome.requests}
    assert {one, two} <= told


@pytest.mark.parametrize("form", ["invalidVers400", "409", "412"])
async def test_a_version_conflict_is_planned_again(start: Start, form: str) -> None:
    """A change by hand in between is noticed, in each form in which Genesys may say so, and what is ours put right."""
    org = await start(version_mismatch=form)
    id_ = await org.hired()
    await org.patch(f"Users/{id_}", "replace", "displayName", "By Hand")
    org.mark += 1
    seq = org.say("E1", department="Sales")
    await org.run()
    now = await org.user()
    assert (now["displayName"], now[ENTERPRISE]["department"]) == ("Person E1", "Sales")
    assert [each["if_match"] for each in await org.writes()] == ['"1"', '"2"']
    assert org.fate(seq) == "delivered"


async def test_every_patch_has_if_match(start: Start) -> None:
    """Whatever happens, no PATCH of ours overwrites what it hasn't seen, even where memberships move versions."""
    org = await start(membership_bumps_user=True)
    await org.hired(department="Spanish Support")
    org.say("E1", department="Billing", genesysQueue="Billing")
    await org.run()
    org.say("E1", active=False)
    await org.run()
    org.say("E1", active=True)
    await org.run()
    patches = [each for each in await org.ledger() if each["method"] == "PATCH"]
    assert len(patches) > 4
    assert all(each["if_match"] for each in patches)
    assert all(times == 1 for times in org.fates.values())


async def test_a_conflict_that_isnt_one_doesnt_go_on_for_ever(org: Org) -> None:
    """A refusal that calls itself a version conflict, at the very version that was read, ends parked, not endless."""
    await org.hired()
    await org.faults({"kind": "version_conflict", "path": "users"})
    seq = org.say("E1", department="Sales")
    await org.run()
    assert org.fate(seq) == "parked"
    assert len(await org.writes()) == CONFLICTS
    leaver = org.say("E1", active=False)
    await org.faults({"kind": "version_conflict", "path": "users", "times": CONFLICTS})
    await org.run()
    assert (org.fate(leaver), (await org.user())["active"]) == ("revoked", False)


@pytest.mark.parametrize("kind", ["lost_answer", "500_after", "503_after", "504_after", "reset", "500_before"])
@pytest.mark.parametrize("what", ["create", "patch", "join", "leave"])
async def test_an_unknown_outcome_is_read_and_not_done_twice(org: Org, kind: str, what: str) -> None:
    """A lost answer costs a read; whoever it was about is created, changed or put into a group once."""
    if what == "create":
        org.mark = 0
        await org.faults({"kind": kind, "method": "POST", "path": "users", "times": 1})
        seq = org.say("E1", **person("E1"))
    else:
        await org.hired(department="Spanish Support" if what == "leave" else "Office")
        path = "users" if what == "patch" else "groups"
        await org.faults({"kind": kind, "method": "PATCH", "path": path, "times": 1})
        seq = org.say("E1", **({"genesysQueue": "Billing"} if what == "join" else {"department": "Sales"}))
    await org.run()
    changed = Counter(each["method"] + each["path"].split("/")[5] for each in await org.writes() if each["changed"])
    applied = Counter(each["method"] + each["path"].split("/")[5] for each in await org.writes() if each["applied"])
    assert changed == applied
    assert set(changed.values()) == {1}
    assert org.fate(seq) == "delivered"
    there = await org.user()
    if what == "patch":
        assert there[ENTERPRISE]["department"] == "Sales"
    if what in {"join", "leave"}:
        assert (there["id"] in await org.members("Billing Queue")) == (what == "join")
        assert (there["id"] in await org.members("Spanish Queue")) is False


@pytest.mark.parametrize(
    ("fault", "waited"),
    [
        ({"kind": "429", "retry_after": 7, "times": 2}, 14.0),
        ({"kind": "429_no_retry_after", "times": 2}, 0.6),
        ({"kind": "401", "times": 1}, 0.2),
    ],
)
async def test_a_refusal_before_it_was_looked_at_is_sent_again(org: Org, fault: dict[str, Any], waited: float) -> None:
    """Rate limits are waited out as long as Genesys says; nothing is read, nothing is lost."""
    await org.hired()
    await org.faults({"method": "PATCH", **fault})
    seq = org.say("E1", department="Sales")
    await org.run()
    assert sum(org.clock.paused) == pytest.approx(waited, abs=0.01)
    assert await org.requests() == {"PATCH users/{id}": fault["times"] + 1}
    assert await org.shown() == [("PATCH", True)]
    assert org.fate(seq) == "delivered"


async def test_others_go_on_while_one_waits(org: Org) -> None:
    """A user whose changes fail keeps nobody else waiting."""
    await org.hired("E1")
    await org.hired("E2")
    await org.faults({"kind": "500_before", "user": "E1", "method": "PATCH"})
    other = asyncio.Event()

    def other_done(method: str, path: str, answer: Response) -> Response:
        if method == "PATCH" and answer.status == 200:
            other.set()
        return answer

    async def until_the_other_is_done(_: float) -> None:
        await other.wait()
        await org.faults()

    org.wire.after = other_done
    org.clock.during = until_the_other_is_done
    org.say("E1", department="Sales")
    org.say("E2", department="Sales")
    await org.run()
    assert (await org.user("E1"))[ENTERPRISE]["department"] == "Sales"

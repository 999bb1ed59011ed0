"""What each request says that the target holds: the log alone gives what the sink goes on from."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from streamproc.audit.asof.target_state import KnownTargetState, TargetStateFold
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.outcome import Outcome
from streamproc.core.scim.dialect import RFC7644_DIALECT
from streamproc.core.scim.response_policy import Response
from tests.support.reconciler import Clock, InMemoryDeliveryStore, Org, Start, person

EVER = 10**15


@pytest.fixture
def told() -> list[Outcome]:
    """All outcomes, of all sinks."""
    return []


@pytest.fixture
async def org(start: Start, told: list[Outcome], monkeypatch: pytest.MonkeyPatch) -> Org:
    """Each look at the clock takes a millisecond, as long as answers take. Each delivery is what the log tells."""

    def ticks(self: Clock) -> float:
        self.now += 0.001
        return self.now

    def record(self: InMemoryDeliveryStore, outcomes: list[Outcome], delivery: DeliveredState | None = None) -> None:
        told.extend(outcomes)
        if delivery is not None:
            found = by_the_log(told, delivery.user)
            assert found.holds == (delivery.held if delivery.id else None)
            assert (found.state == "holds") == (delivery.id is not None)
        recorded(self, outcomes, delivery)

    recorded = InMemoryDeliveryStore.record
    monkeypatch.setattr(Clock, "ticks", ticks)
    monkeypatch.setattr(InMemoryDeliveryStore, "record", record)
    return await start()


def by_the_log(told: list[Outcome], user: str) -> KnownTargetState:
    """What was acknowledged, by the outcomes as they are written."""
    answers = TargetStateFold(EVER)
    for outcome in told:
        if outcome.user == user:
            answers.take(orjson.loads(orjson.dumps(outcome)))
    return answers.known()


def lost(method: str, times: int = 1) -> Callable[[str, str, Response], Response]:
    """The first answers to a method don't reach us."""
    left = [times]

    def after(asked: str, _path: str, answer: Response) -> Response:
        if asked != method or not left[0]:
            return answer
        left[0] -= 1
        return Response(None, {}, {}, error="TimeoutError")

    return after


async def test_a_write_a_membership_and_a_leaver(org: Org, told: list[Outcome]) -> None:
    """Accepted, and told with all that is held since."""
    await org.hired(department="Spanish Support", genesysQueue="Sales")
    await org.sim("POST", "config", {"groups": ["Sales Queue"]})
    org.say("E1", department="Care", genesysQueue="Billing", phone="+13175550101")
    await org.run()
    found = by_the_log(told, "E1")
    assert found.holds is not None
    assert (found.holds["groups"], found.holds["phone"]) == (["Billing Queue"], "+13175550101")
    org.say("E1", active=False)
    await org.run()
    found = by_the_log(told, "E1")
    assert found.holds is not None
    assert (found.holds["active"], found.holds["groups"]) == (False, ["Billing Queue"])


@pytest.mark.parametrize("method", ["POST", "PATCH", "GET"])
async def test_what_wasnt_answered_is_told_once_it_was_read(org: Org, told: list[Outcome], method: str) -> None:
    """Until then it is open, and what is held is what was known before."""
    if method != "POST":
        await org.hired()
    org.wire.after = lost(method)
    org.say("E1", **person("E1") | {"department": "Spanish Support", "phone": "+13175550101"})
    await org.run()
    requests = [(each, outcome.verdict) for outcome in told for each in outcome.requests]
    unanswered = [each for each, verdict in requests if each.status is None]
    assert unanswered
    assert all(each.holds is None and not each.absent for each in unanswered)
    if method != "GET":
        (write,) = unanswered
        answers = TargetStateFold(write.answered)
        for outcome in told:
            answers.take(orjson.loads(orjson.dumps(outcome)))
        assert [each.id for each in answers.known().open] == [write.id]
    found = by_the_log(told, "E1")
    assert found.open == ()
    assert found.holds is not None
    assert found.holds["groups"] == ["Spanish Queue"]


async def test_who_was_deleted_and_who_never_was_there(org: Org, told: list[Outcome]) -> None:
    """`absent` by a 404, and by a search that finds nobody; and nothing is known of who was never asked for."""
    there = await org.hired()
    await org.call("DELETE", f"Users/{there}")
    org.say("E1", active=False)
    org.say("E2", userName="ben@example.com", active=False)
    org.say("E3", active=False)
    assert by_the_log(told, "E2").state == "never"
    await org.run()
    assert [by_the_log(told, user).state for user in ("E1", "E2", "E3")] == ["absent"] * 3
    refused = [each for outcome in told for each in outcome.requests if each.status == 404]
    assert [(each.method, each.absent) for each in refused][-1] == ("GET", True)


async def test_who_is_gone_when_read(org: Org, told: list[Outcome]) -> None:
    """A read says so too."""
    there = await org.hired()

    async def deleted(method: str, path: str) -> None:
        if (method, path) == ("GET", f"/Users/{there}"):
            await org.call("DELETE", f"Users/{there}")

    org.wire.before, org.wire.after = deleted, lost("PATCH")
    org.say("E1", active=False)
    await org.run()
    (refused,) = [each for outcome in told for each in outcome.requests if each.status == 404]
    assert (refused.method, refused.absent) == ("GET", True)


async def test_a_leaver_read_in_a_hurry_keeps_the_groups_that_were_known(org: Org, told: list[Outcome]) -> None:
    """A sink that has just started doesn't know the groups' ids, and a leaver doesn't wait for them."""
    await org.hired(department="Spanish Support")
    org.start(until=EVER)
    org.say("E1", active=False)
    await org.run()
    found = by_the_log(told, "E1")
    assert found.holds is not None
    assert (found.holds["active"], found.holds["groups"]) == (False, ["Spanish Queue"])


async def test_what_is_refused_isnt_held(org: Org, told: list[Outcome]) -> None:
    """Neither the language that the target doesn't have, nor what was created with less than was desired."""
    org.say("E1", **person("E1"), genesysLanguage="Klingon", department="Sales")
    await org.run()
    found = by_the_log(told, "E1")
    assert found.holds is not None
    assert "languages" not in found.holds
    assert found.holds["department"] == "Sales"


async def test_memberships_that_only_the_groups_tell(org: Org, told: list[Outcome]) -> None:
    """Where a user's resource is silent on groups, each search of a group says whether the user is in that one."""
    org.dialect = RFC7644_DIALECT
    org.start()
    there = await org.hired(department="Spanish Support", job="Team Lead")
    spanish = await org.group_id("Spanish Queue")
    await org.patch(f"Groups/{spanish}", "remove", f'members[value eq "{there}"]')
    await org.patch(f"Users/{there}", "replace", "title", "Somebody else's word")

    def silent(_method: str, path: str, answer: Response) -> Response:
        """The stand-in doesn't search groups by their members: this is what it would find."""
        body: dict[str, Any] = {**answer.body}
        if "/Users/" in path:
            body.pop("groups", None)
        if "members.value" not in path:
            return Response(answer.status, body, answer.headers, answer.sent, answer.error)
        found = [] if spanish in path else [{"id": path.split("%22")[1]}]
        return Response(200, {"totalResults": len(found), "Resources": found}, {})

    org.wire.after = silent
    before = len(told)
    org.say("E1", phone="+13175550101")
    await org.run()
    reads = [each for outcome in told[before:] for each in outcome.requests if each.method == "GET" and each.holds]
    groups = [(each.holds or {})["groups"] for each in reads if each.path.startswith("/Groups?")]
    assert groups
    assert all(each == ["Supervisors"] for each in groups)
    assert {(each.holds or {})["title"] for each in reads} == {"Somebody else's word", "Team Lead"}
    found = by_the_log(told, "E1")
    assert found.holds is not None
    assert found.holds["groups"] == ["Spanish Queue", "Supervisors"]

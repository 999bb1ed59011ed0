"""What disagrees now, by the newest finding, and what may be ordered of it."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from streamproc.core.records.control import Action, Control
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.finding import Changed, Difference, Finding
from streamproc.core.records.topic_names import DELIVERIES, FINDINGS
from streamproc.core.records.units import Millis
from streamproc.operators.controls import order
from streamproc.operators.findings import Adoption, adopt, adoption, current_findings, deactivate, ignore
from streamproc.testing.memory_log import MemoryBroker, MemoryLog

NOW = Millis(9)
EMAIL = Difference("email", "changed", "own", "a@b.example", "c@d.example", "changed there")
BACK = Difference("active", "changed", "own", False, True, "reactivated")
ORPHAN = Difference("account", "orphan", "own", None, {"active": True}, "nobody knows them")
OF_USER = Finding("E1", "g-1", "a@b.example", [EMAIL], NOW, Millis(5))
OF_ACCOUNT = Finding(None, "g-2", "robot@b.example", [ORPHAN], NOW, Millis(3))
INCIDENT = Finding("E2", "g-3", "x@b.example", [BACK], NOW, Millis(8), incident=True)


async def log(*findings: Finding, controls: tuple[Control, ...] = ()) -> MemoryLog:
    """A log in memory with these findings, as reconcile appends them."""
    kafka = MemoryLog(MemoryBroker(4, lambda: 5))
    producer = kafka.producer()
    for finding in findings:
        await producer.send_and_wait(FINDINGS, orjson.dumps(finding), finding.key.encode())
    await order(kafka, controls)
    return kafka


async def test_incidents_come_first_then_the_oldest() -> None:
    """What an operator has to look at first stands first, and each user and account once."""
    later = replace(OF_USER, at=Millis(10))
    found = await current_findings(await log(OF_USER, OF_ACCOUNT, INCIDENT, later))
    assert list(found) == ["E2", "account/g-2", "E1"]
    assert found["E1"].finding == later
    assert found["E1"].place.offset > found["E1"].first


async def test_a_finding_of_another_key_or_of_nobody_s_making_is_passed_over() -> None:
    """Whoever can write there can't put words about one user under another's key; what was before counts."""
    kafka = await log(OF_USER)
    for value in (orjson.dumps(INCIDENT), b"{", None):
        await kafka.producer().send_and_wait(FINDINGS, value, b"E1")
    found = await current_findings(kafka)
    assert [each.finding for each in found.values()] == [OF_USER]


async def test_an_order_waits_until_it_is_answered_or_something_else_disagrees() -> None:
    """Nobody orders twice what is under way; and a new difference is open again, whatever was ordered before."""
    found = (await current_findings(await log(OF_ACCOUNT)))["account/g-2"]
    assert found.state == "open"
    control = ignore(found, "Kim", "a robot", NOW)
    assert isinstance(control, Control)
    same = replace(OF_ACCOUNT, at=Millis(20))
    answered = replace(OF_ACCOUNT, answered=control.id)
    other = replace(OF_ACCOUNT, differences=[replace(ORPHAN, held={"active": False})])
    gone = replace(OF_ACCOUNT, differences=[])
    for findings, state in (
        ([OF_ACCOUNT], "ordered"),
        ([OF_ACCOUNT, same], "ordered"),
        ([OF_ACCOUNT, answered], "answered"),
        ([OF_ACCOUNT, answered, same], "open"),
        ([OF_ACCOUNT, other], "open"),
        ([OF_ACCOUNT, gone], "settled"),
    ):
        (now,) = (await current_findings(await log(*findings, controls=(control,)))).values()
        assert now.state == state
        wanted = isinstance(ignore(now, "Kim", "again", NOW), Control)
        assert wanted == (state in {"open", "answered"})


async def test_orders_name_what_was_found() -> None:
    """An order holds for the finding that the operator saw: account or user, and its place in the log."""
    found = await current_findings(await log(OF_USER, replace(OF_USER, at=Millis(10)), OF_ACCOUNT))
    user, account = found["E1"], found["account/g-2"]
    closed, taken = ignore(user, "Kim", "fine", NOW), deactivate(account, "Kim", "left", NOW)
    assert isinstance(closed, Control)
    assert isinstance(taken, Control)
    assert (closed.key, closed.user, closed.account, closed.since) == ("E1", "E1", None, user.place.offset)
    assert (taken.key, taken.user, taken.account) == ("account/g-2", None, "g-2")
    assert taken.since == account.place.offset


async def test_no_user_is_deactivated_and_no_incident_ignored() -> None:
    """Users lose access by what their sources say, and whoever has it against them never keeps it by an order."""
    theirs = replace(OF_ACCOUNT, user="E3")
    found = await current_findings(await log(OF_USER, INCIDENT, theirs))
    assert "sources" in str(deactivate(found["E3"], "Kim", "why", NOW))
    assert "sources" in str(deactivate(found["E1"], "Kim", "why", NOW))
    assert "incident" in str(ignore(found["E2"], "Kim", "why", NOW))


AMBIGUOUS = Parked("ambiguous", "another externalId", None, None, {}, {}, NOW, 3)


def state(user: str, parked: Parked | None, account: str | None = None) -> DeliveredState:
    return DeliveredState(user, 1, account, None, None, parked, NOW)


async def test_deliveries_say_whose_account_it_is() -> None:
    """The newest delivery of each user counts: an account that somebody has given up is nobody's."""
    kafka = await log()
    for user, account in (("E1", None), ("E2", "g-1"), ("E3", "g-2"), ("E3", None)):
        parked = AMBIGUOUS if user == "E1" else None
        await kafka.producer().send_and_wait(DELIVERIES, orjson.dumps(state(user, parked, account)), user.encode())
    for spelled in ("g-1", "G-1"):
        assert await adoption(kafka, "E1", spelled) == Adoption(state("E1", AMBIGUOUS), "E2")
    assert await adoption(kafka, "E1", "g-2") == Adoption(state("E1", AMBIGUOUS), None)
    assert await adoption(kafka, "E2", "g-1") == Adoption(state("E2", None, "g-1"), None)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (Adoption(state("E1", AMBIGUOUS), "E2"), "that of user E2"),
        (Adoption(state("E1", None), None), "nothing of them is parked"),
        (Adoption(None, None), "nothing of them is parked"),
        (Adoption(state("E1", replace(AMBIGUOUS, code="held")), None), "parked as held"),
    ],
)
def test_only_who_waits_for_an_account_gets_one(found: Adoption, why: str) -> None:
    """Taking over another user's account, or giving somebody a second one, is refused with what to look at."""
    assert why in str(adopt(found, "E1", "g-1", "Kim", "the same", NOW))


def test_an_adoption_names_both() -> None:
    """The order says whose account it becomes and since when the user waits, as the log of orders needs it."""
    control = adopt(Adoption(state("E1", AMBIGUOUS), None), "E1", "g-1", "Kim", "the same", NOW)
    assert isinstance(control, Control)
    assert (control.action, control.user, control.account, control.since) == ("adopt", "E1", "g-1", AMBIGUOUS.since)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"name": "Kim Berg"}, "Kim Berg"),
        ({"person": "p-1", "client": "c-1"}, "person p-1 with client c-1"),
        ({"client": "c-1"}, "client c-1"),
        ({}, "somebody whom the audit log doesn't name"),
    ],
)
def test_who_changed_it_in_words(said: dict[str, Any], words: str) -> None:
    """A person by their name, or by their id, and the client that they used."""
    unknown = {"client": None, "person": None, "name": None}
    assert Changed(at=NOW, entry="e", **(unknown | said)).who == words


@pytest.mark.parametrize("action", ["ignore", "deactivate"])
async def test_an_order_is_heard_once(action: Action) -> None:
    """A second one, while the first waits, is refused and says who ordered it."""
    decide = {"ignore": ignore, "deactivate": deactivate}[action]
    found = (await current_findings(await log(OF_ACCOUNT)))["account/g-2"]
    control = decide(found, "Kim", "why", NOW)
    assert isinstance(control, Control)
    (now,) = (await current_findings(await log(OF_ACCOUNT, controls=(control,)))).values()
    assert decide(now, "Lee", "why", NOW) == f"account/g-2: {action} is ordered already, by Kim"

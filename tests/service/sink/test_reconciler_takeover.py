"""One sink takes over from another: what is still under way can't undo what is newer."""

import asyncio
from typing import Any

import pytest

from streamproc.core.fold.plan import Urgency
from streamproc.core.records.change_event import Fact, Origin
from streamproc.core.records.delivery import Standing
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.mass_guard import GuardDecision, Hold, Protected, Rejected
from streamproc.sink.delivery_store import PartitionLostError
from tests.support.reconciler import FRESH, LANDED, Org, Start, person, roles

HELD = Standing("E1", 2, "held", Cause("hris", "test", Origin("events.hris", 0, 0, Millis(0))), "too many")


@pytest.mark.parametrize("what", ["create", "adopt", "conflict", "join", "known"])
async def test_a_sink_that_lost_its_partition_writes_no_more(org: Org, what: str) -> None:
    """A sink that was paused and replaced doesn't undo what its successor did: not one write goes out."""
    org.mark = 0
    if what in {"join", "conflict", "known"}:
        id_ = await org.hired()
        if what == "conflict":
            await org.patch(f"Users/{id_}", "replace", "displayName", "By Hand")
    elif what == "adopt":
        await org.foreign("e1")
    org.mark = len(await org.ledger())

    async def lose(method: str, path: str) -> None:
        gets = {"create": "userName", "adopt": "/Users/", "conflict": "/Users/", "join": "/Groups?"}
        if method == "GET" and gets[what] in path:
            org.store.lost = True

    if what == "known":
        org.clock.now += 60
        org.store.lost = True
    else:
        org.wire.before = lose
    org.say("E1", **{**person("E1"), **({"genesysQueue": "Billing"} if what == "join" else {"department": "Sales"})})
    with pytest.raises(PartitionLostError):
        await org.run()
    written = [each["path"].split("/")[5] for each in await org.writes() if each["applied"]]
    assert written == (["Users"] if what == "join" else [])  # the skill that goes with the queue went before
    assert org.fates.total() == (0 if what in {"create", "adopt"} else 1)


async def test_what_the_turn_before_has_read_rests_on_a_transaction_as_well(org: Org) -> None:
    """A sink that was paused and replaced can't use a version that it read when its successor had written: neither in
    the same turn nor in the user's next one, which comes at once.
    """
    id_ = await org.hired()
    await org.patch(f"Users/{id_}", "replace", "title", "Team Lead")
    org.say("E1", job="Team Lead", department="Sales")
    await org.run()
    await org.patch(f"Users/{id_}", "replace", "title", "Clerk")
    org.say("E1", job="Clerk")  # a conflict, a read, and nothing is left to do
    await org.run()
    org.mark = len(await org.ledger())

    async def refused() -> None:
        raise PartitionLostError

    org.store.confirm = refused  # type: ignore[method-assign]
    org.say("E1", department="Billing")
    with pytest.raises(PartitionLostError):
        await org.run()
    assert not [each for each in await org.writes() if each["applied"]]


async def test_a_confirmation_whose_answer_was_slow_is_asked_for_again(org: Org) -> None:
    """Another sink may have the partition by then: a joiner who has left meanwhile mustn't be created by this one."""
    ages: list[float] = []

    def write(method: str, _path: str, answer: Response) -> Response:
        if method != "GET":
            ages.append(org.clock.now - org.store.confirmed)
        return answer

    slow_kafka(org, FRESH + 0.7, times=2)
    org.wire.after = write
    org.say("E1", **person("E1"))
    await org.run()
    assert len(ages) == len(await org.ledger()) > 0
    assert max(ages) < FRESH
    assert (await org.user())["active"] is True


async def test_nothing_goes_out_by_a_confirmation_from_before_the_wait_for_a_token(org: Org) -> None:
    """A sink that was paused meanwhile and replaced would create a joiner who has left since."""
    token = org.tokens.get

    async def slow() -> str:
        org.clock.now += 60
        org.store.lost = True
        return await token()

    def search(method: str, path: str, answer: Response) -> Response:
        if method == "GET" and "userName" in path:
            org.tokens.get = slow  # type: ignore[method-assign]
        return answer

    org.wire.after = search
    org.say("E1", **person("E1"))
    with pytest.raises(PartitionLostError):
        await org.run()
    assert await org.ledger() == []


@pytest.mark.parametrize(("active", "confirms", "fate"), [(False, 2, "revoked"), (True, 5, "parked")])
async def test_a_leaver_doesnt_wait_until_kafka_gets_quicker(org: Org, active: bool, confirms: int, fate: str) -> None:
    """However slow it is, access is gone after two transactions. Others are tried again later, and told why."""
    await org.hired()
    slow_kafka(org, FRESH + 0.7, times=100)
    org.store.confirms = 0
    seq = org.say("E1", active=active, department="Sales")
    await org.run()
    assert (org.store.confirms, org.fate(seq)) == (confirms, fate)
    assert ((await org.user())["active"], len(await org.writes())) == (active, 0 if active else 1)
    parked = org.store.known["E1"].parked
    assert ("" if parked is None else parked.reason or "").startswith("Kafka's transactions take longer" * active)


async def test_a_leaver_ends_the_wait_for_a_confirmation_before_their_create(org: Org) -> None:
    """Hired and gone while Kafka is slow and their create is at the head of the line: they are never let in."""
    confirm = org.store.confirm
    confirmed = 0

    async def slow() -> None:
        nonlocal confirmed
        confirmed += 1
        await confirm()
        if confirmed == 2:
            org.say("E1", active=False)

    async def entered(user: str, urgency: Urgency, ticket: int) -> bool:
        org.clock.now += 2 * FRESH
        return await enter(user, urgency, ticket)

    enter, org.gate.enter = org.gate.enter, entered  # type: ignore[method-assign]
    org.store.confirm = slow  # type: ignore[method-assign]
    joined = org.say("E1", **person("E1"))
    await org.run()
    assert confirmed == 2
    assert await org.ledger() == []
    assert org.fates[joined] == 1


def slow_kafka(org: Org, seconds: float, times: int = 1) -> None:
    """So long are the answers of the next confirmations under way."""
    confirm, left = type(org.store).confirm, [None] * times

    async def slow() -> None:
        await confirm(org.store)
        if left:
            left.pop()
            org.clock.now += seconds

    org.store.confirm = slow  # type: ignore[method-assign]
    org.store.confirmed -= 100


@pytest.mark.parametrize(
    ("taken_over", "compacted"),
    [({"until": 10}, False), ({"alone": False}, False), ({"until": 10}, True)],
    ids=["meanwhile", "just before", "compacted"],
)
async def test_a_late_create_of_the_sink_before_doesnt_let_a_leaver_in(
    org: Org, taken_over: dict[str, Any], compacted: bool
) -> None:
    """Hired and gone while one sink took over from another, or while the old one went on, since its last confirmation
    was good and it didn't know: a create of it that lands late is undone, also where its record isn't there any more.
    """
    joined = org.folded("E1", **person("E1"))
    left = org.folded("E1", active=False)
    org.start(**taken_over)
    landed: list[float] = []

    async def late(seconds: float) -> None:
        if not landed:
            landed.append(seconds)
            await org.foreign("e1", externalId="E1")

    org.clock.during = late
    if not compacted:
        org.take_in(joined)
    org.take_in(left)
    await org.run()
    assert landed == [pytest.approx(FRESH + LANDED, abs=0.1)]
    assert (await org.user())["active"] is False
    assert (org.fate(joined.seq), org.fate(left.seq)) == ("superseded", "revoked")


@pytest.mark.parametrize("what", ["patch", "join"])
async def test_a_late_change_of_the_sink_before_is_undone(org: Org, what: str) -> None:
    """A right that was given and taken back during a takeover isn't held afterwards, whichever request lands last."""
    id_ = await org.hired()
    given = org.folded("E1", **({"job": "Team Lead"} if what == "patch" else {"genesysQueue": "Billing"}))
    taken = org.folded("E1", **({"job": "Agent"} if what == "patch" else {"genesysQueue": None}))
    org.start(until=10)
    landed: list[float] = []

    async def late(_: float) -> None:
        if landed:
            return
        landed.append(1)
        if what == "patch":
            await org.patch(f"Users/{id_}", "replace", "roles", [{"value": "Supervisor"}], If_Match='"1"')
        else:
            path = f"Groups/{await org.group_id('Billing Queue')}"
            await org.patch(path, "add", "members", [{"value": id_}])

    org.clock.during = late
    org.take_in(given)
    org.take_in(taken)
    await org.run()
    assert landed
    assert roles(await org.user()) == ["Agent", "employee"]
    assert await org.members("Billing Queue") == set()
    assert org.fate(given.seq) == "superseded"


@pytest.mark.parametrize("taken_over", [{"until": 10}, {"alone": False}], ids=["meanwhile", "just before"])
async def test_what_the_sink_before_has_done_isnt_done_again(org: Org, taken_over: dict[str, Any]) -> None:
    """A membership that was given before a crash, and not yet noted, is found; the group isn't changed once more."""
    id_ = await org.hired(department="Billing")
    joined = org.folded("E1", genesysQueue="Billing")
    await org.patch(f"Groups/{await org.group_id('Billing Queue')}", "add", "members", [{"value": id_}])
    org.mark += 1
    org.start(**taken_over)
    org.take_in(joined)
    await org.run()
    assert await org.writes() == []
    assert org.fate(joined.seq) == "delivered"


async def test_newer_work_ends_the_wait_for_what_may_land(org: Org) -> None:
    """While it is waited for a late request, the next change goes out at once."""
    await org.hired()
    given = org.folded("E1", job="Team Lead")
    taken = org.folded("E1", job="Agent")
    org.start(until=10)
    newer: list[int] = []
    seen: list[bool] = []

    async def meanwhile(_: float) -> None:
        if not newer:
            newer.append(org.say("E1", active=False))
            await asyncio.Event().wait()
        seen.append((await org.user())["active"])

    org.clock.during = meanwhile
    org.take_in(given)
    org.take_in(taken)
    await org.run()
    assert seen == [False]
    assert [org.fate(seq) for seq in (given.seq, taken.seq, newer[0])] == ["superseded", "superseded", "revoked"]


@pytest.mark.parametrize("what", ["create", "reactivate", "join"])
async def test_an_unanswered_request_of_ours_that_lands_late_is_undone(org: Org, what: str) -> None:
    """Who leaves while a request about them hangs isn't let in by it when it lands after all."""
    id_ = "" if what == "create" else await org.hired()
    if what == "reactivate":
        org.say("E1", active=False)
        await org.run()
    etag = org.store.known["E1"].etag if id_ else None
    groups = await org.group_id("Billing Queue")
    pauses = 0

    def hangs(method: str, path: str, answer: Response) -> Response:
        return Response(None, {}, {}, error="TimeoutError") if method in {"POST", "PATCH"} and pauses == 0 else answer

    async def never_arrives(method: str, path: str) -> None:
        if method in {"POST", "PATCH"} and pauses == 0:
            kind = {"kind": "reset", "method": method, "times": 1}
            await org.faults(kind)

    later: list[int] = []

    async def meanwhile(_: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 1:
            facts: dict[str, Fact] = {"genesysQueue": None} if what == "join" else {"active": False}
            later.append(org.say("E1", **facts))
        elif pauses == 2:  # what is waited for
            if what == "create":
                await org.foreign("e1", externalId="E1")
            elif what == "reactivate":
                await org.patch(f"Users/{id_}", "replace", "active", True, If_Match=str(etag))
            else:
                await org.patch(f"Groups/{groups}", "add", "members", [{"value": id_}])

    org.wire.before, org.wire.after, org.clock.during = never_arrives, hangs, meanwhile
    facts: dict[str, Fact] = {"genesysQueue": "Billing", "genesysRole": None} if what == "join" else {"active": True}
    first = org.say("E1", **(person("E1") if what == "create" else facts))
    if what == "join":
        org.clock.during = meanwhile
    await org.run()
    assert pauses >= 2
    there = await org.user()
    if what == "join":
        assert await org.members("Billing Queue") == set()
    else:
        assert there["active"] is False
    assert org.fate(first) == "superseded"
    assert org.fates[later[0]] == 1


async def test_a_leaver_whose_create_isnt_searchable_yet_is_found(start: Start) -> None:
    """Created with a lost answer, gone a moment later, and the search lags: access is gone all the same."""
    org = await start(search_lag_ms=80)
    await org.faults({"kind": "lost_answer", "method": "POST", "times": 1})
    later: list[int] = []

    async def meanwhile(seconds: float) -> None:
        if not later:
            later.append(org.say("E1", active=False))
        elif seconds > 1:
            await asyncio.sleep(0.1)

    org.clock.during = meanwhile
    org.say("E1", **person("E1"))
    await org.run()
    assert (await org.user())["active"] is False
    assert org.fate(later[0]) == "revoked"


async def test_nobody_is_taken_back_to_an_older_record_that_was_read_first(org: Org) -> None:
    """The sink before was further: what it made of a record that isn't read here yet isn't undone meanwhile."""
    id_ = await org.hired()
    older, newer = org.folded("E1", job="Team Lead"), org.folded("E1", job="Clerk")
    await org.patch(f"Users/{id_}", "replace", "title", "Clerk")
    org.mark = len(await org.ledger())
    org.start(until=10)
    org.store.caught_up = False
    waited: list[float] = []

    async def read_on(seconds: float) -> None:
        if not waited:
            org.take_in(newer)
        waited.append(seconds)

    org.clock.during = read_on
    org.take_in(older)
    await org.run()
    assert waited
    assert "Team Lead" not in str([each for each in await org.writes() if each["applied"]])
    assert (org.fate(older.seq), (await org.user())["title"]) == ("superseded", "Clerk")


async def test_nobody_waits_for_ever_for_a_partition_that_isnt_read_on(org: Org) -> None:
    """Behind very many users reading stops: a change that rests on a read goes out in a while; a leaver's at once."""
    id_ = await org.hired()
    await org.patch(f"Users/{id_}", "replace", "title", "Clerk")
    org.start(until=10)
    org.store.caught_up = False
    begun = org.clock.ticks()
    org.say("E1", job="Team Lead")
    await org.run()
    assert (await org.user())["title"] == "Team Lead"
    assert LANDED - 1 < org.clock.ticks() - begun < LANDED + 5
    org.start(until=20)
    org.store.caught_up = False
    begun = org.clock.ticks()
    await org.patch(f"Users/{id_}", "replace", "title", "Boss")
    org.say("E1", active=False)
    await org.run()
    assert (await org.user())["active"] is False
    assert org.clock.ticks() - begun < LANDED / 2


@pytest.mark.parametrize("decision", [Hold(HELD), Rejected(), Protected()], ids=["held", "rejected", "protected"])
async def test_who_isnt_let_go_by_the_guard_leaves_the_group_of_before(org: Org, decision: GuardDecision) -> None:
    """A sink that died had put them into a queue. The next one is held back by the mass guard; once they are to stay,
    they are in the queue that they are to be in, and not in the one of before.
    """
    await org.hired("E1", genesysQueue="Billing")
    del org.store.known["E1"]  # of which it hadn't told anything
    org.fates.clear()
    org.guard = lambda _: decision
    org.start()
    org.take_in(org.records["E1"])
    org.say("E1", active=False)
    await org.run()
    assert (await org.user())["active"]
    assert org.store.parked["E1"] in {"held", "rejected", "protected"}
    org.say("E1", active=True, genesysQueue="Spanish")
    await org.run()
    assert (await org.members("Billing Queue"), len(await org.members("Spanish Queue"))) == (set(), 1)

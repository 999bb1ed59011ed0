"""Attacks on the courier: newer work, orders and outages at the worst moment. The set-up is that of `test_courier`."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streamproc.core.flow.circuit_breaker import CircuitBreaker
from streamproc.core.fold.plan import Urgency
from streamproc.core.records.change_event import Fact, Origin
from streamproc.core.records.control import Action, Control
from streamproc.core.records.delivery import Parked, Standing
from streamproc.core.records.user_record import encode
from streamproc.core.scim.response_policy import PATIENCE, Response, backoff
from streamproc.settings import Settings
from streamproc.sink.control_follower import ReceivedCommand
from streamproc.sink.decide.rate_limit import RateLimiter
from streamproc.sink.delivery_store import DeliveryStore
from streamproc.sink.process import Sink
from streamproc.sink.request_gate import RequestGate
from tests.service.sink import test_reconciler
from tests.service.sink.test_reconciler import Memory, Org, person, roles

org, start = test_reconciler.org, test_reconciler.start

# Revocations that waited


class Hours:
    """Time that jumps to the next moment that somebody waits for, once nobody has anything else to do."""

    def __init__(self) -> None:
        self.now = 0.0
        self._alarms: list[tuple[float, int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._alarms, (self.now + seconds, id(alarm), alarm))
        await alarm

    async def until(self, end: float) -> None:
        while True:
            for _ in range(20):
                await asyncio.sleep(0)
            if not self._alarms or self._alarms[0][0] > end:
                return
            at, _, alarm = heapq.heappop(self._alarms)
            if not alarm.done():
                self.now = at
                alarm.set_result(None)


@pytest.mark.parametrize("urgency", [Urgency.REVOKE, Urgency.CHANGE])
async def test_users_who_are_always_denied_dont_keep_the_others_from_trying(urgency: Urgency) -> None:
    """Leavers whom we may never write don't probe for ever in front of everybody who would show that all is well."""
    hours = Hours()
    gate = RequestGate(RateLimiter(), CircuitBreaker(), lambda: hours.now, hours.sleep)
    through: dict[str, float] = {}

    async def trip(user: str, urgency: Urgency, status: int, begin: float) -> None:
        ticket, attempts = gate.ticket(), 0
        await hours.sleep(begin)
        while status != 200 or user not in through:
            assert await gate.enter(user, urgency, ticket)
            await hours.sleep(0.1)
            gate.answered(user, Response(status, {}, {}), write=True)
            if status == 200:
                through[user] = hours.now
            else:
                attempts += 1
                await hours.sleep(backoff(attempts, 0.5))

    tasks = [asyncio.create_task(trip(f"E{n}", Urgency.REVOKE, 403, 0.0)) for n in range(8)]
    tasks.append(asyncio.create_task(trip("E9", urgency, 200, 300.0)))
    await hours.until(600.0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert through["E9"] < 320.0


def full(answer: Response) -> Response:
    """The target's limit is used up for all but leavers."""
    said = {"inin-ratelimit-allowed": "1000000", "inin-ratelimit-count": "950000", "inin-ratelimit-reset": "60"}
    return replace(answer, headers={**answer.headers, **said})


async def test_a_leaver_who_comes_during_a_read_isnt_left_at_the_gate(org: Org) -> None:
    """Somebody leaves while the manager of their change is looked up: the change doesn't wait at the limit first."""
    await org.hired()
    await org.foreign("m1", externalId="M1")
    left: list[int] = []
    began = 0.0

    def meanwhile(method: str, path: str, answer: Response) -> Response:
        nonlocal began
        if method == "GET" and "M1" in path and not left:
            left.append(org.say("E1", active=False))
            began = org.clock.now
            return full(answer)
        return answer

    org.wire.after = meanwhile
    org.say("E1", manager="M1")
    await org.run()
    assert org.fate(left[0]) == "revoked"
    assert org.clock.now - began < 1


@pytest.mark.parametrize("comes", ["while they wait", "just before"])
async def test_a_leaver_doesnt_wait_for_somebody_elses_turn_at_a_group(org: Org, comes: str) -> None:
    """Somebody leaves while they wait for a colleague's change of the same group: that change may hang for long."""
    await org.hired("E1")
    await org.hired("E2")
    hangs, gone = asyncio.Event(), asyncio.Event()
    left: list[int] = []

    async def before(method: str, path: str) -> None:
        if method == "PATCH" and path.startswith("/Groups") and not hangs.is_set():
            hangs.set()
            await gone.wait()

    def after(method: str, path: str, answer: Response) -> Response:
        if method == "GET" and hangs.is_set() and comes == "just before" and not left:
            left.append(org.say("E1", active=False))
        elif method == "PATCH" and answer.body.get("active") is False:
            gone.set()
        return answer

    org.wire.before, org.wire.after = before, after
    org.say("E2", genesysQueue="Billing", genesysRole=None)
    running = asyncio.create_task(org.run())
    await hangs.wait()
    if comes == "just before":  # as it is after a change of the group that went wrong
        org.courier._lookup.groups.get("Billing Queue").known = False
    org.say("E1", genesysQueue="Billing", genesysRole=None)
    turn = org.lanes.take()
    assert turn is not None
    other = asyncio.create_task(org.deliver(turn))
    for _ in range(100):
        await asyncio.sleep(0.001)
    if not left:
        left.append(org.say("E1", active=False))
    async with asyncio.timeout(5):
        await asyncio.gather(running, other)
    assert org.fate(left[0]) == "revoked"


async def test_a_target_that_never_shows_a_leaver_as_inactive_isnt_flooded(org: Org) -> None:
    """An acknowledged revocation that no read ever shows is asked for and written again at long intervals."""
    await org.hired()
    reads = 0

    def never(method: str, path: str, answer: Response) -> Response:
        nonlocal reads
        if method != "GET" or reads == 60:
            return answer
        reads += 1
        return replace(answer, body={**answer.body, "active": True})

    org.wire.after = never
    began = org.clock.now
    seq = org.say("E1", active=False)
    await org.run()
    assert org.fate(seq) == "revoked"
    assert org.clock.now - began > 120
    assert len(await org.shown()) < 12


async def test_a_return_isnt_lost_behind_a_read_that_lags(org: Org) -> None:
    """Who comes back while reads still show them as before they left is let in again, not taken for there already."""
    await org.hired()
    back: list[int] = []

    def lags(method: str, path: str, answer: Response) -> Response:
        if method != "GET" or len(back) > 1:
            return answer
        return replace(answer, body={**answer.body, "active": True})

    async def meanwhile(_: float) -> None:
        back.append(org.say("E1", active=True) if not back else 0)

    org.wire.after, org.clock.during = lags, meanwhile
    org.say("E1", active=False)
    await org.run()
    assert (org.fate(back[0]), (await org.user())["active"]) == ("delivered", True)


async def test_a_second_leave_in_one_go_doesnt_wait(org: Org) -> None:
    """Left, back, and gone again before the first was told: the second time access is taken at once, too."""
    await org.hired()
    said: list[int] = []
    began = 0.0

    async def meanwhile(method: str, path: str) -> None:
        if method == "GET" and path.startswith("/Users/") and not said:  # the first leave is about to be confirmed
            said.append(org.say("E1", active=True, genesysLanguage="Klingon"))

    def gone(method: str, path: str, answer: Response) -> Response:
        nonlocal began
        if method == "GET" and answer.body.get("active") is True and len(said) == 1:
            said.append(org.say("E1", active=False))
            began = org.clock.now
        return answer

    org.wire.before, org.wire.after = meanwhile, gone
    org.say("E1", active=False)
    await org.run()
    assert (org.fate(said[1]), (await org.user())["active"]) == ("revoked", False)
    assert org.clock.now - began < 1


async def test_a_leaver_whose_name_was_just_found_taken_is_looked_up_at_once(org: Org) -> None:
    """Made by hand while we create them, and gone before we have found out whom: access goes now."""
    made: list[str] = []
    left: list[int] = []
    took: list[float] = []
    began = 0.0

    async def meanwhile(method: str, path: str) -> None:
        nonlocal began
        if method == "POST" and not made:
            made.append(await org.foreign("e1"))
        elif method == "GET" and made and not left:
            left.append(org.say("E1", active=False))
            began = org.clock.now
        elif method == "PATCH":
            took.append(org.clock.now - began)

    org.wire.before = meanwhile
    org.say("E1", **person("E1"))
    await org.run()
    assert [each["active"] for each in await org.sim("GET", "users") if each["id"] == made[0]] == [False]
    assert org.fates[left[0]] == 1
    assert took[0] < 1


async def test_a_leaver_ends_the_search_for_whom_a_name_belongs_to(org: Org) -> None:
    """Gone while we wait for the search to show who has the name: they are looked for at once, and not by and by."""
    made: list[str] = []
    left: list[int] = []

    async def meanwhile(method: str, path: str) -> None:
        if method == "POST" and not made:
            made.append(await org.foreign("e1"))

    def index_lags(method: str, path: str, answer: Response) -> Response:
        hidden = method == "GET" and path.startswith("/Users?") and not left
        return replace(answer, body={"totalResults": 0}) if hidden else answer

    async def leaves(_: float) -> None:
        if not left:
            left.append(org.say("E1", active=False))
            await asyncio.Event().wait()  # only a nudge ends this

    org.wire.before, org.wire.after, org.clock.during = meanwhile, index_lags, leaves
    org.say("E1", **person("E1"))
    await org.run()
    assert [each["active"] for each in await org.sim("GET", "users") if each["id"] == made[0]] == [False]


async def test_a_paused_sink_ends_no_sessions(org: Org) -> None:
    """`sink pause` holds what goes to the platform, too."""
    await org.hired()
    org.start(end_sessions=True)
    ended: list[Any] = []

    def stops(method: str, path: str, answer: Response) -> Response:
        if method == "GET":
            org.gate.stopped = True
        return answer

    org.wire.after = stops
    org.say("E1", active=False)
    running = asyncio.create_task(org.run())
    while not org.gate.stopped:  # noqa: ASYNC110 - it is another task
        await asyncio.sleep(0.001)
    for _ in range(50):
        await asyncio.sleep(0.001)
    ended.append(await org.sim("GET", "sessions"))
    org.gate.stopped = False
    await running
    ended.append(await org.sim("GET", "sessions"))
    assert [len(each["ended"]) for each in ended] == [0, 1]


async def test_sessions_are_told_as_ended_only_where_that_was_acknowledged(org: Org) -> None:
    """A platform that has no such address hasn't ended anything, and isn't asked five times for each leaver."""
    await org.hired()
    org.platform = f"{org.root}/elsewhere"
    org.start(end_sessions=True)
    seq = org.say("E1", active=False)
    await org.run()
    (outcome,) = [each for each in org.outcomes if each.seq == seq and each.final]
    assert (outcome.verdict, outcome.sessions_ended) == ("revoked", None)
    assert org.clock.paused == []


async def test_a_leaver_who_was_denied_is_asked_for_once_each_time(org: Org) -> None:
    """Leavers whom we may not write, tried again all the time, don't use up the limit that other leavers need."""
    await org.hired()
    await org.faults({"kind": "403", "method": "PATCH"})
    org.say("E1", active=False)
    await org.run()
    assert org.journal.parked == {"E1": "refused"}
    before = len(await org.writes())
    org.again("E1")
    await org.run()
    assert len(await org.writes()) == before + 1


async def test_one_refusal_after_an_outage_isnt_put_down_to_the_user(org: Org) -> None:
    """Attempts that failed for other reasons don't count as refusals: the first 403 after an outage is asked again."""
    await org.hired()
    await org.faults({"kind": "401", "method": "PATCH", "times": 7}, {"kind": "403", "method": "PATCH", "times": 2})
    seq = org.say("E1", department="Sales")
    await org.run()
    assert org.fate(seq) == "delivered"


async def test_time_alone_doesnt_try_again_a_group_that_was_refused(org: Org) -> None:
    """Waiting for a manager tries the manager again, and not the group that we may not change."""
    await org.hired()
    await org.faults({"kind": "403", "path": "groups", "method": "PATCH"})
    org.say("E1", genesysQueue="Billing", genesysRole=None, manager="M1")
    await org.run()
    before = len(await org.writes())
    org.again("E1")
    await org.run()
    assert len(await org.writes()) == before
    parked = org.journal.known["E1"].parked
    assert parked is not None
    assert sorted(parked.attributes) == ["group Billing Queue", "manager"]


async def test_a_member_who_was_deleted_by_hand_is_looked_up_again(org: Org) -> None:
    """A group that doesn't know the member any more leads to a look at the user, not to the same request for ever."""
    id_ = await org.hired()
    deleted = False

    async def meanwhile(method: str, path: str) -> None:
        nonlocal deleted
        if method == "PATCH" and path.startswith("/Groups") and not deleted:
            deleted = True
            await org.call("DELETE", f"Users/{id_}")

    def gone(method: str, path: str, answer: Response) -> Response:
        if method == "PATCH" and path.startswith("/Groups") and answer.status != 200:
            print("ANSWER", answer.status, answer.body)
            return Response(404, {"status": "404", "detail": "no such member"}, {})
        return answer

    org.wire.before, org.wire.after = meanwhile, gone
    seq = org.say("E1", genesysQueue="Billing", genesysRole=None)
    await org.run()
    assert org.fate(seq) == "delivered"
    assert (await org.user())["id"] in await org.members("Billing Queue")


async def test_a_leaver_isnt_kept_waiting_by_their_own_failures_once_the_target_is_back(org: Org) -> None:
    """After an outage of the target a leaver's next attempt isn't half a minute away."""
    await org.hired()
    for user in ("E2", "E3", "E4"):
        await org.hired(user)
    waits: list[float] = []
    await org.faults({"kind": "503_before"})

    async def meanwhile(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 60:
            await org.faults()

    org.clock.during = meanwhile
    for user in ("E1", "E2", "E3", "E4"):
        org.say(user, active=False)
    await org.run()
    assert max(waits) <= 15


# What was refused together with what takes access away


async def test_an_unknown_role_doesnt_keep_an_old_one(org: Org) -> None:
    """Who loses a role loses it, though the role that they are to have instead doesn't exist."""
    await org.hired(genesysRole="Supervisor")
    org.say("E1", genesysRole="No Such Role")
    await org.run()
    assert roles(await org.user()) == ["Agent", "employee"]
    parked = org.journal.known["E1"].parked
    assert parked is not None
    assert list(parked.attributes) == ["roles"]


@pytest.mark.parametrize("kind", ["returner", "forbidden"])
async def test_what_takes_away_is_tried_once(org: Org, kind: str) -> None:
    """A returner with an unknown role has none of the old; and where no role may be written, that ends."""
    await org.hired(genesysRole="Supervisor")
    if kind == "returner":
        org.say("E1", active=False)
        await org.run()
        org.say("E1", active=True, genesysRole="No Such Role")
        await org.run()
        assert ((await org.user())["active"], roles(await org.user())) == (True, ["Agent", "employee"])
    else:
        await org.faults({"kind": "403", "method": "PATCH", "path": "users"})
        org.say("E1", genesysRole="No Such Role")
        await org.run()
        assert len(await org.writes()) == PATIENCE + 2
    assert list(org.journal.known["E1"].parked.attributes) == ["roles"]  # type: ignore[union-attr]


# The sink, without Kafka


class Closing(Memory):
    """A partition's journal that can be let go of."""

    def __init__(self, partition: int, ticks: Callable[[], float]) -> None:
        super().__init__(ticks, {}, 0)
        self.partition = partition
        self.waiting: dict[str, set[str]] = {}
        self.active: set[str] = set()
        self.standings: dict[str, Standing] = {}
        self.caught_up = True

    def touch(self) -> None:
        """Nothing is committed."""

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.lost = True


class Bench:
    """A sink with two partitions, and no consumer group behind it."""

    def __init__(self, org: Org, **options: Any) -> None:
        self.org = org
        options |= {"scim_url": f"{org.root}/api/v2/scim/v2", "token_url": f"{org.root}/oauth/token"}
        self.sink = Sink(Settings(**options), org.http)
        self.sink._consumer._closed = True  # it was never started
        self.journals = [Closing(partition, self.sink._ticks) for partition in (0, 1)]
        self.sink._journals.update(enumerate(cast("list[DeliveryStore]", self.journals)))

    def give(self, user: str, **facts: Fact) -> int:
        record = self.org.folded(user, **facts)
        self.sink._take_in(0, cast("Any", SimpleNamespace(value=encode(record), offset=record.seq)))
        self.sink._pump()
        return record.seq

    async def idle(self) -> None:
        async with asyncio.timeout(5):
            while self.sink._tasks:  # noqa: ASYNC110 - it is other tasks
                await asyncio.sleep(0.001)

    def order(self, action: Action, user: str, since: int) -> None:
        control = Control("c", action, user, since, "Kim", "why", 0)
        self.sink._controls._latest[user] = ordered = ReceivedCommand(control, Origin("streamproc.controls", 0, 0, 0))
        self.sink._ordered(ordered)

    def parked(self, user: str = "E1") -> Parked | None:
        return self.journals[0].known[user].parked


async def test_trips_that_come_back_from_a_wait_leave_room_for_leavers(org: Org) -> None:
    """However many wait for a retry at once: a leaver's turn starts, and connections aren't waited for."""
    bench = Bench(org, connections=2)
    users = [f"E{n}" for n in range(12)]
    for user in users:
        bench.give(user, **person(user))
    await bench.idle()
    await org.faults({"kind": "429", "retry_after": 1, "method": "PATCH", "times": 10})
    for user in users:
        bench.give(user, department="Sales")
    peak = 0
    async with asyncio.timeout(10):
        while bench.sink._tasks:
            peak = max(peak, bench.sink._gate._flying)
            await asyncio.sleep(0)
    assert peak == 2


async def test_an_old_wish_doesnt_let_a_leaver_in_after_a_takeover(org: Org) -> None:
    """What was set aside is tried again only when all that the sink before us may have done since has been read."""
    bench = Bench(org)
    bench.give("E1", **person("E1"), manager="M1")
    await bench.idle()
    await org.foreign("m1", externalId="M1")
    id_ = (await org.user())["id"]
    await org.patch(f"Users/{id_}", "replace", "active", False)  # the sink before us, which couldn't note it any more
    bench.journals[0].caught_up = False
    bench.sink._aside.retry()
    bench.sink._pump()
    await bench.idle()
    assert (await org.user())["active"] is False
    bench.give("E1", active=False)
    bench.journals[0].caught_up = True
    bench.sink._aside.retry()
    await bench.idle()
    assert (await org.user())["active"] is False


@pytest.mark.parametrize("action", ["skip", "retry"])
async def test_an_order_about_somebody_in_flight_is_obeyed_afterwards(org: Org, action: Action) -> None:
    """An order that comes while another attempt at the user is under way isn't lost."""
    bench = Bench(org)
    since = bench.give("E1", **person("E1"), genesysLanguage="Klingon", manager="M1")
    await bench.idle()
    await org.sim("POST", "config", {"languages": ["Klingon"]})
    bench.sink._aside.retry()
    bench.sink._pump()
    await asyncio.sleep(0)
    bench.order(action, "E1", since)
    await bench.idle()
    parked = bench.parked()
    assert (list(parked.attributes) if parked else []) == (["manager"] if action == "retry" else [])


async def test_nothing_is_started_on_a_partition_that_is_being_given_up(org: Org) -> None:
    """A retry that falls into the release of its partition doesn't leave a lane behind that is in flight for ever."""
    bench = Bench(org, revoke_wait=0.0)
    bench.give("E1", **person("E1"), manager="M1")
    await bench.idle()
    await org.foreign("m1", externalId="M1")
    bench.journals[0].confirmed -= 100

    async def flying() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            bench.sink._aside.retry()
            bench.sink._pump()

    task = asyncio.create_task(flying())
    bench.sink._tasks[task] = 1
    await asyncio.sleep(0)
    await bench.sink._partitions.release([0, 1])
    del bench.sink._tasks[task]
    await bench.idle()
    assert len(bench.sink._lanes) == 0


async def test_a_release_holds_for_one_leave_only(org: Org) -> None:
    """Who came back before their release was carried out isn't let out by it when they are held the next time."""
    bench = Bench(org, guard_count=1, guard_share=0.0)
    for user in ("E0", "E1", "E2"):
        bench.give(user, **person(user), genesysLanguage="Klingon")
        await bench.idle()
    for user in ("E0", "E1"):
        bench.give(user, active=False)
        await bench.idle()
    parked = bench.parked()
    assert parked is not None
    assert parked.code == "held"
    bench.give("E1", active=True)
    bench.order("release", "E1", parked.since)
    await bench.idle()
    bench.give("E1", active=False)
    await bench.idle()
    assert (await org.user())["active"] is True

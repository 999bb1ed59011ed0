"""The courier against the Genesys stand-in over real HTTP; only Kafka is left out, and the clock is held by hand."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

import streamproc
from streamproc.adapters.oauth import Tokens
from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.core.flow.circuit_breaker import PROBE_MOST, CircuitBreaker
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.plan import Urgency, urgency
from streamproc.core.records.change_event import ChangeEvent, Fact, Origin
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.user_record import FIRST, Cause, UserRecord, encode
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS, GENESYS_DIALECT
from streamproc.core.scim.response_policy import PATIENCE, Response
from streamproc.simulator import SimulatorOptions, create_app
from streamproc.sink.decide.desired_state import decode_desired, retry_of
from streamproc.sink.decide.lanes import Lanes, Turn
from streamproc.sink.decide.rate_limit import RateLimiter
from streamproc.sink.delivery_store import DeliveryStore, PartitionLostError
from streamproc.sink.operation_sender import CONFLICTS
from streamproc.sink.reconciler import Reconciler
from streamproc.sink.reconciliation import Reconciliation, Work
from streamproc.sink.request_executor import RequestExecutor, Times
from streamproc.sink.request_gate import RequestGate

MAPPING = parse_mapping(Path(streamproc.__file__).with_name("mapping.toml").read_text())
LANDED = 31.0
FRESH = 3.0
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

Before = Callable[[str, str], Awaitable[None]]
After = Callable[[str, str, Response], Response]


class Clock:
    """Time that passes only in pauses, but for the moment that each look at it takes."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.paused: list[float] = []
        self.during: Callable[[float], Awaitable[None]] | None = None
        """Runs in each pause, before time passes; a pause that is to be ended by others waits in here."""

    def ticks(self) -> float:
        self.now += 1e-6
        return self.now

    async def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        if self.during:
            await self.during(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Memory:
    """Journal without Kafka: what is recorded is committed at once, unless the partition was lost."""

    def __init__(self, ticks: Callable[[], float], known: dict[str, DeliveredState], until: int) -> None:
        self.until = until
        self.acquired = self.confirmed = ticks()
        self.known = known
        self.told: dict[str, int] = {user: delivery.seq for user, delivery in known.items()}
        self.parked = {user: each.parked.code for user, each in known.items() if each.parked}
        self.outcomes: list[Outcome] = []
        self.lost = False
        self.confirms = 0
        self._ticks = ticks

    def delivery(self, user: str) -> DeliveredState | None:
        return self.known.get(user)

    def seen(self, user: str) -> int | None:
        return self.told.get(user)

    def saw(self, user: str, seq: int) -> None:
        self.told[user] = seq

    def record(self, outcomes: list[Outcome], delivery: DeliveredState | None = None) -> None:
        if self.lost:
            return
        self.outcomes += outcomes
        if delivery is not None:
            self.known[delivery.user] = delivery
            self.parked.pop(delivery.user, None)
            if delivery.parked is not None:
                self.parked[delivery.user] = delivery.parked.code

    async def confirm(self) -> None:
        begun = self._ticks()
        await asyncio.sleep(0)
        if self.lost:
            raise PartitionLostError
        self.confirms += 1
        self.confirmed = begun


class Wire(ScimHttp):
    """The real seam, and a place to stand in between."""

    before: Before | None = None
    after: After | None = None

    async def request(
        self, method: str, path: str, request_id: str, body: dict[str, Any] | None = None, etag: str | None = None
    ) -> Response:
        if self.before:
            await self.before(method, path)
        answer = await super().request(method, path, request_id, body, etag)
        return self.after(method, path, answer) if self.after else answer


class Org:
    """One organisation at the stand-in, the log so far, and the sink that works on it."""

    def __init__(self, http: aiohttp.ClientSession, root: str) -> None:
        self.http = http
        self.root = root
        self.clock = Clock()
        self.records: dict[str, UserRecord] = {}
        self.offset = 0
        self.fates: Counter[int] = Counter()
        self.journal = Memory(self.clock.ticks, {}, 0)
        self.outcomes: list[Outcome] = []
        self._token = ""
        self.platform = f"{root}/api/v2"
        self.guard: Callable[[Reconciliation], Parked | None] = lambda _: None
        self.start()

    def start(self, *, until: int = 0, end_sessions: bool = False) -> None:
        """Another sink takes over, with what the one before has committed."""
        self.lanes: Lanes[Work] = Lanes(condense=Work.condensed)
        tokens = Tokens(self.http, f"{self.root}/oauth/token", "demo", "demo", self.clock.ticks)
        self.wire = Wire(self.http, f"{self.root}/api/v2/scim/v2", tokens)
        self.journal = Memory(self.clock.ticks, dict(self.journal.known), until)
        times = Times(lambda: self.clock.now, self.clock.ticks, self.clock.pause, lambda: 0.0, FRESH, LANDED)
        self.gate = RequestGate(RateLimiter(), CircuitBreaker(), self.clock.ticks, self.clock.pause)
        platform = PlatformHttp(self.http, self.platform, tokens) if end_sessions else None
        asking = RequestExecutor(self.wire, self.gate, self.lanes, times)
        self.courier = Reconciler(asking, GENESYS_DIALECT, self._find_id, self.guard, platform)

    def _find_id(self, user: str) -> str | None:
        delivery = self.journal.known.get(user)
        return delivery.id if delivery else None

    # What happens

    def say(self, user: str, **facts: Fact) -> int:
        """An HR event, folded, in the sink's hands. Returns its seq."""
        record = self.folded(user, **facts)
        self.take_in(record)
        return record.seq

    def folded(self, user: str, **facts: Fact) -> UserRecord:
        self.offset += 1
        origin = Origin("events.hris", 0, self.offset, 0)
        order = (self.offset, 0, f"e{self.offset}")
        event = ChangeEvent(user, "hris", user, f"e{self.offset}", "change", order, dict(facts), origin)
        self.records[user] = fold(self.records.get(user), self.offset, event, MAPPING)
        return self.records[user]

    def take_in(self, record: UserRecord, offset: int | None = None) -> None:
        """As the sink does."""
        seen = self.journal.seen(record.user)
        regressed = self.journal.parked.get(record.user) == "regressed" or (seen is not None and record.prev < seen)
        before = FIRST if seen is None else seen
        gap = None if regressed or record.prev == before else before
        work = Work(decode_desired(encode(record)), regressed=regressed, gap=gap)
        urgent = urgency(record.operations, None)
        self.lanes.offer(Turn(record.user, 0, record.seq if offset is None else offset, urgent, work))
        self.courier.nudge(record.user)
        self.journal.saw(record.user, record.seq)

    def again(self, user: str) -> None:
        """As the sink does with what couldn't be resolved."""
        delivery = self.journal.known[user]
        assert delivery.parked is not None
        cause = Cause("streamproc", "retry", Origin("scim.operations", 0, -1, 0))
        seq = delivery.seq
        work = Work(retry_of(user, seq, delivery.parked.desired, cause), told=True)
        self.lanes.again(Turn(user, 0, -1, Urgency.CHANGE, work))

    async def run(self) -> None:
        """Deliver until there is nothing left."""
        async with asyncio.timeout(5):
            running: set[asyncio.Task[None]] = set()
            while True:
                while (turn := self.lanes.take()) is not None:
                    running.add(asyncio.create_task(self.deliver(turn)))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()

    async def deliver(self, turn: Turn[Work]) -> None:
        journal, lanes = self.journal, self.lanes
        ended, delivery, outcomes = await self.courier.deliver(turn, cast("DeliveryStore", journal))
        journal.record(outcomes, delivery)
        self.fates.update(outcome.seq for outcome in outcomes if outcome.final)
        self.outcomes += outcomes
        lanes.finish(ended)

    async def hired(self, user: str = "E1", **facts: Fact) -> str:
        """Somebody who is there already, by our doing. Returns the Genesys id."""
        self.say(user, **{**person(user), **facts})
        await self.run()
        await self.sim("POST", "requests/reset")
        self.mark = len(await self.ledger())
        self.clock.paused.clear()
        return str((await self.user(user))["id"])

    # What came of it

    def fate(self, seq: int) -> str:
        """Told exactly once."""
        told = [outcome.verdict for outcome in self.outcomes if outcome.seq == seq and outcome.final]
        assert len(told) == 1, told
        return told[0]

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, f"{self.root}/_sim/{path}", json=body) as answer:
            content = await answer.json()
            assert answer.status == 200, content
            return content

    async def faults(self, *faults: dict[str, Any]) -> None:
        await self.sim("POST", "faults", {"faults": list(faults)})

    async def ledger(self) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", (await self.sim("GET", "ledger"))["entries"])

    async def writes(self) -> list[dict[str, Any]]:
        """Since `hired`."""
        return (await self.ledger())[getattr(self, "mark", 0) :]

    async def shown(self) -> list[tuple[str, bool]]:
        """(method, changed) of each write that was carried out since `hired`."""
        return [(each["method"], each["changed"]) for each in await self.writes() if each["applied"]]

    async def requests(self) -> dict[str, int]:
        return cast("dict[str, int]", (await self.sim("GET", "requests"))["by_route"])

    async def user(self, user: str = "E1") -> dict[str, Any]:
        found = [each for each in await self.sim("GET", "users") if each.get("externalId") == user]
        assert len(found) == 1, found
        return cast("dict[str, Any]", found[0])

    async def members(self, group: str) -> set[str]:
        (found,) = [each for each in await self.sim("GET", "groups") if each["displayName"] == group]
        return {member["value"] for member in found.get("members", ())}

    async def group_id(self, group: str) -> str:
        (found,) = [each for each in await self.sim("GET", "groups") if each["displayName"] == group]
        return str(found["id"])

    # What others do

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Somebody else's SCIM request."""
        if not self._token:
            form = {"grant_type": "client_credentials"}
            form |= {"client_id": "demo", "client_secret": "demo"}
            async with self.http.post(f"{self.root}/oauth/token", data=form) as answer:
                self._token = (await answer.json())["access_token"]
        sent = {"Authorization": f"Bearer {self._token}", **headers}
        url = f"{self.root}/api/v2/scim/v2/{path}"
        async with self.http.request(method, url, json=body, headers=sent) as answer:
            return await answer.json() if answer.status != 204 else None

    async def patch(self, path: str, op: str, where: str, value: Any = None, **headers: str) -> Any:
        operation = {"op": op, "path": where} | ({} if value is None else {"value": value})
        return await self.call("PATCH", path, {"schemas": [PATCH], "Operations": [operation]}, **headers)

    async def foreign(self, name: str, **more: Any) -> str:
        made = {"schemas": [CORE], "userName": f"{name}@example.com", "displayName": name, **more}
        return str((await self.call("POST", "Users", made))["id"])


def person(user: str) -> dict[str, Fact]:
    return {"userName": f"{user.lower()}@example.com", "displayName": f"Person {user}", "active": True, "job": "Agent"}


def roles(user: dict[str, Any]) -> list[str]:
    return sorted(each["value"] for each in user.get("roles", ()))


def skills(user: dict[str, Any]) -> list[str]:
    return sorted(each["name"] for each in user.get(GENESYS, {}).get("routingSkills", ()))


Start = Callable[..., Awaitable[Org]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def start_one(**options: Any) -> Org:
            app = create_app(SimulatorOptions(**{"rate_limit": 0, **options}))
            server = await stack.enter_async_context(TestServer(app))
            timeout = aiohttp.ClientTimeout(total=5)
            http = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            return Org(http, str(server.make_url("")).rstrip("/"))

        yield start_one


@pytest.fixture
async def org(start: Start) -> AsyncIterator[Org]:
    """Whatever happened in the test: nobody's fate was told twice."""
    made = await start()
    yield made
    assert all(times == 1 for times in made.fates.values()), made.fates


# First contact


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
    assert "adopted" in [outcome.verdict for outcome in org.journal.outcomes]


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
    assert org.journal.parked == {"E1": "ambiguous"}


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
    assert org.journal.parked == {"E1": "incomplete"}
    assert await org.ledger() == []
    org.say("E1", displayName="Ada")
    await org.run()
    assert (await org.user())["displayName"] == "Ada"
    assert org.fate(first) == "parked"
    assert org.journal.parked == {}


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


# Isolated changes


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


# Conflicts and doubts


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
    assert len(await org.writes()) == CONFLICTS + 1
    leaver = org.say("E1", active=False)
    await org.faults({"kind": "version_conflict", "path": "users", "times": 3 * CONFLICTS})
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
        ({"kind": "429_no_retry_after", "times": 2}, 2.0),
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


# Newer work during a retry


async def test_a_retry_carries_the_newest(org: Org) -> None:
    """Two changes during an outage go out as one, and the fate of each is told once."""
    await org.hired()
    await org.faults({"kind": "500_before", "method": "PATCH", "times": 1})
    later: list[int] = []

    async def meanwhile(_: float) -> None:
        if not later:
            later.append(org.say("E1", department="Care"))
            later.append(org.say("E1", title="x", job="Team Lead"))

    org.clock.during = meanwhile
    first = org.say("E1", department="Sales")
    await org.run()
    assert await org.shown() == [("PATCH", True), ("PATCH", True)]
    assert [org.fate(seq) for seq in (first, *later)] == ["superseded", "superseded", "delivered"]
    now = await org.user()
    assert (now[ENTERPRISE]["department"], now["title"]) == ("Care", "Team Lead")
    assert now["id"] in await org.members("Supervisors")


async def test_a_leaver_ends_the_wait_of_a_retry(org: Org) -> None:
    """Somebody who leaves while a change of theirs waits for five minutes loses access now, not then."""
    await org.hired()
    await org.faults({"kind": "503_before", "retry_after": 100_000, "path": "groups", "times": 1})
    leaver: list[int] = []

    async def meanwhile(seconds: float) -> None:
        assert seconds <= 300
        if not leaver:
            leaver.append(org.say("E1", active=False))
            await asyncio.Event().wait()  # only a nudge ends this
        assert (await org.user())["active"] is False

    org.clock.during = meanwhile
    org.say("E1", genesysQueue="Billing")
    await org.run()
    assert (await org.user())["active"] is False
    assert org.fate(leaver[0]) == "revoked"


@pytest.mark.parametrize("known", [True, False])
async def test_a_leaver_doesnt_wait_for_groups(org: Org, known: bool) -> None:
    """While the groups endpoint is down a leaver still loses access, also one whom we never met or who was changed."""
    org.mark = 0
    if known:
        id_ = await org.hired()
        await org.patch(f"Users/{id_}", "replace", "displayName", "By Hand")
    else:
        await org.foreign("e1", externalId="E1")
    await org.faults({"kind": "503_before", "path": "groups"})
    seen: list[bool] = []

    async def meanwhile(_: float) -> None:
        seen.append((await org.user())["active"])
        await org.faults()

    org.clock.during = meanwhile
    seq = org.say("E1", active=False, department="Spanish Support", userName="e1@example.com")
    await org.run()
    assert True not in seen
    assert (org.fate(seq), (await org.user())["active"]) == ("revoked", False)


async def test_a_leaver_doesnt_wait_for_a_group_that_is_looked_for(org: Org) -> None:
    """Somebody who leaves while a group of theirs can't even be looked up loses access, however long that lasts."""
    await org.hired()
    await org.faults({"kind": "500_before", "path": "groups"})
    leaver: list[int] = []

    async def meanwhile(_: float) -> None:
        if len(org.clock.paused) == 3:
            leaver.append(org.say("E1", active=False))
        assert len(org.clock.paused) < 50

    org.clock.during = meanwhile
    org.say("E1", genesysQueue="Billing")
    await org.run()
    assert (org.fate(leaver[0]), (await org.user())["active"]) == ("revoked", False)


# Refusals


async def test_what_genesys_refuses_is_parked_with_its_reason(org: Org) -> None:
    """An operator reads the server's own words and the id that its support asks for; a leaver still goes out."""
    await org.hired()
    seq = org.say("E1", genesysQueue="Quidditch")
    await org.run()
    assert org.fate(seq) == "parked"
    parked = org.journal.known["E1"].parked
    assert parked is not None
    assert "'Quidditch' is not configured" in parked.attributes["skills"]
    assert "correlation id" in parked.attributes["skills"]
    assert parked.desired["skills"] == {"Quidditch": 3.0}
    leaver = org.say("E1", active=False)
    await org.run()
    assert ((await org.user())["active"], org.fate(leaver)) == (False, "revoked")
    (operation,) = (await org.writes())[-1]["body"]["Operations"]
    assert (operation["path"], operation["value"]) == ("active", False)


async def test_a_forbidden_change_is_parked(org: Org) -> None:
    """A missing permission shows as a parked user with the reason, not as an endless retry."""
    await org.hired()
    await org.faults({"kind": "403", "method": "PATCH"})
    seq = org.say("E1", department="Sales")
    await org.run()
    assert org.fate(seq) == "parked"
    assert org.journal.parked == {"E1": "refused"}
    assert len(await org.writes()) == PATIENCE + 1


async def test_a_deactivation_is_first_and_alone(org: Org) -> None:
    """A leaver whose record also names an unknown skill and an unknown division loses access all the same."""
    await org.hired(department="Spanish Support")
    org.say("E1", genesysQueue="Quidditch", division="Nowhere", active=False)
    await org.run()
    (patch,) = await org.writes()
    assert [each["path"] for each in patch["body"]["Operations"]] == ["active"]
    assert (await org.user())["active"] is False


async def test_an_unknown_manager_sets_only_that_aside(org: Org) -> None:
    """A new joiner works from day one; the manager follows when Genesys knows them."""
    seq = org.say("E1", **person("E1"), manager="M1")
    await org.run()
    assert org.fate(seq) == "delivered"
    parked = org.journal.known["E1"].parked
    assert parked is not None
    assert (parked.code, list(parked.attributes)) == ("unresolved", ["manager"])
    await org.hired("M1")
    org.again("E1")
    await org.run()
    manager = (await org.user("M1"))["id"]
    assert (await org.user())[ENTERPRISE]["manager"]["value"] == manager
    assert org.journal.parked == {}
    assert org.fates[seq] == 1


async def test_nothing_is_sent_for_want_of_a_manager(org: Org) -> None:
    """A change of the manager alone, to one who isn't there yet, waits; Genesys isn't sent an empty change."""
    await org.hired()
    seq = org.say("E1", manager="M1")
    await org.run()
    assert await org.writes() == []
    assert org.fate(seq) == "parked"


async def test_another_attempt_that_is_passed_over_isnt_told_again(org: Org) -> None:
    """Newer work during another attempt at a manager doesn't tell the old event's fate a second time."""
    first = org.say("E1", **person("E1"), manager="M1")
    await org.run()
    org.again("E1")
    later = org.say("E1", department="Sales")
    await org.run()
    assert (org.fates[first], org.fates[later]) == (1, 1)
    assert org.fate(later) == "delivered"


@pytest.mark.parametrize("who", ["new", "known"])
async def test_a_manager_whom_genesys_lost_sets_only_that_aside(org: Org, who: str) -> None:
    """A manager who was deleted in Genesys doesn't hold up who reports to them."""
    gone = await org.hired("M1")
    if who == "known":
        await org.hired("E1")
    await org.call("DELETE", f"Users/{gone}")
    org.say("E1", **{**person("E1"), "manager": "M1", "department": "Sales"})
    await org.run()
    assert (await org.user("E1"))[ENTERPRISE]["department"] == "Sales"
    parked = org.journal.known["E1"].parked
    assert parked is not None
    assert (parked.code, list(parked.attributes)) == ("unresolved", ["manager"])


async def test_a_manager_whom_genesys_lost_holds_up_none_of_several(org: Org) -> None:
    """All who report to a manager who was deleted are refused side by side, and each has only the manager set aside."""
    gone = await org.hired("M1")
    users = ["E1", "E2", "E3"]
    for user in users:
        await org.hired(user)
    await org.call("DELETE", f"Users/{gone}")
    for user in users:
        org.say(user, manager="M1", department="Sales")
    await org.run()
    for user in users:
        assert (await org.user(user))[ENTERPRISE]["department"] == "Sales"
        parked = org.journal.known[user].parked
        assert parked is not None
        assert list(parked.attributes) == ["manager"]


async def test_a_missing_group_sets_only_that_aside(org: Org) -> None:
    """A queue that nobody has set up yet keeps the user out of that queue, and out of nothing else."""
    await org.sim("POST", "config", {"skills": ["Quidditch"]})
    seq = org.say("E1", **person("E1"), genesysQueue=["Quidditch", "Billing"])
    await org.run()
    there = await org.user()
    assert there["id"] in await org.members("Billing Queue")
    parked = org.journal.known["E1"].parked
    assert parked is not None
    assert (parked.code, list(parked.attributes)) == ("unresolved", ["group Quidditch Queue"])
    assert org.fate(seq) == "delivered"
    await org.sim("POST", "config", {"groups": ["Quidditch Queue"]})
    org.again("E1")
    await org.run()
    assert there["id"] in await org.members("Quidditch Queue")
    assert org.journal.parked == {}


async def test_a_group_change_that_is_refused_is_parked_not_delivered(org: Org) -> None:
    """Without the right to change groups the operator reads "parked", not "delivered"."""
    await org.hired(department="Billing")
    await org.faults({"kind": "403", "path": "groups", "method": "PATCH"})
    seq = org.say("E1", genesysQueue="Billing")
    await org.run()
    assert org.fate(seq) == "parked"
    parked = org.journal.known["E1"].parked
    assert parked is not None
    assert (parked.code, parked.status, list(parked.attributes)) == ("refused", 403, ["group Billing Queue"])


# Leaving and coming back


async def test_a_reactivation_asserts_access_again(org: Org) -> None:
    """A returner has their roles, skills and languages, even those that Genesys lost meanwhile."""
    id_ = await org.hired(department="Spanish Support")
    org.say("E1", active=False)
    await org.run()
    await org.patch(f"Users/{id_}", "remove", "roles")
    await org.patch(f"Users/{id_}", "remove", f"{GENESYS}:routingSkills")
    org.say("E1", active=True)
    await org.run()
    now = await org.user()
    assert (now["active"], roles(now), skills(now)) == (True, ["Agent", "employee"], ["Spanish"])
    last = (await org.writes())[-1]
    paths = [each["path"] for each in last["body"]["Operations"]]
    assert paths == ["active", "roles", f"{GENESYS}:routingSkills", f"{GENESYS}:routingLanguages"]


async def test_a_hurried_leave_doesnt_forget_groups(org: Org) -> None:
    """Who left in a hurry, and comes back into another team, isn't in the old team's queue."""
    id_ = await org.hired(department="Spanish Support")
    await org.patch(f"Users/{id_}", "replace", "displayName", "By Hand")
    org.start()
    org.say("E1", active=False)
    await org.run()
    org.say("E1", active=True, department="Office")
    await org.run()
    assert (await org.user())["active"] is True
    assert await org.members("Spanish Queue") == set()


@pytest.mark.parametrize("revive", ["profile", "all", "ignore"])
@pytest.mark.parametrize("get", ["404", "200"])
async def test_a_deleted_user_comes_back_whole(start: Start, revive: str, get: str) -> None:
    """Somebody whom an administrator deleted, and HR hires again, gets roles, groups and skills back."""
    org = await start(revive_body=revive, deleted_user_get=get)
    id_ = await org.hired(department="Spanish Support")
    org.say("E1", active=False)
    await org.run()
    await org.call("DELETE", f"Users/{id_}")
    seq = org.say("E1", active=True)
    await org.run()
    now = await org.user()
    assert (now["id"], now["_state"], roles(now), skills(now)) == (id_, "active", ["Agent", "employee"], ["Spanish"])
    assert id_ in await org.members("Spanish Queue")
    assert org.fate(seq) == "delivered"


# Groups


async def test_only_memberships_of_ours_are_taken(org: Org) -> None:
    """Groups that somebody put the user into by hand, and other members, stay as they are."""
    id_ = await org.hired(department="Spanish Support")
    other = await org.foreign("other")
    for group in ("All Agents", "Spanish Queue"):
        path = f"Groups/{await org.group_id(group)}"
        await org.patch(path, "add", "members", [{"value": other}, {"value": id_}])
    org.say("E1", department="Billing", genesysQueue="Billing")
    await org.run()
    assert await org.members("Spanish Queue") == {other}
    assert await org.members("All Agents") == {other, id_}
    assert await org.members("Billing Queue") == {id_}


async def test_many_join_one_group_side_by_side(org: Org) -> None:
    """Twelve people of one team all end up in their queue, though each change moves the group's version."""
    users = [f"E{number}" for number in range(12)]
    for user in users:
        org.say(user, **person(user), department="Spanish Support")
    await org.run()
    assert len(await org.members("Spanish Queue")) == 12
    patches = [each for each in await org.ledger() if "groups" in each["path"].lower()]
    assert [each["applied"] for each in patches] == [True] * 12
    assert all(each["if_match"] for each in patches)


async def test_two_sinks_join_one_group(org: Org) -> None:
    """Another process that changes the group at the same time costs a read, and neither's member is lost."""
    other = await org.foreign("other")
    await org.hired(department="Spanish Support")
    path = f"Groups/{await org.group_id('Spanish Queue')}"
    await org.patch(path, "add", "members", [{"value": other}])
    await org.hired("E2", department="Spanish Support")
    assert len(await org.members("Spanish Queue")) == 3


@pytest.mark.parametrize("first", ["leave", "join"])
async def test_a_renamed_group_is_left_and_not_joined(org: Org, first: str) -> None:
    """Who loses a queue loses it under its new name too, and nobody is put into a group that isn't theirs by name."""
    id_ = await org.hired(department="Spanish Support")
    group = await org.group_id("Spanish Queue")
    await org.patch(f"Groups/{group}", "replace", "displayName", "Managers Only")
    for what in ("leave", "join") if first == "leave" else ("join", "leave"):
        if what == "leave":
            org.say("E1", department="Office")
        else:
            org.say("E2", **person("E2"), department="Spanish Support")
        await org.run()
    assert id_ not in await org.members("Managers Only")
    assert await org.members("Managers Only") == set()
    assert org.journal.parked == {"E2": "unresolved"}


# A sink that lost its partition


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
            org.journal.lost = True

    if what == "known":
        org.clock.now += 60
        org.journal.lost = True
    else:
        org.wire.before = lose
    org.say("E1", **{**person("E1"), **({"genesysQueue": "Billing"} if what == "join" else {"department": "Sales"})})
    with pytest.raises(PartitionLostError):
        await org.run()
    written = [each["path"].split("/")[5] for each in await org.writes() if each["applied"]]
    assert written == (["Users"] if what == "join" else [])  # the skill that goes with the queue went before
    assert org.fates.total() == (0 if what in {"create", "adopt"} else 1)


# Rule 4: what may still be in the air


async def test_a_late_create_of_the_sink_before_doesnt_let_a_leaver_in(org: Org) -> None:
    """Hired and gone while one sink took over from another: a create of the old one that lands late is undone."""
    joined = org.folded("E1", **person("E1"))
    left = org.folded("E1", active=False)
    org.start(until=10)
    landed: list[float] = []

    async def late(seconds: float) -> None:
        if not landed:
            landed.append(seconds)
            await org.foreign("e1", externalId="E1")

    org.clock.during = late
    org.take_in(joined)
    org.take_in(left)
    await org.run()
    assert landed == [pytest.approx(LANDED, abs=0.1)]
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


async def test_what_the_sink_before_has_done_isnt_done_again(org: Org) -> None:
    """A membership that was given before a crash, and not yet noted, is found; the group isn't changed once more."""
    id_ = await org.hired(department="Billing")
    joined = org.folded("E1", genesysQueue="Billing")
    await org.patch(f"Groups/{await org.group_id('Billing Queue')}", "add", "members", [{"value": id_}])
    org.mark += 1
    org.start(until=10)
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
    etag = org.journal.known["E1"].etag if id_ else None
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


# History that lacks something


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
    assert org.journal.parked == {"E1": "regressed"}
    assert (await org.user())[ENTERPRISE]["department"] == "Care"
    leaver = org.say("E1", active=False)
    await org.run()
    assert ((await org.user())["active"], org.fate(leaver)) == (False, "revoked")
    assert org.journal.parked == {"E1": "regressed"}
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
    assert org.journal.parked == {"E1": "regressed"}


async def test_what_compaction_removed_is_told(org: Org) -> None:
    """Records that were compacted away are told as superseded, so that the counts add up."""
    await org.hired()
    seen = org.journal.told["E1"]
    org.folded("E1", department="Care")
    removed = org.folded("E1", department="Sales").seq
    seq = org.say("E1", department="Office")
    await org.run()
    (gone,) = [outcome for outcome in org.outcomes if outcome.seq == removed]
    assert (gone.verdict, gone.since, gone.final) == ("superseded", seen, True)
    assert org.fate(seq) == "delivered"


# Servers that misbehave


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


# One attribute that is refused


async def test_one_bad_attribute_doesnt_hold_the_rest(org: Org) -> None:
    """An unknown skill is set aside with the server's words; the move, the phone and the languages go through."""
    await org.hired()
    seq = org.say("E1", genesysQueue="Quidditch", department="Spanish Support", phone="+13175550101")
    await org.run()
    there = await org.user()
    assert there[ENTERPRISE]["department"] == "Spanish Support"
    assert [each["value"] for each in there["phoneNumbers"]] == ["+13175550101"]
    assert [each["name"] for each in there[GENESYS]["routingLanguages"]] == ["Spanish"]
    assert skills(there) == []
    assert org.fate(seq) == "delivered"
    parked = org.journal.known["E1"].parked
    assert parked is not None
    assert sorted(parked.attributes) == ["group Quidditch Queue", "skills"]
    assert "'Quidditch' is not configured" in parked.attributes["skills"]


async def test_what_was_refused_goes_out_alone_next_time(org: Org) -> None:
    """The next event costs a request for what is new and one for what was refused, and goes through once it may."""
    await org.hired()
    org.say("E1", genesysLanguage="Klingon", department="Billing")
    await org.run()
    before = len(await org.writes())
    org.say("E1", job="Team Lead")
    await org.run()
    written = [each["body"]["Operations"] for each in (await org.writes())[before:] if "Users" in each["path"]]
    assert ["languages" in str(each).lower() for each in written] == [False, True]
    await org.sim("POST", "config", {"languages": ["Klingon"]})
    org.say("E1", phone="+13175550101")
    await org.run()
    assert [each["name"] for each in (await org.user())[GENESYS]["routingLanguages"]] == ["Klingon"]
    assert org.journal.parked == {}


async def test_a_joiner_with_a_bad_attribute_is_there_on_day_one(org: Org) -> None:
    """A create that is refused is tried with nothing but what a user must have; the rest follows, less what is bad."""
    seq = org.say("E1", **person("E1"), genesysLanguage="Klingon", department="Billing")
    await org.run()
    there = await org.user()
    assert (there["active"], roles(there), skills(there)) == (True, ["Agent", "employee"], ["Billing"])
    assert there[ENTERPRISE]["department"] == "Billing"
    assert (org.fate(seq), list(org.journal.known["E1"].parked.attributes)) == (  # type: ignore[union-attr]
        "delivered",
        ["languages"],
    )


async def test_a_returner_with_a_bad_attribute_comes_back(org: Org) -> None:
    """`active` goes first: an unknown skill doesn't keep somebody out of work, and roles that were lost come back."""
    id_ = await org.hired()
    org.say("E1", active=False)
    await org.run()
    await org.patch(f"Users/{id_}", "remove", "roles")
    org.say("E1", active=True, genesysLanguage="Klingon")
    await org.run()
    there = await org.user()
    assert (there["active"], roles(there)) == (True, ["Agent", "employee"])
    assert list(org.journal.known["E1"].parked.attributes) == ["languages"]  # type: ignore[union-attr]


async def test_time_alone_doesnt_try_again_what_was_refused(org: Org) -> None:
    """Waiting for a manager tries the manager again, and not the skill that the target will never take."""
    await org.hired()
    org.say("E1", genesysLanguage="Klingon", manager="M1")
    await org.run()
    await org.hired("M1")
    org.again("E1")
    await org.run()
    (patch,) = await org.writes()
    assert "manager" in str(patch["body"]["Operations"])
    assert list(org.journal.known["E1"].parked.attributes) == ["languages"]  # type: ignore[union-attr]


async def test_rights_that_are_gone_for_all_park_nobody(org: Org) -> None:
    """When every write is forbidden everybody waits, one probe at a time, and goes on when rights are back."""
    users = [f"E{n}" for n in range(1, 9)]
    for user in users:
        org.say(user, **person(user))
    await org.run()
    await org.faults({"kind": "403", "method": "PATCH"})

    async def meanwhile(_: float) -> None:
        if org.clock.now > 1000 + 600:
            await org.faults()

    org.clock.during = meanwhile
    seqs = [org.say(user, department="Sales") for user in users]
    mark = len(await org.ledger())
    await org.run()
    assert {org.fate(seq) for seq in seqs} == {"delivered"}
    assert org.journal.parked == {}
    refused = [each for each in (await org.ledger())[mark:] if each["status"] == 403]
    assert len(refused) < len(users) + 600 / PROBE_MOST + 10


# Revocations


async def test_a_revocation_is_read_back(org: Org) -> None:
    """Nobody counts as revoked before the target says so: one write, one read, and both moments in the outcome."""
    await org.hired()
    seq = org.say("E1", active=False)
    await org.run()
    assert org.fate(seq) == "revoked"
    (outcome,) = [each for each in org.outcomes if each.seq == seq and each.final]
    assert outcome.acknowledged is not None
    assert outcome.read_back is not None
    assert outcome.acknowledged <= outcome.read_back
    assert await org.requests() == {"PATCH users/{id}": 1, "GET users/{id}": 1}


async def test_a_target_that_still_shows_a_leaver_as_active_is_asked_again(org: Org) -> None:
    """An acknowledged revocation that a read doesn't show yet isn't told, and isn't written twice."""
    await org.hired()
    shown = 0

    def lags(method: str, path: str, answer: Response) -> Response:
        nonlocal shown
        if method != "GET" or shown == 3:
            return answer
        shown += 1
        return replace(answer, body={**answer.body, "active": True})

    org.wire.after = lags
    seq = org.say("E1", active=False)
    await org.run()
    assert (org.fate(seq), await org.shown()) == ("revoked", [("PATCH", True)])
    assert shown == 3


async def test_sessions_are_ended_after_the_revocation(org: Org) -> None:
    """Where it is switched on, a leaver's tokens are deleted once they are inactive, and the outcome says when."""
    id_ = await org.hired()
    org.start(end_sessions=True)
    seq = org.say("E1", active=False)
    await org.run()
    (outcome,) = [each for each in org.outcomes if each.seq == seq and each.final]
    assert outcome.read_back is not None
    assert outcome.sessions_ended is not None
    assert await org.sim("GET", "sessions") == {"ended": [id_]}


async def test_sessions_that_cant_be_ended_dont_undo_a_revocation(org: Org) -> None:
    """Without the right to delete tokens the leaver is revoked all the same, and the audit log says what is missing."""
    await org.hired()
    org.start(end_sessions=True)
    org.platform = "http://127.0.0.1:9/api/v2"
    org.start(end_sessions=True)
    seq = org.say("E1", active=False)
    await org.run()
    assert org.fate(seq) == "revoked"
    (outcome,) = [each for each in org.outcomes if each.seq == seq and each.final]
    assert outcome.sessions_ended is None
    assert any("sessions weren't ended" in (each.reason or "") for each in org.journal.outcomes)


@pytest.mark.parametrize("passed_over", [False, True])
async def test_a_membership_that_the_sink_before_wrote_isnt_written_again(org: Org, *, passed_over: bool) -> None:
    """A request of the sink before lands after we read the user and before we read the group: we look once more.

    Also where the record that it was sent for is passed over, for one that the sink before never saw.
    """
    id_ = await org.hired()
    record = org.folded("E1", genesysQueue="Billing", genesysRole=None)
    org.start(until=record.seq + 1)
    group = await org.group_id("Billing Queue")
    landed = False

    async def lands(method: str, path: str) -> None:
        nonlocal landed
        if path.startswith("/Groups?") and not landed:
            landed = True
            await org.patch(f"Groups/{group}", "add", "members", [{"value": id_}])

    org.wire.before = lands
    org.take_in(record)
    if passed_over:
        org.say("E1", job="Clerk")
    await org.run()
    assert landed
    assert [each["changed"] for each in await org.writes() if each["applied"] and "Groups" in each["path"]] == [True]

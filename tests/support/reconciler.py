"""The reconciler against the Genesys stand-in over real HTTP; only Kafka is left out, and the clock is held by hand."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import aiohttp

import streamproc
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.oauth import Tokens
from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.core.flow.circuit_breaker import CircuitBreaker
from streamproc.core.flow.loop_limits import LoopLimits
from streamproc.core.flow.rate_limit import RateLimiter
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.fold.plan import Urgency, urgency
from streamproc.core.records.change_event import ChangeEvent, Fact, Origin
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import FIRST, Cause, UserRecord, encode
from streamproc.core.scim.dialect import GENESYS, GENESYS_DIALECT, Dialect
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.desired_state import Work, decode_desired, retry_of
from streamproc.sink.decide.lanes import Lanes, Turn
from streamproc.sink.decide.name_waits import Claim
from streamproc.sink.delivered_users import account, claim
from streamproc.sink.delivery_store import DeliveryStore, PartitionLostError
from streamproc.sink.reconciler import Guard, Reconciler
from streamproc.sink.request_executor import RequestExecutor
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


class InMemoryDeliveryStore:
    """Journal without Kafka: what is recorded is committed at once, unless the partition was lost."""

    def __init__(self, ticks: Callable[[], float], known: dict[str, DeliveredState], until: int) -> None:
        self.until = until
        self.alone_from: int | None = 0
        self.caught_up = True
        self.acquired = self.confirmed = ticks()
        self.known = known
        self.highest: dict[str, int] = {user: delivery.seq for user, delivery in known.items()}
        self.told, self.again = 0, dict[str, int]()
        self.parked = {user: each.parked.code for user, each in known.items() if each.parked}
        self.outcomes: list[Outcome] = []
        self.lost = False
        self.confirms = 0
        self.recorded: dict[str, float] = {}
        self._ticks = ticks

    shared = DeliveryStore.shared

    def delivery(self, user: str) -> DeliveredState | None:
        return self.known.get(user)

    def noted(self, user: str) -> float:
        at = self.recorded.get(user, 0.0)
        return at if at > self.confirmed else 0.0

    def seen(self, user: str) -> int | None:
        return self.highest.get(user)

    def saw(self, user: str, seq: int) -> None:
        self.highest[user] = seq

    def record(self, outcomes: list[Outcome], delivery: DeliveredState | None = None) -> None:
        if self.lost:
            return
        self.outcomes += outcomes
        if delivery is not None:
            self.known[delivery.user] = delivery
            self.recorded[delivery.user] = self._ticks()
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

    async def request(self, method: str, path: str, *rest: Any, **named: Any) -> Response:
        if self.before:
            await self.before(method, path)
        answer = await super().request(method, path, *rest, **named)
        return self.after(method, path, answer) if self.after else answer


class Org:
    """One organisation at the stand-in, the log so far, and the sink that works on it."""

    dialect: Dialect = GENESYS_DIALECT
    mapping: Mapping = MAPPING
    loops = LoopLimits()

    def __init__(self, http: aiohttp.ClientSession, root: str) -> None:
        self.http = http
        self.root = root
        self.mapping = MAPPING
        self.reason: str | None = None
        """What events state."""
        self.clock = Clock()
        self.records: dict[str, UserRecord] = {}
        self.offset = 0
        self.fates: Counter[int] = Counter()
        self.store = InMemoryDeliveryStore(self.clock.ticks, {}, 0)
        self.outcomes: list[Outcome] = []
        self._token = ""
        self.platform = f"{root}/api/v2"
        self.guard: Guard | None = None
        self.unread: set[str] = set()
        """Users of another sink, whose deliveries nobody has looked for yet."""
        self.start()

    def start(self, *, until: int = 0, alone: bool = True, end_sessions: bool = False) -> None:
        """Another sink takes over, with what the one before has committed. `alone`: that one is over."""
        self.lanes: Lanes[Work] = Lanes(condense=Work.condensed)
        clocks = Clocks(lambda: self.clock.now, self.clock.ticks, self.clock.pause, lambda: 0.0)
        self.tokens = tokens = Tokens(self.http, f"{self.root}/oauth/token", "demo", "demo", clocks)
        self.wire = Wire(self.http, f"{self.root}/api/v2/scim/v2", tokens, clocks.clock)
        self.store = InMemoryDeliveryStore(self.clock.ticks, dict(self.store.known), until)
        self.store.alone_from = 0 if alone else None
        self.gate = RequestGate(RateLimiter(), CircuitBreaker(), self.clock.ticks, self.clock.pause)
        platform = PlatformHttp(self.http, self.platform, tokens, clocks.clock) if end_sessions else None
        asking = RequestExecutor(self.wire, self.gate, self.lanes, clocks, clocks.pause, FRESH, LANDED)
        self.courier = Reconciler(asking, self.dialect, self, self.guard, platform, loops=self.loops)

    def id_of(self, user: str) -> str | None:
        """As `DeliveredUsers`."""
        delivery = self.store.known.get(user)
        return account(delivery) if delivery and user not in self.unread else None

    def claim_of(self, user: str) -> Claim:
        delivery = self.store.known.get(user)
        return claim(delivery) if delivery and user not in self.unread else Claim()

    def ours(self, user: str) -> bool:
        return user not in self.unread

    async def holder_of(self, account: str, besides: str) -> str | None:
        return next((user for user, each in self.store.known.items() if each.id == account and user != besides), None)

    async def look_for(self, user: str, _seconds: float = 0.0) -> None:
        self.unread.discard(user)

    # What happens

    def say(self, user: str, **facts: Fact) -> int:
        """An HR event, folded, in the sink's hands. Returns its seq."""
        record = self.folded(user, **facts)
        self.take_in(record)
        return record.seq

    def folded(self, user: str, **facts: Fact) -> UserRecord:
        self.offset += 1
        origin = Origin("events.hris", 0, self.offset, Millis(0))
        order = (Micros(self.offset), 0, f"e{self.offset}")
        event = ChangeEvent(user, "hris", user, f"e{self.offset}", "change", order, dict(facts), origin, self.reason)
        self.records[user] = fold(self.records.get(user), self.offset, event, self.mapping)
        return self.records[user]

    def take_in(self, record: UserRecord, offset: int | None = None) -> None:
        """As the sink does."""
        seen = self.store.seen(record.user)
        regressed = self.store.parked.get(record.user) == "regressed" or (seen is not None and record.prev < seen)
        before = FIRST if seen is None else seen
        gap = None if regressed or record.prev == before else before
        work = Work(decode_desired(encode(record)), regressed=regressed, gap=gap)
        urgent = urgency(record.operations, None)
        self.lanes.offer(Turn(record.user, 0, record.seq if offset is None else offset, urgent, work))
        self.courier.nudge(record.user)
        self.store.saw(record.user, record.seq)

    def again(self, user: str) -> None:
        """As the sink does with what couldn't be resolved."""
        delivery = self.store.known[user]
        assert delivery.parked is not None
        cause = Cause("streamproc", "retry", Origin("scim.operations", 0, -1, Millis(0)))
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
        store, lanes = self.store, self.lanes
        ended, delivery, outcomes = await self.courier.deliver(turn, cast("DeliveryStore", store))
        store.record(outcomes, delivery)
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
            await self.sim("POST", "clients", {"id": "others", "permissions": ["*:*:*"]})
            form = {"grant_type": "client_credentials", "client_id": "others", "client_secret": "others"}
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

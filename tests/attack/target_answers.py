"""A target whose answers are hostile: people come, move and leave through worker and sink, over real sockets.

Each person has one hostile answer, which takes the place of the honest one at one kind of request about them, once, a
few times, or all the time. Then the target is honest again. What came of it is judged by what the target then has.
"""

import asyncio
import time
import traceback
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import product
from random import Random
from typing import Any, Final, Literal

import orjson
import psutil
from aiohttp import web

from tests.attack.part import Found, Part
from tests.field.pipeline import Pause, Ran, play
from tests.support.hostile_answers import ANSWERS, MUST, HostileAnswer, Wire, token_answer
from tests.support.hostile_targets.app import ROOT
from tests.support.hostile_targets.store import Answered, Asked, Store

Stage = Literal["search", "create", "read", "write", "group", "any"]
STAGES: Final[tuple[Stage, ...]] = ("search", "create", "read", "write", "group", "any")
TOGETHER: Final = 20
"""People of one run of the pipeline."""
HOSTILE: Final = 600.0
"""Virtual seconds until the target is honest."""
MOST_REQUESTS: Final = 400
"""About one person, all in all."""
MOST_SECONDS: Final = 5.0
"""Of processor time between two requests: one answer takes no longer to be read."""
MOST_MEMORY: Final = 200 * 2**20
"""Bytes that one run takes more than the one before."""
MOST_WRITTEN: Final = 300_000
"""Bytes in our topics about one person; without hostile answers there are about 10,000."""
NAMES: Final = ("admin", "root")


@dataclass
class Person:
    """Somebody, and what is hostile about them."""

    user: str
    there: bool
    """Whether they have an account already, by their login alone."""
    answer: HostileAnswer
    stage: Stage
    left: int
    """Hostile answers that are still to come."""
    asked: int = 0

    @property
    def name(self) -> str:
        """For an example of harm."""
        return f"{self.answer.name} to {self.stage} of {'an account' if self.there else 'a joiner'}"


@dataclass
class Stranger:
    """A target in front of an honest store."""

    people: dict[str, Person]
    rng: Random
    tokens: list[Wire]
    """What is given before there is a token."""
    store: Store = field(default_factory=Store)
    accounts: dict[str, str] = field(default_factory=dict)
    """Id to user: whose account it is, by who asked for its making."""
    slowest: float = 0.0
    memory: int = 0
    _last: float = 0.0
    _begun: float | None = None

    def __post_init__(self) -> None:
        for name in NAMES:
            self.store.add("Users", name, userName=f"{name}@example.com", displayName=name, active=True)
        for person in self.people.values():
            if person.there:
                login = f"{person.user.lower()}@example.com"
                there = self.store.add("Users", userName=login, displayName=person.user, active=True)
                self.accounts[there] = person.user
        self.store.add("Groups", "g-Admins", displayName="Admins", members=[{"value": "admin"}])
        self.store.add("Groups", "g-Supervisors", displayName="Supervisors", members=[])
        self.before = {name: deepcopy(self.store.users[name]) for name in NAMES}

    def app(self) -> web.Application:
        """What serves it."""
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/oauth/token", self._token)
        app.router.add_route("*", ROOT + "/{tail:.*}", self._scim)
        return app

    async def _token(self, request: web.Request) -> web.Response:
        if self.tokens:
            await _put(request, self.tokens.pop())
            return web.Response()
        return web.json_response({"access_token": "t", "token_type": "Bearer", "expires_in": 86400})

    async def _scim(self, request: web.Request) -> web.StreamResponse:
        now, loop = time.process_time(), asyncio.get_running_loop()
        self.slowest = max(self.slowest, now - self._last if self._last else 0.0)
        self.memory = max(self.memory, psutil.Process().memory_info().rss)
        self._begun = loop.time() if self._begun is None else self._begun
        path, _, query = request.raw_path.removeprefix(ROOT).partition("?")
        content = await request.read()
        body = orjson.loads(content) if content else None
        asked = Asked(request.method, path, query, body, request.headers.get("If-Match"))
        person = self._about(asked)
        before = set(self.store.users)
        answered = self.store.answer(asked)
        if person is not None:
            person.asked += asked.collection == "Users"
            self.accounts |= dict.fromkeys(set(self.store.users) - before, person.user)
            stages = {_stage(asked), "any"}
            if person.stage in stages and person.left > 0 and loop.time() - self._begun < HOSTILE:
                person.left -= 1
                await _put(request, person.answer.make(self.rng, asked, answered))
                self._last = time.process_time()
                return web.Response()
        self._last = time.process_time()
        return _honest(answered)

    def _about(self, asked: Asked) -> Person | None:
        """Whom a request is about: by filter, id or body."""
        said = [value for _, value in asked.pairs] + [str((asked.body or {}).get("externalId"))]
        if asked.id is not None:
            said.append(self.accounts.get(asked.id, ""))
        for operation in (asked.body or {}).get("Operations", ()):
            if operation.get("path") == "members":
                said += [self.accounts.get(member["value"], "") for member in operation["value"]]
        said += [self.accounts.get(each, "") for each in said]
        named = (each.partition("@")[0].upper() for each in said)
        if (person := next((self.people[each] for each in named if each in self.people), None)) is not None:
            return person
        waiting = (each for each in self.people.values() if each.stage == "group" and each.left)
        return next(waiting, None) if asked.collection == "Groups" else None


def _stage(asked: Asked) -> Stage:
    if asked.collection == "Groups":
        return "group"
    if asked.method == "POST":
        return "create"
    if asked.writes:
        return "write"
    return "search" if asked.id is None else "read"


def _honest(answered: Answered) -> web.Response:
    headers = {"Content-Type": "application/scim+json", **answered.headers}
    return web.Response(status=answered.status or 500, body=orjson.dumps(answered.body), headers=headers)


async def _put(request: web.Request, wire: Wire) -> None:
    transport = request.transport
    assert transport is not None
    transport.write(wire.data)
    if wire.then == "silence":
        await asyncio.sleep(60)
    for _ in range(4_000):
        if wire.then != "drip" or transport.is_closing():
            break
        transport.write(wire.more)
        await asyncio.sleep(0.02)
    transport.close()


def _records(people: dict[str, Person]) -> list[Any]:
    changes: tuple[dict[str, Any], ...] = (
        {"active": True, "job": "Agent", "phone": "+13175550101", "department": "Care"},
        {"job": "Team Lead"},
        {"active": False},
    )
    records: list[Any] = []
    for number, attributes in enumerate(changes):
        for user in people:
            said = {"userName": f"{user.lower()}@example.com", "displayName": user} if not number else {}
            kind = "change" if number else "snapshot"
            value: dict[str, Any] = {"id": f"{user}-{number}", "type": kind, "subject": user}
            value |= {"time": f"2026-11-29T18:{number:02}:00Z", "attributes": said | attributes}
            records.append({"topic": "events.hris", "key": user, "value": value})
        records.append(Pause(150.0))
    return [*records, *[Pause(300.0)] * 10]


def _judged(found: Found, people: dict[str, Person], there: Stranger, ran: Ran) -> None:
    store = there.store
    for name in NAMES:
        if store.users.get(name) != there.before[name]:
            found.harmed("wrong_account", f"{name} became {store.users.get(name)}"[:300])
    members = store.members("Admins") - {"admin"}
    if members:
        found.harmed("let_in", f"in the group of administrators: {[there.accounts.get(each) for each in members]}")
    fates = Counter((each["user"], each["seq"]) for each in ran.outcomes if each["final"])
    written: Counter[str] = Counter()
    records = [(each["user"], each) for each in ran.outcomes]
    for user, record in (*records, *ran.deliveries.items()):
        size = len(orjson.dumps(record))
        written[user] += size
        if size > 900_000:
            found.harmed("unbounded", f"a record of {size} bytes about {user}")
    for user, person in people.items():
        own = [each for there_id, each in store.users.items() if there.accounts.get(there_id) == user]
        if any(each.get("active") is not False for each in own):
            parked = ran.parked().get(user, "nothing")
            found.harmed("kept_in", f"{person.name}: told as {parked}")
        for each in own:
            if each.get("displayName") != user or each.get("externalId") not in {None, user}:
                found.harmed("wrong_account", f"{person.name}: {user}'s account became {each}"[:300])
        told = sum(count for (about, _), count in fates.items() if about == user)
        if told != 3 or (there.people[user].stage == "any" and person.asked == 0):
            found.harmed("without_fate", f"{person.name}: {told} fates of three, {person.asked} requests")
        if person.asked > MOST_REQUESTS:
            found.harmed("unbounded", f"{person.name}: {person.asked} requests")
        if written[user] > MOST_WRITTEN:
            found.harmed("unbounded", f"{person.name}: {written[user]} bytes in our topics")
    if there.slowest > MOST_SECONDS:
        names = sorted({person.answer.name for person in people.values()})
        found.harmed("unbounded", f"{there.slowest:.1f} s for one answer of {names}")


def _people(rng: Random, count: int) -> list[Person]:
    """Those that must be tried, at every stage, then others at any."""
    first = list(product([each for each in ANSWERS if each.name in MUST], STAGES))
    rest = list(product([each for each in ANSWERS if each.name not in MUST], STAGES))
    rng.shuffle(first)
    rng.shuffle(rest)
    chosen = (first + rest)[:count]
    times = (1, 3, 1_000_000)
    return [
        Person(f"P{number:04}", rng.random() < 0.4, answer, stage, rng.choice(times))
        for number, (answer, stage) in enumerate(chosen)
    ]


def attack(rng: Random, count: int) -> Found:
    """Runs of `TOGETHER` people each."""
    found = Found()
    people = _people(rng, count)
    base = psutil.Process().memory_info().rss
    for first in range(0, len(people), TOGETHER):
        some = {person.user: person for person in people[first : first + TOGETHER]}
        there = Stranger(some, rng, [token_answer(rng) for _ in range(3)])
        found.tried += len(some) + len(there.tokens)
        try:
            ran = play(_records(some), target=there.app, pause=0.05, guard_count=1000, guard_day_count=1000)
        except Exception:  # noqa: BLE001 - whatever ends the sink
            names = [person.name for person in some.values()]
            found.harmed("unhandled", f"{traceback.format_exc(limit=-3)} one of {names}")
            continue
        _judged(found, some, there, ran)
        if there.memory - base > MOST_MEMORY:
            found.harmed("unbounded", f"{(there.memory - base) // 2**20} MB: {[each.name for each in some.values()]}")
            base = there.memory
    return found


PARTS: Final = (Part("target_answers", whole=1000, short=20, attack=attack),)

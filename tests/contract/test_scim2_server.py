"""The same story at two targets that share no code: our stand-in for Genesys Cloud, and a SCIM 2.0 server by others.

The real courier delivers it over real HTTP. What the target holds is read by a plain client, and understood by
scim2-models.
"""

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import quote, unquote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from scim2_models import Context, ScimPolicy, ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

from streamproc.adapters.oauth import Bearer, StaticToken, Tokens
from streamproc.core.fold.fold import fold
from streamproc.core.records.change_event import ChangeEvent, Fact, Origin
from streamproc.core.records.units import Micros, Millis
from streamproc.core.scim.dialect import DIALECTS
from streamproc.simulator import SimulatorOptions, create_app
from streamproc.sink.reconciler import Reconciler
from tests.support.clocks import held
from tests.support.reconciler import MAPPING, PATCH, Org, Wire, person
from tests.support.resources import USERS, told

TOKEN = "a-token-for-good"
GROUPS = ("Billing Queue", "Spanish Queue", "Supervisors")
TOLERANT = ScimPolicy(unknown=ScimPolicy.Unknown.ignore)
CORE = "urn:ietf:params:scim:schemas:core:2.0:"


@dataclass(frozen=True)
class Target:
    """A target under test."""

    dialect: str
    root: str
    bearer: Bearer


class Quiet(WSGIRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


class Threading(ThreadingMixIn, WSGIServer):
    """Waits for its threads at the end, so that no socket is left open."""

    daemon_threads = False


@contextmanager
def plain_server(*, etags: bool, refused: str) -> Iterator[str]:
    """The other server, its SCIM root as value. `refused`: an attribute that it can't search by."""
    config = load_default_service_provider_config()
    assert config.etag is not None
    config.etag.supported = etags
    provider = ScimProvider.from_discovery(
        load_default_schemas().values(), load_default_resource_types().values(), config=config
    )
    served = BearerTokenApplication(InMemoryStorage(), provider, bearer_tokens=[TOKEN])

    def refusing(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if f"{refused} " in unquote(environ.get("QUERY_STRING", "")):
            start("400 Bad Request", [("Content-Type", "application/scim+json")])
            said = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "400"}
            return [json.dumps(said | {"scimType": "invalidFilter"}).encode()]
        return served(environ, start)

    with make_server("127.0.0.1", 0, refusing, Threading, Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v2"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Asked:
    """What went over the wire."""

    reads: int = 0
    writes: list[str] = field(default_factory=list)


class Scene(Org):
    """The sink on a target of either kind, and somebody else's client beside it."""

    def __init__(self, http: aiohttp.ClientSession, target: Target) -> None:
        self.target = target
        self.asked = Asked()
        self.ids: set[str] = set()
        super().__init__(http, target.root)

    def start(self, **how: Any) -> None:
        super().start(**how)
        before = self.courier._executor
        self.wire = Wire(self.http, self.target.root, self.target.bearer, before.clocks.clock)
        self.wire.before = self._count
        asking = replace(before, scim=self.wire)
        self.courier = Reconciler(asking, DIALECTS[self.target.dialect], self)

    async def _count(self, method: str, path: str) -> None:
        if method == "GET":
            self.asked.reads += 1
        else:
            self.asked.writes.append(f"{method} {path.split('/')[1]}")

    def repeat(self, user: str, seq: int, **facts: Fact) -> int:
        """The event that was folded as `seq` comes once more."""
        self.offset += 1
        origin = Origin("events.hris", 0, self.offset, Millis(0))
        event = ChangeEvent(user, "hris", user, f"e{seq}", "change", (Micros(seq), 0, f"e{seq}"), dict(facts), origin)
        self.records[user] = fold(self.records[user], self.offset, event, MAPPING)
        self.take_in(self.records[user])
        return self.offset

    # The client beside it

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {await self.target.bearer.get()}", "Content-Type": "application/scim+json"}
        async with self.http.request(method, f"{self.root}/{path}", json=body, headers=sent | headers) as answer:
            assert answer.ok, await answer.text()
            return await answer.json(content_type=None) if answer.status != 204 else None

    async def everything(self, path: str) -> list[dict[str, Any]]:
        listed = await self.call("GET", path)
        assert listed["totalResults"] == len(listed["Resources"])
        return list(listed["Resources"])

    async def held(self) -> dict[str, dict[str, Any]]:
        """User ID → what the target holds, in a Resource's words: groups by name, the manager by user ID."""
        model = USERS[self.target.dialect]
        self.ids |= {body["id"] for body in await self.everything("Users")}
        users = {}
        for key in self.ids:  # Genesys Cloud lists nobody who is inactive
            body = await self.call("GET", f"Users/{key}")
            users[key] = model.model_validate(body, scim_ctx=Context.RESOURCE_QUERY_RESPONSE, scim_policy=TOLERANT)
        names = {key: user.external_id for key, user in users.items()}
        found = {user.external_id: {**told(user), "groups": []} for user in users.values()}
        for user in found.values():
            if "manager" in user:
                user["manager"] = names[user["manager"]]
        for name in GROUPS:
            (group,) = await self.everything(f"Groups?filter=displayName%20eq%20%22{quote(name)}%22")
            for member in group.get("members", ()):
                found[names[member["value"]]]["groups"].append(name)
        return found

    def expected(self, **attributes: Any) -> dict[str, Any]:
        """As the story has it; routing skills and languages only where there is a place for them."""
        owned = {name: value for name, value in attributes.items() if name in DIALECTS[self.target.dialect]}
        return owned | {"groups": attributes["groups"]}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


@asynccontextmanager
async def plain(http: aiohttp.ClientSession, *, etags: bool = True, refused: str = "nothing") -> AsyncIterator[Scene]:
    with plain_server(etags=etags, refused=refused) as root:
        scene = Scene(http, Target("rfc7644", root, StaticToken(TOKEN)))
        for name in GROUPS:
            await scene.call("POST", "Groups", {"schemas": [f"{CORE}Group"], "displayName": name})
        yield scene


@asynccontextmanager
async def genesys(http: aiohttp.ClientSession) -> AsyncIterator[Scene]:
    async with TestServer(create_app(SimulatorOptions(rate_limit=0))) as server:
        root = str(server.make_url("")).rstrip("/")
        tokens = Tokens(http, f"{root}/oauth/token", "demo", "demo", held())
        yield Scene(http, Target("genesys", f"{root}/api/v2/scim/v2", tokens))


@pytest.fixture(params=["genesys", "plain", "sparing"])
async def scene(request: pytest.FixtureRequest, http: aiohttp.ClientSession) -> AsyncIterator[Scene]:
    """One switch: the stand-in; the other server; and that one without ETags and search by `externalId`."""
    sparing = request.param == "sparing"
    made = (
        genesys(http)
        if request.param == "genesys"
        else plain(http, etags=not sparing, refused="externalId" if sparing else "nothing")
    )
    async with made as each:
        yield each


async def test_the_story_comes_out_the_same(scene: Scene) -> None:
    """Hire, move, promotion, leave, rehire and adoption end alike, and whoever looks afresh finds nothing to write.

    A login that differs by case alone is the same, and stays as it was found.
    """
    kim = {"userName": "E3@Example.com", "displayName": "Kim of old", "title": "Agent", "active": True}
    there = (await scene.call("POST", "Users", {"schemas": [f"{CORE}User"], **kim}))["id"]
    for manager in ("M1", "M2"):
        scene.say(manager, **{**person(manager), "job": "Supervisor"})
    await scene.run()

    scene.say(
        "E1",
        **person("E1"),
        department="Care",
        division="Care",
        employeeNumber="1001",
        phone="+13175550101",
        manager="M1",
        genesysQueue="Billing",
        genesysLanguage="English:5",
    )
    await scene.run()
    ana = {
        "externalId": "E1",
        "userName": "e1@example.com",
        "displayName": "Person E1",
        "active": True,
        "title": "Agent",
        "phone": "+13175550101",
        "department": "Care",
        "division": "Care",
        "employeeNumber": "1001",
        "manager": "M1",
        "roles": ["Agent", "employee"],
        "groups": ["Billing Queue"],
        "skills": {"Billing": 3.0},
        "languages": {"English": 5.0},
    }
    assert (await scene.held())["E1"] == scene.expected(**ana)

    move: dict[str, Fact] = {"department": "Spanish Support", "job": "Senior Agent", "phone": "+13175550102"}
    moved = scene.say("E1", **move)
    await scene.run()
    ana |= {"department": "Spanish Support", "title": "Senior Agent", "phone": "+13175550102"}
    ana |= {"groups": ["Billing Queue", "Spanish Queue"]}
    ana |= {"skills": {"Billing": 3.0, "Spanish": 4.0}, "languages": {"English": 5.0, "Spanish": 4.0}}
    assert (await scene.held())["E1"] == scene.expected(**ana)

    # Somebody else adds a number meanwhile: with ETags the next PATCH meets a conflict, and either way it stays.
    where = f"Users/{scene.store.known['E1'].id}"
    added = {"op": "add", "path": "phoneNumbers", "value": [{"value": "+13175550177", "type": "mobile"}]}
    await scene.call("PATCH", where, {"schemas": [PATCH], "Operations": [added]})
    scene.say("E1", genesysRole="Quality Evaluator")
    scene.say("E1", job="Team Lead", manager="M2")
    await scene.run()
    ana |= {"title": "Team Lead", "manager": "M2", "roles": ["Quality Evaluator", "Supervisor", "employee"]}
    ana |= {"groups": ["Billing Queue", "Spanish Queue", "Supervisors"], "mobile": "+13175550177"}
    assert (await scene.held())["E1"] == scene.expected(**ana)

    scene.start(until=scene.offset + 2)  # another sink takes over, which can't tell what of this was done before it
    scene.say("E1", genesysQueue=None, phone=None)
    await scene.run()
    del ana["phone"]
    ana |= {"groups": ["Spanish Queue", "Supervisors"]}
    ana |= {"skills": {"Spanish": 4.0}}
    assert (await scene.held())["E1"] == scene.expected(**ana)

    scene.say("E1", active=False)
    await scene.run()
    assert (await scene.held())["E1"] == scene.expected(**{**ana, "active": False})

    scene.asked = Asked()
    late = scene.repeat("E1", moved, **move)
    await scene.run()
    assert scene.fate(late) == "no-op"
    assert scene.asked == Asked()

    scene.say("E1", active=True, job="Agent", department="Care", genesysQueue="Billing")
    await scene.run()
    ana |= {"title": "Agent", "department": "Care", "roles": ["Agent", "Quality Evaluator", "employee"]}
    ana |= {"groups": ["Billing Queue"], "skills": {"Billing": 3.0}, "languages": {"English": 5.0}}
    assert (await scene.held())["E1"] == scene.expected(**ana)

    scene.say("E3", **person("E3"), department="Sales", manager="M1")
    await scene.run()
    assert scene.store.known["E3"].id == there
    adopted = {"externalId": "E3", "userName": "E3@Example.com", "displayName": "Person E3", "active": True}
    adopted |= {"title": "Agent", "department": "Sales", "manager": "M1", "roles": ["Agent", "employee"]}
    held = await scene.held()
    assert held.keys() == {"E1", "E3", "M1", "M2"}
    assert {key: value for key, value in held["E3"].items() if key in adopted} == adopted
    numbers = (await scene.call("GET", where))["phoneNumbers"]
    assert [(each["type"], each["value"]) for each in numbers] == [("mobile", "+13175550177")]

    assert all(each.parked is None for each in scene.store.known.values())
    scene.store.known.clear()
    scene.start()
    scene.asked = Asked()
    for record in sorted(scene.records.values(), key=lambda record: record.seq):  # as they lie in the log
        scene.take_in(record)
        await scene.run()
    assert scene.asked.writes == []
    assert scene.asked.reads > 0
    assert all(each.parked is None and each.held is not None for each in scene.store.known.values())


async def test_groups_that_cant_be_asked_for_are_set_aside_alone(http: aiohttp.ClientSession) -> None:
    """Neither users nor groups say who is a member: who has to be read keeps their groups, and gets all else."""
    async with plain(http, refused="members.value") as scene:
        scene.say("E1", **person("E1"), genesysQueue="Billing")
        await scene.run()
        scene.store.known.clear()
        scene.start()
        seq = scene.say("E1", job="Supervisor", genesysQueue=None)
        await scene.run()
        assert scene.fate(seq) == "delivered"
        parked = scene.store.known["E1"].parked
        assert parked is not None
        assert (parked.code, list(parked.attributes)) == ("refused", ["groups"])
        held = (await scene.held())["E1"]
        assert (held["title"], held["roles"]) == ("Supervisor", ["Supervisor", "employee"])
        assert held["groups"] == ["Billing Queue"]


async def test_a_leaver_who_cant_be_looked_for_is_no_no_op(http: aiohttp.ClientSession) -> None:
    """Without search by `externalId`, somebody of unknown `userName` may be there: that is told, not passed over."""
    async with plain(http, refused="externalId") as scene:
        seq = scene.say("E1", active=False)
        await scene.run()
        assert scene.fate(seq) == "parked"


async def test_a_leaver_who_was_found_is_known_with_their_groups(http: aiohttp.ClientSession) -> None:
    """Deactivated in a hurry by a sink that knew nothing, and back without the queue: the old membership goes."""
    async with plain(http) as scene:
        scene.say("E1", **person("E1"), genesysQueue="Billing")
        await scene.run()
        scene.store.known.clear()
        scene.start()
        scene.say("E2", **person("E2"), genesysQueue="Billing")  # the new sink knows the group by now
        await scene.run()
        scene.say("E1", active=False)
        await scene.run()
        scene.say("E1", active=True, genesysQueue=None)
        await scene.run()
        held = (await scene.held())["E1"]
        assert (held["active"], held["groups"]) == (True, [])


async def test_a_manager_who_cant_be_looked_for_is_waited_for(http: aiohttp.ClientSession) -> None:
    """Without search by `externalId` a manager is known once this sink has delivered them, and taken up then."""
    async with plain(http, refused="externalId") as scene:
        scene.say("E1", **person("E1"), manager="M1")
        await scene.run()
        assert scene.store.parked == {"E1": "unresolved"}
        scene.say("M1", **person("M1"))
        await scene.run()
        scene.again("E1")
        await scene.run()
        assert (await scene.held())["E1"]["manager"] == "M1"

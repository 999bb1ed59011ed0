"""The network in memory: what becomes of requests whose client is dead, late, impatient or cut off.

What it shares with a real one is in `tests/contract/test_network.py`.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import orjson
import pytest
from aiohttp import web

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.http import NotSentError, UnansweredError, send
from streamproc.adapters.oauth import Tokens
from streamproc.adapters.scim_http import ScimHttp
from streamproc.core.scim.response_policy import Response
from streamproc.simulator.directories import Directories, DirectoryOptions
from streamproc.testing.network import Genesys, Network
from streamproc.testing.network.genesys import ORIGIN, surroundings
from streamproc.testing.network.routes import Routes
from streamproc.testing.process import Process
from streamproc.testing.world import BEGIN, World
from tests.support.organization import CORE, PATCH

SERVER = "https://server.example"
ADA = {"schemas": [CORE], "userName": "ada@example.com", "displayName": "Ada", "externalId": "1"}


class Stage:
    """A world with one client, and a server that keeps the bodies it was sent."""

    def __init__(self, seed: int = 1, **rates: float) -> None:
        named = {f"net.{kind}": rate for kind, rate in rates.items()}
        self.world = World(seed, named, tracing=True)
        self.network = Network(self.world)
        self.client, self.server = self.process("client"), self.process("server")
        self.carried_out: list[bytes] = []
        self.network.serve(SERVER, self.handle, self.server)

    def process(self, name: str) -> Process:
        """One of the world's."""
        return Process(name, self.world.loop.time, BEGIN, self.world.rng(name))

    async def handle(self, request: Any) -> web.StreamResponse:
        """Keeps the body, and gives it back. A body of digits takes so many seconds."""
        body = await request.read()
        if body.isdigit():
            await asyncio.sleep(int(body))
        self.carried_out.append(body)
        return web.Response(body=body)

    async def post(self, body: bytes, *, seconds: float = 5.0) -> bytes | str:
        """What the client hears: the answer's body, or why there is none."""
        http = self.network.session(self.client, seconds)
        try:
            return (await send(http, "POST", SERVER, {}, body, clock=self.client.clock)).content
        except (NotSentError, UnansweredError) as error:
            return str(error).split(":", maxsplit=1)[0]

    def scim(self, client: Process) -> ScimHttp:
        """A client of the stand-in for Genesys."""
        http = self.network.session(client, 5.0)
        clocks = Clocks(client.clock, client.ticks, asyncio.sleep, client.jitter)
        tokens = Tokens(http, f"{ORIGIN}/oauth/token", "demo", "demo", clocks)
        return ScimHttp(http, f"{ORIGIN}/api/v2/scim/v2", tokens, client.clock)

    def run(self, story: Callable[[], Any]) -> None:
        """In the client's process."""

        async def main() -> None:
            await self.world.loop.spawn(self.client, story())

        self.world.run(main())
        assert not self.world.failures


def test_a_request_of_a_killed_client_is_carried_out_all_the_same() -> None:
    """A service that is killed while its request is on the way has changed the target, as in production."""
    stage = Stage()

    async def story() -> None:
        doomed = stage.process("doomed")
        stage.world.loop.spawn(doomed, orphaned())
        await asyncio.sleep(1e-4)
        stage.world.loop.kill(doomed)
        await asyncio.sleep(1.0)

    async def orphaned() -> None:
        await stage.post(b"theirs")

    stage.run(story)
    assert stage.carried_out == [b"theirs"]


@pytest.mark.parametrize("kind", ["killed", "paused"])
def test_a_service_is_struck_while_its_request_is_on_the_way(kind: str) -> None:
    """What a zombie or a dead one has sent may land after its successor has looked."""
    early: list[int] = []
    for seed in range(20):
        stage = Stage(seed)
        starts: list[float] = []

        async def service(process: Process, _: Any, stage: Stage = stage, starts: list[float] = starts) -> None:
            starts.append(stage.world.loop.time())
            http = stage.network.session(process, 10.0)
            if len(starts) == 1:
                stage.world.rates[f"net.{kind}"] = 1.0
                await send(http, "POST", SERVER, {}, b"x", clock=process.clock)
            await asyncio.sleep(1e6)

        async def story(stage: Stage = stage, service: Any = service, starts: list[float] = starts) -> None:
            started = stage.world.start("client", service)
            await asyncio.sleep(0.05)
            assert started.process.state == {"killed": "dead", "paused": "paused"}[kind]
            early.append(len(stage.carried_out))
            stage.world.calm()
            await asyncio.sleep(60.0)
            assert len(starts) == (2 if kind == "killed" else 1)
            assert stage.carried_out == [b"x"]

        stage.world.run(story())
    assert set(early) == {0, 1}


def test_a_late_request_lands_after_its_client_has_given_up() -> None:
    """The simulation has the write that nobody expects any more, and none that the sink couldn't reckon with."""
    heard: list[tuple[Any, int]] = []
    for seed in range(20):
        stage = Stage(seed, request_late=1.0)

        async def story(stage: Stage = stage) -> None:
            heard.append((await stage.post(b"late", seconds=1.0), len(stage.carried_out)))
            await asyncio.sleep(1.0)

        stage.run(story)
        assert stage.carried_out == [b"late"]
    assert ("TimeoutError", 0) in heard


def test_a_request_that_comes_twice_is_carried_out_twice_and_answered_once() -> None:
    """A proxy that sends a request again doesn't go unnoticed by the target."""
    stage = Stage(twice=1.0)
    heard: list[Any] = []

    async def story() -> None:
        heard.append(await stage.post(b"again"))
        await asyncio.sleep(60.0)

    stage.run(story)
    assert (heard, stage.carried_out) == ([b"again"], [b"again", b"again"])


def test_answers_overtake_each_other() -> None:
    """Two requests of one client may be carried out in either order, and be heard of in either."""
    orders = set()
    for seed in range(200):
        stage = Stage(seed)
        heard: list[Any] = []

        async def one(body: bytes, stage: Stage = stage, heard: list[Any] = heard) -> None:
            heard.append(await stage.post(body))

        async def story(one: Any = one) -> None:
            await asyncio.gather(one(b"a"), one(b"b"))

        stage.run(story)
        orders.add((stage.carried_out[0], heard[0]))
    assert orders == {(first, second) for first in (b"a", b"b") for second in (b"a", b"b")}


def test_a_client_that_is_cut_off_hears_nothing_for_so_long_and_then_again() -> None:
    """Half-open connections cost each request its time-out, and no request is refused."""
    stage = Stage()
    heard: list[Any] = []

    async def story() -> None:
        stage.network.cut_off(stage.client, 7.0)
        heard.extend([await stage.post(b"1"), await stage.post(b"2"), await stage.post(b"x")])

    stage.run(story)
    assert heard == ["TimeoutError", "TimeoutError", b"x"]
    assert stage.carried_out == [b"x"]


def test_a_server_that_dies_breaks_its_connections_and_isnt_reached_until_another_serves() -> None:
    """While the gateway is dead its senders see connections reset, then refused; the next one serves them."""
    stage = Stage()
    heard: list[Any] = []

    async def story() -> None:
        waiting = asyncio.ensure_future(stage.post(b"3"))
        await asyncio.sleep(1.0)
        stage.world.loop.kill(stage.server)
        stage.network.killed(stage.server)
        heard.append(await waiting)
        heard.append(await stage.post(b"x"))
        stage.network.serve(SERVER, stage.handle, stage.process("server"))
        heard.append(await stage.post(b"y"))

    stage.run(story)
    assert heard == ["ClientOSError", "ClientConnectorError", b"y"]
    assert stage.carried_out == [b"y"]


def test_a_paused_server_answers_when_it_goes_on() -> None:
    """What came while a service was stopped is worked on late, not lost."""
    stage = Stage()
    heard: list[Any] = []

    async def story() -> None:
        stage.world.loop.pause(stage.server)
        waiting = asyncio.ensure_future(stage.post(b"x"))
        await asyncio.sleep(2.0)
        heard.append(list(stage.carried_out))
        stage.world.loop.resume(stage.server)
        heard.append(await waiting)

    stage.run(story)
    assert heard == [[], b"x"]


def test_a_server_that_asks_another_hears_of_its_failure() -> None:
    """A stand-in whose own request gets no answer goes on as it would over sockets."""
    stage = Stage()
    heard: list[Any] = []

    async def asks(_: Any) -> web.StreamResponse:
        http = stage.network.session(stage.server, 1.0)
        try:
            await send(http, "GET", "https://nobody.example", {}, clock=stage.server.clock)
        except NotSentError:
            await asyncio.sleep(0.1)
            return web.Response(body=b"nobody is there")
        raise AssertionError

    async def story() -> None:
        heard.append(await stage.post(b""))

    stage.network.serve(SERVER, asks, stage.server)
    stage.run(story)
    assert heard == [b"nobody is there"]


@pytest.mark.parametrize("waits", [False, True])
def test_a_defect_of_a_stand_in_fails_the_run(*, waits: bool) -> None:
    """A bug of the simulation is told as one, and not taken for a bad network."""
    stage = Stage()

    async def broken(_: Any) -> web.StreamResponse:
        if waits:
            await asyncio.sleep(0.1)
        raise KeyError("mine")

    async def story() -> None:
        await stage.world.loop.spawn(stage.client, stage.post(b"", seconds=1.0))

    stage.network.serve(SERVER, broken, stage.server)
    stage.world.run(story())
    assert ["KeyError('mine')" in what for _, _, what in stage.world.failures] == [True]


# The stand-ins


async def changed(scim: ScimHttp) -> list[Response]:
    """Ada comes, and is patched three times."""
    told = [await scim.request("POST", "/Users", "r0", ADA)]
    for number in range(3):
        body = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": str(number)}]}
        where = f"/Users/{told[0].body.get('id')}"
        told.append(await scim.request("PATCH", where, f"r{number + 1}", body, told[-1].headers.get("etag")))
    return told


def genesys_story(seed: int) -> tuple[list[Response], list[Any], list[str]]:
    """Answers, what the watchers were told, and the trace."""
    stage = Stage(seed)
    genesys = Genesys(stage.world, stage.network)
    told: list[Any] = []
    answers: list[Response] = []

    class Watcher:
        def requested(self, number: int, process: str, method: str, *_: Any) -> None:
            told.append(("requested", number, process, method))

        def answered(self, number: int, process: str, status: int | None, *_: Any) -> None:
            told.append(("answered", number, process, status))

    async def story() -> None:
        answers.extend(await changed(stage.scim(stage.client)))

    stage.network.watch(ORIGIN, Watcher())
    genesys.watch(lambda number, entry: told.append(("written", number, entry.request_id, entry.status)))
    stage.run(story)
    return answers, told, stage.world.lines


def test_who_watches_is_told_of_each_request_each_write_and_each_answer_under_one_number() -> None:
    """An invariant can say which request made which change."""
    answers, told, _ = genesys_story(1)
    assert [answer.status for answer in answers] == [201, 200, 200, 200]
    assert told[:5] == [
        ("requested", 0, "client", "POST"),
        ("answered", 0, "client", 200),
        ("requested", 1, "client", "POST"),
        ("written", 1, "r0", 201),
        ("answered", 1, "client", 201),
    ]


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    """A failure can be played again."""
    first, again, other = genesys_story(1), genesys_story(1), genesys_story(2)
    assert first == again
    assert first[2] != other[2]


@pytest.mark.parametrize(
    ("kind", "status", "applied"),
    [("429", 429, False), ("500_before", 500, False), ("503_after", 503, True), ("version_conflict", 400, False)],
)
def test_genesys_refuses_or_loses_a_write_as_its_faults_say(kind: str, status: int, *, applied: bool) -> None:
    """Trouble of the target looks as Genesys documents it, before a write was carried out or after."""
    stage = Stage()
    genesys = Genesys(stage.world, stage.network)
    heard: list[Response] = []

    async def story() -> None:
        scim = stage.scim(stage.client)
        ada = await scim.request("POST", "/Users", "r0", ADA)
        stage.world.rates[f"genesys.{kind}"] = 1.0
        body = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": "Boss"}]}
        heard.append(await scim.request("PATCH", f"/Users/{ada.body['id']}", "r1", body))

    stage.run(story)
    assert heard[0].status == status
    assert [entry.applied for entry in genesys.simulator.ledger.entries] == [True, applied]


def test_a_token_that_is_no_longer_taken_is_replaced() -> None:
    """A revoked token costs one 401, and the next request has a new one."""
    stage = Stage()
    genesys = Genesys(stage.world, stage.network)
    statuses: list[int | None] = []

    async def story() -> None:
        scim = stage.scim(stage.client)
        await scim.request("GET", "/Users", "r0")
        genesys.simulator.tokens.expire()
        statuses.extend([(await scim.request("GET", "/Users", f"r{number}")).status for number in (1, 2)])

    stage.run(story)
    assert statuses == [401, 200]


def test_a_directory_sends_its_hooks_over_the_network_and_answers_there() -> None:
    """What Okta tells of a change, and what it holds, comes over the same bad network."""
    stage = Stage()
    okta = stage.process("okta")
    routes = Routes()
    directories = Directories(
        DirectoryOptions(gateway=SERVER), surroundings(stage.world, okta), lambda: stage.network.session(okta)
    )
    directories.add_routes(cast("Any", routes))
    stage.network.serve("https://okta.example", routes.answer, okta)
    got: list[Any] = []

    async def story() -> None:
        await stage.world.loop.spawn(okta, people())
        await asyncio.sleep(1.0)
        http = stage.network.session(stage.client)
        headers = {"Authorization": "SSWS demo"}
        reply = await send(http, "GET", "https://okta.example/okta/api/v1/users", headers, clock=stage.client.clock)
        got.append(orjson.loads(reply.content)[0]["profile"]["displayName"])

    async def people() -> None:
        directories.okta.create({"employeeNumber": "1", "userName": "ada@example.com", "displayName": "Ada"})

    stage.run(story)
    assert got == ["Ada"]
    assert orjson.loads(stage.carried_out[0])["data"]["events"][0]["eventType"] == "user.lifecycle.create"


def test_a_closed_session_is_no_longer_used() -> None:
    """A service that has closed its connections finds out as with aiohttp."""
    stage = Stage()

    async def story() -> None:
        http = stage.network.session(stage.client)
        await http.close()
        with pytest.raises(RuntimeError):
            async with http.request("GET", SERVER):
                raise AssertionError

    stage.run(story)

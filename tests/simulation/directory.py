"""A directory of the simulated world: people change there, its hooks name them, and the hydrator asks who they are.

The stand-in, the gateway (all but its sockets) and the hydrator are the real ones, each in a process of its own. What
the hooks lose, the rounds find: so at the end everybody is as the directory has them.

A step: {at, kind: "directory", do: "create"|"update"|"remove", who, fields?}. `who` is the person's employee number;
`fields` are the stand-in's (`simulator/directories/people.py`). One about somebody who isn't there does nothing.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final, cast

import orjson

from streamproc.adapters.kafka.log import ConsumerRecord, started
from streamproc.compose.directories import directories
from streamproc.compose.gateway_parts import make_gateway
from streamproc.compose.hydrator import make_hydrator
from streamproc.core.records.topic_names import CURSORS, intake_topic, notifications_topic
from streamproc.settings import Settings
from streamproc.simulator.directories import Directories, DirectoryOptions
from streamproc.simulator.directories.faults import API, GONE, HOOK, REPLAY, Fault, FaultPlan
from streamproc.sources import configured
from streamproc.testing.memory_log import MemoryLog
from streamproc.testing.network import Network
from streamproc.testing.network.asked import Asked
from streamproc.testing.network.genesys import surroundings
from streamproc.testing.network.network import Handler
from streamproc.testing.network.routes import Routes
from streamproc.testing.process import Process, context_of
from streamproc.testing.world import BEGIN, World
from tests.simulation.clocks import clocks_of
from tests.simulation.plan import Step

ORIGIN: Final = "https://directory.example"
GATEWAY: Final = "https://hooks.example"
SECRET: Final = "the-secret-of-the-hooks"
EVERY: Final = 6.0
"""Virtual seconds between two rounds."""
LOOK: Final = 0.5
PATIENCE: Final = 300.0
"""Virtual seconds in which everything must have been asked, once nothing goes wrong any more."""
STAND_INS: Final = {"okta": "okta", "entra": "graph"}
"""Source → the stand-in's name of it."""
SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "okta": {
        "okta_url": f"{ORIGIN}/okta",
        "okta_token": "demo",
        "okta_hook_secret": SECRET,
        "okta_sync_every": EVERY,
    },
    "entra": {
        "entra_url": f"{ORIGIN}/graph/v1.0",
        "entra_login_url": f"{ORIGIN}/graph",
        "entra_tenant": "acme",
        "entra_client_id": "demo",
        "entra_client_secret": "demo",
        "entra_client_state": SECRET,
        "entra_notification_url": f"{GATEWAY}/v1/entra",
        "entra_sync_every": EVERY,
    },
}
"""Source → settings by which it is the stand-in, and the gateway takes its hooks."""
KINDS: Final[dict[frozenset[str], tuple[str, ...]]] = {
    HOOK: ("drop", "duplicate", "delay"),
    API: ("refuse", "slow"),
    GONE: ("gone",),
    REPLAY: ("replay",),
}
"""Of the world's faults `directory.…`, with one occasion a hook, a request, or a page of changes each."""

Main = Callable[[Process, MemoryLog], Coroutine[Any, Any, None]]


class Directory:
    """Of one source."""

    def __init__(self, world: World, network: Network, settings: Settings, source: str) -> None:
        self.source = source
        self._world = world
        self._network = network
        self._settings = settings
        self.process = Process("directory", world.loop.time, BEGIN, world.rng("directory"))
        self._context = context_of(self.process)
        self._keys: dict[str, str] = {}
        """Employee number → the directory's own id."""
        self._heard: dict[str, tuple[int, int]] = {}
        """The directory's own id of who was removed → what was in the log of them by then: see `_last`."""
        options = DirectoryOptions(
            gateway=GATEWAY,
            hook_headers={STAND_INS[source]: {"Authorization": SECRET}},
            page_size=world.rng("pages").choice((1, 2, 100)),
        )
        self._site = Directories(options, surroundings(world, self.process), lambda: network.session(self.process))
        self._people = self._site.all[STAND_INS[source]]
        self._people.faults = _DrawnFaults(world)
        routes = Routes()
        self._site.add_routes(cast("Any", routes))
        network.serve(ORIGIN, routes.answer, self.process)

    def services(self) -> Mapping[str, Main]:
        """By kind; there is one of each."""
        return {"gateway": self._gateway, "hydrator": self._hydrator}

    def perform(self, step: Mapping[str, Any]) -> None:
        """Somebody changes in the directory; its hooks are on their way."""
        self._context.run(self._perform, step)

    def _perform(self, step: Mapping[str, Any]) -> None:
        who, people = step["who"], self._people
        key = self._keys.get(who)
        if step["do"] == "create":
            if key is None:
                self._keys[who] = people.create(step["fields"] | {"employeeNumber": who}).id
        elif key is not None and people.entries[key].removed is None:
            if step["do"] == "remove":
                self._heard[key] = self._last(who, key)
                people.remove(key)
            else:
                people.update(key, step["fields"])

    def known(self, steps: Sequence[Step]) -> list[Step]:
        """Nothing in the place of what happened to people who came and went unseen: nobody could know who they were.
        Nor in the place of a removal of which nothing was told, where all were removed: a directory that lists nobody
        isn't believed, which the log says. Who was changed before such a removal is "unheard": perhaps they were never
        asked about after that either.
        """
        gone = [(who, key) for who, key in self._keys.items() if self._people.entries[key].removed]
        unseen = {who for who, key in gone if not self._seen(who, key)}
        untold = {who for who, key in gone if len(gone) == len(self._keys) and self._last(who, key) == self._heard[key]}
        changed = {step["who"] for step in steps if step["kind"] == "directory" and step["do"] == "update"}
        return [
            {**step, "kind": "unseen"}
            if step.get("who") in unseen
            else {**step, "kind": "unheard" if step["who"] in changed else "unseen"}
            if step.get("who") in untold and step.get("do") == "remove"
            else step
            for step in steps
        ]

    def _last(self, who: str, key: str) -> tuple[int, int]:
        """The offsets of the newest notification about them, and of the newest answer that is without their number, as
        it is of who is gone; -1: there is none.
        """
        told = [each.offset for each in self._about(notifications_topic(self.source), key)]
        gone = [each.offset for each in self._about(intake_topic(self.source), key) if not _has(each, who)]
        return max(told, default=-1), max(gone, default=-1)

    def _seen(self, who: str, key: str) -> bool:
        """Whether the log has an answer about them that has their number."""
        return any(_has(each, who) for each in self._about(intake_topic(self.source), key))

    def _about(self, topic: str, key: str) -> Iterator[ConsumerRecord]:
        return (each for each in self._world.broker.records(topic) if each.key == key.encode())

    async def asked(self) -> None:
        """Every hook has ended, and a round that began after that has been through. Fails the run if none is."""
        end, rounds = self._world.loop.time() + PATIENCE, self._rounds()
        while list(self._left()) or self._rounds() < rounds + 2:
            await asyncio.sleep(LOOK)
            if self._site.site.hooks.pending:
                rounds = self._rounds()
            if self._world.loop.time() > end:
                left = [*self._left(), f"{self._rounds() - rounds} rounds"]
                self._world.fail("unasked", f"{self.source} isn't asked within {PATIENCE:.0f} s: {left[:5]}")
                return

    def _left(self) -> Iterator[str]:
        if pending := self._site.site.hooks.pending:
            yield f"{pending} hooks"
        group, topic = f"{self._settings.kafka.group}-hydrator", notifications_topic(self.source)
        for place, offset, end in self._world.broker.behind(group, [topic]):
            yield f"{topic}/{place.partition} {offset} of {end}"

    def _rounds(self) -> int:
        """Rounds that have ended."""
        cursors = self._world.broker.records(CURSORS)
        return sum(not orjson.loads(each.value)["place"] for each in cursors if each.value is not None)

    # Its processes

    async def _gateway(self, process: Process, log: MemoryLog) -> None:
        async with started(log.producer()) as producer:
            http = self._network.session(process)
            gateway = make_gateway(self._settings, producer, _answer, http, clocks_of(process))
            routes = Routes()
            gateway.add_routes(cast("Any", routes))
            self._network.serve(GATEWAY, _in_a_task(routes.answer), process)
            await gateway.failure

    async def _hydrator(self, process: Process, log: MemoryLog) -> None:
        settings, clocks = self._settings, clocks_of(process)
        http = self._network.session(process, settings.target.request_timeout)
        by_source = directories(settings.hydrator, http, configured(*settings.sources_text()), clocks)
        async with started(log.producer()) as producer:
            await make_hydrator(settings, log, by_source, producer, clocks).run()


class _DrawnFaults(FaultPlan):
    """A fault plan that asks the world."""

    def __init__(self, world: World) -> None:
        super().__init__(world.loop.time)
        self._world = world

    def choose(self, kinds: frozenset[str], path: str = "") -> Fault | None:
        for kind in KINDS[kinds]:
            if (chance := self._world.fault(f"directory.{kind}")) is not None:
                status = chance.choice((429, 500, 503, 503))
                after = chance.choice((None, 1, 3)) if status in {429, 503} else None
                return Fault(kind, path=path, delay_ms=chance.uniform(0, 6000), status=status, retry_after=after)
        return None


async def _answer() -> bool:
    """As brokers do."""
    return True


def _in_a_task(handler: Handler) -> Handler:
    """As a server does: what waits with a deadline is a task."""

    async def answer(asked: Asked) -> Any:
        return await asyncio.get_running_loop().create_task(cast("Any", handler(asked)))

    return answer


def _has(answer: ConsumerRecord, number: str) -> bool:
    """Whether it has this employee number."""
    return f'"{number}"'.encode() in (answer.value or b"")

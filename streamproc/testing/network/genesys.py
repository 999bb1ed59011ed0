"""The stand-in for Genesys Cloud, in a process of a world."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias, cast

from streamproc.simulator import server
from streamproc.simulator.faults import Fault, FaultPlan
from streamproc.simulator.ledger import LedgerEntry
from streamproc.simulator.options import SimulatorOptions
from streamproc.simulator.request_pipeline import Simulator
from streamproc.simulator.surroundings import Surroundings
from streamproc.testing.network.network import Network
from streamproc.testing.network.routes import Routes
from streamproc.testing.process import Process, context_of
from streamproc.testing.world import BEGIN, World

ORIGIN: Final = "https://api.mypurecloud.example"
KINDS: Final = (
    "429",
    "429_no_retry_after",
    "500_before",
    "503_before",
    "401",
    "version_conflict",
    "500_after",
    "503_after",
    "504_after",
)
"""Of the world's faults `genesys.…`, with one occasion a request each."""
WAITS: Final = (0, 1, 2, 5, 30)
"""Seconds of Retry-After."""
_NAMED: Final = tuple((kind, f"genesys.{kind}") for kind in KINDS)
Written: TypeAlias = Callable[[int | None, LedgerEntry], None]
"""Is told of each write that was decided: number of its request, and the ledger's entry."""


class Genesys:
    """Serves `ORIGIN` on the network: SCIM below `/api/v2/scim/v2`, tokens at `/oauth/token`."""

    def __init__(self, world: World, network: Network, **options: Any) -> None:
        self._network = network
        self._later = partial(world.loop.call_later, context=context_of(world.loop.home))
        self._watchers: list[Written] = []
        self.process = Process("genesys", world.loop.time, BEGIN, world.rng("genesys"))
        self.simulator = Simulator(SimulatorOptions(**options), surroundings(world, self.process), self._told)
        self.simulator.faults = DrawnFaults(world, self.simulator)
        routes = Routes()
        server.add_routes(cast("Any", routes), self.simulator)
        network.serve(ORIGIN, routes.answer, self.process)

    def watch(self, written: Written) -> None:
        """Be told of each write that is decided."""
        self._watchers.append(written)

    def deny(
        self, kind: str, seconds: float, method: str | None = None, path: str | None = None, user: str | None = None
    ) -> None:
        """For so long all such requests are answered by that kind of fault."""
        faults, fault = self.simulator.faults.faults, Fault(kind, method=method, path=path, user=user)
        faults.append(fault)
        self._later(seconds, _end, faults, fault)

    def calm(self) -> None:
        """From now on nothing is denied."""
        self.simulator.faults.faults.clear()

    def _told(self, entry: LedgerEntry) -> None:
        for written in self._watchers:
            written(self._network.serving, entry)


def _end(faults: list[Fault], fault: Fault) -> None:
    if fault in faults:
        faults.remove(fault)


class DrawnFaults(FaultPlan):
    """A fault plan that asks the world. `genesys.expired`: all tokens are revoked."""

    def __init__(self, world: World, simulator: Simulator) -> None:
        super().__init__(0)
        self._world = world
        self._simulator = simulator

    def choose(self, method: str, path: str, users: Callable[[], tuple[str, ...]]) -> Fault | None:
        """The first that is drawn of those that the request can have."""
        drawn = self._world.fault
        if drawn("genesys.expired") is not None:
            self._simulator.tokens.expire()
        for kind, name in _NAMED:
            if (chance := drawn(name)) is not None:
                fault = Fault(kind, path=path, retry_after=chance.choice(WAITS) if kind == "429" else None)
                if fault.fits(method, path, users):
                    return fault
        return super().choose(method, path, users)


def surroundings(world: World, process: Process) -> Surroundings:
    """A process's clocks, and ids that are the same each time."""
    chance = world.rng(f"ids of {process.name}")
    return Surroundings(process.clock, process.ticks, lambda: uuid.UUID(int=chance.getrandbits(128), version=4))

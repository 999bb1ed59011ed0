"""What is looked at during a run, and at its end."""

from streamproc.simulator.resources import rendered
from streamproc.testing.network import Genesys, Network
from streamproc.testing.network.genesys import ORIGIN
from streamproc.testing.world import World
from tests.simulation.invariants import Invariants
from tests.simulation.oracle import accounts_of, expected, mismatched
from tests.simulation.plan import Plan, Step


class Watch:
    """The invariants of one run, and the oracle."""

    def __init__(self, world: World, plan: Plan, network: Network, genesys: Genesys) -> None:
        self._world = world
        self._plan = plan
        self._genesys = genesys
        settings = plan.options.get("settings", {})
        self.invariants = Invariants(
            world.fail,
            self._count,
            guard=(settings.get("guard_count", 20), settings.get("guard_day_count", 100)),
            share=settings.get("guard_share", 0.0),
            sinks=plan.options.get("sinks", 1),
            process=self._process,
        )
        if hasattr(world.broker, "watch"):
            world.broker.watch(self.invariants.broker)
        network.watch(ORIGIN, self.invariants)
        genesys.watch(self.invariants.written)

    def _count(self, name: str) -> None:
        self._world.counts[f"invariant {name}"] += 1

    def _process(self, name: str) -> tuple[str, int]:
        service = self._world.services.get(name)
        return name, 0 if service is None else service.starts

    def finish(self) -> None:
        """All is quiet."""
        self.invariants.end()
        store = self._genesys.simulator.store
        users = [rendered(entry) for entry in store.users.values()]
        groups = {entry.id: entry.attrs["displayName"] for entry in store.groups.values()}
        plan, end = self._plan, self._world.loop.time()
        wanted = expected(plan.steps, end, mapping=plan.options.get("mapping", "default"))
        for user, what in mismatched(wanted, accounts_of(users, groups)).items():
            self._world.fail("oracle", f"{user}: {what}")

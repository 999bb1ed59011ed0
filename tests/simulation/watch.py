"""What is looked at during a run, and at its end."""

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from streamproc.core.records.topic_names import FORWARDS, OPERATIONS
from streamproc.simulator.resources import rendered
from streamproc.testing.memory_log.events import RecordAppended
from streamproc.testing.network import Genesys, Network
from streamproc.testing.network.genesys import ORIGIN
from streamproc.testing.world import BEGIN, World
from tests.simulation.hand import Hand
from tests.simulation.invariants import Invariants
from tests.simulation.operator import Operator
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
            shares=(settings.get("guard_share", 0.02), settings.get("guard_day_share", 0.1)),
            lossy=plan.options.get("genesys", {}).get("unknown_names") == "ignore",
            process=self._process,
            partitions=plan.options.get("partitions", 2),
            chance=world.rng("invariants"),
            now=world.loop.time,
            exact=not plan.options.get("clocks_off")
            and not any(step["kind"] in {"clock", "compact"} for step in plan.steps),
        )
        self.digest = 0
        """Of all that was appended, when and where."""
        world.broker.watch(self._digest)
        world.broker.watch(self.invariants.broker)
        network.watch(ORIGIN, self.invariants)
        genesys.watch(self.invariants.written)

    def _digest(self, event: Any) -> None:
        if isinstance(event, RecordAppended):
            record = event.record
            words = f"{self._world.loop.time()} {record.topic} {record.partition} {record.offset} ".encode()
            self.digest = crc32(words + (record.value or b""), self.digest)

    def _count(self, name: str) -> None:
        self._world.counts[f"invariant {name}"] += 1

    def _process(self, name: str) -> tuple[str, int]:
        service = self._world.services.get(name)
        return name, 0 if service is None else service.starts

    def finish(self, wrong: Mapping[str, str], *, compared: bool) -> None:
        """All is quiet. `wrong`: what still is."""
        self.invariants.end(compared=compared)
        for user, what in wrong.items():
            self._world.fail("oracle", f"{user}: {what}")

    def wrong(self, steps: Sequence[Step], operator: Operator, hand: Hand | None = None) -> dict[str, str]:
        """User → what of them isn't as it has to be in the end. `operator` has carried out the steps, and `hand` those
        in the target, where all is compared.
        """
        store = self._genesys.simulator.store
        users = [rendered(entry) for entry in store.users.values() if entry.state != "deleted"]
        groups = {entry.id: entry.attrs["displayName"] for entry in store.groups.values()}
        wanted = expected(
            steps,
            self._world.loop.time(),
            mapping=self._plan.options.get("mapping", "default"),
            appended={number: at - BEGIN for number, at in operator.appended.items()},
            arrived=operator.arrived(dict(record.headers) for record in self._world.broker.records(FORWARDS)),
        )
        if self._plan.options.get("settings", {}).get("dialect") == "rfc7644":
            for want in wanted.values():  # the standard has no place for these
                for name in ("skills", "languages"):
                    want.attributes.pop(name, None)
        compacted = any(step["kind"] == "compact" and step["topic"] == OPERATIONS for step in steps)
        target = self._plan.options.get("genesys", {})
        free = target.get("former_names") != "taken"
        held = accounts_of(users, groups)
        unfound: set[str] = set()
        if target.get("filter_finds_inactive") is False:  # whose account can't be found any more is nobody's manager
            for user in wanted.keys() & held.keys():
                held[user]["manager"] = wanted[user].attributes.get("manager")
            unfound = self._unfound(held)
        given = {user: set(theirs) for user, theirs in self.invariants.known.released.items()}
        for user, theirs in ({} if hand is None else hand.given).items():
            given.setdefault(user, set()).update(theirs)
        wrong = mismatched(wanted, held, free=free, compacted=compacted, given=given)
        return {user: what for user, what in wrong.items() if user not in unfound}

    def _unfound(self, held: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """Who is out by an account whose id was lost with a sink, in a target that finds nobody who is out: that can
        only be told to an operator, and is.
        """
        known = self.invariants.known.deliveries
        told = {user for user, each in known.items() if (each["parked"] or {}).get("code") == "ambiguous"}
        return {user for user in told & held.keys() if known[user]["id"] is None and held[user]["active"] is False}

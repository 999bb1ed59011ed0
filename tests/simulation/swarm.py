"""The plan of a seed: a history, how the world is made, and what goes wrong in it.

Swarm testing: each seed draws which features, switches and faults are on, since in a world where everything goes wrong
at once most of it never gets far. Without it everything is on, at its usual rate.
"""

from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.simulation.directory_history import SOURCES, directory_steps
from tests.simulation.focus import FOCUSES, Focus
from tests.simulation.hand_history import hand_steps
from tests.simulation.history import FEATURES, history
from tests.simulation.plan import Plan, Step

RATES: Final = {
    "kafka.slow": 0.01,
    "kafka.slow_transaction": 0.05,
    "kafka.half_batch": 0.1,
    "kafka.late_records": 0.05,
    "kafka.request_lost": 0.005,
    "kafka.request_late": 0.005,
    "kafka.answer_lost": 0.01,
    "kafka.coordinator_loading": 0.005,
    "kafka.transaction_expired": 0.002,
    "kafka.session_expired": 0.05,
    "kafka.markers_late": 0.1,
    "faust.held_batch": 0.02,
    "faust.dropped_batch": 0.02,
    "faust.stall": 0.003,
    "faust.busy": 0.02,
    "faust.slow_recovery": 0.05,
    "net.slow": 0.03,
    "net.refused": 0.02,
    "net.request_lost": 0.02,
    "net.half_open": 0.005,
    "net.reset_before": 0.02,
    "net.request_late": 0.02,
    "net.twice": 0.02,
    "net.killed": 0.008,
    "net.paused": 0.008,
    "net.gateway_before": 0.01,
    "net.gateway_after": 0.02,
    "net.reset_after": 0.02,
    "net.answer_lost": 0.02,
    "net.answer_cut": 0.01,
    "genesys.expired": 0.005,
    "genesys.429": 0.02,
    "genesys.429_no_retry_after": 0.01,
    "genesys.500_before": 0.01,
    "genesys.503_before": 0.01,
    "genesys.401": 0.005,
    "genesys.version_conflict": 0.02,
    "genesys.500_after": 0.02,
    "genesys.503_after": 0.01,
    "genesys.504_after": 0.01,
    "directory.drop": 0.05,
    "directory.duplicate": 0.05,
    "directory.delay": 0.05,
    "directory.refuse": 0.03,
    "directory.slow": 0.03,
    "directory.gone": 0.02,
    "directory.replay": 0.05,
}
"""Kind of fault → its usual probability on each occasion."""
MORE: Final = ("others.meanwhile",)
"""Kinds that only a focus has."""
LATE: Final = {"net.request_late": 0.15, "net.answer_lost": 0.1, "net.killed": 0.05, "net.paused": 0.03}
"""What makes writes land that nobody wants any more, with histories in which people go to and fro."""
MOST: Final = 0.5
"""No kind of fault is more probable than that."""
SWITCHES: Final[dict[str, tuple[Any, ...]]] = {
    "version_mismatch": ("409", "412"),
    "bump_on_noop": (True,),
    "membership_bumps_user": (True,),
    "search_lag_ms": (300, 4000),
    "former_names": ("taken",),
    "rate_limit": (0, 20, 60),
    "deleted_user_get": ("200",),
    "filter_finds_inactive": (False,),
    "atomic_patch": (False,),
    "string_booleans": (True,),
}
"""Switches of the target, and what each may be instead of its default."""
SETTINGS: Final[dict[str, tuple[Any, ...]]] = {
    "connections": (2, 3, 4),
    "read_ahead": (1, 2, 4),
    "request_timeout": (1.0, 5.0, 10.0),
    "revoke_wait": (0.0, 0.2),
    "end_sessions": (True,),
}
"""Settings of the sink, and what each may be instead of its default."""
ASKED: Final = 0.2
"""Share of seeds in which a directory is asked."""
COMPARED: Final = 0.15
"""Share of seeds in which others edit users in the target, and reconcile compares it with what is desired."""
USERS: Final = ("U0", "U1")
"""Whom HR and the directory may both know."""
FOCUSED: Final = 0.15
"""Share of seeds that have a focus."""
COMPACTED: Final = ("scim.operations", "scim.deliveries")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of timed fault, and how often one seed has it at most."""

    kind: str
    most: int


TROUBLES: Final = (
    Trouble("kill", 3),
    Trouble("pause", 2),
    Trouble("cut", 2),
    Trouble("compact", 2),
    Trouble("clock", 2),
    Trouble("clear", 1),
)


def draw(seed: int, swarm: bool, focus: Focus | None = None) -> Plan:
    """The plan of a seed, the same on any machine. `focus`: None: perhaps one of all that there are."""
    about = Random(f"{seed}/focus")
    if focus is None and swarm and about.random() < FOCUSED:
        focus = about.choice(FOCUSES)
    return _ordinary(seed, swarm) if focus is None else _focused(seed, focus)


def _focused(seed: int, focus: Focus) -> Plan:
    chance = Random(f"{seed}/plan")
    often = dict.fromkeys(focus.features, focus.often)
    life = history(Random(f"{seed}/history"), focus.drawn_features(chance), often, focus.most, focus.pace)
    options = {**life["options"], "features": life["features"], **_world(chance), **focus.drawn_options(chance)}
    options["settings"] |= _some(chance, SETTINGS, 0.25) | focus.drawn_settings(chance)
    if "directory" in options:
        if "accounts" in life["features"]:
            options["directory"] = "okta"  # they are Entra's
        life["steps"] += _told_by_directory(Random(f"{seed}/directory"), options["directory"], life["steps"])
    moments = [step["at"] for step in life["steps"] if step["kind"] != "sweep"]
    troubles = focus.drawn_troubles(chance, options, moments or [0.0])
    if focus.denials:
        troubles += focus.drawn_denials(chance, list(USERS), moments or [0.0])
    steps = sorted([*life["steps"], *troubles], key=lambda step: step["at"])
    return Plan(seed, options, focus.drawn_rates(chance), steps)


def _ordinary(seed: int, swarm: bool) -> Plan:
    chance = Random(f"{seed}/plan")
    life = history(Random(f"{seed}/history"), None if swarm else FEATURES)
    options = {**life["options"], "features": life["features"], **_world(chance)}
    options["settings"] = options["settings"] | _some(chance, SETTINGS, 0.25)
    about = Random(f"{seed}/directory")
    if not swarm or about.random() < ASKED:
        source = "okta" if "accounts" in life["features"] else about.choice(SOURCES)
        options["directory"] = source
        life["steps"] += _told_by_directory(about, source, life["steps"])
    others = Random(f"{seed}/others")
    if not swarm or others.random() < COMPARED:
        options["reconcile"] = True
        options["settings"] |= {"reconcile_every": others.choice([2.0, 4.0, 8.0])}
        options["settings"] |= {"reconcile_leavers_every": others.choice([1.0, 3.0])}
        life["steps"] += hand_steps(others, life["steps"])
    if swarm and chance.random() < 0.1:
        rates: dict[str, float] = {}
        troubles: list[Step] = []
    else:
        rates = _rates(chance, swarm=swarm)
        if "flips" in life["features"] and chance.random() < 0.4:
            rates |= LATE
        moments = [step["at"] for step in life["steps"] if step["kind"] != "sweep"]
        troubles = _troubles(chance, options, moments or [0.0], swarm=swarm)
    steps = sorted([*life["steps"], *troubles], key=lambda step: step["at"])
    return Plan(seed, options, rates, steps)


def _told_by_directory(chance: Random, source: str, steps: list[Step]) -> list[Step]:
    end = max((step["at"] for step in steps if step["kind"] != "sweep"), default=0.0)
    return directory_steps(chance, source, USERS, end)


def _world(chance: Random) -> dict[str, Any]:
    """How it is made. What is left out is as it usually is."""
    options: dict[str, Any] = {
        "partitions": chance.choice([1, 2, 2, 3]),
        "workers": chance.choice([1, 1, 2]),
        "sinks": chance.choice([1, 1, 2]),
    }
    if chance.random() < 0.2:
        options["shuffled"] = True
    if chance.random() < 0.3:
        options["burst"] = chance.choice([1, 4, 64])
    if chance.random() < 0.3:
        options["clocks_off"] = chance.choice([0.1, 2.0, 30.0])
    if chance.random() < 0.3:
        options["disks"] = True
    if switches := _some(chance, SWITCHES, 0.12):
        options["genesys"] = switches
    return options


def _some(chance: Random, every: dict[str, tuple[Any, ...]], share: float) -> dict[str, Any]:
    """Some of them, each with one of its values."""
    return {name: chance.choice(values) for name, values in every.items() if chance.random() < share}


def _rates(chance: Random, *, swarm: bool) -> dict[str, float]:
    if not swarm:
        return dict(RATES)
    share = chance.choice([0.1, 0.25, 0.5])
    on = [kind for kind in RATES if chance.random() < share]
    return {kind: round(min(MOST, RATES[kind] * 10 ** chance.uniform(-0.7, 0.9)), 5) for kind in on}


def _troubles(chance: Random, options: dict[str, Any], moments: list[float], *, swarm: bool) -> list[Step]:
    """Timed faults, most of them shortly after one of the `moments` (virtual seconds) at which something is said."""
    services = [f"{kind}{number}" for kind in ("worker", "sink") for number in range(options[f"{kind}s"])]
    services += ["gateway0", "hydrator0"] if "directory" in options else []
    services += ["reconcile0"] if "reconcile" in options else []
    steps: list[Step] = []
    for trouble in TROUBLES:
        if swarm and chance.random() < 0.6:
            continue
        for _ in range(chance.randint(1, trouble.most)):
            after = chance.choice([0.03, 0.1, 0.3, 3.0, 8.0]) * chance.random()
            at = chance.choice(moments) + after if chance.random() < 0.8 else chance.uniform(0.0, max(moments) + 8.0)
            step: Step = {"at": round(at, 4), "kind": trouble.kind}
            steps.append(step | _details(chance, trouble.kind, services))
    return steps


def _details(chance: Random, kind: str, services: list[str]) -> Step:
    service = {"service": chance.choice(services)}
    match kind:
        case "kill":
            return {**service, "seconds": round(chance.choice([0.1, 1.0, 8.0]) * chance.random(), 3)}
        case "pause":
            return {**service, "seconds": round(chance.choice([1.0, 5.0, 12.0, 25.0]) * chance.uniform(0.5, 1.0), 3)}
        case "cut":
            return {**service, "seconds": round(chance.choice([1.0, 10.0, 20.0]) * chance.random(), 3)}
        case "compact":
            return {"topic": chance.choice(COMPACTED), "lag": chance.choice([0, 2000, 10_000])}
        case "clock":
            # the hydrator believes no answer that is an hour old
            hour = 1800.0 if service["service"] == "hydrator0" else 3600.0
            return {**service, "skew": chance.choice([-hour, -30.0, -1.0, 1.0, 30.0, hour])}
        case _:
            return {"service": chance.choice([each for each in services if each.startswith("worker")])}

"""What a seed may be about: features, faults and services that only together come to something.

Where each is drawn by a coin of its own, what needs four of them at once hardly ever happens. A share of all seeds has
a focus; those that have to show a certain mutant all have the same one.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.simulation.directory_history import SOURCES
from tests.simulation.history import FEATURES
from tests.simulation.plan import Step

DENIED: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"method": "GET"},
    {"method": "PATCH"},
    {"method": "GET", "path": "users"},
    {"method": "POST", "path": "users"},
    {"method": "GET", "path": "groups"},
    {"method": "PATCH", "path": "groups/"},
)
"""Requests that are denied; without a path those about one user."""
DENIALS: Final = ("403", "403", "403", "500_before", "500_after", "429")
"""With which answer."""


@dataclass(frozen=True, slots=True)
class Focus:
    """`name`: as a plan tells it. `features`: always on, and their occasions `often` as frequent.

    `options`, `settings`: what each may be. `rates`: kind of fault → the most that it may be, and half of that is the
    least. `troubles`: kind → services (by the beginning of their names) and how many times at most.
    """

    name: str
    features: tuple[str, ...] = ()
    often: int = 1
    most: int = 14
    """Occasions of a history."""
    others: float = 0.15
    """Chance of each other feature."""
    options: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    settings: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    troubles: dict[str, tuple[str, int]] = field(default_factory=dict)
    denials: int = 0
    """Times at most that the target won't have something for a while."""
    denied: tuple[dict[str, Any], ...] = DENIED
    """What that may be."""
    pace: float = 1.0
    """How long is between two occasions, as a multiple of what is usual."""

    def drawn_features(self, chance: Random) -> set[str]:
        """Those that are on."""
        return {*self.features, *(each for each in FEATURES if chance.random() < self.others)}

    def drawn_options(self, chance: Random) -> dict[str, Any]:
        """How the world is made, as far as it matters."""
        return {"focus": self.name} | {name: chance.choice(values) for name, values in self.options.items()}

    def drawn_settings(self, chance: Random) -> dict[str, Any]:
        """Of the services, as far as they matter."""
        return {name: chance.choice(values) for name, values in self.settings.items()}

    def drawn_rates(self, chance: Random) -> dict[str, float]:
        """Kind of fault → probability on each occasion."""
        return {kind: round(most * chance.uniform(0.5, 1.0), 5) for kind, most in self.rates.items()}

    def drawn_troubles(self, chance: Random, options: dict[str, Any], moments: list[float]) -> list[Step]:
        """Timed faults, shortly after something is said."""
        steps: list[Step] = []
        for kind, (prefix, most) in self.troubles.items():
            services = [f"{prefix}{number}" for number in range(options.get(f"{prefix}s", 1))]
            for _ in range(chance.randint((most + 1) // 2, most)):
                after = chance.choice([0.01, 0.1, 1.0, 4.0]) * chance.random()
                seconds = chance.choice([0.1, 1.0, 8.0] if kind == "kill" else [2.0, 8.0, 14.0]) * chance.random()
                at = round(chance.choice(moments) + after, 4)
                steps.append({"at": at, "kind": kind, "service": chance.choice(services), "seconds": round(seconds, 3)})
        return steps

    def drawn_denials(self, chance: Random, users: list[str], moments: list[float]) -> list[Step]:
        """Whom or what the target won't have, and with which answer: rights that are missing for a while, or trouble
        with the records of one user.
        """
        steps: list[Step] = []
        for _ in range(chance.randint((self.denials + 1) // 2, self.denials)):
            about = chance.choice(self.denied) | {"answer": chance.choice(DENIALS)}
            if "path" not in about:
                about["user"] = chance.choice(users)
            at = round(chance.choice(moments) + chance.choice([-0.5, 0.0, 0.1]) * chance.random(), 4)
            seconds = round(chance.choice([2.0, 12.0, 30.0]) * chance.uniform(0.5, 1.0), 3)
            steps.append({"at": max(0.0, at), "kind": "deny", "seconds": seconds, **about})
        return steps


ROUNDS: Final = Focus(
    "rounds",
    ("accounts", "moves", "orders", "bursts"),
    often=5,
    options={"workers": (1, 1, 2), "partitions": (2, 3)},
    rates={"kafka.slow": 0.25, "kafka.request_lost": 0.15, "kafka.answer_lost": 0.05},
    troubles={"kill": ("worker", 8)},
)
"""A worker that is killed while a round of its produce requests is under way, or between two of them."""
MOVES: Final = Focus(
    "moves",
    ("bursts", "accounts"),
    options={"workers": (1, 2, 2), "partitions": (2, 3), "disks": (True, False)},
    rates={
        "kafka.slow": 0.25,
        "kafka.request_lost": 0.3,
        "kafka.request_late": 0.1,
        "kafka.session_expired": 0.4,
        "faust.held_batch": 0.1,
        "faust.dropped_batch": 0.1,
    },
    troubles={"kill": ("worker", 3)},
)
"""The worker's partitions move, and come back, while what they led to is on its way."""
REPLANNED: Final = Focus(
    "replanned",
    ("mappings",),
    often=4,
    options=MOVES.options,
    rates={"kafka.slow": 0.25, "kafka.request_lost": 0.2, "kafka.session_expired": 0.3},
    troubles={"kill": ("worker", 5)},
)
"""Mappings that change while partitions move and workers are killed."""
REPLAYED: Final = Focus(
    "replayed",
    ("operators", "broken", "rubbish"),
    often=3,
    options={"workers": (1, 1, 2)},
    rates={"kafka.slow": 0.15, "kafka.request_lost": 0.1},
    troubles={"kill": ("worker", 6)},
)
"""Orders about what was rejected, and a worker that is killed while it carries them out."""
LANDING: Final = Focus(
    "landing",
    ("flips", "rehires"),
    often=3,
    options={"sinks": (1, 2), "partitions": (1, 2)},
    rates={
        "net.request_late": 0.2,
        "net.answer_lost": 0.15,
        "net.killed": 0.1,
        "net.twice": 0.05,
        "genesys.503_after": 0.05,
    },
)
"""Requests that land late, with people of whom something goes to and back again."""
ZOMBIES: Final = Focus(
    "zombies",
    ("flips", "rehires", "bursts"),
    often=2,
    options={"sinks": (2,), "partitions": (2, 3)},
    rates={
        "net.paused": 0.15,
        "net.request_late": 0.05,
        "kafka.session_expired": 0.2,
        "kafka.slow_transaction": 0.15,
        "genesys.429": 0.1,
    },
    troubles={"pause": ("sink", 4)},
)
"""Sinks that stand still for longer than a session, and go on with what has become another one's."""
REPEATED: Final = Focus(
    "repeated",
    ("operators", "unknown", "bursts", "twice"),
    often=3,
    options={"sinks": (1, 2), "partitions": (1, 2)},
    settings={"connections": (2,)},
    rates={
        "kafka.session_expired": 0.1,
        "kafka.slow_transaction": 0.2,
        "net.slow": 0.3,
        "genesys.503_before": 0.15,
    },
    troubles={"kill": ("sink", 3)},
)
"""Orders about who is set aside or in flight, while newer work comes and partitions go."""
JOURNAL: Final = Focus(
    "journal",
    ("bursts", "flips", "rehires"),
    often=2,
    options={"sinks": (1, 2), "partitions": (1, 2)},
    rates={"kafka.slow": 0.2, "kafka.slow_transaction": 0.2, "kafka.request_lost": 0.05, "net.slow": 0.05},
    troubles={"kill": ("sink", 4)},
)
"""A sink whose transactions take long, while its users change, and which is killed."""
ASKED: Final = Focus(
    "asked",
    most=3,
    options={"directory": SOURCES},
    rates={
        "kafka.slow": 0.1,
        "kafka.session_expired": 0.2,
        "kafka.request_lost": 0.05,
        "directory.drop": 0.1,
        "directory.duplicate": 0.2,
        "directory.delay": 0.2,
        "directory.refuse": 0.05,
        "directory.slow": 0.2,
        "directory.gone": 0.05,
        "directory.replay": 0.1,
    },
    troubles={"kill": ("hydrator", 4)},
)
"""A directory that is asked late and answers late, and a hydrator whose partitions move, and that is killed."""
CROWDED: Final = Focus(
    "crowded",
    ("wave", "rehires", "operators"),
    often=2,
    options={"sinks": (1, 2), "partitions": (1, 2)},
    settings={"connections": (2, 3)},
    rates={"kafka.session_expired": 0.1, "net.slow": 0.3, "genesys.429": 0.1, "genesys.500_before": 0.05},
    troubles={"kill": ("sink", 2)},
)
"""Many who leave at once, where the guard lets few through, and few connections."""
RELEASED: Final = Focus(
    "released",
    ("releases", "bursts"),
    often=6,
    most=24,
    options={"mapping": ("releasing", "releasing", "scoped"), "sinks": (1, 2)},
    rates={
        "net.slow": 0.5,
        "net.request_late": 0.1,
        "net.answer_lost": 0.1,
        "genesys.503_before": 0.1,
        "genesys.429": 0.1,
        "genesys.version_conflict": 0.05,
    },
    troubles={"kill": ("sink", 2)},
)
"""People who go out of scope and come back into it while requests for them are on their way."""
NAMESAKES: Final = Focus(
    "namesakes",
    ("namesakes", "refusals", "names", "managers"),
    often=4,
    most=24,
    options={"mapping": ("default", "releasing")},
    rates={
        "net.slow": 0.5,
        "net.answer_lost": 0.1,
        "net.request_late": 0.05,
        "genesys.503_before": 0.1,
        "genesys.503_after": 0.05,
        "genesys.version_conflict": 0.1,
        "net.killed": 0.02,
    },
    denials=3,
)
"""People who want others' names and managers who come and go, and writes that are refused for something else."""
DENIED_FOR_A_WHILE: Final = Focus(
    "denied",
    ("bursts", "flips", "rehires", "refusals", "names", "releases"),
    often=2,
    most=20,
    others=0.3,
    options={"partitions": (1, 2), "mapping": ("default", "releasing")},
    settings={"connections": (2, 4)},
    rates={"net.slow": 0.4, "net.answer_lost": 0.05, "genesys.503_before": 0.05, "genesys.version_conflict": 0.05},
    troubles={"kill": ("sink", 1)},
    denials=8,
    pace=5.0,
)
"""What the target won't have for a while is set aside, tried again in vain, and comes again in newer work."""
DOUBTED: Final = Focus(
    "doubted",
    ("bursts", "flips", "rehires", "releases"),
    often=3,
    most=20,
    options={"partitions": (1, 2), "mapping": ("default", "releasing")},
    settings={"connections": (2, 4)},
    rates={"net.slow": 0.2, "net.answer_lost": 0.1, "genesys.503_before": 0.05, "genesys.version_conflict": 0.5},
    denials=8,
    denied=({"method": "GET"},),
    pace=8.0,
)
"""Who couldn't be read when something was to be written, leaves."""
MEANWHILE: Final = Focus(
    "meanwhile",
    ("bursts", "rehires", "releases", "refusals", "managers"),
    often=3,
    most=20,
    options={"mapping": ("default", "releasing"), "reconcile": (True,)},
    settings={"reconcile_every": (2.0, 4.0), "reconcile_leavers_every": (1.0, 3.0)},
    rates={"others.meanwhile": 0.5, "net.slow": 0.4, "net.answer_lost": 0.1, "genesys.503_before": 0.05},
    denials=1,
)
"""Others who edit by hand whom we have just written."""
RFC7644: Final = Focus(
    "rfc7644",
    ("exchanges", "bursts", "rehires", "refusals", "managers", "names"),
    often=3,
    most=20,
    options={"genesys": ({"filter_by_member": True, "element_paths": True},), "mapping": ("default", "releasing")},
    settings={"dialect": ("rfc7644",), "connections": (2, 4)},
    rates={
        "net.slow": 0.5,
        "net.answer_lost": 0.15,
        "net.request_late": 0.05,
        "genesys.503_before": 0.1,
        "genesys.version_conflict": 0.05,
    },
    denials=2,
)
"""A target by the standard alone: groups are asked who is in them."""
FOCUSES: Final = (
    ROUNDS,
    MOVES,
    REPLANNED,
    REPLAYED,
    LANDING,
    ZOMBIES,
    REPEATED,
    JOURNAL,
    ASKED,
    CROWDED,
    RELEASED,
    NAMESAKES,
    DENIED_FOR_A_WHILE,
    DOUBTED,
    MEANWHILE,
    RFC7644,
)

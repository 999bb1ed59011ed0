"""Plays a plan: the services in a simulated world, what happens to them, and whether all came out as it must."""

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

import structlog

from streamproc.adapters.kafka.log import KafkaError
from streamproc.compose.sink import make_sink
from streamproc.core.records.topic_names import CHANGES, OPERATIONS
from streamproc.settings import Settings, load_settings
from streamproc.simulator.ledger import LedgerEntry
from streamproc.sink.delivery_store import PartitionLostError
from streamproc.sources import configured
from streamproc.testing.memory_log import MemoryLog
from streamproc.testing.network import Genesys, Network
from streamproc.testing.network.genesys import ORIGIN
from streamproc.testing.process import Process, context_of
from streamproc.testing.simulated_faust import Disk, SimulatedFaust
from streamproc.testing.world import BEGIN, World
from streamproc.topics import RESOLVED
from streamproc.worker.process import Worker
from tests.simulation import transitions
from tests.simulation.clocks import clocks_of
from tests.simulation.comparing import Comparing
from tests.simulation.directory import SETTINGS as DIRECTORY
from tests.simulation.directory import Directory
from tests.simulation.hand import Hand
from tests.simulation.hand_history import edit_of
from tests.simulation.mappings import TEXTS
from tests.simulation.operator import Operator
from tests.simulation.plan import Failure, Plan, Played, Step
from tests.simulation.watch import Watch

GROUPS: Final = ("All Agents", "Spanish Queue", "Billing Queue", "Sales Queue", "Supervisors")
"""Of the organisation."""
SETTLE: Final = 400.0
"""Virtual seconds in which all must have come to its end, once nothing goes wrong any more. A directory may tell one
change again and again for five minutes, and what comes of it may take half a minute.
"""
ENDS: Final = (KafkaError, PartitionLostError, TimeoutError)
"""What a service may end of: it is started anew, and goes on from the log."""
LATE: Final = 180.0
SELDOM: Final = 5.0
"""Virtual seconds for what only time brings again, and between two looks at it."""
LOOK: Final = 0.5
IDLE: Final = 40.0
"""Virtual seconds in which retries that nobody waits for come to an end."""
QUIET: Final = 3
"""Looks in a row that show nothing left to do."""
HITS: Final = frozenset({"kill", "pause", "cut", "clock"})
"""Steps that hit one service, in whatever it is doing."""
DATES: Final = 3.0
"""Virtual seconds in which a date that has come is told of."""


def play(plan: Plan, *, tracing: bool = False) -> Played:
    """One run. Whatever it raises is a defect of the simulation."""
    options = plan.options
    world = World(
        plan.seed,
        plan.rates,
        partitions=options.get("partitions", 2),
        burst=options.get("burst", 16),
        shuffled=options.get("shuffled", False),
        tracing=tracing,
        only=plan.only,
        state=transitions.doing,
    )
    transitions.install()
    transitions.RECORDER.reset()
    _log_to(world)
    stage = Stage(world, plan)
    world.run(stage.story())
    failures = [Failure(*each) for each in world.failures]
    counts = dict(sorted((world.counts + transitions.RECORDER.counts).items()))
    digest = stage.watch.digest
    return Played(failures, digest, counts, world.fired, world.lines, world.loop.time(), world.loop.callbacks)


class Stage:
    """All parts of one run."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world = world
        self.plan = plan
        options = plan.options
        self.settings = _settings(options)
        self.options = configured("", "sources.toml")
        self.network = Network(world)
        self.genesys = Genesys(world, self.network, groups=GROUPS, **options.get("genesys", {}))
        source = options.get("directory")
        self.directory = Directory(world, self.network, self.settings, source) if source else None
        self.watch = Watch(world, plan, self.network, self.genesys)
        self.hand = Hand(self.genesys, lambda entry: self.watch.invariants.written(None, entry))
        findings = self.watch.invariants.findings
        self.comparing = Comparing(world, self.network, self.settings, findings) if options.get("reconcile") else None
        if self.comparing:
            self.genesys.watch(self._meanwhile)
        self.disks: dict[str, Disk] = {}
        self.operator = Operator(MemoryLog(world.broker), world.broker.clock)

    async def story(self) -> None:
        """The whole run."""
        options = self.plan.options
        for number in range(options.get("workers", 1)):
            self._start("worker", number, self._worker)
        for number in range(options.get("sinks", 1)):
            self._start("sink", number, self._sink)
        for kind, main in (self.directory.services() if self.directory else {}).items():
            self._start(kind, 0, main)
        if self.comparing:
            self._start("reconcile", 0, self.comparing.main)
        steps = sorted(self.plan.steps, key=lambda step: step["at"])
        for number, step in enumerate(steps):
            if step["kind"] != "sweep":
                await self._until(step["at"])
                await self._carry_out(step, number)
        self.world.calm()
        self.genesys.calm()
        await self._until(_last_date(steps) + DATES)
        if self.directory:
            await self.directory.asked()
        await self._settled()
        await self._compared()
        for step in steps:
            if step["kind"] == "sweep":  # what is set aside is tried again, as an operator would
                if len(await self.operator.perform(step)) < 2:
                    break
                await self._settled()
        await self._compared()
        await self._idle()
        known = self.directory.known(steps) if self.directory else steps
        ended = (known, self.operator, self.hand if self.comparing else None)
        end = self.world.loop.time() + LATE
        # Behind a rate limit what is tried again by itself takes its time; and a directory may say something just now.
        while True:
            left, wrong = any(self._left()), self.watch.wrong(*ended)
            untold = self.comparing is not None and bool(self.watch.invariants.findings.open())
            if not (left or wrong or untold) or self.world.loop.time() >= end:
                break
            await asyncio.sleep(LOOK if left else SELDOM)
        self.watch.finish(wrong, compared=self.comparing is not None)

    async def _compared(self) -> None:
        """What others did by hand is found, and put right."""
        if self.comparing:
            bounds = self.watch.invariants.bounds
            await self.comparing.compared(lambda: bounds.turns() or any(self._left()))

    async def _idle(self) -> None:
        """What is tried again by itself comes to its end; else the invariants find it."""
        for _ in range(round(IDLE / LOOK)):
            if not (any(self._left()) or self.watch.invariants.bounds.busy()):
                return
            await asyncio.sleep(LOOK)

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self.world.loop.time()))

    # Services

    def _start(self, kind: str, number: int, main: Callable[[Process, MemoryLog], Any]) -> None:
        chance = self.world.rng(f"clock of {kind}{number}")
        off = self.plan.options.get("clocks_off", 0.0)
        self.world.start(
            f"{kind}{number}",
            main,
            *ENDS,
            skew=off * chance.uniform(-1, 1),
            drift=off * chance.uniform(-1e-3, 1e-3),
        )

    async def _worker(self, process: Process, log: MemoryLog) -> None:
        producer = log.producer()
        await producer.start()
        disk = self.disks.setdefault(process.name, {}) if self.plan.options.get("disks") else None
        app = SimulatedFaust(log, f"{self.settings.kafka.group}-worker", disk, self.world.fault)
        mapping = self.plan.options.get("mapping", "default")
        worker = Worker(
            log, app, producer, (TEXTS[mapping], f"{mapping}.toml"), self.options, clocks_of(process), chosen=True
        )
        self.watch.invariants.watch_worker(worker, process)
        await worker.run()

    async def _sink(self, process: Process, log: MemoryLog) -> None:
        http = self.network.session(process, self.settings.target.request_timeout)
        sink = make_sink(self.settings, log, http, clocks=clocks_of(process))
        self.watch.invariants.watch_sink(sink, process)
        await sink.run()

    # What happens

    async def _carry_out(self, step: Step, number: int) -> None:
        world = self.world
        world.note("step", **{name: value for name, value in step.items() if name != "at"})
        world.counts[f"step {step['kind']}"] += 1
        for state in transitions.RECORDER.states(step["service"]) if step["kind"] in HITS else ():
            world.counts[f"pair {step['kind']} @ {state}"] += 1
        match step["kind"]:
            case "kill":
                process = world.services[step["service"]].process
                world.kill(step["service"], step["seconds"])
                self.network.killed(process)
            case "directory":
                if self.directory:
                    self.directory.perform(step)
            case "hand":
                self._by_hand(step)
            case "deny":
                about = (step.get(name) for name in ("method", "path", "user"))
                self.genesys.deny(step["answer"], step["seconds"], *about)
            case "pause":
                world.pause(step["service"], step["seconds"])
            case "cut":
                self.network.cut_off(world.services[step["service"]].process, step["seconds"])
            case "compact":
                world.broker.compact(step["topic"], lag_ms=step.get("lag", 0))
            case "clear":
                self.disks.pop(step["service"], None)  # the machine is replaced, and its disk is gone
                world.kill(step["service"], step.get("seconds", 1.0))
            case "clock":
                service = world.services[step["service"]]
                service.process.skew = service.skew = step["skew"]
            case _:
                await self.operator.perform(step, number)

    def _by_hand(self, step: Step) -> None:
        account = self.hand.perform(step)
        if account is not None:
            by = step["who"], step["client"]
            self.watch.invariants.findings.edited(account, *by, stranger="stranger" in step)

    def _meanwhile(self, number: int | None, entry: LedgerEntry) -> None:
        """A sink has just written something, and others do, too, before it knows what came of it."""
        held = self.genesys.simulator.store.users.get(entry.id or "")
        user = None if held is None else held.attrs.get("externalId")
        if number is None or held is None or user is None:
            return
        if (chance := self.world.fault("others.meanwhile")) is not None:
            step = {"kind": "hand", **edit_of(chance, user, active=bool(held.attrs["active"]))}
            seconds = chance.choice([0.0, 0.02, 0.3]) * chance.random()
            self.world.loop.call_later(seconds, self._by_hand, step, context=context_of(self.world.loop.home))

    async def _settled(self) -> None:
        """Everything that was said has been worked on. Fails the run where that takes for ever."""
        quiet, end = 0, self.world.loop.time() + SETTLE
        while quiet < QUIET:
            await asyncio.sleep(LOOK)
            left = list(self._left())
            quiet = 0 if left else quiet + 1
            if self.world.loop.time() > end:
                self.world.fail("unsettled", f"not worked on within {SETTLE:.0f} s: {left[:5]}")
                return

    def _left(self) -> Iterator[str]:
        """Who doesn't run, records that nobody has read to the end, and partitions that nobody has: their dates aren't
        told, either.
        """
        group = self.settings.kafka.group
        states = {name: each.process.state for name, each in self.world.services.items()}
        yield from (f"{name}: {state}" for name, state in states.items() if state != "running")
        for name, topics in ((f"{group}-worker", (*RESOLVED, CHANGES)), (f"{group}-sink", (OPERATIONS,))):
            if self.world.broker.group(name).moving:
                yield f"{name}: its members are joining"
            for place, offset, end in self.world.broker.behind(name, topics):
                yield f"{name}: {place.topic}/{place.partition} {offset} of {end}"


def _log_to(world: World) -> None:
    """What services log is part of the trace; an exception that one of them had to catch is a failure."""

    def told(_: Any, name: str, event: MutableMapping[str, Any]) -> NoReturn:
        words = event.pop("event")
        if event.pop("exc_info", None):
            found = sys.exc_info()[1]
            if not isinstance(found, ENDS):
                world.fail("exception", f"{words}: {found!r} at {_where(found)}")
        world.note("log", level=name, words=words, **event)
        raise structlog.DropEvent

    level = logging.DEBUG if world.tracing else logging.ERROR
    structlog.configure(processors=[told], wrapper_class=structlog.make_filtering_bound_logger(level))


def _where(error: BaseException | None) -> str:
    """The innermost place."""
    last = traceback.extract_tb(error.__traceback__)[-1] if error is not None else None
    return "nowhere" if last is None else f"{Path(last.filename).name}:{last.lineno}"


def _last_date(steps: list[Step]) -> float:
    """Virtual seconds of the last date that comes while anybody looks."""
    dates = [step["value"]["effective"] for step in steps if step["kind"] == "say" and step["value"].get("effective")]
    moments = [datetime.fromisoformat(date).timestamp() - BEGIN for date in dates]
    return max((moment for moment in moments if moment < SETTLE), default=0.0)


def _settings(options: dict[str, Any]) -> Settings:
    return load_settings(
        scim_url=f"{ORIGIN}/api/v2/scim/v2",
        token_url=f"{ORIGIN}/oauth/token",
        platform_url=f"{ORIGIN}/api/v2",
        client_id="demo",
        client_secret="demo",
        partitions=options.get("partitions", 2),
        **DIRECTORY.get(options.get("directory", ""), {}),
        **options.get("settings", {}),
    )

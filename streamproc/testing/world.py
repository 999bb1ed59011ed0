"""A simulated world: processes, a Kafka in memory and whatever else one loop runs, all of it decided by one seed.

world = World(seed=1, rates={"kafka.slow": 0.1})
world.run(story(world))     # a coroutine, which starts services and makes them suffer
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeAlias

from streamproc.testing.event_loop import SeededLoop
from streamproc.testing.memory_log import Limits, MemoryBroker, MemoryLog
from streamproc.testing.process import CURRENT, Process, context_of

BEGIN: Final = 1_772_582_400.0
"""Seconds since 1970: 2026-03-04."""
LIMITS: Final = Limits()
LATENCY: Final = 0.002
"""Seconds to the broker or back, at most, where nothing is wrong."""
PIVOTAL: Final = ("init_producer_id", "end_transaction")
"""Requests that others wait for, and that decide whose a partition is."""
IDLE: Final = 5.0
"""A poll that finds nothing takes so many times longer than asked: a slow machine, and half as much to simulate."""
AGAIN: Final = (0.5, 3.0)
"""Seconds after which whoever watches over services starts one anew that has ended."""

Main: TypeAlias = Callable[[Process, MemoryLog], Coroutine[Any, Any, None]]
"""Runs a service in a new process, with the log as that process has it, until it is cancelled or raises."""


@dataclass(eq=False, slots=True)
class Service:
    """`ends`: what it may end of; it is started anew then."""

    name: str
    main: Main
    ends: tuple[type[BaseException], ...]
    process: Process
    log: MemoryLog
    skew: float = 0.0
    drift: float = 0.0
    starts: int = 0


class World:
    """`rates`: kind of fault → probability on each occasion.

    `only`: the occasions on which each fault happens, instead of by chance. `state`: what runs at the moment, in words.
    `tracing`: whether `lines` are kept. `burst` and `shuffled`: see SeededLoop.
    """

    def __init__(
        self,
        seed: int,
        rates: Mapping[str, float],
        *,
        partitions: int = 2,
        burst: int = 16,
        shuffled: bool = False,
        tracing: bool = False,
        only: Mapping[str, Sequence[int]] | None = None,
        state: Callable[[], str] = lambda: "",
    ) -> None:
        self.seed = seed
        self.state = state
        self.fired: dict[str, list[int]] = {}
        """Kind of fault → the occasions on which it happened."""
        self._occasions: Counter[str] = Counter()
        self._only = None if only is None else {kind: frozenset(numbers) for kind, numbers in only.items()}
        self.rates = dict(rates)
        self.tracing = tracing
        self.lines: list[str] = []
        self.counts: Counter[str] = Counter()
        """What has happened, by kind."""
        self.failures: list[tuple[float, str, str]] = []
        """When, of which kind, and what: an invariant that was broken."""
        self._streams: dict[str, Random] = {}
        self._latency = self.rng("latency").random
        self.loop = SeededLoop(self.rng("schedule"), burst=burst, shuffled=shuffled)
        self.loop.home.epoch = BEGIN
        self.broker = MemoryBroker(
            partitions,
            lambda: int(self.loop.home.clock() * 1000),
            fault=self.fault,
            chance=self.rng("kafka").random,
            limits=LIMITS,
        )
        self.broker.idle = IDLE
        self.services: dict[str, Service] = {}

    def rng(self, name: str) -> Random:
        """Chance for one purpose: what others draw doesn't change what comes of it."""
        if name not in self._streams:
            self._streams[name] = Random(f"{self.seed}/{name}")  # noqa: S311
        return self._streams[name]

    def fault(self, kind: str) -> Random | None:
        """Whether a fault happens on this occasion: if so, chance for how it happens."""
        rate = self.rates.get(kind, 0.0)
        if not rate:
            return None
        number = self._occasions[kind]
        self._occasions[kind] = number + 1
        drawn = self.rng(kind).random() < rate
        if not (drawn if self._only is None else number in self._only.get(kind, ())):
            return None
        self.fired.setdefault(kind, []).append(number)
        self.note("fault", what=kind)
        self.counts[f"pair {kind} @ {self.state()}"] += 1
        return Random(f"{self.seed}/{kind}/{number}")  # noqa: S311

    def calm(self) -> None:
        """From now on nothing goes wrong any more, and clocks are right."""
        self.rates.clear()
        for service in self.services.values():
            service.skew = service.drift = 0.0
            service.process.steady()

    def note(self, kind: str, /, **what: Any) -> None:
        """A line of the trace."""
        if self.tracing and not self.loop.over:
            process = CURRENT.get(self.loop.home)
            details = " ".join(f"{name}={value}" for name, value in what.items())
            self.lines.append(f"{self.loop.time():9.4f} {process.name:<11} {kind:<9} {details}")

    def fail(self, kind: str, what: str) -> None:
        """An invariant is broken."""
        if self.loop.over:
            return
        self.note("BROKEN", kind=kind, what=what)
        self.failures.append((self.loop.time(), kind, what))

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """Until the story ends."""
        try:
            self.loop.run_until_complete(story)
        finally:
            for error in self.loop.errors:
                self.fail("callback", repr(error))
            self.loop.bury()
            self.loop.close()

    # Services

    def start(
        self, name: str, main: Main, *ends: type[BaseException], skew: float = 0.0, drift: float = 0.0
    ) -> Service:
        """A service that is started anew whenever it has ended."""
        service = Service(name, main, ends, *self._process(name, skew, drift), skew, drift)
        self.services[name] = service
        self._run(service)
        return service

    def kill(self, name: str, seconds: float) -> None:
        """As SIGKILL, or a machine that is gone; after so many seconds there is another process in its place."""
        service = self.services[name]
        if service.process.state != "dead":
            self.note("kill", service=name)
            self._end(service, seconds)

    def pause(self, name: str, seconds: float) -> None:
        """As SIGSTOP and SIGCONT. It is a zombie afterwards, where that takes longer than a session."""
        service = self.services[name]
        process, log = service.process, service.log
        if process.state != "running":
            return
        self.note("pause", service=name, seconds=seconds)
        self.loop.pause(process)
        if seconds > LIMITS.session:
            self._at(LIMITS.session, self._expire, log)
        self._at(seconds, self._resume, process)

    def _resume(self, process: Process) -> None:
        self.note("resume", service=process.name)
        self.loop.resume(process)

    def _process(self, name: str, skew: float, drift: float) -> tuple[Process, MemoryLog]:
        process = Process(name, self.loop.time, BEGIN, self.rng(f"jitter of {name}"), skew=skew, drift=drift)
        return process, MemoryLog(self.broker, self._hop, name, lambda: process.state == "running")

    async def _hop(self, request: str) -> None:
        """On the way to the broker, or back."""
        seconds = LATENCY * self._latency()
        if chance := self.fault("kafka.slow"):
            seconds += chance.expovariate(1.0)
        if request in PIVOTAL and (chance := self.fault("kafka.slow_transaction")):
            seconds += chance.uniform(0.2, 4.0)
        await asyncio.sleep(seconds)

    def _run(self, service: Service) -> None:
        service.starts += 1
        self.note("start", service=service.name, number=service.starts)
        task = self.loop.spawn(service.process, service.main(service.process, service.log))
        task.add_done_callback(
            lambda done: self._ended(service, service.process, done), context=context_of(self.loop.home)
        )

    def _ended(self, service: Service, process: Process, done: asyncio.Task[Any]) -> None:
        if process is not service.process or process.state == "dead" or done.cancelled():
            return
        error = done.exception()
        self.note("ended", service=service.name, error=repr(error))
        self.counts[f"ended {service.name.rstrip('0123456789')} {type(error).__name__}"] += 1
        if not isinstance(error, service.ends):
            self.fail("crashed", f"{service.name} ended of {error!r}")
        self._end(service, self.rng("restart").uniform(*AGAIN))

    def _end(self, service: Service, seconds: float) -> None:
        self.loop.kill(service.process)
        service.log.kill()
        self._at(LIMITS.session, self._expire, service.log)
        self._at(seconds, self._again, service)

    def _again(self, service: Service) -> None:
        service.process, service.log = self._process(service.name, service.skew, service.drift)
        self._run(service)

    def _expire(self, log: MemoryLog) -> None:
        self.note("expired")
        log.expire_sessions()

    def _at(self, seconds: float, callback: Callable[..., object], *args: Any) -> None:
        """In the world's own process, whoever asks."""
        self.loop.call_later(seconds, callback, *args, context=context_of(self.loop.home))

"""A process that plays plans for as long as its parent asks: one JSON line in, and one line for each run out.

Hashes must not differ from one process to the next, so it runs with PYTHONHASHSEED=0. Garbage is collected between
runs only: when an object is finalised would depend on what was played before.
"""

import faulthandler
import gc
import importlib
import logging
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

import msgspec
import structlog

from tests.simulation.plan import Failure, Plan, Played

HANGS: Final = 60
"""Seconds of real time after which a run is ended, with its stack on standard error."""
READY: Final = b"ready\n"
"""What it says first, once all that it plays with is imported."""
COLLECT: Final = 20
"""Runs after which garbage is collected."""

Play = Callable[..., Played]
"""`(plan, tracing=...)`."""
Draw = Callable[[int, bool], Plan]
"""`(seed, swarm)`: the plan of a seed."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be played: seeds, or a plan. `unplayed`: the plans of the seeds are all that is wanted."""

    seeds: list[int] = []
    unplayed: bool = False
    swarm: bool = True
    plan: dict[str, Any] | None = None
    tracing: bool = False


class Result(msgspec.Struct, kw_only=True):
    """What came of a run. `seconds`: of real time. `plan`: where something failed."""

    seed: int
    digest: str = ""
    failures: list[Failure] = []
    counts: dict[str, int] = {}
    fired: dict[str, list[int]] = {}
    """Kind of fault → the occasions on which it happened."""
    lines: list[str] = []
    seconds: float = 0.0
    virtual: float = 0.0
    plan: dict[str, Any] | None = None
    memory: int = 0
    """MB that the process has."""
    number: int = 0
    """Of the run in its process."""

    @property
    def kind(self) -> str | None:
        """Of the first invariant that was broken."""
        return self.failures[0].kind if self.failures else None


class Player:
    """`play` and `draw`: where they are, as "MODULE:NAME"."""

    def __init__(self, play: str, draw: str) -> None:
        self._play: Play = _found(play)
        self._draw: Draw = _found(draw)
        self._runs = 0

    def carry_out(self, order: Order) -> Iterator[Result]:
        """One after the other."""
        if order.plan is not None:
            yield self._played(Plan(**order.plan), tracing=order.tracing)
        for seed in order.seeds:
            plan = self._draw(seed, order.swarm)
            yield Result(seed=seed, plan=asdict(plan)) if order.unplayed else self._played(plan, tracing=order.tracing)

    def _played(self, plan: Plan, *, tracing: bool) -> Result:
        if self._runs % COLLECT == 0:
            gc.collect()
        if self._runs == COLLECT:
            gc.freeze()  # modules and caches stay, and needn't be looked at again
        self._runs += 1
        begun = time.perf_counter()
        try:
            played = self._play(plan, tracing=tracing)
        except Exception as error:  # noqa: BLE001 - whatever comes of it is told with its seed
            where = traceback.format_exc(limit=-12)
            played = Played([Failure(0.0, f"raised {type(error).__name__}", where)], 0, {}, {}, [], 0.0, 0)
        for feature in plan.options.get("features", ()):
            played.counts[f"feature {feature}"] = 1
        return Result(
            seed=plan.seed,
            digest=f"{played.digest:x}",
            failures=played.failures,
            counts=played.counts,
            fired=played.fired if played.failures else {},
            lines=played.lines,
            seconds=time.perf_counter() - begun,
            virtual=played.seconds,
            plan=asdict(plan) if played.failures else None,
            memory=memory(),
            number=self._runs,
        )


def memory() -> int:
    """MB that this process has now; where /proc doesn't tell, the most that it ever had."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return pages * resource.getpagesize() // 2**20


def _found(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def main(orders: IO[bytes], results: IO[bytes], play: str, draw: str) -> None:
    """Until there are no more orders."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        raise SystemExit("runs are the same everywhere with PYTHONHASHSEED=0 alone")
    gc.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    player, encode = Player(play, draw), msgspec.json.Encoder().encode
    results.write(READY)
    results.flush()
    for line in orders:
        order = msgspec.json.decode(line, type=Order)
        for result in watched(player.carry_out(order)):
            results.write(encode(result) + b"\n")
            results.flush()


def watched(results: Iterator[Result]) -> Iterator[Result]:
    """Whoever is for ever busy without an `await` is ended by a thread."""
    while True:
        faulthandler.dump_traceback_later(HANGS, exit=True)
        result = next(results, None)
        faulthandler.cancel_dump_traceback_later()
        if result is None:
            return
        yield result


if __name__ == "__main__":
    # What is printed by what is played goes to standard error, and not between the results.
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    main(sys.stdin.buffer, told, *sys.argv[1:3])

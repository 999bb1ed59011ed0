"""Children that play on all cores: seeds in batches, and single plans in between."""

import asyncio
import os
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from itertools import islice
from typing import IO, Final

import msgspec

from tests.simulation.plan import Failure, Plan
from tests.simulation.player import READY, Order, Result
from tests.support.paths import REPOSITORY

PLAY: Final = "tests.simulation.play:play"
DRAW: Final = "tests.simulation.swarm:draw"
BATCH: Final = 20
"""Seeds of an order."""
MEMORY: Final = 700
"""MB of a child, from which on another takes its place."""
TWICE: Final = 5
"""One of so many batches has its first seed played again, later and elsewhere: it must come to the same."""
LINE: Final = 256 * 2**20
"""Bytes of a result, at most: a long trace."""
LAST: Final = 6000
"""Characters of what a child has said that ended."""


class Child:
    """A process that plays, and the next one when it has ended or grown."""

    def __init__(self, play: str, draw: str) -> None:
        self._places = (play, draw)
        self._process: asyncio.subprocess.Process | None = None
        self._said: IO[bytes] | None = None
        self.memory = 0
        """MB that it had after its last run."""

    async def carry_out(self, order: Order) -> AsyncIterator[Result]:
        """A child that ends meanwhile failed in the run that it didn't answer. The next one plays the other seeds."""
        seeds = list(order.seeds)
        while True:
            process = await self._started()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(msgspec.json.encode(msgspec.structs.replace(order, seeds=seeds)) + b"\n")
            left = len(seeds) + (order.plan is not None)
            while left and (line := await process.stdout.readline()):
                result = msgspec.json.decode(line, type=Result)
                left, seeds, self.memory = left - 1, seeds[1:], result.memory
                yield result
            if not left:
                break
            yield await self._ended(order, seeds)
            seeds = seeds[1:]
            if order.plan is not None or not seeds:
                return
        if self.memory > MEMORY:
            await self.stop()

    async def stop(self) -> None:
        """It ends when there are no more orders."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            if process.returncode is None:
                process.kill()
            await process.wait()
        if self._said is not None:
            self._said.close()
            self._said = None

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.simulation.player",
                *self._places,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=self._said,
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONHASHSEED": "0"},
                limit=LINE,
                start_new_session=True,  # Ctrl-C is for the session: it tells what was played
            )
            assert self._process.stdout is not None
            if await self._process.stdout.readline() != READY:
                raise SystemExit(f"nothing can be played: {self._words()}")
        return self._process

    def _words(self) -> str:
        assert self._said is not None
        self._said.seek(0)
        return self._said.read().decode(errors="replace")[-LAST:]

    async def _ended(self, order: Order, seeds: list[int]) -> Result:
        assert self._process is not None
        code, said = await self._process.wait(), self._words()
        await self.stop()
        plan = order.plan
        seed = seeds[0] if seeds else int((plan or {})["seed"])
        kind = "hangs" if "Timeout (" in said else "ended the process"
        return Result(seed=seed, failures=[Failure(0.0, kind, f"exit code {code}: {said}")], plan=plan)


class Pool:
    """`jobs` children. `play` and `draw`: what they call, as "MODULE:NAME"."""

    def __init__(self, jobs: int, play: str = PLAY, draw: str = DRAW) -> None:
        self.jobs = jobs
        self._children = [Child(play, draw) for _ in range(jobs)]
        self._free: asyncio.LifoQueue[Child] = asyncio.LifoQueue()
        for child in self._children:
            self._free.put_nowait(child)

    async def drawn(self, seed: int, *, swarm: bool) -> Plan:
        """The plan of a seed."""
        async with self._child() as child:
            results = [each async for each in child.carry_out(Order(seeds=[seed], unplayed=True, swarm=swarm))]
            return Plan(**(results[0].plan or {}))

    async def play(self, plan: Plan, *, tracing: bool = False) -> Result:
        """One plan, by whoever is free."""
        async with self._child() as child:
            results = [each async for each in child.carry_out(Order(plan=asdict(plan), tracing=tracing))]
            return results[0]

    async def seeds(self, seeds: Iterator[int], *, swarm: bool, took: Callable[[Result], bool]) -> None:
        """All of them, or until `took` says, of a result, that it is enough."""
        again: deque[Result] = deque()
        enough = False

        async def work() -> None:
            nonlocal enough
            number = 0
            async with self._child() as child:
                while not enough and (batch := list(islice(seeds, BATCH))):
                    before = again.popleft() if again else None
                    order = Order(seeds=[*batch, *([] if before is None else [before.seed])], swarm=swarm)
                    results = [each async for each in child.carry_out(order)]
                    if before is not None and (differs := _differs(before, results.pop())):
                        results.append(differs)
                    if number % TWICE == 0 and results[0].digest:
                        again.append(results[0])
                    number += 1
                    for result in results:
                        enough = took(result) or enough

        async with asyncio.TaskGroup() as group:
            for _ in self._children:
                group.create_task(work())

    async def stop(self) -> None:
        """All children."""
        for child in self._children:
            await child.stop()

    @asynccontextmanager
    async def _child(self) -> AsyncIterator[Child]:
        child = await self._free.get()
        try:
            yield child
        finally:
            self._free.put_nowait(child)


def _differs(before: Result, after: Result) -> Result | None:
    """The same seed came to something else in another process, or after other seeds: it doesn't decide everything."""
    if before.digest == after.digest:
        return None
    what = f"digest {before.digest} as run {before.number} of a process, {after.digest} as run {after.number}"
    failure = Failure(0.0, "not the same twice", what)
    return Result(seed=after.seed, digest=after.digest, failures=[failure], plan=after.plan)

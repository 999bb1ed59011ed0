"""The reconcile process of a run, and whether it has compared everybody since nothing happens any more."""

import asyncio
from collections.abc import Callable
from typing import Final

from streamproc.compose.reconcile import make_reconcile
from streamproc.reconcile.process import Reconcile
from streamproc.settings import Settings
from streamproc.testing.memory_log import MemoryLog
from streamproc.testing.network import Network
from streamproc.testing.process import Process
from streamproc.testing.world import World
from tests.simulation.clocks import clocks_of
from tests.simulation.invariants.findings import Findings

PATIENCE: Final = 400.0
"""Virtual seconds in which what others changed is put right, once they leave it alone."""
LOOK: Final = 1.0


class Comparing:
    """`findings`: what is told so far."""

    def __init__(self, world: World, network: Network, settings: Settings, findings: Findings) -> None:
        self._world = world
        self._network = network
        self._settings = settings
        self._findings = findings
        self._process: Reconcile | None = None

    async def main(self, process: Process, log: MemoryLog) -> None:
        """Run one."""
        http = self._network.session(process, self._settings.target.request_timeout)
        self._process = made = make_reconcile(self._settings, log, http, clocks=clocks_of(process))
        await made.run()

    async def compared(self, left: Callable[[], bool]) -> None:
        """A whole round has found nothing that is to be put right, and nobody has written meanwhile. `left`: whether
        something is still under way. Fails the run where that takes for ever.
        """
        end = self._world.loop.time() + PATIENCE
        while True:
            before = self._findings.writes
            whole = await self._round(end)
            if whole and before == self._findings.writes and not self._findings.open() and not left():
                return
            if self._world.loop.time() > end:
                words = f"{self._findings.open()[:5]}, {self._findings.writes - before} writes in the last round"
                self._world.fail("fight", f"not put right within {PATIENCE:.0f} s: {words}")
                return

    async def _round(self, end: float) -> bool:
        """Wait for a round that begins later than now. Whether there was one."""
        made = self._process
        if made is None:
            await asyncio.sleep(LOOK)
            return False
        wanted = made._schedule.rounds + 1 + made._schedule.under_way
        while made is self._process and made._schedule.rounds < wanted and self._world.loop.time() < end:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(LOOK)
        return made._schedule.rounds >= wanted

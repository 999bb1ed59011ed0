"""The services as child processes, for `demo`, `dev`, the crash runs and the benches.

A child stops when its standard input ends, so it stops with its parent even where the parent is killed.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from streamproc.settings import Settings, environment

READY_SECONDS = 90.0


class ProcessFailedError(Exception):
    """A child process ended before it was ready; quotes the end of its log."""


@dataclass(slots=True)
class Child:
    """One service process. `log` collects what it writes to standard error."""

    name: str
    arguments: Sequence[str]
    environment: dict[str, str]
    log: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> str:
        """Start it and wait until it is ready. Returns what it prints then: the simulator its port."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "streamproc.cli",
                *self.arguments,
                "--with-parent",
                env=self.environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the parent, which stops its children in order
            )
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await self.process.stdout.readline()
        except TimeoutError:
            line = b""
        if not line.startswith(b"ready"):
            await self.kill()
            raise ProcessFailedError(f"{self.name} didn't become ready; the end of {self.log}:\n{self.tail()}")
        return line.decode().removeprefix("ready").strip()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.returncode is None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        await self._gone()

    async def stop(self) -> None:
        """SIGTERM; SIGKILL where it takes more than ten seconds."""
        if self.process is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(10):
                await self._gone()
        except TimeoutError:
            await self.kill()

    async def _gone(self) -> None:
        if self.process is not None:
            await self.process.wait()
            if self.process.stdin is not None:
                self.process.stdin.close()
            await asyncio.sleep(0)  # lets the transport close its pipes

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


@dataclass(slots=True)
class Stack:
    """A running pipeline: Kafka (embedded or not), simulator, workers and sinks."""

    settings: Settings
    folder: Path
    simulator: str
    """http://HOST:PORT of the simulator; its test API is under /_sim/."""
    children: dict[str, Child] = field(default_factory=dict)

    def child(self, name: str, *arguments: str, **changed: str) -> Child:
        """A new child with the stack's settings; not started yet."""
        child = Child(name, arguments, environment(self.settings) | changed, self.folder / f"{name}.log")
        self.children[name] = child
        return child

    async def start(self, *names: str) -> None:
        """Start services side by side: "worker", "sink", or "worker-2" for another one of the kind."""
        await asyncio.gather(*(self.child(name, name.split("-")[0]).start() for name in names))

    async def watch(self, say: Callable[[str], None]) -> None:
        """Say which of them ends, and why, as long as one is left."""

        async def watched(child: Child) -> None:
            if child.process is not None:
                await child.process.wait()
                say(f"{child.name} has ended, and the others go on; the end of {child.log}:")
                for line in child.tail().splitlines():
                    say(line)

        await asyncio.gather(*map(watched, self.children.values()))


@asynccontextmanager
async def stack(settings: Settings, folder: Path, simulator_arguments: Sequence[str] = ()) -> AsyncIterator[Stack]:
    """The simulator on a free port, with nothing else started yet. Everything is stopped at the end."""
    async with AsyncExitStack() as exit_stack:
        arguments = ("simulator", "--port", "0", *simulator_arguments)
        child = Child("simulator", arguments, environment(settings), folder / "simulator.log")
        exit_stack.push_async_callback(child.stop)
        address = f"http://127.0.0.1:{await child.start()}"
        pointed = settings.changed(
            scim_url=f"{address}/api/v2/scim/v2", token_url=f"{address}/oauth/token", platform_url=f"{address}/api/v2"
        )
        running = Stack(pointed, folder, address)
        running.children["simulator"] = child
        exit_stack.push_async_callback(_stop, running)
        yield running


async def _stop(running: Stack) -> None:
    await asyncio.gather(*(child.stop() for name, child in running.children.items() if name != "simulator"))

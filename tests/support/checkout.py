"""A checkout of the project with a virtual environment of its own: its commands and services, run in virtual time."""

import asyncio
import json
import mmap
import os
import struct
import subprocess
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

SUPPORT = Path(__file__).parent
READY_SECONDS = 90.0
STOP_SECONDS = 20.0
USED_WRONGLY = b"exit code 2\n"


class CheckoutError(Exception):
    """A checkout can't be used, or one of its processes failed."""


class Clock:
    """The clock of a checkout's processes, ms since 1970. It stands still between two calls of `set`."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_bytes(struct.pack("<q", 0))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 8)

    def set(self, now: int) -> None:
        """From now on it is `now`, in every process."""
        self._shared[:8] = struct.pack("<q", now)


@dataclass(slots=True)
class Checkout:
    """`root` holds the code and `.venv`; `work` is where its processes run, and what they are told about is there."""

    root: Path
    work: Path
    settings: dict[str, str] = field(default_factory=dict)
    """STREAMPROC_ variables of all its processes, without the prefix."""
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.work.mkdir(parents=True, exist_ok=True)
        self.clock = Clock(self.work / "clock")
        self._check()

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.root / ".venv" / "bin" / "python"

    @property
    def artefacts(self) -> Path:
        """The folder that is compared: a folder below it is a kind of artefact."""
        return self.work / "artefacts"

    async def run(self, commands: Iterable[tuple[str, Sequence[str]]], module: str = "streamproc.cli") -> None:
        """Commands, one after the other, in one process: file below `artefacts`, and arguments. Any may end with 1."""
        listed = list(commands)
        jobs = [
            {"module": module, "output": str(self.artefacts / output), "arguments": list(arguments)}
            for output, arguments in listed
        ]
        with (self.work / "commands.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                self.python,
                "-P",
                SUPPORT / "command_runner.py",
                cwd=self.work,
                env=self._environment(),
                stdin=asyncio.subprocess.PIPE,
                stderr=log,
            )
        await process.communicate(json.dumps(jobs).encode())
        if process.returncode:
            raise CheckoutError(f"a command of {self.root} failed:\n{_tail(self.work / 'commands.log')}")
        for output, arguments in listed:
            if (
                (self.artefacts / output).read_bytes().endswith(USED_WRONGLY)
            ):  # the same on both sides would prove nothing
                raise CheckoutError(
                    f"{self.root}: streamproc {' '.join(arguments)}\n{_tail(self.work / 'commands.log')}"
                )

    @asynccontextmanager
    async def service(self, *arguments: str, **settings: str) -> AsyncIterator[str]:
        """A service for the time of the block; gives what it said when it was ready: the simulator's port."""
        log = self.work / f"{arguments[0]}.log"
        with log.open("ab") as opened:
            process = await asyncio.create_subprocess_exec(
                self.python,
                *("-P", "-m", "streamproc.cli", *arguments, "--with-parent"),
                cwd=self.work,
                env=self._environment() | {f"STREAMPROC_{name.upper()}": value for name, value in settings.items()},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=opened,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await process.stdout.readline()
            if not line.startswith(b"ready"):
                raise CheckoutError(f"{arguments[0]} of {self.root} didn't become ready:\n{_tail(log)}")
            yield line.decode().removeprefix("ready").strip()
            if process.returncode is not None:
                raise CheckoutError(f"{arguments[0]} of {self.root} ended:\n{_tail(log)}")
        finally:
            process.stdin.close()  # it stops when its standard input ends
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("STREAMPROC_", "PYTHON"))
        }
        ours = {
            "AIOKAFKA_NO_EXTENSIONS": "1",  # its C code reads the clock without asking Python
            "PYTHONPATH": str(SUPPORT / "virtual_time"),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "",
            "VIRTUAL_TIME": str(self.clock.file),
            "COLUMNS": "120",
            "TZ": "UTC",
        }
        return inherited | ours | {f"STREAMPROC_{name.upper()}": value for name, value in self.settings.items()}

    def _check(self) -> None:
        """Whether its interpreter runs its code. Raises CheckoutError."""
        if not self.python.exists():
            raise CheckoutError(
                f"{self.root} has no .venv: uv venv --python python3.11 .venv && "
                "uv pip install -p .venv/bin/python -e '.[dev,embedded]'"
            )
        asked = [str(self.python), "-P", "-c", "import streamproc; print(streamproc.__file__)"]
        answer = subprocess.run(asked, cwd=self.work, capture_output=True, text=True, check=False)
        if not answer.stdout.startswith(f"{self.root}/"):
            raise CheckoutError(
                f"{self.python} runs {answer.stdout.strip() or answer.stderr}, not what is in {self.root}"
            )


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])

"""Starts the broker, waits until it answers, and stops it."""

import asyncio
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from streamproc.embedded import keeper
from streamproc.embedded.artifacts import (
    EmbeddedKafkaUnavailable,
    default_cache,
    java_command,
    java_environment,
    kafka_home,
    server_properties,
    to_stderr,
)
from streamproc.embedded.secured import Secured

STARTED = "Kafka Server started"
PORT_TAKEN = "Address already in use"
ATTEMPTS = 5
TAIL_LINES = 15
_OURS = {"lock", "storage", "storage.part", "server.properties", "tmp", "broker.log"}
"""Files of a folder that is a broker's and nothing else."""
KILLED_SECONDS = 5.0
"""Where nobody reaps orphans, their process ids remain."""


@dataclass(frozen=True)
class EmbeddedKafka:
    """A running broker."""

    bootstrap: str  # "127.0.0.1:PORT"
    data: Path
    pid: int  # of the Java process
    log: Path
    sasl_ssl: str = ""
    """The same with TLS and a password; "": not secured."""
    tls: str = ""
    """The same with client certificates."""


@asynccontextmanager
async def embedded_kafka(
    *,
    data: Path | None = None,
    progress: Callable[[str], None] = to_stderr,
    heap_mb: int = 512,
    cache: Path | None = None,
    start_seconds: float = 60.0,
    secured: Secured | None = None,
) -> AsyncIterator[EmbeddedKafka]:
    """A broker for the time of the block; it ends with this process even when that is killed.

    Without `data` its folder is temporary; with it the folder is kept and found again by the next start. `secured`: the
    listeners with TLS as well, where everything needs an ACL.
    """
    cache = cache or default_cache()
    home = await kafka_home(cache, progress)
    async with _folder(data, progress) as (folder, lock):
        _storage(home, folder)
        progress("starting the broker ...")
        process: _Kept | None = None
        try:
            for _ in range(ATTEMPTS):
                process = _Kept(home, folder, lock, heap_mb, secured, temporary=data is None)
                problem = await process.problem(start_seconds)
                if problem != PORT_TAKEN:
                    break
                await process.end(remove=False)
            assert process is not None
            if problem:
                raise EmbeddedKafkaUnavailable(_failure(problem, process.log, cache, temporary=data is None))
            yield EmbeddedKafka(process.bootstrap, folder, process.pid, process.log, process.sasl_ssl, process.tls)
        finally:
            if process is not None:
                await process.end(remove=True)


class _Kept:
    """A broker and its keeper."""

    def __init__(
        self, home: Path, folder: Path, lock: int, heap_mb: int, secured: Secured | None, *, temporary: bool
    ) -> None:
        broker_port, controller_port, sasl_port, tls_port = free_ports(4)
        self.sasl_ssl = f"127.0.0.1:{sasl_port}" if secured else ""
        self.tls = f"127.0.0.1:{tls_port}" if secured else ""
        lines = server_properties(folder / "storage", broker_port=broker_port, controller_port=controller_port)
        if secured:
            ports = {"broker_port": broker_port, "controller_port": controller_port}
            lines += secured.properties(**ports, sasl_port=sasl_port, tls_port=tls_port)
        properties = folder / "server.properties"
        _private(properties).write_text(lines)
        scratch = folder / "tmp"  # for the libraries that unpack themselves
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        flags = [
            f"-Xmx{heap_mb}m",
            f"-Djava.io.tmpdir={scratch}",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
        ]
        order = {
            "command": [*java_command(home, *flags), "kafka.Kafka", str(properties)],
            "folder": str(folder),
            "remove": temporary,
            "lock": lock,
        }
        self.bootstrap = f"127.0.0.1:{broker_port}"
        self.pid = 0
        self.log = folder / "broker.log"
        with _private(self.log).open("wb") as log:
            self._keeper = subprocess.Popen(  # noqa: S603 - our own interpreter and file
                [sys.executable, "-I", "-S", keeper.__file__, json.dumps(order)],  # anybody may read arguments
                env=java_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the services; they still need their broker to end in order
                pass_fds=[lock],
            )

    async def problem(self, seconds: float) -> str:
        """Why there is no broker (PORT_TAKEN: try again); "" as soon as there is one."""
        assert self._keeper.stdout is not None
        deadline = time.monotonic() + seconds
        answer = json.loads(await asyncio.to_thread(self._keeper.stdout.readline) or '{"error": "its keeper ended"}')
        if "error" in answer:
            return f"could not be run: {answer['error']}"
        self.pid = answer["pid"]
        while time.monotonic() < deadline:
            ended = not alive(self.pid)  # asked before the log is read: its last lines are then there
            text = self.log.read_text(errors="replace")
            if STARTED in text:
                return ""
            if ended:
                return PORT_TAKEN if PORT_TAKEN in text else "ended while starting"
            await asyncio.sleep(0.05)
        return f"did not start within {seconds:.0f} s"

    async def end(self, *, remove: bool) -> None:
        """Returns when the broker has ended."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        with suppress(BrokenPipeError, ValueError):  # the keeper is gone; this is the second call
            if not remove:
                self._keeper.stdin.write(keeper.KEEP)
            self._keeper.stdin.close()
        try:
            await asyncio.to_thread(self._keeper.wait)
        finally:
            self._keeper.wait()  # no leaving before, not even when cancelled
            self._keeper.stdout.close()
            if self.pid and self._keeper.returncode and alive(self.pid):  # the keeper was killed
                os.kill(self.pid, signal.SIGKILL)
                deadline = time.monotonic() + KILLED_SECONDS
                while alive(self.pid) and time.monotonic() < deadline:  # noqa: ASYNC110 - it may still write there
                    await asyncio.sleep(0.02)


@asynccontextmanager
async def _folder(data: Path | None, progress: Callable[[str], None]) -> AsyncIterator[tuple[Path, int]]:
    """The broker's folder and the descriptor that locks it (inherited by the broker: held until that is gone)."""
    temporary = data is None
    folder = Path(tempfile.mkdtemp(prefix="streamproc-kafka-")) if data is None else data.absolute()  # noqa: ASYNC240
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if {child.name for child in folder.iterdir()} <= _OURS:
            folder.chmod(0o700)  # an earlier release made it for everybody to read
        with _private(folder / "lock").open("a+") as lock:
            await _locked(lock, folder, progress)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield folder, lock.fileno()
    finally:
        if temporary:
            shutil.rmtree(folder, ignore_errors=True)  # done by the keeper, unless none was started


async def _locked(lock: IO[str], folder: Path, progress: Callable[[str], None]) -> None:
    """Waits for a broker whose own process is gone, since it is about to end; refuses while that process lives."""
    deadline, reported = time.monotonic() + keeper.STOP_SECONDS + 5, False
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip()
            if time.monotonic() > deadline or (owner.isdigit() and alive(int(owner))):
                raise EmbeddedKafkaUnavailable(
                    f"another broker, started by process {owner}, is using {folder}; end it or choose another folder"
                ) from None
        if not reported:
            progress(f"waiting for a broker that is ending (its process {owner} is gone) ...")
            reported = True
        await asyncio.sleep(0.05)


def _storage(home: Path, folder: Path) -> None:
    storage, part = folder / "storage", folder / "storage.part"
    if not storage.exists():
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(home / "storage", part)
        part.rename(storage)
    storage.chmod(0o700)


def _private(path: Path) -> Path:
    """A file for its owner alone, which may have been there before."""
    path.touch(0o600)
    path.chmod(0o600)
    return path


def _failure(problem: str, log: Path, cache: Path, *, temporary: bool) -> str:
    lines = log.read_text(errors="replace").splitlines()
    if temporary:
        log = Path(shutil.copy(log, cache / "last-failed-start.log"))
    tail = "".join(f"\n  {line}" for line in lines[-TAIL_LINES:]) or " (empty)"
    return f"Kafka: {problem}; its log is {log} and ends:{tail}"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Different ports that were free a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for socket_ in sockets:
            socket_.bind(("127.0.0.1", 0))
        return [socket_.getsockname()[1] for socket_ in sockets]

"""The two that are measured, each a process: the gateway on Kafka, and scim2-server on its own memory."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from streamproc.core.provider.connection_token import hashed
from streamproc.demo.processes import Child
from streamproc.settings import Settings, environment
from tests.bench.cpu import process_cpu
from tests.bench.scim.client import ROOT

SECONDS: Final = 180.0
"""For a start: an aim that is missed is to be a figure, not an error."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A process that serves SCIM. `seconds`: from its start until it answered the first read; `cpu`: what it took."""

    port: int
    pid: int
    seconds: float
    cpu: float


def token(connection: str) -> str:
    """Of a connection of the bench."""
    return f"scim_the-token-of-{connection}"


def connections_file(folder: Path, partitions: dict[str, int], delivered: Collection[str] = ()) -> Path:
    """The settings' file of connections, by name. `delivered`: those whose deactivations wait."""
    path = folder / "connections.toml"
    path.write_text(
        "".join(
            f'[{name}]\npartition = {partition}\ntokens = ["{hashed(token(name))}"]\n'
            f"delivered = {str(name in delivered).lower()}\n"
            for name, partition in partitions.items()
        )
    )
    return path


@asynccontextmanager
async def gateway(settings: Settings, log: Path, connection: str) -> AsyncIterator[Serving]:
    """A gateway, as soon as it answers this connection. `settings`: with state and connections."""
    child = Child("gateway", ("gateway",), environment(settings), log)
    begun = time.perf_counter()
    try:
        port = int(await child.start())
        assert child.process is not None
        await _answers(port, connection)
        pid = child.process.pid
        yield Serving(port, pid, time.perf_counter() - begun, process_cpu(pid))
    finally:
        await child.stop()


@asynccontextmanager
async def scim2_server(users: int, members: int) -> AsyncIterator[tuple[Serving, list[str], str]]:
    """The other, the ids of its users, and that of its group."""
    arguments = ("-m", "tests.bench.scim.theirs", str(users), str(members))
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=64 * 1024**2
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        _, port, ids = (await process.stdout.readline()).decode().split(" ", 2)
        known = json.loads(ids)
        serving = Serving(int(port), process.pid, time.perf_counter() - begun, process_cpu(process.pid))
        yield serving, known["users"], known["group"]
    finally:
        process.stdin.close()
        await process.wait()


async def _answers(port: int, connection: str) -> None:
    """Raises TimeoutError."""
    url, headers = f"http://127.0.0.1:{port}{ROOT}/Users?count=1", {"Authorization": f"Bearer {token(connection)}"}
    async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as http:
        while True:
            async with http.get(url, headers=headers) as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.05)

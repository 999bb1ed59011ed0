"""A gateway as a process of its own, with a stand-in for the brokers: what strangers cost it can be measured.

`python -m tests.support.gateway_process` takes its settings as a line of JSON, prints its port, and then a line for
each record that it writes: topic, key, SHA-256 of the value, headers. It ends with its standard input.
"""

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from streamproc import telemetry
from streamproc.adapters.event_loop import Loop
from streamproc.adapters.http import http_session
from streamproc.compose.clocks import SYSTEM
from streamproc.gateway.endpoints import endpoints
from streamproc.gateway.jwks import Jwks
from streamproc.gateway.server import Gateway
from streamproc.gateway.set_verifier import SetVerifier
from streamproc.settings import load_settings
from streamproc.sources import SOURCES


class Written(NamedTuple):
    """A record that a gateway has written."""

    topic: str
    key: str
    digest: str
    headers: dict[str, str]


class GatewayProcess:
    """One that runs. `written`: its records so far, in order; `log`: the file of what it logs."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log
        self.written: list[Written] = []

    async def follow(self) -> None:
        """Read what it writes, until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.written.append(Written(*orjson.loads(line)))


@asynccontextmanager
async def gateway_process(settings: dict[str, Any], folder: Path) -> AsyncIterator[GatewayProcess]:
    """With these settings, for the time of the block."""
    log = folder / "gateway.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, stdin=-1, stdout=-1, stderr=errors, limit=2**24
        )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(orjson.dumps(settings) + b"\n")
    running = GatewayProcess(process, int(await process.stdout.readline()), log)
    following = asyncio.create_task(running.follow())
    try:
        yield running
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
        await asyncio.gather(following, return_exceptions=True)


class _Brokers:
    async def send(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        told = {name: content.decode("utf-8", "replace") for name, content in headers}
        written = Written(topic, key.decode("utf-8", "replace"), hashlib.sha256(value).hexdigest(), told)
        sys.stdout.buffer.write(orjson.dumps(list(written)) + b"\n")
        sys.stdout.buffer.flush()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.001, future.set_result, None)
        return future


async def _serve() -> None:
    settings = load_settings(**orjson.loads(sys.stdin.readline()))
    telemetry.configure("info", json=True, service="gateway")
    tokens = settings.security_events
    assert tokens.issuer
    assert tokens.audience
    assert tokens.jwks

    async def well() -> bool:
        return True

    async with http_session(settings.network) as http:
        gateway = Gateway(
            endpoints(settings.hooks, tokens),
            {name: source.defaults for name, source in SOURCES.items()},
            _Brokers(),
            well,
            max_body=settings.gateway.max_body,
            in_flight=settings.gateway.in_flight,
            connections=settings.gateway.connections,
            issuer=SetVerifier(tokens.issuer, tokens.audience, Jwks(tokens.jwks, http, time.time).get, time.monotonic),
            clocks=SYSTEM,
        )
        serving = asyncio.create_task(
            gateway.run("127.0.0.1", 0, settings.gateway.ssl_context(), lambda port: print(port, flush=True))
        )
        ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        await asyncio.wait([serving, ended], return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(_serve())

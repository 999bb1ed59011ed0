"""The gateway against a bare handler, in turns: `python -m tests.bench.gateway [--json] [--only load|hook]`.

Both are processes of aiohttp on the same broker, with the same producer (idempotent, acks=all), and answer when the
broker has the record. The bare one does nothing else; the gateway proves, splits, reads and labels each event as well.
The load is Okta's: hooks of one event, from as many connections as `CONNECTIONS`, each waiting for its answer. All of
it runs on the same cores, the broker and the load too.

`cpu_us_per_event` is what the process itself used, and `cpu_ratio_to_bare` what the bare one used of that: where the
machine is busy with others, the steadier measure. Both run in uvloop, with aiohttp's parser in C and no access log;
the gateway alone has its garbage collector run less often, and a key and headers on its records.
`ack_p99_ms` is the time from POST to answer under that load. Part `hook` is the time from a hook to revoked access,
with the whole pipeline at idle: see `hook.py`.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import psutil
import uvloop
from aiohttp import web

from streamproc.adapters.kafka import client
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.demo.processes import Child
from streamproc.embedded import embedded_kafka
from streamproc.settings import Settings, environment, load_settings
from tests.bench import hook as hooked
from tests.bench import say, show

EVENTS, CONNECTIONS, ROUNDS = 10_000, 64, 5
SECRET = "a-secret-of-the-bench"


async def bare(servers: str) -> None:
    """The handler that only produces; prints its port, and serves until its input ends."""
    producer = client.producer(load_settings(kafka=servers).kafka)
    await producer.start()

    async def take(request: web.Request) -> web.Response:
        await producer.send_and_wait("events.okta", await request.read())  # no key: over all partitions, as ours
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/v1/okta", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print("ready", runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()
    await producer.stop()


@asynccontextmanager
async def bare_process(servers: str) -> AsyncIterator[tuple[str, psutil.Process]]:
    """Its address, and the process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.gateway", "--bare", servers,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = f"http://127.0.0.1:{(await process.stdout.readline()).split()[1].decode()}"
        yield address, psutil.Process(process.pid)
    finally:
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def gateway_process(settings: Settings) -> AsyncIterator[tuple[str, psutil.Process]]:
    """Its address, and the process."""
    with tempfile.TemporaryDirectory() as folder:
        child = Child("gateway", ("gateway",), environment(settings), Path(folder) / "gateway.log")
        try:
            address = f"http://127.0.0.1:{await child.start()}"
            assert child.process is not None
            yield address, psutil.Process(child.process.pid)
        finally:
            await child.stop()


def hook(number: int) -> bytes:
    """A hook of Okta's with one event, constructed, at the length of a real one."""
    user = {"id": f"00u{number:017}", "type": "User", "alternateId": "ana.ruiz@example.com", "displayName": "Ana Ruiz"}
    event = {
        "uuid": f"u-{number}",
        "published": "2026-03-02T09:00:05.120Z",
        "eventType": "user.lifecycle.deactivate",
        "version": "0",
        "severity": "INFO",
        "displayMessage": "Deactivate Okta user",
        "actor": {"id": "00uadmin", "type": "User", "alternateId": "admin@example.com", "displayName": "Admin"},
        "outcome": {"result": "SUCCESS", "reason": None},
        "target": [user],
        "client": {"ipAddress": "192.0.2.1", "ipChain": [], "zone": "null", "device": "Computer"},
        "transaction": {"id": "t", "type": "WEB", "detail": {}},
        "debugContext": {"debugData": {"requestUri": "/api/v1/users/lifecycle/deactivate", "requestId": "r"}},
    }
    envelope = {"eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1"}
    return orjson.dumps(envelope | {"eventId": f"e-{number}", "data": {"events": [event]}})


async def load(root: str, events: int) -> tuple[float, list[float]]:
    """Events per second, and the seconds from POST to answer of each. Plain sockets: the load is to cost little."""
    taken: list[float] = []
    numbers = iter(range(events))
    host, port = root.removeprefix("http://").split(":")
    head = (
        f"POST /v1/okta HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: {SECRET}\r\nUser-Agent: Okta-Integrations\r\n"
        "Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: "
    )

    async def post() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for number in numbers:
            body = hook(number)
            begun = time.perf_counter()
            writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 204"), answer
            taken.append(time.perf_counter() - begun)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(post() for _ in range(CONNECTIONS)))
    return events / (time.perf_counter() - begun), taken


async def measure() -> dict[str, Any]:
    """All rounds, on one broker."""
    rounds: list[tuple[float, float]] = []
    seconds: list[float] = []
    used: list[tuple[float, float]] = []
    async with embedded_kafka(progress=lambda _: None) as broker:
        settings = load_settings(kafka=broker.bootstrap, gateway_port=0, okta_hook_secret=SECRET)
        await ensure_topics(settings.kafka)
        async with gateway_process(settings) as ours, bare_process(broker.bootstrap) as theirs:
            for root, _ in (ours, theirs):
                await load(root, EVENTS // 5)
            for number in range(ROUNDS):
                before = [_cpu(process) for _, process in (ours, theirs)]
                rate, taken = await load(ours[0], EVENTS)
                seconds += taken
                rounds.append((rate, (await load(theirs[0], EVENTS))[0]))
                after = [_cpu(process) for _, process in (ours, theirs)]
                used.append((after[0] - before[0], after[1] - before[1]))
                say(f"round {number + 1} of {ROUNDS}: gateway {rate:.0f}/s, bare {rounds[-1][1]:.0f}/s")
    return {
        "events_per_s": round(statistics.median(rate for rate, _ in rounds)),
        "bare_events_per_s": round(statistics.median(rate for _, rate in rounds)),
        "ratio_to_bare": round(statistics.median(rate / bare_rate for rate, bare_rate in rounds), 3),
        "ack_p99_ms": round(statistics.quantiles(seconds, n=100)[98] * 1000, 1),
        "cpu_us_per_event": round(statistics.median(mine for mine, _ in used) / EVENTS * 1e6),
        "bare_cpu_us_per_event": round(statistics.median(bare_used for _, bare_used in used) / EVENTS * 1e6),
        "cpu_ratio_to_bare": round(statistics.median(bare_used / mine for mine, bare_used in used), 3),
        "events": EVENTS,
        "connections": CONNECTIONS,
        "rounds": ROUNDS,
    }


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    """Command line."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if "--bare" in sys.argv:
            runner.run(bare(sys.argv[-1]))
        else:
            parts = {"load": measure, "hook": hooked.measure}
            chosen = [sys.argv[sys.argv.index("--only") + 1]] if "--only" in sys.argv else [*parts]
            found: dict[str, Any] = {}
            for name in chosen:
                found |= runner.run(parts[name]())
            show("gateway against a bare handler, and from hook to revoked access", found)


if __name__ == "__main__":
    main()

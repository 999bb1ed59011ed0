"""Memory of each process under hostile traffic: `python -m tests.attack.memory [--seconds N] [--users N] [--json]`.

Gateway, hydrator, worker and sink run as processes, with USERS people in their state and as many in Okta's stand-in.
Everything that they ask goes through a stranger who answers one request in eight himself: too large, compressed too
well, too deep, without end, or somewhere else. Meanwhile strangers knock at the gateway, and producers write rubbish
and internal headers. Afterwards people who were hired leave, and everybody has to be out: exit code 1 otherwise, or
where a process has ended, or sink or hydrator had more than 300 MB.
"""

import argparse
import asyncio
import gzip
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp
import orjson
import psutil
from aiohttp import web

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.demo.directories import DOORS, SECRET, pointed
from streamproc.demo.play import held
from streamproc.demo.processes import Child, Stack, stack
from streamproc.embedded import embedded_kafka
from streamproc.settings import Settings, environment, load_settings
from streamproc.topics import TOPICS
from tests.bench.scale import fill

MOST: Final = {"sink": 300, "hydrator": 300}
"""MB."""
LEAVERS: Final = 20
SERVICES: Final = ("worker", "sink", "gateway", "hydrator")
BOMB: Final = gzip.compress(b" " * (64 * 2**20), 9)
"""64 KB that become 64 MB."""
DEEP: Final = b"[" * 200_000
LARGE: Final = orjson.dumps({"Resources": ["x" * 1000] * 30_000})


def say(line: str) -> None:
    """Progress, on standard error."""
    print(line, file=sys.stderr, flush=True)


@asynccontextmanager
async def stranger(root: str, rng: Random) -> AsyncIterator[str]:
    """Hands on what is asked to `root`, and answers one request in eight himself. Yields his own http://HOST:PORT."""
    async with aiohttp.ClientSession(auto_decompress=False) as http:

        async def answer(request: web.Request) -> web.StreamResponse:
            if "token" not in request.path and rng.random() < 1 / 8:
                return await _hostile(request, rng)
            async with http.request(
                request.method, f"{root}{request.path_qs}", headers=request.headers, data=await request.read()
            ) as given:
                kept = {name: value for name, value in given.headers.items() if name != "Transfer-Encoding"}
                return web.Response(status=given.status, body=await given.read(), headers=kept)

        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def _hostile(request: web.Request, rng: Random) -> web.StreamResponse:
    headers = {"Content-Type": "application/json"}
    match rng.randrange(6):
        case 0:
            return web.Response(body=BOMB, headers=headers | {"Content-Encoding": "gzip"})
        case 1:
            return web.Response(body=DEEP, headers=headers)
        case 2:
            return web.Response(body=LARGE, headers=headers)
        case 3:
            return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/elsewhere"})
        case 4:
            return web.Response(body=b"<html>" + b"x" * 2**20, content_type="text/html")
        case _:
            endless = web.StreamResponse(headers=headers)
            await endless.prepare(request)
            with suppress(ConnectionError):
                for _ in range(2_000):
                    await endless.write(b" " * 16_384)
                    await asyncio.sleep(0.005)
            return endless


class Traffic:
    """What strangers and producers write, each line of attack at its own pace, until it is cancelled."""

    def __init__(self, settings: Settings, door: str, rng: Random) -> None:
        self.sent = dict.fromkeys(("records", "bytes", "requests", "sockets"), 0)
        self._settings = settings
        self._door = door
        self._rng = rng

    async def records(self) -> None:
        """Rubbish with internal headers, in every topic that others may write to."""
        names = [
            topic.name for topic in TOPICS if topic.name.partition(".")[0] in {"events", "notifications", "intake"}
        ]
        producer = KafkaLog(self._settings.kafka).producer()
        await producer.start()
        try:
            while True:
                name = self._rng.choice([each for each in names if each != "events.rejected"])
                large = self._rng.random() < 0.02
                value = self._value(900_000 if large else 2_000)
                await producer.send(name, value, key=b"H%d" % self._rng.randrange(500), headers=self._headers())
                self.sent["records"] += 1
                self.sent["bytes"] += len(value)
                await asyncio.sleep(0.2 if large else 0.01)
        finally:
            await producer.stop()

    def _value(self, most: int) -> bytes:
        subject = f"H{self._rng.randrange(500)}"
        event = {
            "id": f"h{self._rng.getrandbits(60)}",
            "type": "change",
            "subject": subject,
            "time": "2026-01-05T09:00:00Z",
        }
        match self._rng.randrange(5):
            case 0:
                return self._rng.randbytes(most)
            case 1:
                return b"[" * most
            case 2:
                return orjson.dumps(event | {"attributes": {"displayName": "x" * most}})
            case 3:
                rows = [event | {"id": f"{event['id']}.{n}", "subject": f"H{n}"} for n in range(most // 200)]
                return orjson.dumps([row | {"attributes": {"job": "Agent"}} for row in rows])
            case _:
                dated = {"effective": f"20{self._rng.randrange(27, 99)}-01-01", "attributes": {"job": "Agent"}}
                return orjson.dumps(event | dated)

    def _headers(self) -> list[tuple[str, bytes]]:
        names = ("kind", "read", "received", "forwarded", "replay", "source", "subject", "unreadable")
        chosen = self._rng.sample(names, self._rng.randrange(4))
        values = (b"order", b"snapshot", b"page", b"gone", b"99999999999999999", b"events.hris/0/0", b"\xff\x00")
        return [(f"streamproc-{name}", self._rng.choice(values)) for name in chosen]

    async def requests(self) -> None:
        """Without a secret, or with one and rubbish behind it."""
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            while True:
                path = self._rng.choice(["/v1/okta", "/v1/entra", "/v1/pingone", "/v1/workday", "/nowhere", "/healthz"])
                headers = {"Authorization": SECRET} if self._rng.random() < 0.5 else {}
                body = self._value(self._rng.choice([2_000, 2_000, 2_000, 900_000]))
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with http.post(f"{self._door}{path}", data=body, headers=headers) as answer:
                        await answer.read()
                self.sent["requests"] += 1
                await asyncio.sleep(0.02)

    async def sockets(self) -> None:
        """Heads that never end."""
        host, port = self._door.removeprefix("http://").split(":")
        while True:
            opened: list[asyncio.StreamWriter] = []
            for _ in range(64):
                with suppress(OSError):
                    _, writer = await asyncio.open_connection(host, int(port))
                    writer.write(b"POST /v1/okta HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                    opened.append(writer)
                    self.sent["sockets"] += 1
            for _ in range(20):
                await asyncio.sleep(0.5)
                for writer in opened:
                    with suppress(OSError):
                        writer.write(b"y")
            for writer in opened:
                writer.close()


async def _hired(settings: Settings, kind: str, *, active: bool) -> None:
    producer = KafkaLog(settings.kafka).producer()
    await producer.start()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for number in range(LEAVERS):
        user = f"L{number:03}"
        said = {"userName": f"{user.lower()}@example.com", "displayName": user, "active": active, "job": "Agent"}
        event = {"id": f"{kind}-{number}", "type": "snapshot", "subject": user, "time": now, "attributes": said}
        await producer.send("events.hris", orjson.dumps(event), key=user.encode())
    await producer.stop()


async def _until(wanted: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await wanted():
            return True
        await asyncio.sleep(1)
    return False


async def _people(http: aiohttp.ClientSession, root: str, users: int) -> None:
    """Nobody of them has a number, so they are known to hydrator and worker, and are nobody's account."""
    people = [
        {"userName": f"p{number}@example.com", "email": f"p{number}@example.com", "displayName": f"P {number}"}
        for number in range(users)
    ]
    for first in range(0, users, 1000):
        async with http.post(f"{root}/_sim/directories/okta/people", json=people[first : first + 1000]) as answer:
            answer.raise_for_status()


class Watch:
    """Resident memory of the services, twice a second; MB."""

    def __init__(self, children: dict[str, Child]) -> None:
        self.begin: dict[str, int] = {}
        self.peak: dict[str, int] = {}
        self._children = children

    def look(self) -> dict[str, int]:
        """Now; of what has ended, nothing."""
        now: dict[str, int] = {}
        for name in SERVICES:
            process = self._children[name].process
            with suppress(psutil.Error):
                if process is not None and process.returncode is None:
                    now[name] = psutil.Process(process.pid).memory_info().rss // 2**20
        self.begin = self.begin or now
        self.peak = {name: max(self.peak.get(name, 0), megabytes) for name, megabytes in now.items()} | {
            name: megabytes for name, megabytes in self.peak.items() if name not in now
        }
        return now

    async def go_on(self) -> None:
        """Until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(0.5)


async def measure(users: int, seconds: float, seed: int, logs: Path | None) -> dict[str, Any]:
    """One run."""
    rng = Random(seed)
    async with AsyncExitStack() as exit_stack:
        broker = await exit_stack.enter_async_context(embedded_kafka(progress=say))
        folder = logs or Path(exit_stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        settings = load_settings(kafka=broker.bootstrap, data=folder / "data", guard_count=10**6, guard_day_count=10**6)
        await ensure_topics(settings.kafka)
        await fill(settings, users)
        running = await exit_stack.enter_async_context(stack(settings, folder))
        http = await exit_stack.enter_async_context(aiohttp.ClientSession())
        await _people(http, running.simulator, users)
        root = await exit_stack.enter_async_context(stranger(running.simulator, rng))
        door = await _started(running, root)
        watch = Watch(running.children)
        watch.look()
        watching = asyncio.create_task(watch.go_on())
        await _hired(settings, "hired", active=True)
        traffic = Traffic(settings, door, rng)
        say(f"{seconds:.0f} s of hostile traffic ...")
        tasks = [asyncio.create_task(each()) for each in (traffic.records, traffic.requests, traffic.sockets)]
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()
        say("everybody leaves ...")
        await _hired(settings, "left", active=False)
        out = await _until(lambda: _out(http, running.simulator), 120)
        watching.cancel()
        end = watch.look()
        row: dict[str, Any] = {"users": users, "seconds": seconds, **traffic.sent}
        for name in SERVICES:
            row |= {
                f"{name}_begin_mb": watch.begin.get(name),
                f"{name}_peak_mb": watch.peak.get(name),
                f"{name}_end_mb": end.get(name),
            }
        await asyncio.gather(*(running.children[name].stop() for name in SERVICES))
        return row | {"ended": [name for name in SERVICES if name not in end], "all_leavers_out": out}


async def _started(running: Stack, root: str) -> str:
    """All services, with the stranger between them and all that they ask. Returns the gateway's http://HOST:PORT."""
    chosen = running.settings.by_name() | DOORS | pointed(root)
    chosen |= {"scim_url": f"{root}/api/v2/scim/v2", "token_url": f"{root}/oauth/token", "gateway_port": 0}
    chosen |= {"platform_url": f"{root}/api/v2"}
    wide = load_settings(**chosen)
    for name in SERVICES:
        running.children[name] = Child(name, (name,), environment(wide), running.folder / f"{name}.log")
    await asyncio.gather(*(running.children[name].start() for name in SERVICES if name != "gateway"))
    return f"http://127.0.0.1:{await running.children['gateway'].start()}"


async def _out(http: aiohttp.ClientSession, root: str) -> bool:
    there = await held(http, root)
    leavers = [there.get(f"L{number:03}", {}).get("active") for number in range(LEAVERS)]
    return leavers == [False] * LEAVERS


def main() -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--logs", type=Path, help="folder for what the services write; none: it is thrown away")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    row = asyncio.run(measure(options.users, options.seconds, options.seed, options.logs))
    if options.json:
        sys.stdout.write(orjson.dumps(row).decode() + "\n")
    else:
        sys.stdout.writelines(f"{name:<20}{value}\n" for name, value in row.items())
    too_large = any((row[f"{name}_peak_mb"] or 0) > most for name, most in MOST.items())
    return int(bool(row["ended"]) or not row["all_leavers_out"] or too_large)


if __name__ == "__main__":
    sys.exit(main())

"""What ours is compared with: the least that aiohttp and aiokafka need for the same, each in a process of its own.

    python -m tests.bench.bare handler SERVERS              # POST → events.okta → 204
    python -m tests.bench.bare hop SERVERS                  # bare.events → bare.operations
    python -m tests.bench.bare last-hop SERVERS SIMULATOR   # bare.operations → PATCH
    python -m tests.bench.bare patch SIMULATOR CONNECTIONS  # a PATCH of each user

Each runs in uvloop, prints `ready` and what the bench needs to know, and ends when its input ends.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import orjson
import uvloop
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

EVENTS, OPERATIONS = "bare.events", "bare.operations"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
DEPARTMENT = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"


@asynccontextmanager
async def bare(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """One of them, as soon as it is ready, and what it printed then. Ended with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.bare", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    try:
        yield process, (await next_line(process)).removeprefix("ready").strip()
    finally:
        process.stdin.close()
        await process.wait()


async def next_line(process: asyncio.subprocess.Process) -> str:
    """What it prints next."""
    assert process.stdout is not None
    line = await process.stdout.readline()
    assert line, "the bare process has ended"
    return line.decode()


async def patch_all(process: asyncio.subprocess.Process, users: list[str], department: str) -> None:
    """Let `patch` send a PATCH to each of these ids, and wait until all are answered."""
    assert process.stdin is not None
    process.stdin.write(orjson.dumps({"users": users, "department": department}) + b"\n")
    await process.stdin.drain()
    await next_line(process)


@asynccontextmanager
async def scim(simulator: str, connections: int) -> AsyncIterator[aiohttp.ClientSession]:
    """A session with a token of the stand-in for Genesys."""
    base, connector = f"{simulator}/api/v2/scim/v2/", aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(base, connector=connector) as http:
        form = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo"}
        async with http.post(f"{simulator}/oauth/token", data=form) as response:
            token = (await response.json())["access_token"]
        http.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"})
        yield http


async def patch(http: aiohttp.ClientSession, user: str, department: str) -> None:
    """Replace the department of the user with this id; the answer is read and parsed."""
    operation = {"op": "replace", "path": DEPARTMENT, "value": department}
    body = orjson.dumps({"schemas": [PATCH_OP], "Operations": [operation]})
    async with http.patch(f"Users/{user}", data=body) as response:
        assert response.status == 200, response.status
        orjson.loads(await response.read())


async def _serve(printed: str = "", work: Coroutine[Any, Any, None] | None = None) -> None:
    """Be ready, and work until the input ends."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    print("ready", printed, flush=True)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work) if work else None
        await ended.wait()
        if task:
            task.cancel()


async def _handler(servers: str) -> None:
    """Prints its port."""

    async def take(request: web.Request) -> web.Response:
        await producer.send_and_wait("events.okta", await request.read())  # no key: over all partitions, as ours
        return web.Response(status=204)

    async with _producer(servers) as producer:
        app = web.Application()
        app.router.add_post("/v1/okta", take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await _serve(f"{runner.addresses[0][1]}")
        await runner.cleanup()


async def _hop(servers: str) -> None:
    async def forward() -> None:
        async for record in consumer:
            await producer.send_and_wait(OPERATIONS, record.value, key=record.key)

    async with _consumer(servers, EVENTS) as consumer, _producer(servers) as producer:
        await _serve(work=forward())


async def _last_hop(servers: str, simulator: str) -> None:
    """A record's key is the user's id, its value the department. Prints when each was answered, in ms since 1970."""

    async def send() -> None:
        async for record in consumer:
            await patch(http, record.key.decode(), record.value.decode())
            print(time.time_ns() // 1_000_000, flush=True)

    async with _consumer(servers, OPERATIONS) as consumer, scim(simulator, 1) as http:
        await _serve(work=send())


async def _patch(simulator: str, connections: str) -> None:
    """See `patch_all`."""

    async def some(http: aiohttp.ClientSession, users: Iterator[str], department: str) -> None:
        for user in users:
            await patch(http, user, department)

    async with scim(simulator, int(connections)) as http:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            order = orjson.loads(line)
            users = iter(order["users"])
            await asyncio.gather(*(some(http, users, order["department"]) for _ in range(int(connections))))
            print("done", flush=True)


def _producer(servers: str) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=servers, enable_idempotence=True, acks="all", max_batch_size=256 * 1024
    )  # as ours


def _consumer(servers: str, topic: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(topic, bootstrap_servers=servers, group_id=topic, auto_offset_reset="earliest")


PARTS: Final[dict[str, Callable[..., Coroutine[Any, Any, None]]]] = {
    "handler": _handler,
    "hop": _hop,
    "last-hop": _last_hop,
    "patch": _patch,
}

if __name__ == "__main__":
    part, *given = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(PARTS[part](*given))

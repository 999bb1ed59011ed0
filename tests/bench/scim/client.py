"""A SCIM client that costs little: plain sockets that stay open, each with one request on its way."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import orjson

PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ROOT: Final = "/scim/v2"


@dataclass(frozen=True, slots=True)
class Answered:
    """`seconds`: from the request's first byte to the answer's last one."""

    status: int
    body: Any
    seconds: float


class Client:
    """One socket, and one token."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, token: str) -> None:
        self._reader, self._writer = reader, writer
        self._head = (
            f" HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            "Accept: application/scim+json\r\nContent-Type: application/scim+json\r\n"
        )

    async def send(self, method: str, path: str, content: Any = None, **query: str) -> Answered:
        """`path`: below the root. Raises AssertionError where the answer isn't a success."""
        body = b"" if content is None else orjson.dumps(content)
        target = f"{ROOT}{path}?{urlencode(query)}" if query else ROOT + path
        head = f"{method} {target}{self._head}Content-Length: {len(body)}\r\n\r\n"
        begun = time.perf_counter()
        self._writer.write(head.encode() + body)
        told = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next((line for line in told.lower().split("\r\n") if line.startswith("content-length:")), "0:0")
        answer = await self._reader.readexactly(int(length.partition(":")[2]))
        seconds = time.perf_counter() - begun
        status = int(told.split(" ", 2)[1])
        assert 200 <= status < 300, f"{method} {target}: {told}{answer[:500].decode(errors='replace')}"
        return Answered(status, orjson.loads(answer) if answer else None, seconds)

    async def replace(self, kind: str, id_: str, operation: dict[str, Any]) -> Answered:
        """A PATCH of one operation; `kind` is the endpoint."""
        return await self.send("PATCH", f"/{kind}/{id_}", {"schemas": [PATCH_OP], "Operations": [operation]})


@asynccontextmanager
async def client(port: int, token: str) -> AsyncIterator[Client]:
    """Closed with the block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=16 * 1024 * 1024)
    try:
        yield Client(reader, writer, f"127.0.0.1:{port}", token)
    finally:
        writer.close()


async def one_by_one(times: int, pause: float, send: Callable[[int], Awaitable[Answered]]) -> list[float]:
    """Seconds of each of so many requests, the next one `pause` seconds after the answer."""
    took = []
    for number in range(times):
        await asyncio.sleep(pause)
        took.append((await send(number)).seconds)
    return took

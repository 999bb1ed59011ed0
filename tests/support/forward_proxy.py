"""A proxy as companies have it: CONNECT for https, absolute URLs for http, with a name and password if wanted."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

_Pair: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class ForwardProxy:
    """Whoever is asked for, the server at `port` of this machine answers: its names exist in tests alone."""

    port: int
    """Of the server behind it."""
    credentials: str = ""
    """NAME:PASSWORD that it wants."""
    refuses: int = 0
    """Status with which it refuses everything."""
    address: str = ""
    """HOST:PORT"""
    asked: list[str] = field(default_factory=list)
    """Method and target of each request, as they came."""
    heads: list[str] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One more connection."""
        self.tasks.add(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        async with _closing(writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, _ = head.split("\r\n", 1)[0].split(" ")
            self.asked.append(f"{method} {target}")
            self.heads.append(head)
            wanted = b64encode(self.credentials.encode()).decode()
            status = self.refuses or (407 if self.credentials and f"Basic {wanted}" not in head else 0)
            if status:
                writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
            else:
                await self._pass_on(method, target, head, reader, writer)

    async def _pass_on(
        self, method: str, target: str, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.port)
        async with _closing(there_writer):
            await self._both_ways(method, target, head, (reader, writer), (there_reader, there_writer))

    async def _both_ways(self, method: str, target: str, head: str, here: _Pair, there: _Pair) -> None:
        (reader, writer), (there_reader, there_writer) = here, there
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = "/" + target.split("/", 3)[3]
            there_writer.write(head.replace(target, path, 1).encode())
        await asyncio.gather(_pipe(reader, there_writer), _pipe(there_reader, writer))


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        try:
            yield
        finally:
            writer.close()
            await writer.wait_closed()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@asynccontextmanager
async def forward_proxy(port: int, credentials: str = "", refuses: int = 0) -> AsyncIterator[ForwardProxy]:
    """A proxy in front of the server at `port`."""
    proxy = ForwardProxy(port, credentials, refuses)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in proxy.tasks:
            task.cancel()
        await asyncio.gather(*proxy.tasks, return_exceptions=True)

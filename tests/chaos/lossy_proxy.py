"""A way between clients and a server on which connections are lost: before the request arrives, or the answer."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True)
class LossyProxy:
    """`port`: of the server behind it, which may be another one each time. Chances: of a piece of bytes."""

    rng: random.Random
    lost_request: float = 0.0
    lost_answer: float = 0.0
    slow: float = 0.0
    """It takes up to 200 ms longer."""
    port: int = 0
    address: str = ""
    lost: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One more connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened = [writer]
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.port)
            opened.append(there_writer)
            ways = [
                asyncio.create_task(self._pump(reader, there_writer, self.lost_request)),
                asyncio.create_task(self._pump(there_reader, writer, self.lost_answer)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for each in ways:
                each.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # the server is down: so is this connection
        finally:
            for end in opened:
                with suppress(OSError):
                    end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: float) -> None:
        while piece := await reader.read(65_536):
            if self.rng.random() < chance:
                self.lost += 1
                return
            if self.rng.random() < self.slow:
                await asyncio.sleep(self.rng.uniform(0.0, 0.2))
            writer.write(piece)
            await writer.drain()


@asynccontextmanager
async def opened(proxy: LossyProxy) -> AsyncIterator[LossyProxy]:
    """For the time of the block, on a free port: `address` is its URL."""
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for each in [*proxy.tasks]:
            each.cancel()
        await asyncio.gather(*proxy.tasks, return_exceptions=True)

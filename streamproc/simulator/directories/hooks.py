"""Sends hooks in the background, and logs them."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import aiohttp
import orjson

from streamproc.simulator.directories.people import stamp
from streamproc.simulator.surroundings import Surroundings

NO_ANSWER = 0


class Hooks:
    """`connect`: makes the connections by which they are sent."""

    def __init__(self, around: Surroundings, connect: Callable[[], aiohttp.ClientSession]) -> None:
        self._around = around
        self._connect = connect
        self.log: list[dict[str, Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    @property
    def pending(self) -> int:
        """Hooks that aren't finished: waiting, in flight, or being retried."""
        return len(self._tasks)

    def start(self, sending: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def post(
        self, directory: str, url: str, content: Any, headers: Mapping[str, str], *, about: Any, timeout_s: float
    ) -> int:
        """POST JSON once; its SHA-256 is noted. The status, or NO_ANSWER."""
        body = orjson.dumps(content)
        sent = {"Content-Type": "application/json", **headers}
        status, _, _ = await self.ask("POST", url, body, sent, timeout_s=timeout_s)
        self.note(directory, about=about, url=url, status=status, body=hashlib.sha256(body).hexdigest())
        return status

    async def ask(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, timeout_s: float
    ) -> tuple[int, str, bytes]:
        """Status, content type, body."""
        if self._session is None:
            self._session = self._connect()
        try:
            timeout = aiohttp.ClientTimeout(total=timeout_s)
            async with self._session.request(
                method, url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                return answer.status, answer.content_type, await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):  # ValueError: not a URL
            return NO_ANSWER, "", b""

    def note(self, directory: str, **facts: Any) -> None:
        self.log.append({"n": len(self.log) + 1, "directory": directory, "at": stamp(self._around.moment()), **facts})

    async def stop(self) -> None:
        """Give up what is pending."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        await self.stop()
        if self._session is not None:
            await self._session.close()

"""A request's body, as bytes: how large it may be, how slow, who has to go for whom, and that it holds up nobody."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from aiohttp import StreamReader, web

from streamproc.gateway.decide.waiting import Waiting, origin
from streamproc.gateway.fast_path import Deadline, SharedTimeout
from streamproc.gateway.responses import HttpError

GRACE: Final = 1.0
"""Seconds for a body, however slowly it comes."""
RATE: Final = 64 * 1024
"""Bytes in each further second that it must have at least."""
UNPROVEN: Final = 16 * 1024 * 1024
"""Bytes at one door that may wait for their proof, by what their requests announce."""

SHORT: Final = 16 * 1024
"""Bytes of a body that is taken in at once. A longer one may take seconds, in which others have their turns."""
T = TypeVar("T")


class Bodies:
    """Those of one endpoint. `most`: bytes that one may have."""

    def __init__(self, timeout: SharedTimeout, most: int) -> None:
        self._timeout = timeout
        self._most = most
        self._waiting: Waiting[Deadline] = Waiting(max(most, UNPROVEN))
        self._long = asyncio.Semaphore()

    async def read(self, request: web.BaseRequest, deadline: float, *, proven: bool) -> bytes:
        """All of it, as it was sent. `deadline`: in the loop's time; `proven`: by the head.

        One that came with its head, as most do, waits for nothing and takes no place. Raises HttpError where it is too
        large (413), is compressed (415), doesn't come in time (408), is cut off (400), or has to go (503).
        """
        size = request.content_length
        if (size or 0) > self._most:
            raise HttpError(413, why="too_large")
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise HttpError(415, why="compressed")
        content = request.content
        try:
            if content.is_eof():
                body = content.read_nowait()
            elif proven:
                with self._timeout.at(deadline) as wait:
                    body = await self._rest(content, wait, deadline)
            else:
                with self.place(request, self._most if size is None else size, deadline) as wait:
                    body = await self._rest(content, wait, deadline)
        except TimeoutError:
            raise HttpError(408, why="slow") from None
        except (web.RequestPayloadError, ConnectionError):
            raise HttpError(400, why="cut_off") from None
        except RuntimeError:
            if request.transport is not None:
                raise
            raise HttpError(400, why="cut_off") from None  # gone before aiohttp could tell the body so
        if len(body) > self._most:
            raise HttpError(413, why="too_large")
        return body

    @contextmanager
    def place(self, request: web.BaseRequest, size: int, deadline: float) -> Iterator[Deadline]:
        """Of somebody who hasn't proven who it is, and waits. Raises TimeoutError; HttpError if it has to go."""
        wait = self._timeout.at(deadline)
        for gone in self._waiting.enter(wait, origin(request.remote or ""), size):
            gone.evict()
        try:
            with wait:
                yield wait
        except TimeoutError:
            if wait.evicted:
                raise HttpError(503, why="evicted") from None
            raise
        finally:
            self._waiting.leave(wait)

    async def take_in(self, size: int, work: Callable[[], T], deadline: float) -> T:
        """Do the work on a body of so many bytes, on a long one in a thread: one of these at a time.

        Raises HttpError where the others' takes too long (503), and what the work raises.
        """
        if size <= SHORT:
            return work()
        try:
            async with asyncio.timeout_at(deadline):
                await self._long.acquire()
        except TimeoutError:
            raise HttpError(503, why="busy") from None
        try:
            return await asyncio.to_thread(work)
        finally:
            self._long.release()

    async def _rest(self, content: StreamReader, wait: Deadline, deadline: float) -> bytes:
        """All that comes; or, where it is too large, as much as shows that."""
        parts: list[bytes] = []
        size, begun = 0, asyncio.get_running_loop().time()
        wait.until(min(deadline, begun + GRACE))
        async for part in content.iter_any():
            parts.append(part)
            size += len(part)
            if size > self._most:
                break
            wait.until(min(deadline, begun + GRACE + size / RATE))
        return b"".join(parts)

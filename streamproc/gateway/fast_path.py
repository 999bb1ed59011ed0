"""The fast path: what the gateway does itself, because the usual way costs more than the rest of a request.

The result is the same as with the usual way. A POST to an endpoint's exact path doesn't go through aiohttp's router, a
success without content is encoded once a second, and all waits share one timer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from math import inf
from types import TracebackType
from typing import Self, TypeAlias

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import SERVER_SOFTWARE

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def route_posts(server: web.Server, posts: Mapping[str, Handler]) -> None:
    """Have POST requests to these exact paths handled at once, and all others by the server's own handler."""
    server.request_handler = partial(_route, server.request_handler, posts)


def _route(usual: Handler, posts: Mapping[str, Handler], request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
    handler = posts.get(request.raw_path) if request.method == "POST" else None
    if handler is None or "Expect" in request.headers:
        return usual(request)
    return handler(request)


class Success(web.StreamResponse):
    """A status without content, on a connection of HTTP/1.1 that stays open: the bytes that web.Response would send.

    They are made once a second. Nothing of a request is kept, so all requests share one, also at the same time.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status=status)
        self._second = -1
        self._head = b""

    @property
    def keep_alive(self) -> bool:
        """Always."""
        return True

    def answer(self, request: web.BaseRequest, second: int) -> web.StreamResponse:
        """To this request, with the date of this moment, in s since 1970."""
        if not request.keep_alive or request.version != HttpVersion11:
            return web.Response(status=self.status)
        if second != self._second:
            length = "" if self.status == HTTPStatus.NO_CONTENT else "Content-Length: 0\r\n"
            date = formatdate(second, usegmt=True)
            head = f"HTTP/1.1 {self.status} {self.reason}\r\n{length}Date: {date}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n"
            self._second, self._head = second, head.encode()
        return self

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Sends it."""
        await request.writer.write(self._head)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """There is nothing after the head."""


class SharedTimeout:
    """Waits that end at a deadline, with one timer for all tasks of a loop."""

    def __init__(self) -> None:
        self._waits: dict[Deadline, None] = {}
        """In order, so that those of one moment always end in the same one."""
        self._timer: asyncio.TimerHandle | None = None
        self._next = inf

    def at(self, when: float) -> "Deadline":
        """A context that is left by TimeoutError at `when`, in the loop's time."""
        return Deadline(self, when)

    def begin(self, wait: "Deadline") -> None:
        """It waits from now on, or until another moment."""
        self._waits[wait] = None
        if wait.when < self._next:
            self._arm(wait.when)

    def end(self, wait: "Deadline") -> None:
        """It is over. The timer stays: the next wait is likely to end after it."""
        self._waits.pop(wait, None)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = asyncio.get_running_loop().call_at(when, self._ring)

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time() + 0.001  # timers may be early by half a millisecond
        self._timer, self._next = None, inf
        for late in [wait for wait in self._waits if wait.when <= now]:
            del self._waits[late]
            late.expire()
        if self._waits:
            self._arm(min(wait.when for wait in self._waits))


class Deadline:
    """One wait, as `asyncio.timeout_at` has it."""

    __slots__ = ("_cancelling", "_expired", "_task", "_timeout", "evicted", "when")

    def __init__(self, timeout: SharedTimeout, when: float) -> None:
        self._timeout = timeout
        self._expired = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.when = when
        self.evicted = False
        """It ended for somebody else's sake."""

    def __enter__(self) -> Self:
        task = self._task = asyncio.current_task()
        assert task is not None
        self._cancelling = task.cancelling()
        self._timeout.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timeout.end(self)
        if self._expired:
            assert self._task is not None
            if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def until(self, when: float) -> None:
        """It ends at another moment."""
        self.when = when
        if not self._expired:
            self._timeout.begin(self)

    def evict(self) -> None:
        """It ends now, for somebody else's sake."""
        self.evicted = True
        self._timeout.end(self)
        self.expire()

    def expire(self) -> None:
        """It took too long."""
        assert self._task is not None
        self._expired = True
        self._task.cancel()

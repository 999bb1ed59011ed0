"""Requests on their way: who serves which origin, how long each way takes, and what happens to it there.

A request is carried out in its server's process, whatever has become of who sent it. What is on the way belongs to no
process: it arrives when its time has come.
"""

from asyncio import Future
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache, partial
from typing import Any, Final, Protocol, TypeAlias, cast

import aiohttp
from aiohttp import web

from streamproc.testing.network.asked import Asked
from streamproc.testing.network.fates import Fates
from streamproc.testing.network.session import IDEMPOTENT, Heard, Session, reset, unreachable
from streamproc.testing.process import Process, context_of
from streamproc.testing.world import World

Handler: TypeAlias = Callable[[Any], Awaitable[web.StreamResponse]]
SECONDS: Final = 30.0
_SHOWN: Final = 300
"""Bytes of a body in the trace."""
_BODILESS: Final = frozenset({204, 304})


class Watcher(Protocol):
    """Is told of each request when its client sends it, and when the client has its answer, or an error: None."""

    def requested(
        self, number: int, process: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        """`target`: path and query. `number`: how many there were before it."""

    def answered(self, number: int, process: str, status: int | None, headers: Mapping[str, str], body: bytes) -> None:
        """`status` None: whatever became of it; 0: nothing was sent. Never called where the process is dead."""


@dataclass(eq=False, slots=True)
class _Server:
    """Who serves an origin."""

    handler: Handler
    process: Process


@dataclass(eq=False, slots=True)
class _Exchange:
    """One request and its answer. `heard`: for which its client waits."""

    number: int
    origin: str
    asked: Asked
    server: _Server
    seconds: float
    heard: "Future[Heard]"


class Network:
    """What connects the processes of a world, but for Kafka."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._loop = world.loop
        self._fates = Fates(world)
        self._own = context_of(world.loop.home)
        self._servers: dict[str, _Server] = {}
        self._watchers: dict[str, list[Watcher]] = {}
        self._underway: dict[_Exchange, None] = {}
        self.serving: int | None = None
        """Number of the request that is being carried out right now."""
        self.requests = 0
        """How many there were."""

    def serve(self, origin: str, handler: Handler, process: Process) -> None:
        """Requests to this origin (`https://host`) go to `handler`, in `process`, in place of whoever served it."""
        self._servers[origin] = _Server(handler, process)

    def session(self, process: Process, seconds: float = SECONDS) -> aiohttp.ClientSession:
        """Connections of one process. `seconds`: until an answer counts as missing."""
        return cast("aiohttp.ClientSession", Session(self.ask, process, seconds))

    def watch(self, origin: str, watcher: Watcher) -> None:
        """Be told of all requests to one origin."""
        self._watchers.setdefault(origin, []).append(watcher)

    def killed(self, process: Process) -> None:
        """A server is dead: its connections are lost."""
        for exchange in [each for each in self._underway if each.server.process is process]:
            self._fail(exchange, reset())

    def cut_off(self, process: Process, seconds: float) -> None:
        """For so long nothing gets to a client or from it: its connections are half open."""
        self._fates.cut_off(process.name, seconds)

    async def ask(
        self, process: Process, method: str, url: str, headers: dict[str, str], body: bytes, seconds: float
    ) -> Heard:
        """One request. Raises aiohttp's exceptions, and TimeoutError."""
        number = self.requests
        self.requests += 1
        at = url.find("/", url.find("://") + 3)
        origin, target = (url, "/") if at < 0 else (url[:at], url[at:])
        match = headers.get("If-Match", "")
        self._world.note("ask", number=number, method=method, to=target, match=match, body=_short(body))
        watchers = self._watchers.get(origin, ())
        for watcher in watchers:
            watcher.requested(number, process.name, method, target, headers, body)
        try:
            heard = await self._asked(number, process, Asked(method, origin, target, headers, body), seconds)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._world.note("unheard", number=number, error=type(error).__name__)
            for watcher in watchers:
                nothing = isinstance(error, aiohttp.ClientConnectorError)
                watcher.answered(number, process.name, 0 if nothing else None, {}, b"")
            raise
        self._world.note("hear", number=number, status=heard.status, cut=heard.cut, body=_short(heard.body))
        for watcher in watchers:
            watcher.answered(number, process.name, None if heard.cut else heard.status, heard.headers, heard.body)
        return heard

    async def _asked(self, number: int, process: Process, asked: Asked, seconds: float) -> Heard:
        server = self._servers.get(asked.origin)
        until = self._loop.time() + seconds
        again = asked.method in IDEMPOTENT
        while True:
            heard: Future[Heard] = self._loop.create_future()
            timer = self._loop.call_at(until, _missing, heard)
            try:
                if server is None or server.process.state == "dead":
                    self._loop.call_later(self._fates.latency(), _failed, heard, unreachable(asked.origin))
                else:
                    self._send(_Exchange(number, asked.origin, asked, server, seconds, heard), process)
                return await heard
            except (aiohttp.ClientConnectorError, aiohttp.ClientPayloadError):
                raise
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                if not again:
                    raise
                again = False
            finally:
                timer.cancel()

    # On the way there

    def _send(self, exchange: _Exchange, process: Process) -> None:
        """Times at which it arrives, if it does."""
        fates, later = self._fates, self._loop.call_later
        if fates.lost(process.name):
            return
        if fates.refused():
            self._back(exchange, unreachable(exchange.origin))
            return
        if fates.reset_before():
            self._back(exchange, reset())
            return
        self._underway[exchange] = None
        for seconds in fates.arrivals(process, exchange.seconds):
            later(seconds, self._arrive, exchange, context=context_of(exchange.server.process, copy_context()))

    def _arrive(self, exchange: _Exchange) -> None:
        """In the server's process, and otherwise in its client's context, so that faults are counted by what the client
        was doing: it is carried out, at once where nothing has to be waited for.
        """
        if (page := self._fates.refused_on_the_way()) is not None:
            self._back(exchange, page)
            return
        asked = exchange.asked
        fresh = Asked(asked.method, asked.origin, asked.target, asked.headers, asked.body)
        self.serving = exchange.number
        self._world.note("serve", number=exchange.number)
        work = exchange.server.handler(fresh).__await__()
        try:
            first = next(work)
        except StopIteration as done:
            self._carried_out(exchange, fresh, done.value)
        except web.HTTPException as response:
            self._carried_out(exchange, fresh, response)
        else:
            self._loop.create_task(self._rest(exchange, fresh, _Begun(work, first)))
        finally:
            self.serving = None

    async def _rest(self, exchange: _Exchange, asked: Asked, begun: "_Begun") -> None:
        try:
            self._carried_out(exchange, asked, await begun)
        except web.HTTPException as response:
            self._carried_out(exchange, asked, response)
        except Exception as error:  # noqa: BLE001 - nobody waits for this task
            self._world.fail("server", f"{exchange.origin} raised {error!r}")

    # On the way back

    def _carried_out(self, exchange: _Exchange, asked: Asked, response: web.StreamResponse) -> None:
        if asked.aborted or self._fates.reset_after():
            self._back(exchange, reset())
        elif (page := self._fates.replaced()) is not None:
            self._back(exchange, page)
        elif not self._fates.answer_lost():
            body = cast("bytes", response.body or b"") if isinstance(response, web.Response) else b""
            headers = response.headers
            headers.setdefault("Date", _date(int(exchange.server.process.clock())))
            if response.status not in _BODILESS:
                headers["Content-Length"] = str(len(body))
            self._back(exchange, Heard(response.status, headers, body, cut=self._fates.cut()))

    def _back(self, exchange: _Exchange, answer: Heard | Exception) -> None:
        self._loop.call_later(self._fates.latency(), self._deliver, exchange, answer, context=self._own)

    def _deliver(self, exchange: _Exchange, answer: Heard | Exception) -> None:
        """What came first counts; nobody may wait any more."""
        self._underway.pop(exchange, None)
        if isinstance(answer, Heard):
            if not exchange.heard.done():
                exchange.heard.set_result(answer)
        else:
            _failed(exchange.heard, answer)

    def _fail(self, exchange: _Exchange, error: Exception) -> None:
        self._underway.pop(exchange, None)
        self._back(exchange, error)


class _Begun:
    """A coroutine whose first steps have been made, up to where it waits for something."""

    def __init__(self, work: Any, first: Any) -> None:
        self._work, self._first = work, first

    def __await__(self) -> Any:
        following = self._first
        while True:
            try:
                yield following
            except GeneratorExit:
                self._work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - what it waited for has failed, or it is cancelled
                step = partial(self._work.throw, error)
            else:
                step = partial(next, self._work)
            try:
                following = step()
            except StopIteration as done:
                return done.value


def _missing(heard: "Future[Heard]") -> None:
    _failed(heard, TimeoutError())


def _failed(heard: "Future[Heard]", error: Exception) -> None:
    if not heard.done():
        heard.set_exception(error)


def _short(body: bytes) -> str:
    return body[:_SHOWN].decode(errors="replace")


@lru_cache(maxsize=256)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)

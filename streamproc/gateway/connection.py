"""One connection, as aiohttp handles it, with limits that aiohttp doesn't have: on heads, and on answers nobody reads.

What is of a request's body, and how long that may take, is `request_body.py`'s. aiohttp's own limits stay: 8 KiB a line
of a head, 128 lines, 32 requests that wait for their turn, 75 s between requests.
"""

import asyncio
import logging
from typing import Any, Final, Literal, Protocol, TypeAlias, cast

from aiohttp import StreamReader, web
from aiohttp.web_protocol import RequestHandler

from streamproc.core.provider.scim_error import ScimError

Ending: TypeAlias = Literal[
    "evicted", "handshake", "idle", "large_head", "malformed", "no_descriptors", "slow_head", "unread"
]
"""Why a connection is ended from here, for metric and log."""

IDLE: Final = 5.0
"""Seconds between requests while nobody has proven who they are."""
KEPT: Final = 75.0
"""Seconds between requests, once somebody has."""
HEAD: Final = 5.0
"""Seconds that a head may take from its first byte at most."""
GRACE: Final = 2.0
"""Seconds that it may take however slowly it comes."""
RATE: Final = 500
"""Bytes in each further second that it must have at least."""
LARGEST_HEAD: Final = 32 * 1024
"""Bytes of a head that comes in several pieces, and of requests that are sent before the answer to the first."""
UNREAD: Final = 5.0
"""Seconds for which an answer may wait to be read."""

QUIET: Final = logging.getLogger("streamproc.gateway.http")
QUIET.disabled = True
"""For aiohttp, whose messages on malformed requests quote them, secrets and all."""
HTTP: Final[dict[str, Any]] = {
    "access_log": None,
    "logger": QUIET,
    "auto_decompress": False,  # a few bytes could become gigabytes, and signatures are over what was sent
    "keepalive_timeout": KEPT,
    "lingering_time": 1,
}
"""What aiohttp is told of connections."""


class Places(Protocol):
    """Who keeps the connections' places."""

    def has_proven(self, connection: "Connection") -> None:
        """Somebody on it has proven who it is."""

    def has_ended(self, connection: "Connection") -> None:
        """It needs no place any more."""

    def tell(self, connection: "Connection", why: Ending) -> None:
        """Why it is ended, for metric and log."""


class Connection(RequestHandler):
    """One connection. `address`: the other side's."""

    __slots__ = (
        "_ahead",
        "_body",
        "_head",
        "_over",
        "_places",
        "_since",
        "_stuck",
        "_wire",
        "address",
        "opening",
        "proven",
    )

    def __init__(self, server: web.Server, address: str, places: Places) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **HTTP)
        self.address = address
        self.proven = False
        self.opening: asyncio.Task[None] | None = None
        """Until there is a transport: TLS is being agreed on."""
        self._places = places
        self._wire: asyncio.Transport | None = None
        self._over = False
        """It was ended, maybe before it began."""
        self._body: StreamReader | None = None
        """Of the last request that has come."""
        self._ahead = 0
        """Bytes of requests that wait for their turn."""
        self._head = 0
        """Bytes of a head that isn't complete."""
        self._since = 0.0
        """When the first of them came."""
        self._stuck = 0.0
        """Since when an answer, or the end, waits for the other side; 0: none does."""

    def prove(self) -> None:
        """Somebody has proven who it is."""
        if not self.proven:
            self.proven = True
            self._places.has_proven(self)

    def end(self, why: Ending, status: str = "") -> None:
        """At once. `status`: what the other side is told, if it can be told anything."""
        self._places.tell(self, why)
        self._places.has_ended(self)
        self._over = True
        if self.opening is not None:
            self.opening.cancel()
        wire = self._wire
        if wire is None:
            return
        if not status or wire.is_closing() or not self._waits():  # else it would be the answer to what came before
            wire.abort()
            return
        wire.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        self.force_close()
        self._loop.call_later(1.0, wire.abort)

    def overdue(self, now: float) -> tuple[Ending, str] | None:
        """Why it has to end by now, and the status that says so. `now`: the loop's time."""
        if self._paused or (self._wire is not None and self._wire.is_closing()):
            self._stuck = self._stuck or now
            return ("unread", "") if now - self._stuck > UNREAD else None
        self._stuck = 0.0
        if not self._waits():
            return None
        if self._head:
            late = now > self._since + min(HEAD, GRACE + self._head / RATE)
            return ("slow_head", "408 Request Timeout") if late else None
        since = self._next_keepalive_close_time - KEPT
        return None if self.proven or now <= since + IDLE else ("idle", "")

    # As aiohttp calls it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """With TLS, once that is agreed on."""
        self._wire = cast("asyncio.Transport", transport)
        super().connection_made(transport)
        if self._over:
            self._wire.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Whoever ended it."""
        super().connection_lost(exc)
        self._places.has_ended(self)

    def data_received(self, data: bytes) -> None:
        """Part of a head, if the body of the request before it is there; else of that body."""
        requests, is_head = self._request_count, self._body is None or self._body.is_eof()
        super().data_received(data)
        if self._request_count > requests:
            self._head, self._body = 0, self._messages[-1][1]
            self._ahead = self._ahead + len(data) if len(self._messages) > 1 else 0
            if self._ahead > LARGEST_HEAD and not self._buffer_paused:
                self._pause_reading_for_buffer()  # until the next request's turn
        elif is_head and data:
            if not self._head:
                self._since = self._loop.time()
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self.end("large_head", "431 Request Header Fields Too Large")

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """Of what isn't HTTP, or of a bug in what answers it: JSON, since SCIM clients read nothing else."""
        self._places.tell(self, "malformed")
        super().handle_error(request, status, exc, "")
        told = ScimError(status, None, "It isn't HTTP as it should be." if status < 500 else "Something went wrong.")
        answer = web.json_response(told.body(), status=status)
        answer.force_close()
        return answer

    def _waits(self) -> bool:
        """For the next request's head."""
        return self._waiter is not None and not self._waiter.done()

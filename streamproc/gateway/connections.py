"""Every connection to the gateway, from its acceptance on: how many there may be, whose, and when they have to end.

Rule 1: half of the places are for who has proven who it is, and strangers never take one of these. In the other half a
newcomer always finds a place, and somebody else goes for it (`decide/waiting.py`).
Rule 2: a connection has a place from its acceptance on, also while TLS is still being agreed on.
Rule 3: without descriptors nobody comes in and nobody is lost: it is told, strangers go, and it is tried again.
"""

import asyncio
import errno
import resource
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from aiohttp import web

from streamproc import telemetry
from streamproc.core.errors import SettingsError
from streamproc.gateway.connection import Connection, Ending
from streamproc.gateway.decide.waiting import Waiting, origin
from streamproc.gateway.summed_log import SummedLog

HANDSHAKE: Final = 5.0
"""Seconds to agree on TLS."""
GOODBYE: Final = 1.0
"""Seconds to agree on its end."""
SWEEP: Final = 0.5
"""Seconds between looks at what is overdue."""
BACKLOG: Final = 1024
"""Connections that the system keeps for us."""
RESERVE: Final = 100
"""Descriptors for everything else: brokers, keys, files."""
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
PAUSE: Final = 0.1
"""Seconds until it is tried again, where nobody could go for it."""
AT_ONCE: Final = 8
"""Strangers who go for each lack of descriptors."""
PASSING: Final = frozenset(
    {
        errno.ECONNABORTED,
        errno.EPERM,
        errno.EPROTO,
        errno.ENETDOWN,
        errno.ENOPROTOOPT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EOPNOTSUPP,
        errno.ENETUNREACH,
    }
)
"""Errors of one connection that accept(2) passes on: it is over before it began."""


async def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at all addresses of a host. Raises SettingsError."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise SettingsError(f"gateway_host: {host} isn't an address or name of this machine: {error}") from error
    listening: list[socket.socket] = []
    try:
        for family, _, _, _, address in found:
            listening.append(socket.create_server((str(address[0]), port), family=family, backlog=BACKLOG))
            listening[-1].setblocking(False)
    except OSError as error:
        for each in listening:
            each.close()
        told = "gateway_port" if error.errno in {errno.EADDRINUSE, errno.EACCES, errno.EPERM} else "gateway_host"
        raise SettingsError(f"{told}: can't listen at {host} port {port}: {error.strerror}") from error
    return listening


def fitting(wanted: int) -> int:
    """How many connections this process may have open, having asked for as many descriptors as are wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted + RESERVE:
        return wanted
    most = wanted + RESERVE if hard == resource.RLIM_INFINITY else min(hard, wanted + RESERVE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return max(2, min(wanted, soft - RESERVE))


class Connections:
    """Those of `server`. `most`: how many at once."""

    def __init__(self, server: web.Server, most: int, tls: ssl.SSLContext | None, log: SummedLog) -> None:
        self._server = server
        self._kept = most - most // 2
        self._tls = tls
        self._log = log
        self._unproven: Waiting[Connection] = Waiting(most // 2)
        self._proven: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()

    async def serve(self, listening: Sequence[socket.socket], until: asyncio.Future[None]) -> None:
        """Until that is done, or something can't go on: raises what it raises."""
        tasks = [asyncio.create_task(each) for each in (self._sweep(), *map(self._accept, listening))]
        try:
            done, _ = await asyncio.wait([*tasks, until], return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for task in (*tasks, *self._opening):
                task.cancel()
            await asyncio.gather(*tasks, *self._opening, return_exceptions=True)
            self._log.sum_up(all_of_it=True)

    # As connections call it

    def has_proven(self, connection: Connection) -> None:
        """It takes a place of those who have, where there is one; else it ends after this answer."""
        self._unproven.leave(connection)
        if len(self._proven) >= self._kept:
            connection.close()
        self._proven.add(connection)

    def has_ended(self, connection: Connection) -> None:
        """Its place is free."""
        self._unproven.leave(connection)
        self._proven.discard(connection)

    def tell(self, connection: Connection, why: Ending) -> None:
        """Count it, and say it in the log."""
        telemetry.CONNECTIONS_ENDED.labels(why).inc()
        self._log.tell("warning", "connection ended", remote=connection.address, why=why)

    # In the background

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in EXHAUSTED:
                    await self._without_descriptors()
                elif error.errno not in PASSING:
                    raise
                continue
            connection = Connection(self._server, str(address[0]), self)
            for gone in self._unproven.enter(connection, origin(connection.address)):
                gone.end("evicted")
            opening = loop.create_task(self._open(connection, accepted))
            connection.opening = opening
            self._opening.add(opening)
            opening.add_done_callback(partial(self._opened, accepted))
            await asyncio.sleep(0)  # others have their turn, however many come

    async def _open(self, connection: Connection, accepted: socket.socket) -> None:
        limits = {} if self._tls is None else {"ssl_handshake_timeout": HANDSHAKE, "ssl_shutdown_timeout": GOODBYE}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, accepted, ssl=self._tls, **limits
            )
        except OSError:
            self.tell(connection, "handshake")
            self.has_ended(connection)
        finally:
            connection.opening = None

    def _opened(self, accepted: socket.socket, opening: asyncio.Task[None]) -> None:
        self._opening.discard(opening)
        if opening.cancelled():
            accepted.close()

    async def _sweep(self) -> None:
        """End what is overdue, and tell what has been summed up."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP)
            now = loop.time()
            for connection in [*self._unproven, *self._proven]:
                if (overdue := connection.overdue(now)) is not None:
                    connection.end(*overdue)
            telemetry.CONNECTIONS.labels("unproven").set(len(self._unproven))
            telemetry.CONNECTIONS.labels("proven").set(len(self._proven))
            self._log.sum_up()

    async def _without_descriptors(self) -> None:
        telemetry.CONNECTIONS_ENDED.labels("no_descriptors").inc()
        self._log.tell("error", "no descriptor is left for a connection: raise the limit (ulimit -n)")
        leaving = min(AT_ONCE, len(self._unproven))
        for _ in range(leaving):
            self._unproven.first_to_go().end("evicted")
        await asyncio.sleep(PAUSE if leaving == 0 else 0.005)  # until their descriptors are free

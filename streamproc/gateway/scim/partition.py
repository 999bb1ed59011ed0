"""One partition of `events.scim`, followed for as long as a connection has its records there, whatever happens.

What goes wrong ends neither the gateway nor what other partitions serve: clients are told to come again (503), it is
told in the log and in the service's state, and begun anew, later and later. A file that isn't of this log, or is no
file of ours, is thrown away: the log makes it again.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NoReturn

import structlog

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka.log import KafkaError, Log
from streamproc.core.errors import StreamprocError
from streamproc.gateway.scim.connection_log import ConnectionLog
from streamproc.gateway.scim.shared_log import UnavailableError
from streamproc.gateway.scim.store import Store, discard
from streamproc.gateway.scim.supervised import supervised
from streamproc.gateway.scim.tail import AnotherLogError, Tail

log = structlog.get_logger("streamproc.gateway")

SOON: Final = 0.1
"""Seconds between looks at whether it is read."""
LOOK_EVERY: Final = 10.0
"""Seconds between looks at whether it is still the same log."""
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR})


class Partition:
    """`folder`: of the file. `identity`: what the partition is of, as it is now; another text for another log."""

    def __init__(
        self,
        kafka: Log,
        number: int,
        folder: Path,
        identity: Callable[[], Awaitable[str]],
        clocks: Clocks,
        belongs: Callable[[str, int], bool] = lambda _connection, _partition: True,
    ) -> None:
        """`belongs`: whether a connection's records count in a partition."""
        self.number = number
        self._kafka = kafka
        self._path = folder / f"events.scim-{number}.sqlite"
        self._identity = identity
        self._clocks = clocks
        self._belongs = belongs
        self._tail: Tail | None = None
        self._is_read = False
        """Whether all has been read that the log held when it was opened."""
        self._why = "it is being opened"
        """What has gone wrong last, or why it isn't read yet."""

    @property
    def trouble(self) -> str | None:
        """Why it doesn't serve now; None: it does."""
        serves = self._is_read and self._tail is not None and self._tail.is_following
        return None if serves else self._why

    def tail(self) -> Tail:
        """Who follows it now. Raises UnavailableError."""
        if self._tail is None or not self._tail.is_following:
            raise UnavailableError("What was written before is being read.")
        return self._tail

    def distrust(self, error: Exception) -> None:
        """Begin anew, where this says that the file is damaged: whoever follows the log may never look at that page."""
        if is_damage(error) and self._tail is not None:
            self._tail.fail(error)

    def of(self, connection: str) -> ConnectionLog:
        """A connection of this partition."""
        return ConnectionLog(self.tail, connection)

    async def run(self) -> NoReturn:
        """Until cancelled."""
        await supervised(self._follow, self._tell, self._clocks)

    async def _follow(self) -> None:
        """Raises what has gone wrong."""
        of = await self._identity()
        store = self._opened(of)
        try:
            tail = self._tail = Tail(self._kafka, self.number, store, lambda name: self._belongs(name, self.number))
            # A TaskGroup of Python 3.11 may lose that it is to end, if something fails at the same moment.
            tasks = [asyncio.create_task(each) for each in (tail.run(), self._read(tail), self._watch(of))]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
                for each in done:
                    each.result()
            finally:
                for each in tasks:
                    each.cancel()
                await asyncio.wait(tasks)
        finally:
            self._tail, self._is_read = None, False
            store.close()

    async def _read(self, tail: Tail) -> None:
        """Returns when all has been read that the log held when this was called."""
        while not self._is_read:
            try:
                await tail.barrier()
                self._is_read = True
            except UnavailableError:
                if tail.is_following:
                    self._why = f"the log is being read, up to {tail.next_offset} now"
                await self._clocks.pause(SOON)

    async def _watch(self, before: str) -> NoReturn:
        """Raises AnotherLogError, and what `identity` raises but for brokers that don't answer now."""
        while True:
            await self._clocks.pause(LOOK_EVERY)
            try:
                now = await self._identity()
            except KafkaError:
                continue
            if now != before:
                raise AnotherLogError(f"events.scim was made anew: it is {now}, and was {before}")

    def _opened(self, of: str) -> Store:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Store(self._path, f"{of}/{self.number}")

    def _tell(self, error: Exception, failures: int) -> None:
        if (
            isinstance(error, AnotherLogError)
            or is_damage(error)
            or (isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError))
        ):
            discard(self._path)
        known = isinstance(error, KafkaError | StreamprocError | sqlite3.Error | OSError)
        self._why = told(error)
        tell = log.warning if failures == 0 and known else log.error
        tell("a partition can't be followed", partition=self.number, reason=self._why, exc_info=not known)


def is_damage(error: Exception) -> bool:
    """Whether something in the file can't be read: it has to be made anew."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in _DAMAGE


def told(error: Exception) -> str:
    """What went wrong, and what to do where somebody can."""
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return "another process uses the file: each gateway needs a folder of its own (STREAMPROC_GATEWAY_SCIM_STATE)"
    if isinstance(error, sqlite3.Error | OSError) and not isinstance(error, KafkaError):
        return f"the file of what clients read can't be used: {error}"
    if isinstance(error, StreamprocError):
        return str(error)
    return type(error).__name__

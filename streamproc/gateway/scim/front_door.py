"""Who is served: connections, which come, change and go while the gateway runs, and what each of them needs.

Rule 1: a token that is gone is refused from that moment on, whatever was known of it before.
Rule 2: before it is known which connections there are, nobody is refused: they are told to come again. A client that
hears 401 may stop for days.
Rule 3: only partitions are followed that a connection has its records in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import structlog

from streamproc.core.provider.request import Connection
from streamproc.gateway.scim.answer import Answer, later
from streamproc.gateway.scim.delivery import Deliveries
from streamproc.gateway.scim.partition import Partition
from streamproc.gateway.scim.service import ScimService, Surroundings
from streamproc.gateway.scim.shared_log import UnavailableError
from streamproc.gateway.scim.tokens import KnownToken, Tokens
from streamproc.health.decide.conditions import Trouble

log = structlog.get_logger("streamproc.gateway")

GRACE: Final = 10.0
"""Seconds for which a partition may not be followed, until that is told."""


SOON: Final = 0.02
"""Seconds between looks at whether it can be served."""


@dataclass(frozen=True, slots=True)
class ServedConnection:
    """What is set of a connection, as far as it is served."""

    connection: Connection
    partition: int
    tokens: tuple[KnownToken, ...] = ()
    patch_body: bool = False
    delivered: bool = False
    """A deactivation is answered when it is known what became of it."""


@dataclass(eq=False, slots=True)
class Served:
    """A connection that is served now. `busy`: its requests that aren't answered yet; `large`: bodies of these."""

    name: str
    service: ScimService
    busy: int = 0
    large: int = 0


class FrontDoor:
    """`partition`: makes one. `keys`: see Tokens. `deliveries`: None where nobody can know what became of users.

    It is a context, at whose end nobody is served any more.
    """

    def __init__(
        self,
        partition: Callable[[int], Partition],
        around: Surroundings,
        keys: tuple[bytes, ...] = (),
        deliveries: Deliveries | None = None,
    ) -> None:
        self._make = partition
        self._around = around
        self._keys = keys
        self._deliveries = deliveries
        self._tokens: Tokens | None = None
        self._settings: dict[str, ServedConnection] = {}
        self._served: dict[str, Served] = {}
        self._partitions: dict[int, Partition] = {}
        self._following: dict[int, asyncio.Task[Any]] = {}
        """By partition, also of one that isn't followed any more: it may not have ended yet."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._tokens = None
        self._follow(())
        left = {each for each in self._following.values() if not each.done()}
        while left:  # what fails at the same moment may swallow the order to end
            for each in left:
                each.cancel()
            left = (await asyncio.wait(left, timeout=1))[1]

    def serve(self, connections: Iterable[ServedConnection]) -> None:
        """These, and no others, from now on. What hasn't changed goes on as it was."""
        wanted = {each.connection.name: each for each in connections}
        self._follow({each.partition for each in wanted.values()})
        if self._deliveries is not None and any(each.delivered for each in wanted.values()):
            self._deliveries.want()
        for name, each in wanted.items():
            before = self._settings.get(name)
            if before is None or replace(before, tokens=each.tokens) != each:
                self._served[name] = Served(name, self._service(each))
        for name in [*self._served]:
            if name not in wanted:
                del self._served[name]
        if gone := sorted(self._settings.keys() - wanted.keys()):
            log.info("connections aren't served any more", connections=gone)
        if new := sorted(wanted.keys() - self._settings.keys()):
            log.info("connections are served", connections=new)
        self._settings = wanted
        self._tokens = Tokens([token for each in wanted.values() for token in each.tokens], self._keys)

    @property
    def is_known(self) -> bool:
        """Whether it is known which connections there are."""
        return self._tokens is not None

    async def until_served(self, pause: Callable[[float], Awaitable[None]]) -> None:
        """Returns when it is known which connections there are, and all that was written before is read."""
        while True:
            try:
                for partition in list(self._partitions.values()):
                    await partition.tail().barrier()
            except UnavailableError:
                pass
            else:
                if self.is_known:
                    return
            await pause(SOON)

    def who(self, authorization: str | None) -> Served | None:
        """Whose request it is, by its header Authorization. None: nobody's."""
        if self._tokens is None:
            return None
        name = self._tokens.connection(authorization, self._around.now())
        return None if name is None else self._served.get(name)

    def belongs(self, connection: str, partition: int) -> bool:
        """Whether a connection's records count in a partition, as far as the connection is known."""
        known = self._settings.get(connection)
        return known is None or known.partition == partition

    def distrust(self, connection: str, error: Exception) -> None:
        """A request of a connection has met this: see Partition."""
        known = self._settings.get(connection)
        if known is not None and known.partition in self._partitions:
            self._partitions[known.partition].distrust(error)

    def grant(self, authorization: str | None, form: bytes) -> Answer:
        """The answer to `POST /oauth/token`."""
        if self._tokens is None:
            return later("It isn't known yet which connections there are.")
        return self._tokens.grant(authorization, form, self._around.now())

    def troubles(self) -> Iterator[Trouble]:
        """What is wrong now."""
        for number, partition in self._partitions.items():
            if partition.trouble is not None:
                reason = f"its SCIM clients get 503: {partition.trouble}"
                yield Trouble("front_door", f"events.scim/{number}", "degraded", reason, GRACE)

    def _service(self, of: ServedConnection) -> ScimService:
        shared = self._partitions[of.partition].of(of.connection.name)
        return ScimService(
            of.connection,
            shared,
            self._around,
            patch_body=of.patch_body,
            deliveries=self._deliveries,
            delivered=of.delivered,
        )

    def _follow(self, numbers: Iterable[int]) -> None:
        numbers = set(numbers)
        for number in self._partitions.keys() - numbers:
            self._following[number].cancel()
            del self._partitions[number]
        for number in sorted(numbers - self._partitions.keys()):
            partition = self._partitions[number] = self._make(number)
            following = _after(self._following.get(number), partition)
            self._following[number] = asyncio.create_task(following, name=f"events.scim/{number}")


async def _after(before: asyncio.Task[Any] | None, partition: Partition) -> None:
    """Follow it, once whoever followed it before has let go of the file."""
    if before is not None:
        await asyncio.wait([before])
    await partition.run()

"""What lies between a process and the broker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from streamproc.adapters.kafka.log import KafkaConnectionError, KafkaError
from streamproc.testing.memory_log import faults
from streamproc.testing.memory_log.cluster import Cluster

Hop: TypeAlias = Callable[[str], Awaitable[None]]
"""Awaited on each way of a request, with the request's name. It may take its time."""
Answer = TypeVar("Answer")

BACKOFF = 0.02
"""Seconds until aiokafka asks a coordinator again that is busy with the transaction before."""
RESET = 0.1
"""Seconds until aiokafka asks again after its connection was reset."""
LOADING = 2.0
"""Seconds that a coordinator takes at most to be ready."""
LATE = 8.0
"""Seconds that a late request is on its way at most: longer than a session."""
COORDINATED = frozenset(
    {"join", "commit", "committed", "init_producer_id", "add_partitions", "add_offsets", "end_transaction"}
)
"""Requests to a group's or a transaction's coordinator."""


class BusyError(Exception):
    """The broker can't say yet: aiokafka asks again."""


async def one_turn(_: str) -> None:
    """The shortest hop: everybody else has a turn."""
    await asyncio.sleep(0)


class Link:
    """Of one process, `name`. Once `cut`, nothing gets through any more."""

    def __init__(self, cluster: Cluster, hop: Hop, name: str, alive: Callable[[], bool]) -> None:
        self.name = name
        self.cut = False
        self._alive = alive
        self._cluster = cluster
        self._hop = hop

    def heard(self) -> bool:
        """Whether the process says that it lives."""
        return not self.cut and self._alive()

    async def pass_by(self, request: str) -> None:
        """One way. Raises KafkaConnectionError where the link is cut."""
        if not self.cut:
            await self._hop(request)
        if self.cut:
            raise KafkaConnectionError(request)

    async def request(self, name: str, carry_out: Callable[[], Answer]) -> Answer:
        """Have something carried out by the broker, until there is an answer: so does aiokafka.

        `carry_out` may be called several times, and after the process has ended. Raises what it raises, and
        KafkaConnectionError where the link is cut.
        """
        cluster = self._cluster
        while True:
            await self.pass_by(name)
            if name in COORDINATED and (chance := cluster.fault(faults.COORDINATOR_LOADING)):
                await asyncio.sleep(LOADING * chance.random())
                continue
            if chance := cluster.fault(faults.REQUEST_LOST):
                await asyncio.sleep(RESET + chance.random())
                continue
            refusal: KafkaError | None = None
            try:
                chance = cluster.fault(faults.REQUEST_LATE)
                answer = await self._late(carry_out, LATE * chance.random() ** 2) if chance else carry_out()
            except BusyError:
                await asyncio.sleep(BACKOFF)
                continue
            except KafkaError as error:
                refusal = error
            if chance := cluster.fault(faults.ANSWER_LOST):
                await asyncio.sleep(RESET + chance.random())
                continue
            await self.pass_by(name)
            if refusal is not None:
                raise refusal
            return answer

    async def _late(self, carry_out: Callable[[], Answer], seconds: float) -> Answer:
        """It arrives in the broker's own time, whether or not the process still lives then."""
        arrived: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def arrive() -> None:
            try:
                answer = carry_out()
            except (BusyError, KafkaError) as error:
                if not arrived.done():
                    arrived.set_exception(error)
                    arrived.exception()  # who asked may be gone
            else:
                if not arrived.done():
                    arrived.set_result(answer)

        self._cluster.later(seconds, arrive)
        return await arrived

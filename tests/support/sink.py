"""A sink without Kafka, hours that pass in no time, and a target whose limit is used up."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from streamproc.compose.sink import make_sink
from streamproc.core.records.change_event import Fact, Origin
from streamproc.core.records.control import Action, Control
from streamproc.core.records.delivery import Parked, Standing
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import encode
from streamproc.core.scim.response_policy import Response
from streamproc.settings import load_settings
from streamproc.sink.control_follower import ReceivedCommand
from streamproc.sink.delivery_store import DeliveryStore
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.support.reconciler import InMemoryDeliveryStore, Org


class Hours:
    """Time that jumps to the next moment that somebody waits for, once nobody has anything else to do."""

    def __init__(self) -> None:
        self.now = 0.0
        self._alarms: list[tuple[float, int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._alarms, (self.now + seconds, id(alarm), alarm))
        await alarm

    async def until(self, end: float) -> None:
        while True:
            for _ in range(20):
                await asyncio.sleep(0)
            if not self._alarms or self._alarms[0][0] > end:
                return
            at, _, alarm = heapq.heappop(self._alarms)
            if not alarm.done():
                self.now = at
                alarm.set_result(None)


def full(answer: Response) -> Response:
    """The target's limit is used up for all but leavers."""
    said = {"inin-ratelimit-allowed": "1000000", "inin-ratelimit-count": "950000", "inin-ratelimit-reset": "60"}
    return replace(answer, headers={**answer.headers, **said})


class Closing(InMemoryDeliveryStore):
    """A partition's store that can be let go of."""

    def __init__(self, partition: int, ticks: Callable[[], float]) -> None:
        super().__init__(ticks, {}, 0)
        self.partition = partition
        self.waiting: dict[str, set[str]] = {}
        self.active: set[str] = set()
        self.standings: dict[str, Standing] = {}
        self.caught_up = True

    def touch(self) -> None:
        """Nothing is committed."""

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.lost = True


class Bench:
    """A sink with two partitions, and no consumer group behind it."""

    def __init__(self, org: Org, **options: Any) -> None:
        self.org = org
        options |= {"scim_url": f"{org.root}/api/v2/scim/v2", "token_url": f"{org.root}/oauth/token"}
        settings = load_settings(**options)
        kafka = MemoryLog(MemoryBroker(2, lambda: 0))
        self.sink = make_sink(settings, kafka, org.http)
        self.stores = [Closing(partition, self.sink._ticks) for partition in (0, 1)]
        self.sink._stores.update(enumerate(cast("list[DeliveryStore]", self.stores)))

    def give(self, user: str, **facts: Fact) -> int:
        record = self.org.folded(user, **facts)
        self.sink._take_in(0, cast("Any", SimpleNamespace(value=encode(record), offset=record.seq)))
        self.sink._pump()
        return record.seq

    async def idle(self) -> None:
        async with asyncio.timeout(5):
            while self.sink._tasks:  # noqa: ASYNC110 - it is other tasks
                await asyncio.sleep(0.001)

    def order(self, action: Action, user: str, since: int) -> None:
        control = Control("c", action, user, since, "Kim", "why", Millis(0))
        self.sink._controls._latest[user] = ordered = ReceivedCommand(
            control, Origin("streamproc.controls", 0, 0, Millis(0))
        )
        self.sink._ordered(ordered)

    def parked(self, user: str = "E1") -> Parked | None:
        return self.stores[0].known[user].parked

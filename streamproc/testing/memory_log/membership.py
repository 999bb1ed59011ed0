"""A consumer's place in its group: the task that aiokafka has, too. It follows the group, and runs the listener."""

import asyncio
from typing import Any

import structlog

from streamproc.adapters.kafka.log import ConsumerRebalanceListener
from streamproc.testing.memory_log.group import Group, Member
from streamproc.testing.memory_log.link import Link
from streamproc.testing.memory_log.positions import Positions

log = structlog.get_logger("streamproc.testing")


class Membership:
    """From `subscribe` on. `settled`: whether partitions were assigned, and none are moving."""

    def __init__(
        self,
        link: Link,
        group: Group,
        positions: Positions,
        topics: frozenset[str],
        listener: ConsumerRebalanceListener | None,
    ) -> None:
        self.member = Member(link, topics)
        self.settled = asyncio.Event()
        self._link = link
        self._group = group
        self._positions = positions
        self._listener = listener
        self._closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._follow(), name="consumer group")

    async def stop(self) -> None:
        """What the listener is doing comes to its end; then the group goes on without the member."""
        self._closing.set_result(None)
        await asyncio.wait([self._task])
        self.settled.set()
        if not self._link.cut:
            self._group.leave(self.member)

    def kill(self) -> None:
        """The process is gone."""
        self._task.cancel()

    def expire(self) -> None:
        """The broker hasn't heard of it for too long."""
        self._group.leave(self.member, "session")

    async def _follow(self) -> None:
        """Join, and join again whenever the group says so."""
        while not self._closing.done():
            self.settled.clear()
            await self._tell("on_partitions_revoked")
            while True:
                joining = await self._link.request("join", lambda: self._group.join(self.member))
                await self._either(joining)
                if not joining.done():
                    return
                if not joining.cancelled():
                    break
            await self._link.pass_by("join")
            self._positions.assign(joining.result())
            self.settled.set()
            await self._tell("on_partitions_assigned")
            await self._either(self.member.summons)

    async def _either(self, future: asyncio.Future[Any]) -> None:
        """Wait for it, or for `stop`."""
        if not future.done():
            await asyncio.wait([future, self._closing], return_when=asyncio.FIRST_COMPLETED)

    async def _tell(self, callback: str) -> None:
        """What a listener raises is only logged, as aiokafka does."""
        if self._listener is not None:
            try:
                await getattr(self._listener, callback)(self._positions.assigned())
            except Exception:
                log.exception("listener failed", callback=callback)

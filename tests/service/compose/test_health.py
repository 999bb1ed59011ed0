"""A service as others see it, from its start to its end, however it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streamproc.adapters.kafka.reading import read_topic
from streamproc.compose.health import both, observed
from streamproc.core.errors import KafkaUnavailableError
from streamproc.core.records.service_state import ServiceState, decode_service_state
from streamproc.core.records.topic_names import STATUS
from streamproc.health.health import Health
from streamproc.settings import load_settings
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.support.health import SILENT


class Service:
    """One without any work."""

    def __init__(self) -> None:
        self.log = MemoryLog(MemoryBroker(1, lambda: 5))

    @asynccontextmanager
    async def runs(self) -> AsyncIterator[Health]:
        """It works."""
        async with observed(load_settings(), self.log, "sink", lambda: [SILENT]) as health:
            health.ready()
            async with asyncio.timeout(20):
                while {each.state for each in await self.states()} <= {"starting"}:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            yield health

    async def states(self) -> list[ServiceState]:
        """All that it has said."""
        values = [value async for _, value in read_topic(self.log, STATUS, decode_service_state)]
        return [each for each in values if each is not None]

    async def last(self) -> tuple[str, list[str]]:
        """State and reasons with which it has ended."""
        state = (await self.states())[-1]
        return state.state, [each.reason for each in state.conditions]


async def test_an_end_in_order_is_told_as_such() -> None:
    """Whether it returns or is cancelled: it has stopped, and nothing is wrong with that."""
    service = Service()
    async with service.runs():
        assert (await service.states())[-1].state == "blind"
    assert await service.last() == ("stopped", [])

    async def cancelled() -> None:
        async with service.runs():
            running.cancel()
            await asyncio.Event().wait()

    running = asyncio.create_task(cancelled())
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await service.last() == ("stopped", [])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KafkaUnavailableError("no Kafka broker answers"), "no Kafka broker answers"),
        (ValueError("about E1001"), "ValueError: see its log"),
    ],
)
async def test_what_ends_a_service_is_its_last_word(error: Exception, reason: str) -> None:
    """Our own errors in their words, which name what to do; of others only their kind."""
    service = Service()
    with pytest.raises(type(error)):
        async with service.runs():
            raise error
    assert await service.last() == ("stopped", [reason])


def test_both_are_called() -> None:
    """Whoever waits for a service, and its health, hear that it is ready."""
    called: list[int] = []
    both(lambda: called.append(1), lambda: called.append(2))()
    assert called == [1, 2]

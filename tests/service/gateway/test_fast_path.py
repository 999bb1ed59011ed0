"""Waits with one timer for all: each ends at its own deadline, and nothing else ends it."""

import asyncio

import pytest
from aiokafka.errors import KafkaError

from streamproc.gateway.fast_path import SharedTimeout


def soon(seconds: float) -> float:
    """A moment in the loop's time."""
    return asyncio.get_running_loop().time() + seconds


async def test_each_wait_ends_at_its_own_deadline() -> None:
    """Also one that was begun later and ends earlier, and one that begins after the timer rang for the others."""
    deadlines, ended = SharedTimeout(), []

    async def wait(name: str, seconds: float) -> None:
        with pytest.raises(TimeoutError), deadlines.at(soon(seconds)):
            await asyncio.sleep(30)
        ended.append(name)

    lasting = asyncio.create_task(wait("lasting", 30))
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for name, seconds in (("third", 0.15), ("first", 0.05), ("second", 0.1)):
            group.create_task(wait(name, seconds))
    assert ended == ["first", "second", "third"]
    async with asyncio.timeout(10):
        await wait("fourth", 0.01)
    assert not lasting.done()
    lasting.cancel()
    await asyncio.gather(lasting, return_exceptions=True)


async def test_a_deadline_that_is_over_lets_nothing_wait() -> None:
    """A request whose body took all of its time isn't given more."""
    async with asyncio.timeout(10):
        with pytest.raises(TimeoutError), SharedTimeout().at(soon(-1)):
            await asyncio.sleep(30)


async def test_what_is_done_in_time_isnt_cut() -> None:
    """Neither what comes of it, nor what the same task waits for afterwards, while another's deadline passes."""
    deadlines = SharedTimeout()
    with deadlines.at(soon(0.02)):
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError), deadlines.at(soon(0.05)):
        await asyncio.sleep(30)
    with pytest.raises(KafkaError), deadlines.at(soon(30)):
        raise KafkaError
    await asyncio.sleep(0.05)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancelled_request_isnt_a_late_one() -> None:
    """At shutdown a task is cancelled from outside: that goes through as it is."""
    deadlines = SharedTimeout()

    async def wait() -> None:
        with deadlines.at(soon(30)):
            await asyncio.sleep(30)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

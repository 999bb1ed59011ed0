"""The loop: time that is virtual, an order that is chosen, and processes that stop, go on or never run again."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from random import Random
from typing import Any

import pytest

from streamproc.testing.event_loop import DeadlockError, SeededLoop
from streamproc.testing.process import Process


def played(main: Callable[[SeededLoop], Coroutine[Any, Any, Any]], seed: int = 1, **options: Any) -> Any:
    """What a coroutine returns, in a loop of its own."""
    loop = SeededLoop(Random(seed), **options)
    try:
        return loop.run_until_complete(main(loop))
    finally:
        loop.close()


def process(loop: SeededLoop, name: str) -> Process:
    return Process(name, loop.time, 0.0, Random(name))


async def counting(said: list[Any], name: str) -> None:
    for number in range(20):
        said.append((name, number))
        await asyncio.sleep(0)


def test_an_hour_takes_no_time_and_time_outs_end_when_they_should() -> None:
    """Sleeps, time-outs and threads' work end at their virtual moment."""

    async def main(loop: SeededLoop) -> tuple[float, int]:
        await asyncio.sleep(3600)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()
        return loop.time(), await asyncio.to_thread(lambda: 7)

    passed, given = played(main)
    assert (round(passed, 2), given) == (3660.0, 7)


def test_the_order_is_the_seeds_and_within_a_process_it_is_asyncios() -> None:
    """The same seed gives the same order, another one another; nobody overtakes within one process, unless asked."""

    async def main(loop: SeededLoop) -> list[Any]:
        said: list[Any] = []
        tasks = [loop.spawn(process(loop, name), counting(said, name)) for name in "abc"]
        await asyncio.wait(tasks)
        return said

    assert played(main) == played(main)
    assert played(main) != played(main, seed=2)
    for name in "abc":
        assert [number for each, number in played(main) if each == name] == list(range(20))

    async def within(loop: SeededLoop) -> list[int]:
        said: list[int] = []
        for number in range(30):
            loop.call_soon(said.append, number)
        await asyncio.sleep(1)
        return said

    assert played(within) == list(range(30))
    assert played(within, shuffled=True) != list(range(30))


def test_who_is_killed_never_runs_again_not_even_to_clean_up() -> None:
    """As after SIGKILL: no further step, no `finally`; others go on."""

    async def main(loop: SeededLoop) -> list[str]:
        said: list[str] = []

        async def work(name: str) -> None:
            try:
                await asyncio.sleep(2)
                said.append(f"{name} is done")
            finally:
                said.append(f"{name} has cleaned up")

        first, second = process(loop, "first"), process(loop, "second")
        loop.spawn(first, work("first"))
        loop.spawn(second, work("second"))
        await asyncio.sleep(1)
        loop.kill(first)
        await asyncio.sleep(5)
        return said

    assert played(main) == ["second is done", "second has cleaned up"]


def test_who_is_paused_is_late_and_goes_on_afterwards() -> None:
    """As after SIGSTOP: what was due meanwhile happens when it goes on."""

    async def main(loop: SeededLoop) -> list[float]:
        said: list[float] = []

        async def work() -> None:
            await asyncio.sleep(2)
            said.append(round(loop.time(), 1))

        paused = process(loop, "paused")
        loop.spawn(paused, work())
        await asyncio.sleep(1)
        loop.pause(paused)
        await asyncio.sleep(9)
        assert not said
        loop.resume(paused)
        await asyncio.sleep(1)
        return said

    assert played(main) == [10.0]


def test_sets_of_tasks_and_futures_have_the_same_order_each_time() -> None:
    """Whoever goes through a set of them, as TaskGroup does when it cancels, does it in one order."""

    async def main(loop: SeededLoop) -> list[int]:
        tasks = {asyncio.create_task(asyncio.sleep(1), name=str(number)) for number in range(50)}
        futures = {loop.create_future(): number for number in range(50)}
        order = [int(each.get_name()) for each in tasks] + [futures[each] for each in set(futures)]
        await asyncio.wait(tasks)
        return order

    assert played(main) == played(main)


def test_a_run_in_which_nobody_can_go_on_ends() -> None:
    """Nothing to do and nothing to wait for is an error, not a run for ever; what a callback raises is kept."""

    async def main(loop: SeededLoop) -> None:
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0.1)
        assert [type(each) for each in loop.errors] == [ZeroDivisionError]
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError):
        played(main)


def test_what_belongs_to_nobody_goes_on_when_who_asked_for_it_is_dead() -> None:
    """A timer of the broker, whose context is empty, isn't the process's that happened to start it."""

    async def main(loop: SeededLoop) -> list[str]:
        said: list[str] = []
        victim = process(loop, "victim")

        async def ask() -> None:
            loop.call_later(1.0, said.append, "timer", context=Context())
            loop.call_soon(said.append, "soon", context=Context())
            await asyncio.sleep(5.0)

        loop.spawn(victim, ask())
        await asyncio.sleep(0.5)
        loop.kill(victim)
        await asyncio.sleep(5.0)
        return said

    assert played(main) == ["soon", "timer"]


def test_ticks_go_on_when_a_clock_that_gained_becomes_right() -> None:
    """They never go back, whatever is done to a clock: else what is old would count as young."""
    now = [100.0]
    process = Process("sink0", lambda: now[0], 1000.0, Random(1), skew=5.0, drift=0.03)
    before = process.ticks()
    process.steady()
    assert process.ticks() == before
    now[0] += 1.0
    assert (process.ticks(), process.clock()) == (before + 1.0, 1101.0)

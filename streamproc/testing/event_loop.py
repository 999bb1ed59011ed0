"""An event loop without sockets and threads, whose time is virtual and whose order is chosen by a seed.

Rule 1: within one process, callbacks run in the order in which they became ready, as asyncio promises. Which process
goes on next, and for how long, is chosen. (`shuffled`: any callback of a process may be the next.)
Rule 2: time passes only where nobody has anything to do, but for `COST` with each callback.
Rule 3: what iterates over a set of tasks or futures finds the same order each time: they hash by their number.
"""

import asyncio
import itertools
from asyncio import events
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from heapq import heappop, heappush
from random import Random
from typing import Any, ClassVar, Final, Self

from streamproc.testing.process import CURRENT, Process, context_of

COST: Final = 1e-5
"""Seconds."""
MOST_WAITS: Final = 100
"""Times that a coroutine may wait once more as it is ended."""
LIVELOCK: Final = 500_000
"""Callbacks within `LIVELOCK_SECONDS` that nobody waits for in earnest."""
LIVELOCK_SECONDS: Final = 20.0


class OverError(BaseException):
    """Nothing of this world will ever go on."""


class LivelockError(Exception):
    """Somebody is for ever busy."""


class DeadlockError(Exception):
    """Nobody has anything to do, or to wait for, and the run isn't over."""


class NumberedTask(asyncio.Task[Any]):
    """A task that hashes by its number."""

    numbers: ClassVar["itertools.count[int]"] = itertools.count()

    def __new__(cls, *_: Any, **__: Any) -> Self:
        task = super().__new__(cls)
        task.number = next(NumberedTask.numbers)
        return task

    number: int

    def __hash__(self) -> int:
        return self.number


class NumberedFuture(asyncio.Future[Any]):
    """A future that hashes by its number."""

    number: int

    def __hash__(self) -> int:
        return self.number


class _Handle(asyncio.Handle):
    """As asyncio's, without what only a loop in debug mode asks for."""

    __slots__ = ()

    def __init__(self, callback: Any, args: Any, context: Context | None) -> None:
        self._callback, self._args = callback, args
        self._context = copy_context() if context is None else context
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        self._callback, self._args = None, ()


class _Timer(_Handle, asyncio.TimerHandle):
    """It is passed over when its time comes, where it was cancelled."""

    __slots__ = ()


class SeededLoop(asyncio.BaseEventLoop):
    """The loop of one world. `home`: the process of whatever belongs to none. `errors`: what callbacks have raised."""

    def __init__(self, chance: Random, *, burst: int = 16, shuffled: bool = False) -> None:
        super().__init__()
        NumberedTask.numbers = self._numbers = itertools.count()
        self._chance = chance
        self._burst = burst
        self._shuffled = shuffled
        self._now = 0.0
        self._timers: list[tuple[float, int, _Timer]] = []
        self._order = itertools.count()
        self._runnable: list[Process] = []
        self.home = Process("world", self.time, 0.0, chance)
        self.callbacks = 0
        """How many have run."""
        self._checked = (0, 0.0)
        self.kept: list[asyncio.Task[Any]] = []
        """All tasks ever made: a dead process's mustn't be collected, which would run their `finally`."""
        self.over = False
        """Whether all that will never end has been ended."""
        self.set_task_factory(self._make_task)
        self.errors: list[BaseException] = []
        # What tasks raise that nobody waits for is told when they are collected, and isn't kept.
        self.set_exception_handler(lambda *_: None)

    def time(self) -> float:
        """Seconds since the world began."""
        return self._now

    # What is to be run

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """In its process's turn; never, where the process is dead."""
        handle = _Handle(callback, args, context)
        self._put(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """`when`: in `time()`."""
        timer = _Timer(callback, args, context)
        timer._when = when  # type: ignore[attr-defined]  # noqa: SLF001
        heappush(self._timers, (when, next(self._order), timer))
        return timer

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """`delay`: seconds."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> NumberedFuture:
        future = NumberedFuture(loop=self)
        future.number = next(self._numbers)
        return future

    def _make_task(self, _: asyncio.AbstractEventLoop, coro: Any, context: Context | None = None) -> NumberedTask:
        task = NumberedTask(coro, loop=self, context=context)
        self.kept.append(task)
        return task

    def run_in_executor(self, _: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        """There are no threads: the work is done at once, some milliseconds later."""
        future = self.create_future()

        def work() -> None:
            if future.done():
                return
            try:
                future.set_result(func(*args))
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                future.set_exception(error)

        self.call_later(self._chance.random() * 0.005, work)
        return future

    async def shutdown_default_executor(self, *_: Any) -> None:
        """No threads are used."""

    # Processes

    def spawn(self, process: Process, main: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something in a process."""
        return self.create_task(main, context=context_of(process, copy_context()))

    def pause(self, process: Process) -> None:
        """As SIGSTOP: timers that end meanwhile are late."""
        if process.state == "running":
            process.state = "paused"

    def resume(self, process: Process) -> None:
        """As SIGCONT."""
        if process.state == "paused":
            process.state = "running"
            if process.ready and not process.waiting:
                process.waiting = True
                self._runnable.append(process)

    def kill(self, process: Process) -> None:
        """As SIGKILL."""
        process.state = "dead"
        process.ready.clear()

    def bury(self) -> None:
        """End whatever will never end, when all is over, and not whenever it is collected, while another loop runs or
        none. What is begun as it ends never runs.
        """
        self.over = True
        events._set_running_loop(self)  # noqa: SLF001
        try:
            for task in self.kept:  # with those that are made meanwhile
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
                    _end(task.get_coro())
        finally:
            events._set_running_loop(None)  # noqa: SLF001
        self.kept.clear()

    # Running

    def _put(self, handle: asyncio.Handle) -> None:
        if self.over:
            return
        process = handle._context.get(CURRENT, self.home)  # type: ignore[attr-defined]  # noqa: SLF001
        if process.state == "dead":
            return
        process.ready.append(handle)
        if not process.waiting and process.state == "running":
            process.waiting = True
            self._runnable.append(process)

    def _run_once(self) -> None:
        """Called by `run_forever`. Let time pass where nobody has anything to do; then somebody goes on."""
        timers, runnable = self._timers, self._runnable
        while not self._stopping:  # type: ignore[attr-defined]
            if not runnable:
                while timers and timers[0][2]._cancelled:  # noqa: SLF001
                    heappop(timers)
                if not timers:
                    raise DeadlockError
                self._now = max(self._now, timers[0][0])
            while timers and timers[0][0] <= self._now:
                handle = heappop(timers)[2]
                if not handle._cancelled:  # noqa: SLF001
                    self._put(handle)
            if runnable:
                self._turn(runnable)

    def _turn(self, runnable: list[Process]) -> None:
        """One process goes on for a while."""
        random = self._chance.random
        if len(runnable) > 1:
            process = runnable[int(random() * len(runnable))]
            most = 1 + int(random() * self._burst)
        else:
            process, most = runnable[0], self._burst
        ready = process.ready
        while most and ready and process.state == "running" and not self._stopping:  # type: ignore[attr-defined]
            most -= 1
            if self._shuffled and len(ready) > 1:
                index = int(random() * len(ready))
                handle = ready[index]
                del ready[index]
            else:
                handle = ready.popleft()
            if not handle._cancelled:  # noqa: SLF001
                self._now += COST
                self.callbacks += 1
                try:
                    handle._context.run(handle._callback, *handle._args)  # noqa: SLF001
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever it is
                    self.errors.append(error)
        if not ready or process.state != "running":
            process.waiting = False
            runnable.remove(process)
        if self.callbacks - self._checked[0] > LIVELOCK:
            if self._now - self._checked[1] < LIVELOCK_SECONDS:
                raise LivelockError
            self._checked = (self.callbacks, self._now)


def _end(coroutine: Any) -> None:
    """What waits for something as it ends is told again."""
    for _ in range(MOST_WAITS):
        if coroutine.cr_frame is None:
            return
        with suppress(BaseException):
            coroutine.throw(OverError())

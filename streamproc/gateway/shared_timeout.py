"""Waits that end at a deadline, all with one timer: with one for each, the timers cost more than what is waited for."""

import asyncio
from math import inf
from types import TracebackType
from typing import Self


class SharedTimeout:
    """For the tasks of one loop."""

    def __init__(self) -> None:
        self._waits: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next = inf

    def at(self, when: float) -> "Deadline":
        """A context that is left by TimeoutError at `when`, in the loop's time."""
        return Deadline(self, when)

    def begin(self, wait: "Deadline") -> None:
        """It waits from now on."""
        self._waits.add(wait)
        if wait.when < self._next:
            self._arm(wait.when)

    def end(self, wait: "Deadline") -> None:
        """It is over. The timer stays: the next wait is likely to end after it."""
        self._waits.discard(wait)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = asyncio.get_running_loop().call_at(when, self._ring)

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time() + 0.001  # timers may be early by the half of a millisecond
        self._timer, self._next = None, inf
        for each in [wait for wait in self._waits if wait.when <= now]:
            self._waits.discard(each)
            each.cut()
        if self._waits:
            self._arm(min(wait.when for wait in self._waits))


class Deadline:
    """One wait, as `asyncio.timeout_at` has it."""

    __slots__ = ("_all", "_cancelling", "_late", "_task", "when")

    def __init__(self, all_: SharedTimeout, when: float) -> None:
        self._all = all_
        self._late = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.when = when

    def __enter__(self) -> Self:
        task = self._task = asyncio.current_task()
        assert task is not None
        self._cancelling = task.cancelling()
        self._all.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._all.end(self)
        if self._late:
            assert self._task is not None
            if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def cut(self) -> None:
        """It took too long."""
        assert self._task is not None
        self._late = True
        self._task.cancel()

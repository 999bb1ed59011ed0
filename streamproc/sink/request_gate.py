"""Request gate: whose request goes out next, and when. Everything that the sink sends to the target passes it.

Who waits here waits in the order of urgency, then of arrival: a leaver overtakes everybody. It opens as fast as the
target's rate limit lets it (`core/flow/rate_limit.py`), one probe at a time while the target is in trouble
(`core/flow/circuit_breaker.py` then says whose), and not at all while an operator has paused the sink.
"""

import asyncio
import heapq
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from streamproc.adapters.wait import wait_unless
from streamproc.core.flow.circuit_breaker import CircuitBreaker
from streamproc.core.flow.rate_limit import RateLimiter
from streamproc.core.fold.plan import Urgency
from streamproc.core.scim.response_policy import Response, is_page, is_redirect
from streamproc.core.scim.retry_after import asked_to_wait
from streamproc.sink.gate_watch import Closed, GateWatch

LONG: Final = 5.0
"""Seconds for which the count may keep leavers waiting before that is told."""


@dataclass(order=True, slots=True)
class _Waiting:
    urgency: Urgency
    ticket: int
    user: str
    woken: asyncio.Event = field(default_factory=asyncio.Event, compare=False)
    newer: bool = field(default=False, compare=False)
    gone: bool = field(default=False, compare=False)


class RequestGate:
    """One for all users. `sleep` waits real seconds; `ticks` is a clock that never goes back.

    At most `connections` requests are under way, and of leavers as many again: what waits for a connection waits here.
    """

    def __init__(
        self,
        rate_limiter: RateLimiter,
        circuit_breaker: CircuitBreaker,
        ticks: Callable[[], float],
        sleep: Callable[[float], Coroutine[Any, Any, None]],
        connections: int = 16,
    ) -> None:
        self.rate_limiter = rate_limiter
        self.circuit_breaker = circuit_breaker
        self._ticks = ticks
        self._sleep = sleep
        self._queue: list[_Waiting] = []
        self._waiting: dict[str, _Waiting] = {}
        self._tickets = 0
        self._stopped = False
        self.connections = connections
        self.watch = GateWatch()
        self._lacking: Literal["token", "connection"] | None = None
        """What the last request lacked to be sent at all."""
        self._failed: Response | None = None
        """The last answer that wasn't good."""
        self._in_flight = 0

    @property
    def stopped(self) -> bool:
        """Whether an operator has paused the sink."""
        return self._stopped

    @stopped.setter
    def stopped(self, stopped: bool) -> None:
        self._stopped = stopped
        self.look()
        self._wake()

    def ticket(self) -> int:
        """A place in the order of arrival."""
        self._tickets += 1
        return self._tickets

    async def enter(self, user: str, urgency: Urgency, ticket: int) -> bool:
        """Wait until the user's request may go out. False: newer work of the user came in meanwhile; nothing was let
        out, and what was to be sent may not matter any more.
        """
        if self._head() is None and self._seconds(urgency) <= 0:
            self._let_out()
            return True
        waiting = self._waiting[user] = _Waiting(urgency, ticket, user)
        heapq.heappush(self._queue, waiting)
        try:
            while not waiting.newer:
                seconds = self._seconds(urgency) if self._head() is waiting else math.inf
                if seconds <= 0:
                    self._let_out()
                    return True
                await wait_unless(self._sleep, seconds, waiting.woken)
                waiting.woken.clear()
            return False
        finally:
            waiting.gone = True
            del self._waiting[user]
            self._wake()

    def nudge(self, user: str) -> None:
        """Newer work of the user came in."""
        if waiting := self._waiting.get(user):
            waiting.newer = True
            waiting.woken.set()

    def answered(self, user: str, answer: Response, *, write: bool, apart: bool = False) -> None:
        """What came of a request that was let out. `apart`: a refusal says nothing of other kinds of request."""
        now, status = self._ticks(), answer.status
        if status is not None and (is_redirect(answer) or is_page(answer)):
            status = None
        self._in_flight -= 1
        self.rate_limiter.answered(now, answer.status, answer.headers, answer.body, user)
        after = (asked_to_wait(answer.headers, {}) or 0.0) if status == 503 else 0.0
        if apart and answer.status == 403:
            self.circuit_breaker.lost()
        else:
            self.circuit_breaker.answered(user, write=write, status=status, now=now, after=after)
        if status is None or status >= 400:
            self._failed = answer
        if answer.status is not None or answer.trouble is not None:
            self._lacking = answer.trouble
        self.look()
        self._wake()

    def lost(self) -> None:
        """A request that was let out was given up before its answer came."""
        self._in_flight -= 1
        self.rate_limiter.lost()
        self.circuit_breaker.lost()
        self._wake()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def look(self) -> Closed | None:
        """Why nothing goes out now. None: something may."""
        now, failed = self._ticks(), self._failed
        because = "" if failed is None else failed.error or f"{_whose(failed)} {failed.status}"
        closed: Closed | None = None
        if self._stopped:
            closed = Closed("paused", "an operator has paused the sinks")
        elif self._lacking is not None:
            closed = Closed(self._lacking, because)
        elif self.circuit_breaker.down:
            closed = Closed("target", f"{because} to several users in a row")
        elif (seconds := self.rate_limiter.closed_until - now) > 0:
            closed = Closed("rate_limit", because, seconds)
        elif (seconds := self.rate_limiter.wait(now, urgent=True)) > LONG:
            closed = Closed("rate_limit", "by its own count the limit is used up, also for leavers", seconds)
        self.watch.look(closed, len(self), now)
        return closed

    def _seconds(self, urgency: Urgency) -> float:
        if self._stopped or self._in_flight >= self.connections * (2 if urgency is Urgency.REVOKE else 1):
            return math.inf
        now = self._ticks()
        return max(self.circuit_breaker.wait(now), self.rate_limiter.wait(now, urgent=urgency is Urgency.REVOKE))

    def _let_out(self) -> None:
        self._in_flight += 1
        self.circuit_breaker.sent()
        self.rate_limiter.sent(self._ticks())

    def _head(self) -> _Waiting | None:
        while self._queue and self._queue[0].gone:
            heapq.heappop(self._queue)
        if self.circuit_breaker.down:
            return min(
                self._waiting.values(),
                key=lambda waiting: (self.circuit_breaker.failed(waiting.user), waiting),
                default=None,
            )
        return self._queue[0] if self._queue else None

    def _wake(self) -> None:
        if head := self._head():
            head.woken.set()


def _whose(answer: Response) -> str:
    foreign = is_redirect(answer) or is_page(answer)
    return "something in front of the target (a login, a proxy) answers" if foreign else "the target answers"

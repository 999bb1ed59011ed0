"""Asking: one request of a trip, through the gate and on the record, and the wait before it is tried again.

Rule 1: nothing is written unless the journal confirmed that the partition is ours: after what the write rests on was
read, and not long ago.
Rule 2: newer work of the user may come in during any wait, and then what was to be sent may not matter any more:
`NewerWork` leads back to planning. A leaver ends any wait.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import orjson
import structlog

from streamproc import telemetry
from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.adapters.wait import wait_unless
from streamproc.core.flow.circuit_breaker import PROBE_FIRST
from streamproc.core.fold.plan import Urgency
from streamproc.core.records.delivery import Parked
from streamproc.core.records.outcome import Request, Verdict
from streamproc.core.scim.response_policy import (
    Deliver,
    Denied,
    Gone,
    Park,
    RequestKind,
    Response,
    backoff,
    describe,
    response_action,
)
from streamproc.core.scim.response_policy import ResponseAction as Meaning
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.delivery_store import PartitionLostError
from streamproc.sink.reconciliation import Reconciliation, Work
from streamproc.sink.request_gate import RequestGate

log = structlog.get_logger("streamproc.courier")

Noted: TypeAlias = Callable[[Request, dict[str, Any] | None], Request]
"""Adds to a request what its answer's body says of the user. None: there is no such thing as was asked for."""

TELL_AT: Final = frozenset({5, 10})
"""Attempts after which somebody is told that it is still being tried; and every 50."""


class NewerWork(Exception):  # noqa: N818 - control flow of the courier
    """Newer work of the user came in while something was waited for, and has been taken on board."""


class SetAside(Exception):  # noqa: N818 - control flow of the courier
    """The whole turn is set aside."""

    def __init__(self, parked: Parked) -> None:
        super().__init__(parked.reason)
        self.parked = parked


@dataclass(frozen=True, slots=True)
class Times:
    """Clocks and waits, so that a test can hold them. `clock`: seconds since 1970; `ticks` never goes back.

    `pause` waits and lends the trip's place among the connections to somebody else; `jitter` is 0 to 1.
    """

    clock: Callable[[], float]
    ticks: Callable[[], float]
    pause: Callable[[float], Coroutine[Any, Any, None]]
    jitter: Callable[[], float]
    fresh: float
    """Seconds for which a confirmation of the partition is good."""
    landed: float
    """Seconds after which a request that wasn't answered has been applied or never will be."""

    def now(self) -> int:
        """Milliseconds since 1970."""
        return round(self.clock() * 1000)


@dataclass(slots=True)
class RequestExecutor:
    """See above."""

    scim: ScimHttp
    gate: RequestGate
    lanes: Lanes[Work]
    times: Times
    _resting: dict[str, asyncio.Event] = field(default_factory=dict)

    async def read(self, trip: Reconciliation, path: str) -> Response:
        """A GET, sent once. Raises NewerWork where newer work came in while it waited to be sent."""
        await self._enter(trip)
        return await self._send(trip, "GET", path, None, None)

    async def write(
        self,
        trip: Reconciliation,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        etag: str | None,
        *,
        learned: float,
    ) -> Response:
        """A write, sent once. `learned`: ticks at which what it rests on was learned (rule 1).

        Raises NewerWork as `read` does, and PartitionLostError.
        """
        await self._sure(trip, learned)
        await self._enter(trip)
        try:
            await self._sure(trip, learned)  # it may have waited at the gate for long
        except BaseException:
            self.gate.lost()
            raise
        return await self._send(trip, method, path, body, etag)

    async def get(
        self,
        trip: Reconciliation,
        path: str,
        shows: Callable[[dict[str, Any]], bool],
        noted: Noted = lambda request, _: request,
    ) -> Response | None:
        """A GET, until it is answered by what it asked for. None: there is no such thing.

        Raises NewerWork, and SetAside where it is refused for good.
        """
        while True:
            turn = trip.turn
            answer = await self.read(trip, path)
            decided = self.judge("read", answer, trip.attempts)
            request = trip.requests.pop()
            if isinstance(decided, Deliver) and shows(answer.body):
                told = noted(request, answer.body)
                trip.journal.record([trip.outcome("read", final=False, reason=None, requests=[told])])
                return answer
            if isinstance(decided, Gone):
                told = noted(request, None)
                trip.journal.record([trip.outcome("absent", final=False, reason=None, requests=[told])])
                return None
            trip.requests.append(request)
            if isinstance(decided, Park) or (isinstance(decided, Denied) and self.gate.theirs(trip.denied)):
                raise SetAside(trip.parked("refused", decided.reason, answer))
            trip.denied += isinstance(decided, Denied)
            after = getattr(decided, "after", backoff(trip.attempts, self.times.jitter()))
            await self.again(trip, "retry", request, describe(answer), after)
            if self.newest(trip) or trip.turn is not turn:
                raise NewerWork

    async def end_sessions(self, trip: Reconciliation, platform: PlatformHttp) -> int | None:
        """Through the gate like all else, since it counts towards the limit; but it says nothing of SCIM's health."""
        while not await self.gate.enter(trip.user, Urgency.REVOKE, trip.ticket):
            pass
        try:
            return await platform.end_sessions(str(trip.id))
        finally:
            self.gate.lost()

    def judge(self, asked: RequestKind, answer: Response, attempts: int) -> Meaning:
        """What an answer means, counted."""
        decided = response_action(asked, answer, attempts, self.times.jitter())
        telemetry.REQUESTS.labels(type(decided).__name__.lower()).inc()
        return decided

    def newest(self, trip: Reconciliation) -> bool:
        """Take newer work on board. True: there was some."""
        newer = self.lanes.newest(trip.user)
        if newer is None:
            return False
        trip.turn, trip.denied = newer, 0
        trip.aside.clear()
        trip.given_up.clear()
        return True

    async def again(self, trip: Reconciliation, said: Verdict, request: Request, reason: str, after: float) -> None:
        """Tell of an attempt that wasn't the last, and wait."""
        trip.attempts += 1
        trip.requests.remove(request)
        trip.journal.record([trip.outcome(said, final=False, reason=reason, requests=[request])])
        if trip.attempts in TELL_AT or trip.attempts % 50 == 0:
            log.warning(
                "still trying",
                partition=trip.turn.partition,
                seq=trip.record.seq,
                attempts=trip.attempts,
                status=request.status,
                correlation_id=request.correlation_id,
            )
        # With the target down it is the gate that waits. A wait of one's own would go on when everybody else goes on.
        await self.wait(trip, min(after, PROBE_FIRST) if self.gate.health.down else after)

    async def wait(self, trip: Reconciliation, seconds: float) -> None:
        """Before a retry. A leaver doesn't wait for what went wrong with somebody who was to stay."""
        until, recoveries = self.times.ticks() + seconds, self.gate.health.recoveries
        while (remaining := until - self.times.ticks()) > 0 and recoveries == self.gate.health.recoveries:
            if self.newest(trip) and trip.leaver:
                return
            if not await self.rest(trip.user, remaining):
                return

    async def rest(self, user: str, seconds: float) -> bool:
        """Wait; True: newer work of the user ended the wait."""
        return await self._rest(user, seconds, self.times.pause)

    @asynccontextmanager
    async def holding(self, trip: Reconciliation, lock: asyncio.Lock) -> AsyncIterator[None]:
        """The lock, but no wait for it where newer work comes in: a leaver needs no lock. Raises NewerWork."""
        acquired = False

        async def acquire(_: float) -> None:
            nonlocal acquired
            acquired = await lock.acquire()

        try:
            if self.newest(trip) or await self._rest(trip.user, 0.0, acquire):
                raise NewerWork
            yield
        finally:
            if acquired:
                lock.release()

    def nudge(self, user: str) -> None:
        """Newer work of the user came in: end its wait."""
        if woken := self._resting.get(user):
            woken.set()
        self.gate.nudge(user)

    async def _rest(self, user: str, seconds: float, sleep: Callable[[float], Coroutine[Any, Any, None]]) -> bool:
        woken = self._resting[user] = asyncio.Event()
        try:
            return await wait_unless(sleep, seconds, woken)
        finally:
            del self._resting[user]

    async def _sure(self, trip: Reconciliation, learned: float) -> None:
        """Rule 1. Raises PartitionLostError."""
        if trip.journal.lost:
            raise PartitionLostError
        confirmed = trip.journal.confirmed
        if confirmed < learned or self.times.ticks() - confirmed > self.times.fresh:
            await trip.journal.confirm()

    async def _enter(self, trip: Reconciliation) -> None:
        if self.newest(trip):  # it came while nothing was waited for, and nobody would be told of it at the gate
            raise NewerWork
        urgency = Urgency.REVOKE if trip.leaver else trip.turn.urgency
        if not await self.gate.enter(trip.user, urgency, trip.ticket):
            self.newest(trip)
            raise NewerWork

    async def _send(
        self, trip: Reconciliation, method: str, path: str, body: dict[str, Any] | None, etag: str | None
    ) -> Response:
        content = f"{method} {path} {etag}".encode() + (b"" if body is None else orjson.dumps(body))
        request_id = f"{trip.turn.partition}-{trip.record.seq}-{zlib.crc32(content):08x}"
        sent = self.times.now()
        try:
            answer = await self.scim.request(method, path, request_id, body, etag)
        except BaseException:  # the partition was taken away while the answer was under way
            self.gate.lost()
            raise
        recoveries = self.gate.health.recoveries
        self.gate.answered(trip.user, answer, write=method != "GET")
        if recoveries != self.gate.health.recoveries:
            for woken in self._resting.values():  # the target is back: nobody waits for it any longer
                woken.set()
        trip.requests.append(
            Request(
                id=request_id,
                method=method,
                path=path,
                body=body,
                sent=sent,
                answered=self.times.now(),
                status=answer.status,
                correlation_id=answer.headers.get("inin-correlation-id"),
                error=answer.error,
            )
        )
        return answer

"""Request executor: one request of a turn, through the gate and over the network. It decides nothing about users.

Rule 1: nothing is written unless the delivery store confirmed that the partition is ours: after what the write rests on
was read, and not long ago (`confirmation.py`). Nothing is waited for between that and the request.
Rule 2: newer work of the user may come in during any wait, and then what was to be sent may not matter any more:
nothing is sent, and it is decided anew.
Rule 3: a kind of request that everybody is refused goes out one at a time (`decide/common_refusal.py`); who is held
lends their place among the connections to others.
Rule 4: what rests on a read waits until all is in the lanes that the sink before us may have acted on: the target may
show what came of a record that isn't read here yet, and would be taken back to an older one. A leaver doesn't wait;
nor does anybody for longer than that sink's last request may take to land, as reading stops behind very many users.
"""

import asyncio
import zlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import structlog

from streamproc import telemetry
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.adapters.wait import wait_unless
from streamproc.core.fold.plan import Urgency
from streamproc.core.records.outcome import Request
from streamproc.core.scim.response_policy import Response, describe, is_page, is_redirect, response_action
from streamproc.sink.confirmation import make_sure
from streamproc.sink.decide.common_refusal import AskedKind, Asking, CommonRefusals, is_forbidden_access
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.steps import Exchange, Moment, ScimRequest
from streamproc.sink.delivery_store import DeliveryStore
from streamproc.sink.request_gate import RequestGate

log = structlog.get_logger("streamproc.sink")

CATCH_UP: Final = 0.02
"""Seconds between two looks whether a partition is read as far as it has to be."""
LOOK: Final = 300.0
"""Seconds after which somebody who is held looks for themselves, should nobody have woken them."""
TELL_EVERY: Final = 300.0
"""Seconds between two lines about the same trouble."""


class _NewerWorkError(Exception):
    """Newer work came in while a request waited to be sent."""


@dataclass(slots=True)
class RequestExecutor:
    """One for all users. `lanes`: where newer work of a user shows.

    `clocks.pause` waits and lends the turn's place among the connections to somebody else; `hold`: the same, for
    however many.
    """

    scim: ScimHttp
    gate: RequestGate
    lanes: Lanes[Work]
    clocks: Clocks
    hold: Callable[[float], Coroutine[Any, Any, None]]
    fresh: float
    """Seconds for which a confirmation of the partition is good."""
    landed: float
    """Seconds after which a request that wasn't answered has been applied or never will be."""
    refusals: CommonRefusals = field(default_factory=CommonRefusals)
    _told: dict[AskedKind, float] = field(default_factory=dict)
    """Kind of request that everybody is refused, to the ticks at which that was told last."""
    _resting: dict[str, asyncio.Event] = field(default_factory=dict)
    """User to what ends that user's wait."""
    _strange: bool = False
    """Whether the last answer was a redirect or a page."""

    def moment(self) -> Moment:
        """Now."""
        down = self.gate.circuit_breaker.down
        return Moment(self.clocks.ticks(), self.clocks.millis(), self.clocks.jitter(), down, self.refusals.shared)

    async def send(
        self, progress: Progress, request: ScimRequest, ticket: int, store: DeliveryStore, asking: Asking | None
    ) -> Exchange | None:
        """Send it once, in its turn. `ticket`: its place in the order of arrival at the gate.

        None: newer work came in while it waited, and nothing was sent. Raises PartitionLostError.
        """
        if asking is None:
            return await self._send(progress, request, ticket, store)
        try:
            if not progress.leaver and not await self._admitted(progress.user, asking.kind, ticket):
                return None
            exchange = await self._send(progress, request, ticket, store, asking.kind)
            if exchange is not None:
                response, now = exchange.response, self.clocks.ticks()
                words = describe(response) if (response.status or 0) >= 400 else ""
                self.refusals.answered(asking, progress.user, response.status, words, now)
                self._tell_refused(asking.kind, now)
            return exchange
        finally:
            self.refusals.lost(asking.kind, progress.user)
            self._wake_held(asking.kind)

    async def _admitted(self, user: str, kind: AskedKind, ticket: int) -> bool:
        """Rule 3. False: newer work came in."""
        while (seconds := self.refusals.wait(kind, user, ticket, self.clocks.ticks())) > 0:
            await self._rest(user, min(seconds, LOOK), self.hold)
            if self.lanes.has_newer(user):
                return False
        self.refusals.sent(kind, user)
        return True

    def _wake_held(self, kind: AskedKind) -> None:
        chosen = self.refusals.chosen(kind)
        for user in self.refusals.waiting(kind):
            if (user == chosen or kind not in self.refusals.shared) and (woken := self._resting.get(user)):
                woken.set()

    def _tell_refused(self, kind: AskedKind, now: float) -> None:
        said = self.refusals.shared.get(kind)
        telemetry.REFUSED_TO_ALL.labels(kind).set(said is not None)
        if said is None:
            if self._told.pop(kind, None) is not None:
                log.info("accepted again", request=kind)
        elif now - self._told.get(kind, -TELL_EVERY) >= TELL_EVERY:
            self._told[kind] = now
            log.error(
                "everybody is refused: held, and tried by one at a time",
                request=kind,
                answer=said,
                waiting=len(self.refusals.waiting(kind)),
                do="look for what they have in common: licences, the OAuth client's rights, the mapping, the URL",
            )

    async def _send(
        self,
        progress: Progress,
        request: ScimRequest,
        ticket: int,
        store: DeliveryStore,
        kind: AskedKind | None = None,
    ) -> Exchange | None:
        slow = 0
        if request.method != "GET":
            if request.rests_on and not await self._caught_up(progress, store):
                return None
            slow = await self._make_sure(progress, store, request.rests_on, 0)
            if self.lanes.has_newer(progress.user):  # nobody would be told of it at the gate
                return None
        if not await self.gate.enter(progress.user, progress.urgency, ticket):
            return None
        return await self._exchange(progress, request, store, slow, kind)

    async def _caught_up(self, progress: Progress, store: DeliveryStore) -> bool:
        """Rule 4. False: newer work came in."""
        if progress.leaver or progress.turn.offset >= store.until:
            return True
        until = store.acquired + self.landed
        while not store.caught_up and (now := self.clocks.ticks()) < until:
            if await self.rest(progress.user, min(until, now + CATCH_UP)) and self.lanes.has_newer(progress.user):
                return False
        return True

    async def end_sessions(self, user: str, user_id: str, ticket: int, platform: PlatformHttp) -> int | None:
        """Through the gate like all else, since it counts towards the limit; but it says nothing of SCIM's health.

        Returns the HTTP status. None: no answer came.
        """
        while not await self.gate.enter(user, Urgency.REVOKE, ticket):
            pass
        try:
            return await platform.end_sessions(user_id)
        finally:
            self.gate.lost()

    async def wait(self, user: str, until: float) -> bool:
        """Wait until `until` (ticks), or until the target is back. False: newer work came in before."""
        recoveries = self.gate.circuit_breaker.recoveries
        return not await self.rest(user, until) or recoveries != self.gate.circuit_breaker.recoveries

    async def rest(self, user: str, until: float) -> bool:
        """Wait until `until` (ticks). True: something ended the wait before."""
        seconds = until - self.clocks.ticks()
        return seconds > 0 and await self._rest(user, seconds, self.clocks.pause)

    async def acquire(self, user: str, lock: asyncio.Lock) -> bool:
        """Take the lock, without a wait for it where newer work comes in: a leaver needs no lock. False: not taken."""
        acquired = False

        async def acquire(_: float) -> None:
            nonlocal acquired
            acquired = await lock.acquire()

        try:
            woken = await self._rest(user, 0.0, acquire)
        except BaseException:
            if acquired:
                lock.release()
            raise
        if woken and acquired:
            lock.release()
        return not woken

    async def meanwhile(self, user: str, seconds: float, wait: Callable[[float], Coroutine[Any, Any, None]]) -> bool:
        """Wait for something of the sink's own, `seconds` at most. False: newer work came in before."""
        return not await self._rest(user, seconds, wait)

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

    async def _make_sure(self, progress: Progress, store: DeliveryStore, rests_on: float, slow: int) -> int:
        ticks, newer = self.clocks.ticks, self.lanes.has_newer
        return await make_sure(progress, store, rests_on, slow, fresh=self.fresh, ticks=ticks, newer=newer)

    def _tell_strange(self, response: Response) -> None:
        """A redirect or a page is no answer of the target's. Told once."""
        strange = is_redirect(response) or is_page(response)
        if strange and not self._strange:
            log.error("not an answer of SCIM: is STREAMPROC_SCIM_URL right?", answer=describe(response))
        self._strange = strange or (self._strange and response.status is None)

    async def _exchange(
        self, progress: Progress, request: ScimRequest, store: DeliveryStore, slow: int, kind: AskedKind | None
    ) -> Exchange | None:
        method, path, body, etag = request.method, request.path, request.body, request.if_match
        content = f"{method} {path} {etag}".encode() + (b"" if body is None else orjson.dumps(body))
        request_id = f"{progress.turn.partition}-{progress.record.seq}-{zlib.crc32(content):08x}"
        sent, sent_at = self.clocks.ticks(), self.clocks.millis()

        async def at_last() -> None:  # at the gate and for a token it may have waited for long
            nonlocal sent, sent_at
            if method != "GET":
                await self._make_sure(progress, store, request.rests_on, slow)
                if self.lanes.has_newer(progress.user):
                    raise _NewerWorkError
            sent, sent_at = self.clocks.ticks(), self.clocks.millis()

        try:
            response = await self.scim.request(method, path, request_id, body, etag, at_last)
        except _NewerWorkError:
            self.gate.lost()
            return None
        except BaseException:  # the partition was taken away while the answer was under way
            self.gate.lost()
            raise
        recoveries = self.gate.circuit_breaker.recoveries
        self._tell_strange(response)
        apart = kind in self.refusals.shared or is_forbidden_access(kind, response.status)
        self.gate.answered(progress.user, response, write=method != "GET", apart=apart)
        if recoveries != self.gate.circuit_breaker.recoveries:
            for woken in self._resting.values():  # the target is back: nobody waits for it any longer
                woken.set()
        action = response_action(request.kind, response, 0, 0.0)
        telemetry.REQUESTS.labels(type(action).__name__.lower()).inc()
        told = Request(
            id=request_id,
            method=method,
            path=path,
            body=body,
            sent=sent_at,
            answered=self.clocks.millis(),
            status=response.status,
            correlation_id=response.headers.get("inin-correlation-id"),
            error=response.error,
        )
        return Exchange(response, told, sent)

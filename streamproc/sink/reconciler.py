"""Reconciler: brings one user's newest desired state to the target, by as many requests as it takes.

The driver of a decider: `decide/next_step.py` says what is next, it is carried out here, and `decide/after.py` says
what that means. Newer work of the user is taken on board between any two steps: a retry carries the newest desired
state. It holds its user's lane, and nobody else's.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import structlog

from streamproc.adapters.scim_http import PlatformHttp
from streamproc.core.flow.loop_limits import LoopLimits
from streamproc.core.records.control import HELD
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.outcome import Outcome
from streamproc.core.scim.dialect import Dialect
from streamproc.core.scim.response_body import id_key, same_id
from streamproc.sink.confirmation import SlowKafkaError
from streamproc.sink.decide.adoption import given
from streamproc.sink.decide.after import after
from streamproc.sink.decide.attempts import After
from streamproc.sink.decide.begin import begin
from streamproc.sink.decide.common_refusal import asking_of
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.fates import attempt, finish
from streamproc.sink.decide.lanes import Turn
from streamproc.sink.decide.mass_guard import GuardDecision
from streamproc.sink.decide.name_waits import Claim, NameWaits, name_key
from streamproc.sink.decide.next_step import next_step
from streamproc.sink.decide.predecessor import Predecessor
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.steps import (
    Answer,
    AskGuard,
    AwaitName,
    EndSessions,
    FindManager,
    Finish,
    Locked,
    LockGroup,
    Looked,
    NameAnswer,
    SendUser,
    SessionsAnswer,
    Settle,
    Step,
    Wait,
    Waited,
)
from streamproc.sink.decide.target import Target
from streamproc.sink.delivered_users import READ_WITHIN
from streamproc.sink.delivery_store import DeliveryStore, PartitionLostError
from streamproc.sink.request_executor import RequestExecutor

log = structlog.get_logger("streamproc.courier")

TELL_AT: Final = frozenset({5, 10})
"""Attempts after which somebody is told that it is still being tried; and every 50."""

Guard = Callable[[Progress], GuardDecision]
"""Asked before somebody is deactivated."""


class Delivered(Protocol):
    """What is known of other users, from our own log."""

    def id_of(self, user: str) -> str | None:
        """The target's id of the user. None: it isn't known that anybody has delivered them."""

    def claim_of(self, user: str) -> Claim:
        """Which userName the user has, and which one they can't have yet."""

    def ours(self, user: str) -> bool:
        """Whether the user is in this sink's hands."""

    async def look_for(self, user: str, seconds: float = ...) -> None:
        """Return when `id_of` says what the log says, or after so many seconds."""

    async def holder_of(self, account: str, besides: str) -> str | None:
        """Whose account it is, of all users but one, by all of the log."""


class Reconciler:
    """One for all users; `deliver` runs once per turn, many side by side.

    `guard`: None where nobody is asked. `platform`: where sessions are ended, None where they aren't. `go_on`: somebody
    whose userName was set aside can do something about it now. `loops`: when what goes to and fro is frozen.
    """

    def __init__(
        self,
        executor: RequestExecutor,
        dialect: Dialect,
        delivered: Delivered,
        guard: Guard | None = None,
        platform: PlatformHttp | None = None,
        go_on: Callable[[str], None] = lambda _: None,
        loops: LoopLimits = LoopLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._executor = executor
        self._delivered = delivered
        self._guard = guard
        self._platform = platform
        self._go_on = go_on
        self.names = NameWaits(delivered.claim_of)
        self.target = Target(
            dialect,
            delivered.id_of,
            executor.landed,
            guarded=guard is not None,
            ends_sessions=platform is not None,
            loops=loops,
        )
        self._given_to: dict[str, str] = {}
        """Account that an operator gave away → user who got it last, perhaps in a turn that hasn't ended."""
        self._locks: dict[str, asyncio.Lock] = {}
        """Group to who changes it. Held from looking at its ETag until the answer is in."""

    async def deliver(self, turn: Turn[Work], store: DeliveryStore) -> tuple[Turn[Work], DeliveredState, list[Outcome]]:
        """Bring the turn to its fate. Returns the turn as it ended (a retry may have taken newer work on board).

        Whatever one user's answers make us stumble over is that user's: they are set aside, and everybody else goes on.
        Raises PartitionLostError where the partition isn't ours any more.
        """
        executor, clocks = self._executor, self._executor.clocks
        ticket = executor.gate.ticket()
        lands = store.acquired + executor.fresh + executor.landed  # it may send while its last confirmation is good
        predecessor = Predecessor(store.shared(turn.offset), lands)
        progress = begin(turn, store.delivery(turn.user), predecessor, clocks.millis(), store.noted(turn.user))
        locked: asyncio.Lock | None = None
        try:
            if turn.work.adopt is not None:
                progress = await self._given(progress, turn.work.adopt)
            while True:
                if not progress.ending and (newer := executor.lanes.newest(turn.user)) is not None:
                    progress = progress.with_newer(newer)
                if locked is not None and progress.underway.lock is None:
                    locked.release()
                    locked = None
                step = next_step(progress, self.target, executor.moment())
                if isinstance(step, Finish):
                    _tell_parked(progress, step)
                    _tell_frozen(progress, step)
                    return progress.turn, step.state, step.outcomes
                answer = await self._carry_out(step, progress, ticket, store)
                if isinstance(step, LockGroup) and isinstance(answer, Locked):
                    locked = self._lock(step)
                if answer is not None:
                    progress = self._take_in(progress, step, answer, store)
                del answer  # it may be large, and the next one may take long to come
        except PartitionLostError:
            raise
        except Exception as error:
            reason = str(error)
            if not isinstance(error, SlowKafkaError):
                log.exception("an error about one user", partition=turn.partition, seq=progress.record.seq)
                reason = f"what the target answers can't be handled: {type(error).__name__}"
            step = finish(progress, clocks.millis(), progress.as_parked("stalled", reason, clocks.millis()))
            _tell_parked(progress, step)
            return progress.turn, step.state, step.outcomes
        finally:
            self.names.leave(turn.user)
            if locked is not None:
                locked.release()

    def _take_in(self, progress: Progress, step: Step, answer: Answer, store: DeliveryStore) -> Progress:
        """What an answer means, told and learned."""
        result = after(progress, step, answer, self.target, self._executor.moment())
        self.target.learn(result.learned)
        if result.told:  # an empty record would wake the writer for nothing
            now = self._executor.clocks.millis()
            store.record([attempt(result.progress, told, now) for told in result.told])
        _tell_attempts(progress, result)
        held = (result.progress.held or {}).get("userName")
        if isinstance(step, SendUser) and held is not None and held != (progress.held or {}).get("userName"):
            self.names.enter(progress.user, Claim(name_key(held)))
            self.moved(progress.user)
        return result.progress

    def moved(self, user: str) -> None:
        """The user has another name: those in flight who wait for it go on."""
        for each in self.names.behind(user):
            self._executor.nudge(each)

    def waits(self, user: str) -> None:
        """The user waits for somebody's name. That may close a circle; or it was given up just now."""
        acts = self.names.acts(user)
        if acts is not None and self.names.is_waiting(acts):
            self._executor.nudge(acts)
        elif acts is not None:
            self._go_on(acts)

    def nudge(self, user: str) -> None:
        """Newer work of the user came in: don't let it wait."""
        self._executor.nudge(user)

    async def _carry_out(self, step: Step, progress: Progress, ticket: int, store: DeliveryStore) -> Answer | None:
        """None: newer work came in, and nothing was done."""
        match step:
            case Wait(until):
                return Waited(await self._executor.wait(progress.user, until))
            case Settle(until):
                return Waited(not await self._executor.rest(progress.user, until))
            case FindManager(manager):
                look = partial(self._delivered.look_for, manager)
                return Looked() if await self._executor.meanwhile(progress.user, READ_WITHIN, look) else None
            case AwaitName():
                return await self._await_name(step, progress)
            case AskGuard():
                assert self._guard is not None
                return self._guard(progress)
            case LockGroup():
                return Locked() if await self._executor.acquire(progress.user, self._lock(step)) else None
            case EndSessions(user_id):
                assert self._platform is not None
                return SessionsAnswer(await self._executor.end_sessions(progress.user, user_id, ticket, self._platform))
            case Finish():
                raise AssertionError("a turn that is finished has nothing to carry out")
            case _:
                asking = asking_of(step, bare=progress.bare)
                return await self._executor.send(progress, step.request, ticket, store, asking)

    async def _given(self, progress: Progress, account: str) -> Progress:
        """With the account that an operator gives to the user, unless it is another's, or newer work came in."""
        holders: list[str | None] = []
        user, last = progress.user, self._given_to.get(id_key(account), progress.user)
        if last != user and (last in self._executor.lanes or same_id(self._delivered.id_of(last), account)):
            return given(progress, account, last, self._executor.clocks.millis())  # the log may not say so yet
        self._given_to[id_key(account)] = user

        async def look(_: float) -> None:
            holders.append(await self._delivered.holder_of(account, progress.user))

        await self._executor.meanwhile(progress.user, READ_WITHIN, look)
        return given(progress, account, holders[0], self._executor.clocks.millis()) if holders else progress

    async def _await_name(self, step: AwaitName, progress: Progress) -> NameAnswer | None:
        executor, user, holder = self._executor, progress.user, step.claim.holder
        assert holder is not None
        if not await executor.meanwhile(user, READ_WITHIN, partial(self._delivered.look_for, holder)):
            return None
        self.names.enter(user, step.claim)
        self.waits(user)
        seconds = self.names.patience(user, ours=self._delivered.ours(holder), made_way=step.made_way)
        until = min(step.until, executor.clocks.ticks() + seconds)
        while (way := self.names.way(user)) == "wait" and executor.clocks.ticks() < until:
            await executor.rest(user, until)
            if executor.lanes.has_newer(user):
                return None
        if way == "make way":
            words = "a userName becomes temporary: users want each other's in a circle"
            log.warning(words, partition=progress.turn.partition, seq=progress.record.seq)
        return NameAnswer(way)

    def _lock(self, step: LockGroup) -> asyncio.Lock:
        return self._locks.setdefault(step.change.group, asyncio.Lock())


def _tell_attempts(before: Progress, result: After) -> None:
    attempts = result.progress.attempts
    request = result.told[-1].request if result.told else None
    if request is not None and attempts > before.attempts and (attempts in TELL_AT or attempts % 50 == 0):
        log.warning(
            "still trying",
            partition=before.turn.partition,
            seq=before.record.seq,
            attempts=attempts,
            status=request.status,
            correlation_id=request.correlation_id,
        )


def _tell_frozen(progress: Progress, step: Finish) -> None:
    for name in step.state.frozen.keys() - progress.loops.frozen.keys():
        log.error(
            "frozen, since it goes to and fro: see `streamproc loops list`",
            partition=progress.turn.partition,
            seq=progress.record.seq,
            attribute=name.split(" ")[0],
        )


def _tell_parked(progress: Progress, step: Finish) -> None:
    parked = step.parked
    if parked is not None:
        log.warning(
            "parked",
            partition=progress.turn.partition,
            seq=progress.record.seq,
            code=parked.code,
            status=parked.status,
            attributes=[name.split(" ")[0] for name in parked.attributes],
            correlation_id=parked.correlation_id,
        )
    if parked is not None and not parked.attributes and progress.leaver and parked.code not in HELD:
        log.error("a leaver may have access", partition=progress.turn.partition, seq=progress.record.seq)

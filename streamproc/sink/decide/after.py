"""After: what one user's progress is once a step was carried out. A decider with no I/O, clock or asyncio.

What an answer to a read means is in `after_read`, what one to a write means in `after_write`.
"""

from dataclasses import replace
from typing import assert_never

from streamproc.core.scim.response_policy import backoff
from streamproc.sink.decide.after_read import (
    after_find_group,
    after_find_manager,
    after_glance,
    after_look_up,
    after_membership,
    after_read,
)
from streamproc.sink.decide.after_write import after_write
from streamproc.sink.decide.attempts import After
from streamproc.sink.decide.fates import attempt
from streamproc.sink.decide.mass_guard import Flow, GuardDecision, Hold, Protected, Rejected
from streamproc.sink.decide.next_step import SESSION_TRIES
from streamproc.sink.decide.progress import PATIENCE, Freshness, GroupLock, Progress, Underway
from streamproc.sink.decide.steps import (
    Answer,
    AskGuard,
    AskMembership,
    Confirm,
    EndSessions,
    Exchange,
    FindGroup,
    FindManager,
    Glance,
    Locked,
    LockGroup,
    LookUp,
    Moment,
    Read,
    SendMembership,
    SendUser,
    SessionsAnswer,
    Settle,
    Step,
    Wait,
    Waited,
)
from streamproc.sink.decide.target import Target

_FINAL: frozenset[int] = frozenset({400, 403, 404})
"""Answers to the end of sessions after which asking again won't help, and uses up the limit that leavers share."""


def after(progress: Progress, step: Step, answer: Answer, target: Target, at: Moment) -> After:
    """The progress after `step` was answered by `answer`, with what is to be told and to be known from now on."""
    match step, answer:
        case _, Exchange():
            result = _after_exchange(progress, step, answer, target, at)
            return replace(result, progress=_ask_again_if_contradicted(result.progress, at))
        case AskGuard(), Flow() | Hold() | Rejected() | Protected():
            return After(_after_guard(progress, answer, at))
        case LockGroup(change), Locked():
            lock = GroupLock(change, looked=not progress.doubtful)
            # Not fresh: somebody else's change of the group went wrong meanwhile, and it is looked at again.
            return After(replace(progress, underway=Underway(lock=lock if target.group(change.group).fresh else None)))
        case Wait(), Waited(over):
            return After(replace(progress, wait_until=None) if over else progress)
        case Settle(), Waited(over):
            return After(_settled(progress) if over else progress)
        case EndSessions(), SessionsAnswer():
            return _after_sessions(progress, step, answer, at)
        case _:
            raise AssertionError(f"{answer} is no answer to {step}")


def _after_exchange(progress: Progress, step: Step, exchange: Exchange, target: Target, at: Moment) -> After:
    match step:
        case LookUp():
            return after_look_up(progress, step, exchange, at)
        case Read() | Confirm():
            return after_read(progress, step, exchange, target, at)
        case Glance():
            return after_glance(progress, exchange, target, at)
        case AskMembership():
            return after_membership(progress, step, exchange, target, at)
        case FindGroup():
            return after_find_group(progress, step, exchange, target, at)
        case FindManager():
            return after_find_manager(progress, step, exchange, at)
        case SendUser() | SendMembership():
            return after_write(progress, step, exchange, target, at)
        case _:
            raise AssertionError(f"{step} sends no request")


def _ask_again_if_contradicted(progress: Progress, at: Moment) -> Progress:
    """A read shows as active whom the target has acknowledged to be inactive: it may lag behind."""
    free = progress.underway.lock is None and not progress.ending
    if not free or progress.freshness is not Freshness.READ or not progress.contradicted or progress.misses >= PATIENCE:
        return progress
    misses = progress.misses + 1
    begin = at.ticks if progress.wait_until is None else progress.wait_until
    until = begin + backoff(misses, at.jitter)
    return replace(progress, misses=misses, wait_until=until, freshness=Freshness.LAGGING)


def _after_guard(progress: Progress, decision: GuardDecision, at: Moment) -> Progress:
    match decision:
        case Flow(standing):
            return replace(progress, standing=standing, underway=Underway(guard_passed=True))
        case Hold(standing):
            before = progress.standing
            if before is None or before.said == "rejected":
                progress = replace(progress, since=None)  # what was ordered before was about something else
            parked = progress.as_parked("held", f"mass guard: {standing.reason}", at.clock)
            return replace(progress, standing=standing, parked=parked)
        case Rejected():
            reason = "an operator rejected this revocation"
            return replace(progress, parked=progress.as_parked("rejected", reason, at.clock))
        case Protected():
            reason = "the account is protected, and never deactivated"
            return replace(progress, parked=progress.as_parked("protected", reason, at.clock))
        case _:
            assert_never(decision)


def _settled(progress: Progress) -> Progress:
    """Nothing can land any more that was sent for what was passed over; it may have landed meanwhile."""
    own = {seq: until for seq, until in progress.airborne.items() if seq == progress.record.seq}
    predecessor = replace(progress.predecessor, lands=None)
    return replace(progress, predecessor=predecessor, airborne=own).forgotten()


def _after_sessions(progress: Progress, step: EndSessions, answer: SessionsAnswer, at: Moment) -> After:
    progress = replace(progress, read_back=step.read_back)
    status, tries = answer.status, progress.session_tries + 1
    if status is not None and 200 <= status < 300:
        return After(replace(progress, sessions_ended=at.clock))
    if status not in _FINAL and tries < SESSION_TRIES:
        until = at.ticks + backoff(tries - 1, at.jitter)
        return After(replace(progress, session_tries=tries, wait_until=until))
    reason = f"sessions weren't ended: {status or 'no answer'}"
    return After(replace(progress, session_tries=SESSION_TRIES), (attempt(progress, "retry", at.clock, reason),))

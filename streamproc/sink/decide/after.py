"""After: what one user's progress is once a step was carried out. A decider with no I/O, clock or asyncio.

What an answer to a read means is in `after_read`, what one to a write means in `after_write`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal, assert_never

from msgspec.structs import replace

from streamproc.core.flow.circuit_breaker import PROBE_FIRST
from streamproc.core.fold.plan import apply
from streamproc.core.records.operation import Create
from streamproc.core.scim.response_action import Deliver, ReadBack
from streamproc.core.scim.response_body import is_later_page, is_list, is_resource, resource_id, same_id
from streamproc.core.scim.response_policy import Response, backoff, describe, response_action
from streamproc.sink.decide.after_find import after_find_group, after_find_manager, after_membership, after_read_manager
from streamproc.sink.decide.after_name import after_await_name, after_find_holder
from streamproc.sink.decide.after_read import after_glance, after_look_up, after_read
from streamproc.sink.decide.after_write import after_write, forgotten
from streamproc.sink.decide.attempts import After, Finding, Missing, Postponed, Refused, Told, finding
from streamproc.sink.decide.common_refusal import asking_of, in_common
from streamproc.sink.decide.did_you_mean import names_shown, with_proposals
from streamproc.sink.decide.elsewhere import group_learned
from streamproc.sink.decide.loops import noted
from streamproc.sink.decide.mass_guard import Flow, GuardDecision, Hold, Protected, Rejected
from streamproc.sink.decide.next_step import SESSION_TRIES
from streamproc.sink.decide.own_terms import user_read
from streamproc.sink.decide.progress import PATIENCE, Freshness, Progress
from streamproc.sink.decide.revoke_forms import next_form
from streamproc.sink.decide.steps import (
    Answer,
    AskGuard,
    AskMembership,
    AwaitName,
    Confirm,
    EndSessions,
    Exchange,
    FindGroup,
    FindHolder,
    FindManager,
    Glance,
    Locked,
    LockGroup,
    Looked,
    LookUp,
    Moment,
    NameAnswer,
    Read,
    ReadManager,
    SendMembership,
    SendUser,
    SessionsAnswer,
    Settle,
    Step,
    Wait,
    Waited,
)
from streamproc.sink.decide.target import Learned, Target
from streamproc.sink.decide.underway import GroupLock, Seeded, SetAside, Underway, UserRead

TROUBLES: Final = 12
"""Attempts in a row that come to nothing, after which it is tried again later."""
_FINAL: frozenset[int] = frozenset({400, 403, 404})
"""Answers to the end of sessions after which asking again won't help, and uses up the limit that leavers share."""


def after(progress: Progress, step: Step, answer: Answer, target: Target, at: Moment) -> After:
    """The progress after `step` was answered by `answer`, with what is to be told and to be known from now on."""
    match step, answer:
        case ((SendUser() | SendMembership()), Exchange()):
            result = _postponed(_after_send(progress, step, answer, target, at), progress, step, answer, at)
            return _concluded(with_proposals(result, target), at, answer.response)
        case Glance(), Exchange():
            accepted = isinstance(response_action("read", answer.response, 0, 0.0), Deliver)
            user = user_read(progress, target, answer.response) if accepted else None
            return _concluded(after_glance(progress, user, answer, target, at), at, answer.response)
        case (
            (LookUp() | Read() | Confirm() | AskMembership() | FindGroup() | FindHolder() | ReadManager()),
            Exchange(),
        ):
            result = _postponed(_after_look(progress, step, answer, target, at), progress, step, answer, at)
            return _concluded(with_proposals(result, target), at, answer.response)
        case FindManager(), Looked():
            return _concluded(after_find_manager(progress, step, target), at)
        case AwaitName(), NameAnswer():
            return _concluded(after_await_name(progress, step, answer), at)
        case AskGuard(), Flow() | Hold() | Rejected() | Protected():
            return _concluded(_after_guard(progress, answer), at)
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


def _after_send(
    progress: Progress, step: SendUser | SendMembership, exchange: Exchange, target: Target, at: Moment
) -> After:
    action = response_action(step.request.kind, exchange.response, progress.attempts, at.jitter)
    user: UserRead | None = None
    learned: tuple[Learned, ...] = ()
    if isinstance(action, Deliver | ReadBack):
        progress = noted(progress, step, target, at)
    if isinstance(step, SendMembership):
        learned = group_learned(step, action, exchange, target, at)
    else:
        known, there = (None, None) if isinstance(step.operation, Create) else (progress.held, progress.id)
        written = step.resource if isinstance(step.operation, Create) else progress.record.desired
        held = apply(known, step.operation, written)
        user = user_read(replace(progress, id=there, held=held), target, exchange.response)
        if isinstance(action, Deliver):
            learned = names_shown(step.resource if user is None else user.held, target)
    progress = replace(
        progress,
        underway=Underway(),
        requests=(*progress.requests, exchange.request),
        wrote=progress.wrote or isinstance(action, Deliver | ReadBack),
        seeded=Seeded() if step.operation == Create() else progress.seeded,
        misses=0 if progress.contradicted else progress.misses,  # written again, and then asked for as often
    )
    result = after_write(progress, step, action, user, exchange, target, at)
    return replace(result, learned=(*learned, *result.learned))


def _after_look(
    progress: Progress,
    step: LookUp | Read | Confirm | AskMembership | FindGroup | FindHolder | ReadManager,
    exchange: Exchange,
    target: Target,
    at: Moment,
) -> After:
    user: UserRead | None = None
    shows: Callable[[dict[str, Any]], bool] = is_later_page if progress.underway.listing.pages else is_list
    if isinstance(step, Read | Confirm):
        user = user_read(progress, target, exchange.response)
        shows = partial(_shows, user)
    elif isinstance(step, FindGroup) and step.by_id:
        shows = partial(_has_id, "Group", target.group(step.name).id)
    elif isinstance(step, ReadManager):
        shows = partial(_has_id, "User", step.id)
    found: Finding | Postponed = finding(progress, exchange, shows, at)
    if isinstance(found, Missing) and isinstance(step, LookUp) and progress.leaver:
        # A search for nobody shows an empty list (RFC 7644 §3.4.2). That an address isn't there may be a proxy's word,
        # and no leaver is taken for somebody who never was there because of that.
        found = Refused(describe(exchange.response), exchange.response)
        if progress.misses < PATIENCE:
            progress = replace(progress, misses=progress.misses + 1)
            found = Postponed(backoff(progress.misses, at.jitter), denied=False)
    if isinstance(found, Postponed):
        progress = replace(progress, denied=progress.denied + found.denied)
        return After(progress, (Told("retry", exchange.request, describe(exchange.response)),), again=found.seconds)
    if isinstance(found, Refused):
        progress = replace(progress, requests=(*progress.requests, exchange.request))
    match step:
        case LookUp():
            return after_look_up(progress, step, found, exchange, at)
        case Read() | Confirm():
            return after_read(progress, step, found, user, exchange, target, at)
        case AskMembership():
            return after_membership(progress, step, found, exchange, target, at)
        case FindGroup():
            return after_find_group(progress, step, found, exchange, target, at)
        case FindHolder():
            return after_find_holder(progress, step, found, exchange)
        case ReadManager():
            return after_read_manager(progress, step, found, exchange)
        case _:
            assert_never(step)


def _shows(user: UserRead | None, _body: dict[str, Any]) -> bool:
    return user is not None


def _has_id(kind: Literal["User", "Group"], there: str, body: dict[str, Any]) -> bool:
    return is_resource(body, kind) and same_id(resource_id(body), there)


def _postponed(result: After, progress: Progress, step: Step, exchange: Exchange, at: Moment) -> After:
    """What everybody is refused isn't set aside for one user: it is tried again. So is a leaver who is refused by any
    request what others are refused by another.
    """
    aside, asking = result.aside, asking_of(step, bare=progress.bare)
    if aside is None or aside.code != "refused" or asking is None:
        return result
    said = in_common(exchange.response.status, describe(exchange.response))
    if asking.kind not in at.refused_to_all and not (progress.leaver and said in at.refused_to_all.values()):
        return result
    told = (*result.told, Told("retry", exchange.request, aside.reason))
    anew = replace(result.progress, form=0)
    again = backoff(progress.attempts, at.jitter)
    return replace(result, progress=anew, aside=None, told=told, again=again, shared=True)


def _concluded(result: After, at: Moment, response: Response | None = None) -> After:
    """With what was set aside noted, and the next attempt put off.

    With the target down it is the gate that waits: a wait of one's own would go on when everybody else goes on.
    """
    progress = result.progress
    if response is not None and not at.target_down:
        reasons = [told.reason for told in result.told if told.reason]
        complaint = reasons[-1] if reasons else progress.complaint
        everybodys = result.shared and not progress.leaver  # a leaver is counted as having access, whoever else has
        exchanges = 0 if everybodys else progress.exchanges + 1
        progress = replace(progress, exchanges=exchanges, complaint=complaint)
    if result.aside is not None:
        progress = progress.with_aside(result.aside, at.clock)
    if result.again is not None:
        if response is not None and (response.sent or response.status is not None):
            progress = _troubled(progress, result, at)
        seconds = min(result.again, PROBE_FIRST) if at.target_down else result.again
        progress = replace(
            progress,
            attempts=progress.attempts + 1,
            requests=tuple(each for each in progress.requests if all(each is not told.request for told in result.told)),
            wait_until=at.ticks + seconds if seconds > 0 else None,
        )
    return replace(result, progress=_ask_again_if_contradicted(progress, at))


def _troubled(progress: Progress, result: After, at: Moment) -> Progress:
    """A request came to nothing. While the target is well, that comes to an end, and is tried again later. One that
    couldn't be sent (no connection, no token) is nobody's fault, and doesn't count.
    """
    told = result.told[-1] if result.told else None
    if at.target_down or result.shared or told is None or told.verdict == "narrowed":
        return progress
    troubles = progress.troubles + 1
    if progress.parked is not None or troubles < (TROUBLES if progress.patient else 1):
        return replace(progress, troubles=troubles)
    return progress.with_aside(SetAside(None, "stalled", told.reason or "no answer"), at.clock)


def _ask_again_if_contradicted(progress: Progress, at: Moment) -> Progress:
    """A read shows as active whom the target has acknowledged to be inactive: it may lag behind. For long, and the
    deactivation has had no effect: another form of it may.
    """
    free = progress.underway.lock is None and not progress.ending
    if not free or progress.freshness is not Freshness.READ or not progress.contradicted:
        return progress
    if progress.misses < (PATIENCE if progress.form == 0 and progress.patient else 1):
        misses = progress.misses + 1
        begin = at.ticks if progress.wait_until is None else progress.wait_until
        until = begin + backoff(misses, at.jitter)
        return replace(progress, misses=misses, wait_until=until, freshness=Freshness.LAGGING)
    if not progress.leaver:
        return progress
    if "active" in (progress.held or {}) and (form := next_form(progress)) is not None:
        return replace(progress, form=form)
    reason = "accepted, but the target doesn't show the user as inactive"
    return progress.with_aside(SetAside(None, "refused", reason), at.clock)


def _after_guard(progress: Progress, decision: GuardDecision) -> After:
    match decision:
        case Flow(standing):
            return After(replace(progress, standing=standing, underway=Underway(guard_passed=True)))
        case Hold(standing):
            new = progress.standing is None or progress.standing.said == "rejected"
            progress = replace(progress, standing=standing, since=None if new else progress.since)
            aside = SetAside(None, "held", f"mass guard: {standing.reason}")
        case Rejected():
            aside = SetAside(None, "rejected", "an operator rejected this revocation")
        case Protected():
            aside = SetAside(None, "protected", "the account is protected, and never deactivated")
        case _:
            assert_never(decision)
    if progress.groups_unread or progress.freshness is Freshness.DOUBTED:  # what is noted now may be all for days
        return After(replace(progress, underway=Underway(withheld=True)))  # read; then the guard is asked again
    return After(progress, aside=aside)


def _settled(progress: Progress) -> Progress:
    """Nothing can land any more that was sent for what was passed over; it may have landed meanwhile."""
    own = {seq: until for seq, until in progress.airborne.items() if seq == progress.record.seq}
    predecessor = replace(progress.predecessor, lands=None)
    return replace(progress, predecessor=predecessor, airborne=own, freshness=forgotten(progress))


def _after_sessions(progress: Progress, step: EndSessions, answer: SessionsAnswer, at: Moment) -> After:
    progress = replace(progress, read_back=step.read_back)
    status, tries = answer.status, progress.session_tries + 1
    if status is not None and 200 <= status < 300:
        return After(replace(progress, sessions_ended=at.clock))
    if status not in _FINAL and tries < SESSION_TRIES:
        until = at.ticks + backoff(tries - 1, at.jitter)
        return After(replace(progress, session_tries=tries, wait_until=until))
    told = Told("retry", reason=f"sessions weren't ended: {status or 'no answer'}")
    return After(replace(progress, session_tries=SESSION_TRIES), (told,))

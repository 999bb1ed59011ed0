"""After a write: whether it was accepted, and else what is to be done about it."""

from dataclasses import replace
from typing import Final, assert_never

from streamproc.core.fold.plan import apply
from streamproc.core.records.delivery import Parked
from streamproc.core.records.operation import Create, Deactivate, Patch, Reactivate
from streamproc.core.records.outcome import Request
from streamproc.core.scim.response_body import created, etag
from streamproc.core.scim.response_policy import (
    Adopt,
    Deliver,
    Denied,
    Gone,
    Park,
    ReadBack,
    Refetch,
    Response,
    Retry,
    backoff,
    describe,
    response_action,
)
from streamproc.sink.decide.attempts import After, is_theirs, try_again
from streamproc.sink.decide.next_step import CORE
from streamproc.sink.decide.own_terms import parse, readable
from streamproc.sink.decide.progress import Adopting, Freshness, Progress, Refusal, Underway
from streamproc.sink.decide.steps import Exchange, Moment, Send, SendMembership, SendUser
from streamproc.sink.decide.target import GroupLearned, Learned, Target, VersionsLearned

CONFLICTS: Final = 10
"""Version conflicts in a row, at a version that doesn't change, after which it isn't the version that is refused."""


def after_write(progress: Progress, step: Send, exchange: Exchange, target: Target, at: Moment) -> After:
    """What the answer to a write says, by the response policy."""
    response, request = exchange.response, exchange.request
    action = response_action(step.request.kind, response, progress.attempts, at.jitter)
    learned = _group_learned(step, response, target, at) if isinstance(step, SendMembership) else ()
    progress = replace(
        progress,
        underway=Underway(),
        requests=(*progress.requests, request),
        wrote=progress.wrote or isinstance(action, Deliver | ReadBack),
        misses=0 if progress.contradicted else progress.misses,  # written again, and then asked for as often
    )
    match action:
        case Deliver():
            result = _accepted(progress, step, exchange, target, at)
        case Retry(seconds):
            result = try_again(progress, request, "retry", describe(response), seconds, at)
        case Denied(seconds, reason):
            if is_theirs(progress, at):
                result = _refused(progress, step, reason, exchange, at)
            else:
                progress = replace(progress, denied=progress.denied + 1)
                result = try_again(progress, request, "retry", reason, seconds, at)
        case ReadBack(seconds):
            progress = _in_the_air(progress, exchange, target).forgotten()
            result = try_again(progress, request, "unknown", describe(response), seconds, at)
        case Refetch():
            result = _conflict(progress, step, exchange, at)
        case Adopt():
            progress = replace(_in_the_air(progress, exchange, target), adopting=Adopting(response)).forgotten()
            result = try_again(progress, request, "conflict", describe(response), 0.0, at)
        case Gone():
            result = _gone(progress, step, exchange, at)
        case Park(reason):
            result = _refused(progress, step, reason, exchange, at)
        case _:
            assert_never(action)
    return replace(result, learned=(*learned, *result.learned))


def narrow(
    progress: Progress,
    operation: Create | Deactivate | Reactivate | Patch,
    parked: Parked,
    request: Request,
    reason: str,
    at: Moment,
) -> After:
    """What was refused together goes out one by one; what is refused alone is set aside."""
    match operation:
        case Create() if not progress.bare:
            alone = progress.alone | (set(progress.record.desired) - {*CORE})
            return try_again(replace(progress, bare=True, alone=alone), request, "narrowed", reason, 0.0, at)
        case Patch(changes) | Reactivate(changes) if len(changes) > 1:
            alone = progress.alone | set(changes)
            return try_again(replace(progress, alone=alone), request, "narrowed", reason, 0.0, at)
        case Patch(changes) | Reactivate(changes):
            name = next(iter(changes))
            if name in progress.aside:
                progress = replace(progress, given_up=progress.given_up | {name})
            return After(progress.with_aside(name, parked))
        case Create() | Deactivate():
            return After(replace(progress, parked=parked))
        case _:
            assert_never(operation)


def _accepted(progress: Progress, step: Send, exchange: Exchange, target: Target, at: Moment) -> After:
    response = exchange.response
    held = apply(progress.held, step.operation, progress.record.desired)
    progress = replace(
        progress,
        attempts=0,
        denied=0,
        operations=(*progress.operations, step.operation.op),
        held=held,
        acknowledged=exchange.request.answered,
    )
    if isinstance(step, SendMembership):
        return After(_holding(progress, exchange, progress))
    version = etag(response)
    progress = replace(progress, etag=version, learned=at.ticks, freshness=Freshness.NOTED)
    if isinstance(step.operation, Create):
        progress = _created(progress, step, exchange, target)
    else:
        progress = _holding(progress, exchange, progress)
        if isinstance(step.operation, Reactivate) and progress.alone:
            # Alone, it asserted nothing again: plan on from what the target really has.
            progress = replace(progress, freshness=Freshness.STALE)
    return After(progress, learned=() if version is None else (VersionsLearned(),))


def _created(progress: Progress, step: SendUser, exchange: Exchange, target: Target) -> Progress:
    response = exchange.response
    progress = replace(progress, id=created(response))
    asked_for = replace(progress, held=apply(None, step.operation, step.resource))
    if progress.id is None:  # accepted, but as whom?
        return _holding(_in_the_air(progress, exchange, target).forgotten(), exchange, asked_for)
    if not readable(progress, target, response.body):
        return _holding(replace(progress, freshness=Freshness.STALE), exchange, asked_for)
    # A deleted user of that name comes back as the old record: plan on from what the answer says it holds.
    progress = replace(progress, held=parse(progress, target, response.body))
    return _holding(progress, exchange, progress)


def _holding(progress: Progress, exchange: Exchange, known: Progress) -> Progress:
    """The request is told with what the target holds since."""
    request = replace(exchange.request, holds=known.held)
    return replace(progress, requests=(*progress.requests[:-1], request))


def _conflict(progress: Progress, step: Send, exchange: Exchange, at: Moment) -> After:
    """Where the version never changes, it isn't the version that is refused. A leaver is tried for ever."""
    response = exchange.response
    if isinstance(step, SendUser):
        before, times = progress.conflicts
        progress = replace(progress, conflicts=(progress.etag, times + 1 if before == progress.etag else 1))
        if progress.conflicts[1] > CONFLICTS and not isinstance(step.operation, Deactivate):
            return After(
                replace(progress, parked=progress.as_parked("refused", describe(response), at.clock, response))
            )
    seconds = backoff(progress.attempts, at.jitter) if progress.attempts else 0.0
    return try_again(progress.forgotten(), exchange.request, "conflict", describe(response), seconds, at)


def _gone(progress: Progress, step: Send, exchange: Exchange, at: Moment) -> After:
    request, reason = exchange.request, describe(exchange.response)
    seconds = backoff(progress.attempts, at.jitter)
    if isinstance(step, SendMembership):  # it may be the member who is gone
        return try_again(progress.forgotten(), request, "missing", reason, seconds, at)
    absent = replace(request, absent=True)
    progress = replace(progress, id=None, freshness=Freshness.UNKNOWN, requests=(*progress.requests[:-1], absent))
    return try_again(progress, absent, "missing", reason, seconds, at)


def _refused(progress: Progress, step: Send, reason: str, exchange: Exchange, at: Moment) -> After:
    """Narrow down until what is refused stands alone, and set that aside."""
    request = exchange.request
    parked = progress.as_parked("refused", reason, at.clock, exchange.response)
    if isinstance(step, SendMembership):
        return After(progress.with_aside(f"group {step.operation.group}", parked))
    if step.manager is not None:
        refusal = Refusal(step, *step.manager, request, reason, parked)
        return After(replace(progress, underway=Underway(refusal=refusal)))
    return narrow(progress, step.operation, parked, request, reason, at)


def _in_the_air(progress: Progress, exchange: Exchange, target: Target) -> Progress:
    airborne = {**progress.airborne, progress.record.seq: exchange.sent + target.landing}
    return replace(progress, airborne=airborne)


def _group_learned(step: SendMembership, response: Response, target: Target, at: Moment) -> tuple[Learned, ...]:
    """What is known of the group since: its version, unless the answer leaves it open."""
    name, group = step.operation.group, target.group(step.operation.group)
    match response_action("group", response, 0, 0.0):
        case Deliver():
            version = etag(response)
            renamed = response.body.get("displayName", name) != name
            group = replace(group, etag=version, read=at.ticks, fresh=version is not None and not renamed)
        case Retry() | Denied():
            return ()
        case _:
            group = replace(group, fresh=False)
    return (GroupLearned(name, group),)

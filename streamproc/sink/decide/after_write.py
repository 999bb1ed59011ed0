"""After a write: whether it was accepted, and else what is to be done about it."""

from typing import Final, assert_never

from msgspec.structs import replace

from streamproc.core.fold.plan import apply
from streamproc.core.records.operation import Create, Deactivate, Patch, Reactivate
from streamproc.core.records.resource import Resource
from streamproc.core.scim.response_body import created, etag
from streamproc.core.scim.response_policy import (
    Adopt,
    Deliver,
    Denied,
    Gone,
    Park,
    ReadBack,
    Refetch,
    ResponseAction,
    Retry,
    backoff,
    describe,
)
from streamproc.sink.decide.attempts import After, Told, is_theirs
from streamproc.sink.decide.next_step import CORE
from streamproc.sink.decide.progress import Freshness, Progress
from streamproc.sink.decide.steps import Exchange, Moment, Send, SendMembership, SendUser
from streamproc.sink.decide.target import GroupLearned, Learned, Target, VersionsLearned
from streamproc.sink.decide.underway import Adopting, Refusal, SetAside, Underway, UserRead

CONFLICTS: Final = 10
"""Version conflicts in a row, at a version that doesn't change, after which it isn't the version that is refused."""


def after_write(
    progress: Progress,
    step: Send,
    action: ResponseAction,
    user: UserRead | None,
    exchange: Exchange,
    target: Target,
    at: Moment,
) -> After:
    """What the answer to a write comes to. `action`: by the response policy. `user`: whom it shows."""
    response, request = exchange.response, exchange.request
    airborne = {**progress.airborne, progress.record.seq: exchange.sent + target.landing}
    match action:
        case Deliver():
            if isinstance(step, SendMembership):
                held = apply(progress.held, step.operation, progress.record.desired)
                return After(_accepted(progress, step, exchange, held))
            progress = _user_accepted(progress, step, user, exchange, target, at)
            return After(progress, learned=() if etag(response) is None else (VersionsLearned(),))
        case Retry(seconds):
            return After(progress, (Told("retry", request, describe(response)),), again=seconds)
        case Denied(seconds, reason) if not is_theirs(progress, at):
            progress = replace(progress, denied=progress.denied + 1)
            return After(progress, (Told("retry", request, reason),), again=seconds)
        case ReadBack(seconds):
            deactivating = progress.deactivating or isinstance(step.operation, Deactivate)
            unknown = replace(progress, airborne=airborne, freshness=forgotten(progress), deactivating=deactivating)
            return After(unknown, (Told("unknown", request, describe(response)),), again=seconds)
        case Refetch():
            return _conflict(progress, step, exchange, at)
        case Adopt():
            taken = replace(progress, airborne=airborne, freshness=forgotten(progress), adopting=Adopting(response))
            return After(taken, (Told("conflict", request, describe(response)),), again=0.0)
        case Gone():
            return _gone(progress, step, exchange, at)
        case Denied(_, reason) | Park(reason):
            return _refused(progress, step, reason, exchange)
        case _:
            assert_never(action)


def group_learned(
    step: SendMembership, action: ResponseAction, exchange: Exchange, target: Target, at: Moment
) -> tuple[Learned, ...]:
    """What is known of the group since: its version, unless the answer leaves it open."""
    name, group = step.operation.group, target.group(step.operation.group)
    match action:
        case Deliver():
            version = etag(exchange.response)
            renamed = exchange.response.body.get("displayName", name) != name
            fresh = version is not None and not renamed
            return (GroupLearned(name, replace(group, etag=version, read=at.ticks, fresh=fresh)),)
        case Retry() | Denied():
            return ()
        case _:
            return (GroupLearned(name, replace(group, fresh=False)),)


def narrow(progress: Progress, refusal: Refusal) -> After:
    """What was refused together goes out one by one; what is refused alone is set aside."""
    request, reason, response = refusal.request, refusal.reason, refusal.response
    told = (Told("narrowed", request, reason),)
    match refusal.send.operation:
        case Create() if not progress.bare:
            alone = progress.alone | (set(progress.record.desired) - {*CORE})
            return After(replace(progress, bare=True, alone=alone), told, again=0.0)
        case Patch(changes) | Reactivate(changes) if len(changes) > 1:
            return After(replace(progress, alone=progress.alone | set(changes)), told, again=0.0)
        case Patch(changes) | Reactivate(changes):
            name = next(iter(changes))
            if name in progress.aside:
                progress = replace(progress, given_up=progress.given_up | {name})
            return After(progress, aside=SetAside(name, "refused", reason, response))
        case Create() | Deactivate():
            return After(progress, aside=SetAside(None, "refused", reason, response))
        case _:
            assert_never(refusal.send.operation)


def forgotten(progress: Progress) -> Freshness:
    """What the target holds isn't known any more; a create of unknown outcome has to be looked up."""
    return Freshness.UNKNOWN if progress.id is None else Freshness.STALE


def _accepted(progress: Progress, step: Send, exchange: Exchange, held: Resource) -> Progress:
    """`held`: what the target holds since, as it is told with the request."""
    return replace(
        progress,
        attempts=0,
        denied=0,
        operations=(*progress.operations, step.operation.op),
        held=held,
        acknowledged=exchange.request.answered,
        requests=(*progress.requests[:-1], replace(exchange.request, holds=held)),
    )


def _user_accepted(
    progress: Progress, step: SendUser, user: UserRead | None, exchange: Exchange, target: Target, at: Moment
) -> Progress:
    response, freshness = exchange.response, Freshness.NOTED
    held = apply(progress.held, step.operation, progress.record.desired)
    if isinstance(step.operation, Create):
        progress = replace(progress, id=created(response))
        held = apply(None, step.operation, step.resource)
        if progress.id is None:  # accepted, but as whom?
            until = exchange.sent + target.landing
            progress = replace(progress, airborne={**progress.airborne, progress.record.seq: until})
            freshness = Freshness.UNKNOWN
        elif user is None:
            freshness = Freshness.STALE
        else:  # a deleted user of that name comes back as the old record: plan on from what it holds
            held = user.held
    elif isinstance(step.operation, Reactivate) and progress.alone:
        freshness = Freshness.STALE  # alone, it asserted nothing again: plan on from what the target really has
    progress = _accepted(progress, step, exchange, held)
    return replace(
        progress,
        etag=etag(response),
        replaced=progress.replaced | ({step.request.if_match} if step.request.if_match else set()),
        deactivating=progress.deactivating and not isinstance(step.operation, Create | Reactivate),
        learned=at.ticks,
        freshness=freshness,
    )


def _conflict(progress: Progress, step: Send, exchange: Exchange, at: Moment) -> After:
    """Where the version never changes, it isn't the version that is refused. A leaver is tried for ever."""
    response, reason = exchange.response, describe(exchange.response)
    if isinstance(step, SendUser):
        before, times = progress.conflicts
        progress = replace(progress, conflicts=(progress.etag, times + 1 if before == progress.etag else 1))
        if progress.conflicts[1] > CONFLICTS and not isinstance(step.operation, Deactivate):
            return After(progress, aside=SetAside(None, "refused", reason, response))
    seconds = backoff(progress.attempts, at.jitter) if progress.attempts else 0.0
    progress = replace(progress, freshness=forgotten(progress))
    return After(progress, (Told("conflict", exchange.request, reason),), again=seconds)


def _gone(progress: Progress, step: Send, exchange: Exchange, at: Moment) -> After:
    request = exchange.request
    if isinstance(step, SendMembership):  # it may be the member who is gone
        progress = replace(progress, freshness=forgotten(progress))
    else:
        request = replace(request, absent=True)
        progress = replace(progress, id=None, freshness=Freshness.UNKNOWN, requests=(*progress.requests[:-1], request))
    told = (Told("missing", request, describe(exchange.response)),)
    return After(progress, told, again=backoff(progress.attempts, at.jitter))


def _refused(progress: Progress, step: Send, reason: str, exchange: Exchange) -> After:
    """Narrow down until what is refused stands alone, and set that aside."""
    request, response = exchange.request, exchange.response
    if isinstance(step, SendMembership):
        return After(progress, aside=SetAside(f"group {step.operation.group}", "refused", reason, response))
    refusal = Refusal(step, request, reason, response)
    if step.manager is None:
        return narrow(progress, refusal)
    return After(replace(progress, underway=Underway(refusal=refusal)))

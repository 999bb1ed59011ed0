"""After a write: whether it was accepted, and else what is to be done about it."""

from typing import Any, Final, assert_never, cast

from msgspec.structs import replace

from streamproc.core.fold.plan import apply
from streamproc.core.records.operation import Create, Deactivate, Join, Patch, Reactivate
from streamproc.core.records.resource import Resource, parts
from streamproc.core.scim.response_action import (
    Adopt,
    Deliver,
    Denied,
    Gone,
    Park,
    ReadBack,
    Refetch,
    ResponseAction,
    Retry,
)
from streamproc.core.scim.response_body import created, etag, is_located, same_id
from streamproc.core.scim.response_policy import backoff, describe, refusal_of
from streamproc.core.scim.version_forms import version_forms
from streamproc.sink.decide.after_name import after_taken, is_taken, named
from streamproc.sink.decide.attempts import After, Told, is_theirs
from streamproc.sink.decide.effect import shows, with_written
from streamproc.sink.decide.elsewhere import is_elsewhere
from streamproc.sink.decide.loops import left_by
from streamproc.sink.decide.next_step import CORE
from streamproc.sink.decide.progress import Freshness, Progress
from streamproc.sink.decide.revoke_forms import next_form
from streamproc.sink.decide.seeding import settled, with_seeded
from streamproc.sink.decide.setbacks import BARREN, CONFLICTS, SETBACKS, begun_anew, setback
from streamproc.sink.decide.steps import Exchange, Moment, Send, SendMembership, SendUser
from streamproc.sink.decide.target import Learned, Target, VersionFormLearned, VersionsLearned
from streamproc.sink.decide.underway import Adopting, Refusal, SetAside, Underway, UserRead

CONFLICTING: Final = frozenset({400, 409, 412})
"""Statuses by which a version may be refused."""


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
    match action:
        case Deliver() if is_elsewhere(step, user, response, target, by_order=progress.by_order):
            return _unknown(progress, step, exchange, target, at, backoff(progress.attempts, at.jitter))
        case Deliver():
            if isinstance(step, SendMembership):
                return After(_membership_accepted(progress, step, exchange))
            learned: tuple[Learned, ...] = () if etag(response) is None else (VersionsLearned(),)
            if progress.version_form and step.request.if_match is not None:
                learned = (*learned, VersionFormLearned(target.version_form + progress.version_form))
            return After(_user_accepted(progress, step, user, exchange, target, at), learned=learned)
        case Retry(seconds):
            return After(progress, (Told("retry", request, describe(response)),), again=seconds)
        case Denied(seconds, reason) if not is_theirs(progress, at):
            progress = replace(progress, denied=progress.denied + 1)
            return After(progress, (Told("retry", request, reason),), again=seconds)
        case ReadBack(seconds):
            return _unknown(progress, step, exchange, target, at, seconds)
        case Refetch():
            return _conflict(progress, step, exchange, at)
        case Adopt():
            airborne = {**progress.airborne, progress.record.seq: exchange.sent + target.landing}
            looks = 0 if progress.adopting is None else progress.adopting.looks
            adopting = Adopting(refusal_of(response), looks)
            taken = replace(progress, airborne=airborne, freshness=forgotten(progress), adopting=adopting)
            return After(taken, (Told("conflict", request, describe(response)),), again=0.0)
        case Gone():
            return _gone(progress, step, exchange, at)
        case Denied(_, reason) | Park(reason):
            return _refused(begun_anew(progress), step, reason, exchange)
        case _:
            assert_never(action)


def narrow(progress: Progress, refusal: Refusal) -> After:
    """What was refused together goes out one by one; what is refused alone is set aside."""
    request, reason, response = refusal.request, refusal.reason, refusal.response
    told = (Told("narrowed", request, reason),)
    match refusal.send.operation:
        case Patch(changes) | Reactivate(changes) if "userName" in changes and is_taken(response):
            return after_taken(progress, refusal)
        case Create() if not progress.bare:
            alone = progress.alone | (set(parts(progress.record.desired)) - {*CORE})
            return After(replace(progress, bare=True, alone=alone), told, again=0.0)
        case Patch(changes) | Reactivate(changes) if len(names := parts(changes)) > 1:
            return After(replace(progress, alone=progress.alone | set(names)), told, again=0.0)
        case Patch(changes) | Reactivate(changes):
            name = next(iter(parts(changes)))
            if name in progress.aside:
                progress = replace(progress, given_up=progress.given_up | {name})
            code = (
                "ambiguous" if response.status == 409 else "refused"
            )  # somebody else has that value, perhaps not for long
            return After(progress, aside=SetAside(name, code, reason, response))
        case Deactivate():
            if (form := next_form(progress)) is not None:
                return After(replace(progress, form=form), told, again=0.0)
            return After(progress, aside=SetAside(None, "refused", reason, response))
        case Create():
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
        loops=left_by(progress, step),
        attempts=0,
        denied=0,
        conflicts=(None, 0),
        setbacks={},
        barren=0,
        troubles=0,
        operations=(*progress.operations, step.operation.op),
        held=held,
        acknowledged=exchange.request.answered,
        requests=(*progress.requests[:-1], replace(exchange.request, holds=held)),
    )


def _membership_accepted(progress: Progress, step: SendMembership, exchange: Exchange) -> Progress:
    held = apply(progress.held, step.operation, progress.record.desired)
    progress = with_written(progress, {f"group {step.operation.group}": None})
    shown = bool(exchange.response.body) and _shows_change(step, str(progress.id), exchange.response.body)
    progress = _accepted(replace(progress, unshown=progress.unshown or not shown), step, exchange, held)
    return with_seeded(progress, held) if shown else progress


def _shows_change(step: SendMembership, user_id: str, group: dict[str, Any]) -> bool:
    """Whether a group that shows members shows them as they were to become: some pass over whom they don't know."""
    members = group.get("members")
    if not isinstance(members, list):
        return True
    ids = [str(member.get("value")) for member in members if isinstance(member, dict)]
    return any(same_id(each, user_id) for each in ids) is isinstance(step.operation, Join)


def _user_accepted(
    progress: Progress, step: SendUser, user: UserRead | None, exchange: Exchange, target: Target, at: Moment
) -> Progress:
    response, freshness = exchange.response, Freshness.NOTED
    before = parts(progress.held or Resource())
    progress = with_written(progress, {name: before.get(name) for name in parts(step.resource) if name != "groups"})
    held = apply(progress.held, step.operation, progress.record.desired)
    if isinstance(step.operation, Create):
        # Until they are read: nobody is created again, and no leaver is told as never there, for a search that lags.
        shown = user is not None and user.theirs and is_located(response)
        adopting = None if shown else progress.adopting or Adopting(refusal_of(response))
        progress = replace(progress, id=created(response), claimed=not shown, adopting=adopting)
        held = apply(None, step.operation, step.resource)
        if progress.id is None:  # accepted, but as whom?
            until = exchange.sent + target.landing
            progress = replace(progress, airborne={**progress.airborne, progress.record.seq: until})
            freshness = Freshness.UNKNOWN
        elif user is None or not shown:
            freshness = Freshness.STALE
        else:  # a deleted user of that name comes back as the old record: plan on from what it holds
            held = user.held
    else:
        shown = user is not None and shows(step.resource, user.held)
        progress = replace(progress, unshown=progress.unshown or not shown)
        if isinstance(step.operation, Reactivate) and progress.alone:
            freshness = Freshness.STALE  # alone, it asserted nothing again: plan on from what the target really has
    replaced = {progress.etag, step.request.if_match} - {None} if step.request.if_match else set()
    progress = _accepted(progress, step, exchange, held)
    progress = replace(
        named(progress) if "userName" in step.resource else progress,
        etag=etag(response),
        replaced=progress.replaced | cast("set[str]", replaced),
        deactivating=progress.deactivating and not isinstance(step.operation, Create | Reactivate),
        alone=progress.alone - settled(progress, step.resource),
        vanished=False,
        version_form=0,
        learned=at.ticks,
        freshness=freshness,
    )
    return progress if user is None else with_seeded(progress, user.held)


def _unknown(progress: Progress, step: Send, exchange: Exchange, target: Target, at: Moment, seconds: float) -> After:
    """It may have been carried out. An answer that says nothing of it, again and again, is put down to what was sent;
    no answer at all is the network's.
    """
    response = exchange.response
    progress = replace(
        progress,
        airborne={**progress.airborne, progress.record.seq: exchange.sent + target.landing},
        freshness=forgotten(progress),
        deactivating=progress.deactivating or isinstance(step.operation, Deactivate),
        vanished=progress.vanished or isinstance(step.operation, Deactivate),
    )
    if response.status is not None:
        progress, theirs = setback(progress, step, at)
        if theirs:
            return _given_up(progress, step, exchange)
    return After(progress, (Told("unknown", exchange.request, describe(response)),), again=seconds)


def _conflict(progress: Progress, step: Send, exchange: Exchange, at: Moment) -> After:
    """Where the version never fits, another form of it may; or it isn't the version that is refused."""
    reason = describe(exchange.response)
    version = step.request.if_match and version_forms(step.request.if_match)[-1]
    before, times = progress.conflicts
    same = version == before
    times = times + 1 if same else 1
    progress = replace(progress, conflicts=(version, times), version_form=progress.version_form + same)
    progress = replace(progress, freshness=forgotten(progress))
    leaves = isinstance(step.operation, Deactivate)
    progress, theirs = setback(progress, step, at, CONFLICTS)
    if theirs or (leaves and times >= SETBACKS and not at.target_down):
        return _given_up(progress, step, exchange)
    seconds = backoff(progress.attempts, at.jitter) if progress.attempts else 0.0
    return After(progress, (Told("conflict", exchange.request, reason),), again=seconds)


def _gone(progress: Progress, step: Send, exchange: Exchange, at: Moment) -> After:
    """Not there any more, as it says: it is looked up again. A leaver is asked for by id before that: where a
    deactivation was carried out, a search may not show them. Who is there all the same was refused something.
    """
    request = exchange.request
    if isinstance(step, SendMembership):  # it may be the member who is gone
        progress = replace(progress, freshness=forgotten(progress))
    elif isinstance(step.operation, Deactivate):
        progress = replace(progress, freshness=forgotten(progress), vanished=True, wrote=True)
    else:
        request = replace(request, absent=True)
        progress = replace(progress, id=None, freshness=Freshness.UNKNOWN, requests=(*progress.requests[:-1], request))
    progress, theirs = setback(progress, step, at)
    if theirs:
        return _given_up(progress, step, exchange)
    told = (Told("missing", request, describe(exchange.response)),)
    return After(progress, told, again=backoff(progress.attempts, at.jitter))


def _given_up(progress: Progress, step: Send, exchange: Exchange) -> After:
    """Setbacks in a row are put down to what was sent. What was left open is read before anything else is sent."""
    response, reason = exchange.response, describe(exchange.response)
    progress = replace(progress, wrote=bool(progress.operations) or isinstance(step.operation, Deactivate))
    if not progress.patient and not isinstance(step.operation, Deactivate):
        return After(progress, aside=SetAside(None, "stalled", reason, response))  # it was narrowed down the first time
    result = _refused(progress, step, reason, exchange)
    if result.aside is None:
        return result
    if isinstance(step, SendMembership):
        moving = progress.conflicts[1] == 1 and exchange.response.status in CONFLICTING  # others change it all the time
        return replace(result, aside=replace(result.aside, code="stalled")) if moving else result
    code = "refused" if isinstance(step.operation, Deactivate) else "stalled"
    barren = progress.barren + 1
    if result.aside.what not in {None, "active"} and barren < BARREN:  # that they are active is no odd value
        return replace(result, progress=replace(result.progress, barren=barren))
    return replace(result, aside=SetAside(None, code, reason, response))


def _refused(progress: Progress, step: Send, reason: str, exchange: Exchange) -> After:
    """Narrow down until what is refused stands alone, and set that aside."""
    request, response = exchange.request, exchange.response
    if isinstance(step, SendMembership):
        return After(progress, aside=SetAside(f"group {step.operation.group}", "refused", reason, response))
    refusal = Refusal(step, request, reason, refusal_of(response))
    if step.manager is None:
        return narrow(progress, refusal)
    return After(replace(progress, underway=Underway(refusal=refusal)))

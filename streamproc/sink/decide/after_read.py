"""After a read: what the target holds of the user: as whom, in which version, in which groups, under which manager.

A search may show an older state than a GET by id, and may pass over its filter: what it finds is checked, and only the
id of it is used.
"""

from dataclasses import replace
from typing import Any, cast

from streamproc.core.records.delivery import Parked
from streamproc.core.records.operation import Join, Leave
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.resource import Resource
from streamproc.core.scim.response_body import etag, is_list, matches, matching, resources, version
from streamproc.core.scim.response_policy import Deliver, Response, backoff, response_action
from streamproc.sink.decide.after_write import narrow
from streamproc.sink.decide.attempts import After, Missing, Postponed, Refused, Shown, finding, try_again
from streamproc.sink.decide.fates import attempt
from streamproc.sink.decide.own_terms import parse, readable, tells_groups
from streamproc.sink.decide.progress import PATIENCE, Adopting, Freshness, Progress, Underway
from streamproc.sink.decide.steps import (
    AskMembership,
    Confirm,
    Exchange,
    FindGroup,
    FindManager,
    LookUp,
    Moment,
    Read,
)
from streamproc.sink.decide.target import Group, GroupLearned, Learned, ManagerLearned, Target, VersionsLearned


def after_look_up(progress: Progress, step: LookUp, exchange: Exchange, at: Moment) -> After:
    """First contact: whoever is found is adopted, by the id alone."""
    match answer := finding(progress, exchange, is_list, at):
        case Postponed(after):
            return after
        case Refused(refused, parked):
            if step.last or not _cannot_search(parked):
                return After(replace(refused, parked=parked))
            return After(replace(refused, underway=Underway(unknown_by_external_id=True)))
        case Shown() | Missing():
            users = matching(answer.body, step.attribute, step.value)
    request = exchange.request if users or not step.last else replace(exchange.request, absent=True)
    lines = (attempt(progress, answer.verdict, at.clock, None, request),)
    if len(users) > 1:
        reason = f"{len(users)} users have this {step.attribute}"
        return After(replace(progress, parked=progress.as_parked("ambiguous", reason, at.clock)), lines)
    if not users and not step.last:
        return After(replace(progress, underway=Underway(unknown_by_external_id=True)), lines)
    if not users or progress.misses > PATIENCE:
        return After(_nobody(progress, at), lines)
    other = users[0].get("externalId") if step.attribute == "userName" else None
    if other and other != progress.user:
        reason = f"userName belongs to the user with externalId {other}"
        return After(replace(progress, parked=progress.as_parked("ambiguous", reason, at.clock)), lines)
    underway = Underway(matched=True)
    return After(replace(progress, id=str(users[0]["id"]), freshness=Freshness.STALE, underway=underway), lines)


def after_read(progress: Progress, step: Read | Confirm, exchange: Exchange, target: Target, at: Moment) -> After:
    """The user, with what the answer says of groups."""
    match finding(progress, exchange, lambda body: readable(progress, target, body), at):
        case Postponed(after):
            return after
        case Refused(refused, parked):
            return After(replace(refused, parked=parked))
        case Missing():
            absent = replace(exchange.request, absent=True)
            return After(_gone(progress, at), (attempt(progress, "absent", at.clock, None, absent),))
        case Shown(body):
            pass
    hurry = isinstance(step, Confirm) or step.hurry
    holds, silent = parse(progress, target, body), bool(progress.group_names) and not tells_groups(target, body)
    before = target.without_id((progress.held or {}).get("groups", []))
    if hurry:  # nobody looks up a group whose id isn't known
        holds["groups"] = sorted({*holds["groups"], *before})
    lines = (attempt(progress, "read", at.clock, None, replace(exchange.request, holds=holds)),)
    if silent and not hurry:
        names = tuple(name for name in progress.group_names if target.group(name).id)
        underway = replace(progress.underway, response=exchange.response, asked=names, member_of=())
        progress = replace(progress, underway=underway)
        return After(progress, lines) if names else _learn(progress, exchange.response, target, at, lines, groups=[])
    unread = hurry and (silent or bool(target.without_id(progress.group_names)))
    if isinstance(step, Confirm) and unread and not progress.groups_unread:
        return _learn(progress, exchange.response, target, at, lines, groups=holds["groups"])
    return _learn(progress, exchange.response, target, at, lines, unread=unread)


def after_glance(progress: Progress, exchange: Exchange, target: Target, at: Moment) -> After:
    """What the target holds, read with a group's lock held. The lock is given back where it isn't needed."""
    lock, response, request = progress.underway.lock, exchange.response, exchange.request
    assert lock is not None
    if not isinstance(response_action("read", response, 0, 0.0), Deliver) or not readable(
        progress, target, response.body
    ):
        line = attempt(progress, "retry", at.clock, None, request)
        return After(replace(progress, freshness=Freshness.STALE, underway=Underway()), (line,))
    holds = parse(progress, target, response.body)
    lines = (attempt(progress, "read", at.clock, None, replace(request, holds=holds)),)
    result = _learn(progress, response, target, at, lines)
    member = lock.change.group in holds["groups"]
    if member is isinstance(lock.change, Join):
        return result
    underway = Underway(lock=replace(lock, looked=True))
    return replace(result, progress=replace(result.progress, underway=underway))


def after_membership(progress: Progress, step: AskMembership, exchange: Exchange, target: Target, at: Moment) -> After:
    """One of the groups has said whether the user is in it."""
    underway = progress.underway
    response = underway.response
    assert response is not None
    match answer := finding(progress, exchange, is_list, at):
        case Postponed(after):
            return after
        case Refused(refused, parked):
            return _learn(refused.with_aside("groups", parked), response, target, at)
        case Shown() | Missing():
            member = any(group.get("id") == step.id for group in resources(answer.body))
    rest = underway.asked[1:]
    member_of = (*underway.member_of, step.name) if member else underway.member_of
    holds = parse(progress, target, response.body)
    unasked = [name for name in rest if name in holds["groups"]]
    request = replace(exchange.request, holds=_with_groups(holds, sorted([*member_of, *unasked])))
    lines = (attempt(progress, answer.verdict, at.clock, None, request),)
    if rest:
        return After(replace(progress, underway=replace(underway, asked=rest, member_of=member_of)), lines)
    return _learn(progress, response, target, at, lines, groups=list(member_of))


def after_find_group(progress: Progress, step: FindGroup, exchange: Exchange, target: Target, at: Moment) -> After:
    """Somebody who is to leave a group does so under whatever name it has by now."""
    learned: tuple[Learned, ...] = ()
    underway = replace(progress.underway, sought=progress.underway.sought | {step.name})
    begun = replace(progress, underway=underway if step.change is None else Underway())
    match answer := finding(progress, exchange, _has_id if step.by_id else is_list, at):
        case Postponed(after):
            return after
        case Refused(refused, parked):
            begun = replace(begun, requests=refused.requests)
            return After(begun if step.change is None else begun.with_aside(f"group {step.name}", parked))
        case Shown() | Missing():
            group = _group(step, answer.body)
    lines = (attempt(progress, answer.verdict, at.clock, None, exchange.request),)
    known = target.group(step.name)
    if group is not None:
        if not known.fresh:  # else somebody was quicker, and may have changed it since
            learned = (GroupLearned(step.name, Group(str(group["id"]), version(group), True, at.ticks)),)
        return After(begun, lines, learned)
    if step.by_id and answer.body is None:
        return After(begun, lines, () if known.fresh else (GroupLearned(step.name, Group()),))
    if step.by_id:
        return After(replace(progress, underway=Underway(renamed=step.name)), lines)
    if step.change is None:
        return After(begun, lines)
    unresolved = progress.as_parked("unresolved", f"there is no group {step.name}", at.clock)
    return After(begun.with_aside(f"group {step.name}", unresolved), lines)


def after_find_manager(progress: Progress, step: FindManager, exchange: Exchange, at: Moment) -> After:
    """A record names the manager by user ID, the target by its own id. One who isn't there sets only that aside."""
    there: str | None = None
    lines: tuple[Outcome, ...] = ()
    match answer := finding(progress, exchange, is_list, at):
        case Postponed(after):
            return after
        case Refused(refused, parked):
            progress = refused.with_aside(
                "manager", _unresolved(refused, step, at) if _cannot_search(parked) else parked
            )
        case Shown() | Missing():
            lines = (attempt(progress, answer.verdict, at.clock, None, exchange.request),)
            users = matching(answer.body, "externalId", step.manager)
            if len(users) == 1:
                there = str(users[0]["id"])
            elif users:
                reason = f"{len(users)} users have this externalId"
                progress = progress.with_aside("manager", progress.as_parked("ambiguous", reason, at.clock))
            else:
                progress = progress.with_aside("manager", _unresolved(progress, step, at))
    refusal = progress.underway.refusal
    progress = replace(progress, underway=Underway())
    learned = (ManagerLearned(step.manager, there),)
    if refusal is None:
        return After(progress, lines, learned)
    if there != refusal.manager_id:
        result = try_again(progress, refusal.request, "retry", refusal.reason, 0.0, at)
    else:
        result = narrow(progress, refusal.send.operation, refusal.parked, refusal.request, refusal.reason, at)
    return After(result.progress, (*lines, *result.lines), learned)


def _learn(
    progress: Progress,
    response: Response,
    target: Target,
    at: Moment,
    lines: tuple[Outcome, ...] = (),
    *,
    groups: list[str] | None = None,
    unread: bool = False,
) -> After:
    """What the target holds is known now. `groups`: where the user's own resource doesn't tell them."""
    held = parse(progress, target, response.body)
    if groups is not None:
        held = _with_groups(held, groups)
    read = replace(
        progress,
        held=held,
        etag=etag(response),
        freshness=Freshness.READ,
        groups_unread=unread,
        looked=True,
        learned=at.ticks,
        underway=Underway(),
        adopting=None,
    )
    if progress.underway.matched:
        lines = (*lines, attempt(read, "adopted", at.clock, None))
    return After(read, lines, () if read.etag is None else (VersionsLearned(),))


def _nobody(progress: Progress, at: Moment) -> Progress:
    """The target has no such user, or doesn't show whom it has by that name."""
    nobody = replace(progress, id=None, etag=None, held=None, groups_unread=False, underway=Underway())
    if progress.adopting is not None:
        return _look_again(nobody, progress.adopting, 0.0, at)
    return replace(nobody, freshness=Freshness.ABSENT, learned=at.ticks)


def _gone(progress: Progress, at: Moment) -> Progress:
    """Whom we knew by an id isn't there (any more)."""
    gone = replace(progress, id=None, freshness=Freshness.UNKNOWN, underway=Underway())
    if not progress.underway.matched:
        return gone
    misses = progress.misses + 1  # the search index lags behind: whom it shows has been deleted
    seconds = backoff(misses, at.jitter)
    gone = replace(gone, misses=misses, wait_until=at.ticks + seconds)
    return gone if gone.adopting is None else _look_again(gone, gone.adopting, seconds, at)


def _look_again(progress: Progress, adopting: Adopting, seconds: float, at: Moment) -> Progress:
    """The search index may lag, so it is asked more than once whose a taken userName is."""
    if adopting.looks > PATIENCE:
        reason = "userName is taken, and can't be found"
        return replace(progress, parked=progress.as_parked("ambiguous", reason, at.clock, adopting.refused))
    until = at.ticks + seconds + backoff(adopting.looks, at.jitter)
    looks = replace(adopting, looks=adopting.looks + 1)
    return replace(progress, freshness=Freshness.UNKNOWN, adopting=looks, wait_until=until)


def _cannot_search(parked: Parked) -> bool:
    """The target can't search by the attribute (RFC 7644 §3.4.2.2)."""
    return "invalidFilter" in parked.reason


def _unresolved(progress: Progress, step: FindManager, at: Moment) -> Parked:
    return progress.as_parked("unresolved", f"manager {step.manager} isn't in the target yet", at.clock)


def _group(step: FindGroup, body: dict[str, Any] | None) -> dict[str, Any] | None:
    if step.by_id:
        named = isinstance(step.change, Leave) or matches(body or {}, "displayName", step.name)
        return body if named else None
    groups = matching(body, "displayName", step.name)
    return groups[0] if len(groups) == 1 else None


def _has_id(body: dict[str, Any]) -> bool:
    return bool(body.get("id"))


def _with_groups(held: Resource, groups: list[str]) -> Resource:
    return cast("Resource", {**held, "groups": groups})

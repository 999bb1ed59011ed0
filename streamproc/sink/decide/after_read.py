"""After a read: what the target holds of the user: as whom, in which version, in which groups, under which manager.

A search may show an older state than a GET by id, and may pass over its filter: what it finds is checked, and only the
id of it is used.
"""

from typing import Any, cast

from msgspec.structs import replace

from streamproc.core.records.operation import Join, Leave
from streamproc.core.records.resource import Resource
from streamproc.core.scim.response_body import matches, matching, resources, version
from streamproc.core.scim.response_policy import backoff
from streamproc.sink.decide.after_write import narrow
from streamproc.sink.decide.attempts import After, Finding, Refused, Shown, Told
from streamproc.sink.decide.progress import PATIENCE, Freshness, Progress
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
from streamproc.sink.decide.target import Group, GroupLearned, ManagerLearned, Target, VersionsLearned
from streamproc.sink.decide.underway import Adopting, SetAside, Underway, UserRead


def after_look_up(progress: Progress, step: LookUp, found: Finding, exchange: Exchange, at: Moment) -> After:
    """First contact: whoever is found is adopted, by the id alone."""
    if isinstance(found, Refused):
        if step.last or not found.unsearchable:
            return After(progress, aside=SetAside(None, "refused", found.reason, found.response))
        return After(replace(progress, underway=Underway(unknown_by_external_id=True)))
    users = matching(found.body, step.attribute, step.value)
    request = exchange.request if users or not step.last else replace(exchange.request, absent=True)
    told = (Told(found.verdict, request),)
    if len(users) > 1:
        return After(progress, told, aside=_several(len(users), step.attribute, None))
    if not users and not step.last:
        return After(replace(progress, underway=Underway(unknown_by_external_id=True)), told)
    other = users[0].get("externalId") if users and step.attribute == "userName" else None
    if other and other != progress.user:
        reason = f"userName belongs to the user with externalId {other}"
        return After(progress, told, aside=SetAside(None, "ambiguous", reason))
    if not users or progress.misses > PATIENCE:
        return replace(_nobody(progress, at), told=told)
    underway = Underway(matched=True)
    return After(replace(progress, id=str(users[0]["id"]), freshness=Freshness.STALE, underway=underway), told)


def after_read(
    progress: Progress,
    step: Read | Confirm,
    found: Finding,
    user: UserRead | None,
    exchange: Exchange,
    target: Target,
    at: Moment,
) -> After:
    """The user, with what the answer says of groups."""
    if isinstance(found, Refused):
        return After(progress, aside=SetAside(None, "refused", found.reason, found.response))
    if user is None or not isinstance(found, Shown):
        return replace(_gone(progress, at), told=(Told("absent", replace(exchange.request, absent=True)),))
    hurry = isinstance(step, Confirm) or step.hurry
    if not hurry:
        before = set(target.without_id((progress.held or {}).get("groups", []))) & progress.underway.unanswered
        known = _in_groups(user, sorted({*user.held["groups"], *before}))
        told = Told("read", replace(exchange.request, holds=known.held))
        names = tuple(name for name in progress.group_names if target.group(name).id)
        if user.silent and names:
            underway = replace(progress.underway, read=user, asked=names, member_of=tuple(sorted(before)))
            return After(replace(progress, underway=underway), (told,))
        return _learned(progress, _in_groups(user, sorted(before)) if user.silent else known, at, told)
    known = _with_groups_without_id(progress, user, target)
    told = Told("read", replace(exchange.request, holds=known.held))
    unread = user.silent or bool(target.without_id(progress.group_names))
    if isinstance(step, Confirm) and unread and not progress.groups_unread:
        return _learned(progress, known, at, told)
    return _learned(progress, user, at, told, unread=unread)


def after_glance(progress: Progress, user: UserRead | None, exchange: Exchange, target: Target, at: Moment) -> After:
    """What the target holds, read with a group's lock held. The lock is given back where it isn't needed."""
    lock = progress.underway.lock
    if user is None or lock is None:
        stale = replace(progress, freshness=Freshness.STALE, underway=Underway())
        return After(stale, (Told("retry", exchange.request),))
    user = _with_groups_without_id(progress, user, target)
    result = _learned(progress, user, at, Told("read", replace(exchange.request, holds=user.held)))
    member = lock.change.group in user.held["groups"]
    if member is isinstance(lock.change, Join):
        return result
    return replace(result, progress=replace(result.progress, underway=Underway(lock=replace(lock, looked=True))))


def after_membership(progress: Progress, step: AskMembership, found: Finding, exchange: Exchange, at: Moment) -> After:
    """One of the groups has said whether the user is in it."""
    underway = progress.underway
    user, rest = underway.read, underway.asked[1:]
    assert user is not None
    if isinstance(found, Refused):
        return replace(_learned(progress, user, at), aside=SetAside("groups", "refused", found.reason, found.response))
    member = any(group.get("id") == step.id for group in resources(found.body))
    member_of = (*underway.member_of, step.name) if member else underway.member_of
    unasked = [name for name in rest if name in user.held["groups"]]
    holds = _in_groups(user, sorted([*member_of, *unasked])).held
    told = Told(found.verdict, replace(exchange.request, holds=holds))
    if rest:
        return After(replace(progress, underway=replace(underway, asked=rest, member_of=member_of)), (told,))
    return _learned(progress, _in_groups(user, sorted(member_of)), at, told)


def after_find_group(
    progress: Progress, step: FindGroup, found: Finding, exchange: Exchange, target: Target, at: Moment
) -> After:
    """Somebody who is to leave a group does so under whatever name it has by now.

    A read does without a group that isn't found; a change of membership is set aside.
    """
    if step.change is None:
        sought, unanswered = progress.underway.sought | {step.name}, progress.underway.unanswered
        if isinstance(found, Refused):
            unanswered |= {step.name}
        progress = replace(progress, underway=replace(progress.underway, sought=sought, unanswered=unanswered))
    else:
        progress = replace(progress, underway=Underway())
    if isinstance(found, Refused):
        return After(progress, aside=_group_aside(step, "refused", found.reason, found))
    told, known = (Told(found.verdict, exchange.request),), target.group(step.name)
    if (group := _group(step, found.body)) is not None:
        seen = Group(str(group["id"]), version(group), True, at.ticks)
        # Fresh: somebody was quicker, and may have changed it since.
        return After(progress, told, () if known.fresh else (GroupLearned(step.name, seen),))
    if step.by_id and found.body is None:
        return After(progress, told, () if known.fresh else (GroupLearned(step.name, Group()),))
    if step.by_id:
        return After(replace(progress, underway=Underway(renamed=step.name)), told)
    return After(progress, told, aside=_group_aside(step, "unresolved", f"there is no group {step.name}"))


def after_find_manager(progress: Progress, step: FindManager, found: Finding, exchange: Exchange) -> After:
    """A record names the manager by user ID, the target by its own id. One who isn't there sets only that aside."""
    there: str | None = None
    told: tuple[Told, ...] = ()
    aside = SetAside("manager", "unresolved", f"manager {step.manager} isn't in the target yet")
    if isinstance(found, Refused):
        if not found.unsearchable:
            aside = SetAside("manager", "refused", found.reason, found.response)
    else:
        told = (Told(found.verdict, exchange.request),)
        users = matching(found.body, "externalId", step.manager)
        if len(users) > 1:
            aside = _several(len(users), "externalId", "manager")
        elif users:
            there = str(users[0]["id"])
    learned = (ManagerLearned(step.manager, there),)
    refusal, progress = progress.underway.refusal, replace(progress, underway=Underway())
    if refusal is None:
        return After(progress, told, learned, None if there else aside)
    if refusal.send.manager != (step.manager, there):  # it may have been refused on account of the manager: plan again
        told = (*told, Told("retry", refusal.request, refusal.reason))
        return After(progress, told, learned, None if there else aside, again=0.0)
    result = narrow(progress, refusal)
    return replace(result, told=(*told, *result.told), learned=learned)


def _learned(progress: Progress, user: UserRead, at: Moment, *told: Told, unread: bool = False) -> After:
    """What the target holds is known now. `unread`: but for groups."""
    if progress.underway.matched:
        told = (*told, Told("adopted"))
    read = replace(
        progress,
        held=user.held,
        etag=user.etag,
        freshness=Freshness.READ,
        groups_unread=unread,
        looked=True,
        learned=at.ticks,
        underway=Underway(),
        adopting=None,
    )
    return After(read, told, () if user.etag is None else (VersionsLearned(),))


def _nobody(progress: Progress, at: Moment) -> After:
    """The target has no such user, or doesn't show whom it has by that name."""
    nobody = replace(progress, id=None, etag=None, held=None, groups_unread=False, underway=Underway())
    if progress.adopting is not None:
        return _look_again(nobody, progress.adopting, 0.0, at)
    return After(replace(nobody, freshness=Freshness.ABSENT, learned=at.ticks))


def _gone(progress: Progress, at: Moment) -> After:
    """Whom we knew by an id isn't there (any more)."""
    gone = replace(progress, id=None, freshness=Freshness.UNKNOWN, underway=Underway())
    if not progress.underway.matched:
        return After(gone)
    misses = progress.misses + 1  # the search index lags behind: whom it shows has been deleted
    seconds = backoff(misses, at.jitter)
    gone = replace(gone, misses=misses, wait_until=at.ticks + seconds)
    return After(gone) if gone.adopting is None else _look_again(gone, gone.adopting, seconds, at)


def _look_again(progress: Progress, adopting: Adopting, seconds: float, at: Moment) -> After:
    """The search index may lag, so it is asked more than once whose a taken userName is."""
    if adopting.looks > PATIENCE:
        reason = "userName is taken, and can't be found"
        return After(progress, aside=SetAside(None, "ambiguous", reason, adopting.refused))
    until = at.ticks + seconds + backoff(adopting.looks, at.jitter)
    looks = replace(adopting, looks=adopting.looks + 1)
    return After(replace(progress, freshness=Freshness.UNKNOWN, adopting=looks, wait_until=until))


def _several(count: int, attribute: str, what: str | None) -> SetAside:
    return SetAside(what, "ambiguous", f"{count} users have this {attribute}")


def _group_aside(step: FindGroup, code: str, reason: str, refused: Refused | None = None) -> SetAside | None:
    if step.change is None:
        return None
    return SetAside(f"group {step.name}", code, reason, None if refused is None else refused.response)


def _group(step: FindGroup, body: dict[str, Any] | None) -> dict[str, Any] | None:
    if step.by_id:
        named = isinstance(step.change, Leave) or matches(body or {}, "displayName", step.name)
        return body if named else None
    groups = matching(body, "displayName", step.name)
    return groups[0] if len(groups) == 1 else None


def _with_groups_without_id(progress: Progress, user: UserRead, target: Target) -> UserRead:
    """Of a read for which nobody looked up groups: it can't say that somebody left one whose id isn't known."""
    before = target.without_id((progress.held or {}).get("groups", []))
    return _in_groups(user, sorted({*user.held["groups"], *before}))


def _in_groups(user: UserRead, groups: list[str]) -> UserRead:
    return replace(user, held=cast("Resource", {**user.held, "groups": groups}))

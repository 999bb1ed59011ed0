"""After a search for a group or a member: which of them it is, if there is just one. Managers are in our own log.

A search may show an older state than a GET by id, and may pass over its filter: what it finds is checked, and only the
id of it is used.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from streamproc.core.records.operation import Leave
from streamproc.core.scim.list_response import Listing, turn_page
from streamproc.core.scim.response_body import etag, matches, resource_id, resources, same_id
from streamproc.sink.decide.after_read import in_groups, learned_of, passed_over
from streamproc.sink.decide.after_write import narrow
from streamproc.sink.decide.attempts import After, Finding, Missing, Refused, Shown, Told
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.steps import AskMembership, Exchange, FindGroup, FindManager, Moment, ReadManager
from streamproc.sink.decide.target import Group, GroupLearned, Target
from streamproc.sink.decide.underway import SetAside, Underway


def after_membership(
    progress: Progress, step: AskMembership, found: Finding, exchange: Exchange, target: Target, at: Moment
) -> After:
    """One of the groups has said whether the user is in it. 404 isn't how a search says so (RFC 7644 §3.4.2): what was
    noted stays, since nobody may keep what they had for it.
    """
    underway = progress.underway
    user, rest = underway.read, underway.asked[1:]
    assert user is not None
    groups = [] if isinstance(found, Refused) else resources(found.body)
    unfiltered = any(not same_id(resource_id(group), step.id) for group in groups)
    if isinstance(found, Refused) or unfiltered:
        reason = found.reason if isinstance(found, Refused) else "the target passes over the filter of groups"
        aside = SetAside("groups", "refused", reason, exchange.response)
        return replace(learned_of(progress, user, target, at), aside=aside)
    noted = isinstance(found, Missing) and step.name in (progress.held or {}).get("groups", ())
    member = bool(groups) or noted
    member_of = (*underway.member_of, step.name) if member else underway.member_of
    unasked = [name for name in rest if name in user.held["groups"]]
    holds = in_groups(user, sorted([*member_of, *unasked])).held
    told = Told(found.verdict, replace(exchange.request, holds=holds))
    if rest:
        return After(replace(progress, underway=replace(underway, asked=rest, member_of=member_of)), (told,))
    return learned_of(progress, in_groups(user, sorted(member_of)), target, at, told)


def after_find_group(
    progress: Progress, step: FindGroup, found: Finding, exchange: Exchange, target: Target, at: Moment
) -> After:
    """Somebody who is to leave a group does so under whatever name it has by now. A group that was found by name is
    read at its id before it is changed: it has to show the name itself.

    A read does without a group that isn't found; a change of membership is set aside.
    """
    told = () if isinstance(found, Refused) else (Told(found.verdict, exchange.request),)
    listing, denied = Listing(), progress.underway.renamed == step.name
    if not step.by_id and not isinstance(found, Refused):
        listing = turn_page(progress.underway.listing, found.body, "displayName", step.name)
        if listing.end is None:
            return After(replace(progress, underway=replace(progress.underway, listing=listing)), told)
    if step.change is None:
        sought, unanswered = progress.underway.sought | {step.name}, progress.underway.unanswered
        if isinstance(found, Refused):
            unanswered |= {step.name}
        underway = replace(progress.underway, sought=sought, unanswered=unanswered, listing=Listing())
        progress = replace(progress, underway=underway)
    else:
        progress = replace(progress, underway=Underway())
    if isinstance(found, Refused):
        return After(progress, aside=_group_aside(step, "refused", found.reason, found))
    known = target.group(step.name)
    others = tuple(_others(listing, target))
    groups = _by_id(step, known, found.body) if step.by_id else _by_name(step.name, listing)
    if len(groups) > 1:
        return After(progress, told, others, _group_aside(step, "ambiguous", f"{len(groups)} groups are {step.name}"))
    if groups:
        seen = Group(str(groups[0]["id"]), None)
        if step.by_id:
            seen = Group(seen.id, etag(exchange.response), fresh=True, shown=True, read=at.ticks)
        elif denied and same_id(seen.id, known.id):
            reason = f"the group {step.name} that the target finds shows another name itself"
            return After(progress, told, others, _group_aside(step, "ambiguous", reason))
        # Fresh: somebody was quicker, and may have changed it since.
        return After(progress, told, others if known.fresh else (*others, GroupLearned(step.name, seen)))
    if step.by_id and found.body is None:
        return After(progress, told, () if known.fresh else (GroupLearned(step.name, Group()),))
    if step.by_id:
        return After(replace(progress, underway=Underway(renamed=step.name)), told)
    reason = f"there is no group {step.name}"
    if listing.end == "unclear":
        reason = f"there is no group {step.name} that was shown: {passed_over('displayName', listing)}"
    return After(progress, told, others, _group_aside(step, "unresolved", reason))


def after_find_manager(progress: Progress, step: FindManager, target: Target) -> After:
    """A record names the manager by user ID, the target by its own id. One whom nobody has delivered isn't named to the
    target, not even in a search: they may not be ours. That sets only the manager aside.
    """
    if target.manager_id(step.manager) is None:
        reason = f"manager {step.manager} has no account by us: not delivered yet, or out of scope"
        return After(progress, aside=SetAside("manager", "unresolved", reason))
    return After(progress)


def after_read_manager(progress: Progress, step: ReadManager, found: Finding, exchange: Exchange) -> After:
    """A write that names a manager was refused: are they still there? Else it is tried without them."""
    refusal, progress = progress.underway.refusal, replace(progress, underway=Underway())
    assert refusal is not None
    if isinstance(found, Shown):
        result = narrow(progress, refusal)
        return replace(result, told=(Told(found.verdict, exchange.request), *result.told))
    if isinstance(found, Refused):
        return After(progress, aside=SetAside("manager", "refused", found.reason, found.response))
    told = (Told(found.verdict, exchange.request), Told("retry", refusal.request, refusal.reason))
    aside = SetAside("manager", "unresolved", f"manager {step.manager} isn't in the target any more", exchange.response)
    return After(progress, told, aside=aside, again=0.0)


def _group_aside(step: FindGroup, code: str, reason: str, refused: Refused | None = None) -> SetAside | None:
    if step.change is None:
        return None
    return SetAside(f"group {step.name}", code, reason, None if refused is None else refused.response)


def _by_id(step: FindGroup, known: Group, body: dict[str, Any] | None) -> list[dict[str, Any]]:
    named = (isinstance(step.change, Leave) and known.shown) or matches(body or {}, "displayName", step.name)
    return [body] if body is not None and named else []


def _by_name(name: str, listing: Listing) -> list[dict[str, Any]]:
    """Groups of that name; of some whose names differ by case alone, the one that is spelled like that."""
    exact = [group for group in listing.found if group.get("displayName") == name]
    return exact or list(listing.found)


def _others(listing: Listing, target: Target) -> Iterator[GroupLearned]:
    """Groups that were shown though nobody searched for them: they needn't be searched for page by page."""
    if target.crowded:
        return
    names = Counter(str(group.get("displayName")) for group in (*listing.others, *listing.found))
    for group in listing.others:
        name = str(group.get("displayName"))
        if names[name] == 1 and not target.group(name).id:
            yield GroupLearned(name, Group(str(group["id"])))

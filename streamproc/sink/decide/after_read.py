"""After a read: what the target holds of the user: as whom, in which version, in which groups, under which manager.

A search may show an older state than a GET by id, and may pass over its filter: what it finds is checked, and only the
id of it is used.
"""

from typing import Final, cast

from msgspec.structs import replace

from streamproc.core.records.operation import Join
from streamproc.core.records.resource import Resource, parts
from streamproc.core.scim.list_response import Listing, turn_page
from streamproc.core.scim.own_terms import LONGEST
from streamproc.core.scim.response_policy import backoff, describe
from streamproc.sink.decide.adoption import isnt_there
from streamproc.sink.decide.adoption import told as adopted
from streamproc.sink.decide.attempts import After, Finding, Refused, Shown, Told
from streamproc.sink.decide.did_you_mean import names_shown
from streamproc.sink.decide.effect import compare
from streamproc.sink.decide.next_step import CORE
from streamproc.sink.decide.progress import PATIENCE, Freshness, Progress
from streamproc.sink.decide.seeding import with_seeded
from streamproc.sink.decide.steps import Confirm, Exchange, LookUp, Moment, Read
from streamproc.sink.decide.target import ActiveLearned, Learned, Target, VersionsLearned
from streamproc.sink.decide.underway import NOT_FOUND, Adopting, SetAside, Taken, Underway, UserRead

LOOKS: Final = 2
"""Times that the owner of a userName is looked for before it is doubted that it is the userName which is taken."""


def after_look_up(progress: Progress, step: LookUp, found: Finding, exchange: Exchange, at: Moment) -> After:
    """First contact: whoever is found is adopted, by the id alone."""
    by_name = Underway(unknown_by_external_id=True)
    if isinstance(found, Refused):
        aside = SetAside(None, "refused", found.reason, found.response)
        if step.last:
            return After(progress, aside=aside)
        return After(replace(progress, underway=replace(by_name, unsure=None if found.unsearchable else aside)))
    listing = turn_page(progress.underway.listing, found.body, step.attribute, step.value)
    told = (Told(found.verdict, exchange.request),)
    if len(listing.found) > 1:
        return After(progress, told, aside=several(len(listing.found), step.attribute, None))
    if listing.end is None:
        return After(replace(progress, underway=replace(progress.underway, listing=listing)), told)
    if listing.found:
        return _found(progress, step, listing, told, at)
    unsure = progress.underway.unsure
    if listing.end == "unclear" or (listing.unfiltered and progress.leaver):
        unsure = SetAside(None, "refused", passed_over(step.attribute, listing), exchange.response)
    if not step.last:
        return After(replace(progress, underway=replace(by_name, unsure=unsure)), told)
    if unsure is not None:
        return After(progress, told, aside=unsure)
    told = (Told(found.verdict, replace(exchange.request, absent=True)),)
    return replace(_nobody(progress, at), told=told)


def _found(progress: Progress, step: LookUp, listing: Listing, told: tuple[Told, ...], at: Moment) -> After:
    """Who has the userName is adopted where the answer is about that name, and they are nobody else's."""
    (user,) = listing.found
    other = user.get("externalId") if step.attribute == "userName" else None
    if other and other != progress.user:
        reason = f"userName belongs to the user with externalId {str(other)[:LONGEST]}"
        perhaps_created = progress.adopting is not None and progress.adopting.refused.status != 409
        if progress.leaver or perhaps_created or not isinstance(other, str) or len(other) > LONGEST:
            return After(progress, told, aside=SetAside(None, "ambiguous", reason))
        taken = Taken(None, reason, other, tried=progress.name_taken is not None)
        return replace(_nobody(replace(progress, name_taken=taken, adopting=None), at), told=told)
    if step.attribute == "userName" and listing.unfiltered and not other:
        reason = f"a user has this userName, but {passed_over(step.attribute, listing)}"
        return After(progress, told, aside=SetAside(None, "ambiguous", reason))
    if progress.misses > PATIENCE and progress.leaver:
        reason = f"searches show an account at {user['id']}, and there is none"
        return After(progress, told, aside=SetAside(None, "ambiguous", reason))
    if progress.misses > PATIENCE:
        return replace(_nobody(progress, at), told=told)
    underway = Underway(matched=step.attribute)
    found = replace(progress, id=str(user["id"]), claimed=True, freshness=Freshness.STALE, underway=underway)
    return After(found, told)


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
        if progress.by_order and progress.claimed:
            nobody, aside = isnt_there(progress)
            return After(nobody, (Told("absent", exchange.request),), aside=aside)
        return replace(_gone(progress, at), told=(Told("absent", replace(exchange.request, absent=True)),))
    if (other := _somebody_else(progress, user)) is not None:
        progress = replace(progress, underway=Underway())
        if progress.claimed:  # looked up anew the next time
            progress = replace(progress, id=None, claimed=False, freshness=Freshness.UNKNOWN)
        return After(progress, (Told("read", exchange.request),), aside=other)
    hurry = isinstance(step, Confirm) or step.hurry
    if not hurry:
        before = set(target.without_id((progress.held or {}).get("groups", []))) & progress.underway.unanswered
        known = in_groups(user, sorted({*user.held["groups"], *before}))
        told = Told("read", replace(exchange.request, holds=known.held))
        names = tuple(name for name in progress.group_names if target.group(name).id)
        if user.silent and names:
            underway = replace(progress.underway, read=user, asked=names, member_of=tuple(sorted(before)))
            return After(replace(progress, underway=underway), (told,))
        return learned_of(progress, in_groups(user, sorted(before)) if user.silent else known, target, at, told)
    known = _with_groups_without_id(progress, user, target)
    told = Told("read", replace(exchange.request, holds=known.held))
    unread = user.silent or bool(target.without_id(progress.group_names))
    if isinstance(step, Confirm) and unread and not progress.groups_unread:
        return learned_of(progress, known, target, at, told)
    return learned_of(progress, user, target, at, told, unread=unread)


def after_glance(progress: Progress, user: UserRead | None, exchange: Exchange, target: Target, at: Moment) -> After:
    """What the target holds, read with a group's lock held. The lock is given back where it isn't needed."""
    lock = progress.underway.lock
    if user is None or lock is None or _somebody_else(progress, user) is not None:
        stale = replace(progress, freshness=Freshness.STALE, underway=Underway())
        return After(stale, (Told("retry", exchange.request),))
    user = _with_groups_without_id(progress, user, target)
    told = Told("read", replace(exchange.request, holds=user.held))
    result = learned_of(progress, user, target, at, told, compared=False)
    member = lock.change.group in user.held["groups"]
    if member is isinstance(lock.change, Join):
        return result
    return replace(result, progress=replace(result.progress, underway=Underway(lock=replace(lock, looked=True))))


def learned_of(
    progress: Progress,
    user: UserRead,
    target: Target,
    at: Moment,
    *told: Told,
    unread: bool = False,
    compared: bool = True,
) -> After:
    """What the target holds is known now. `unread`: but for groups. `compared`: with what it has accepted."""
    told = (*told, *adopted(progress, user))
    read = replace(
        progress,
        claimed=False,
        held=user.held,
        etag=user.etag,
        body=user.body,
        freshness=Freshness.READ,
        groups_unread=unread,
        looked=True,
        learned=at.ticks,
        underway=Underway(),
        adopting=None,
        taken=None,
    )
    read = with_seeded(read, user.held)
    if compared and not unread:
        read = compare(read, target.dialect, at)
    learned: tuple[Learned, ...] = () if user.etag is None else (VersionsLearned(),)
    learned = (*learned, ActiveLearned()) if user.held.get("active") else learned
    return After(read, told, (*learned, *names_shown(user.held, target)))


def _somebody_else(progress: Progress, user: UserRead) -> SetAside | None:
    """Why the account that was read isn't the user's. One that we know by its id, and isn't marked, stays theirs; one
    that a search or a create has named has to show itself that it is.
    """
    if progress.by_order:
        return None
    if user.owner is not None:
        return SetAside(None, "ambiguous", f"the account {progress.id} has the externalId {user.owner}")
    if progress.claimed and not user.theirs:
        reason = f"the account {progress.id}, of which we were told, shows neither the externalId nor the userName"
        return SetAside(None, "ambiguous", reason)
    return None


def _nobody(progress: Progress, at: Moment) -> After:
    """The target has no such user, or doesn't show whom it has by that name. What an account that isn't there (any
    more) was refused, be it that it is active, says nothing of the one that is created.
    """
    aside = {name: parked for name, parked in progress.aside.items() if parked.code not in {"refused", "stalled"}}
    nobody = replace(
        progress,
        id=None,
        etag=None,
        held=None,
        groups_unread=False,
        underway=Underway(),
        aside=aside,
        given_up=progress.given_up & aside.keys(),
    )
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
    taken = adopting.refused.status == 409
    if taken and adopting.looks > LOOKS and not progress.bare and not progress.leaver:  # perhaps it isn't the userName
        alone = progress.alone | (set(parts(progress.record.desired)) - {*CORE})
        return After(replace(progress, bare=True, alone=alone, freshness=Freshness.ABSENT, learned=at.ticks))
    if adopting.looks > PATIENCE:
        reason = f"{'userName is taken' if taken else 'perhaps created'}{NOT_FOUND}{describe(adopting.refused)}"
        return After(progress, aside=SetAside(None, "ambiguous", reason, adopting.refused))
    until = at.ticks + seconds + backoff(adopting.looks, at.jitter)
    looks = replace(adopting, looks=adopting.looks + 1)
    return After(replace(progress, freshness=Freshness.UNKNOWN, adopting=looks, wait_until=until))


def _with_groups_without_id(progress: Progress, user: UserRead, target: Target) -> UserRead:
    """Of a read for which nobody looked up groups: it can't say that somebody left one whose id isn't known."""
    before = target.without_id((progress.held or {}).get("groups", []))
    return in_groups(user, sorted({*user.held["groups"], *before}))


def in_groups(user: UserRead, groups: list[str]) -> UserRead:
    """As a member of these."""
    return replace(user, held=cast("Resource", {**user.held, "groups": groups}))


def several(count: int, attribute: str, what: str | None) -> SetAside:
    """More than one fits."""
    return SetAside(what, "ambiguous", f"{count} users have this {attribute}")


def passed_over(attribute: str, listing: Listing) -> str:
    """Why a search says nothing."""
    if listing.unfiltered:
        return f"the target passes over the filter by {attribute}, and shows others"
    return f"the target shows {len(listing.ids)} of them, and says that there are more"

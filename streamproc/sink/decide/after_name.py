"""After a userName was found to be somebody else's: whose it is, and what the user does until it is free.

Nobody is made to give a name up: the one who has it does so when their own record says so. What is decided here is only
who goes first, and who of a circle takes a temporary name for as long as the others need.
"""

from typing import assert_never

from msgspec.structs import replace

from streamproc.core.scim.list_response import turn_page
from streamproc.core.scim.own_terms import LONGEST
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.attempts import After, Finding, Refused, Told
from streamproc.sink.decide.name_waits import is_temporary
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.steps import AwaitName, Exchange, FindHolder, NameAnswer
from streamproc.sink.decide.underway import Refusal, SetAside, Taken, Underway


def is_taken(response: Response) -> bool:
    """Whether somebody else has what was to be written. It needn't be the userName: that shows when it goes alone."""
    return response.status == 409 or response.body.get("scimType") == "uniqueness"


def after_taken(progress: Progress, refusal: Refusal) -> After:
    """A write with the userName was refused: the rest of it goes first. Not even a temporary name is to be had: none is
    tried a second time.
    """
    before = progress.name_taken or Taken(refusal.response, refusal.reason)
    if before.way == "make way":
        aside = SetAside("userName", "ambiguous", refusal.reason, refusal.response)
        return After(replace(progress, name_taken=None), aside=aside)
    taken = Taken(refusal.response, refusal.reason, tried=before.way == "try")
    told = (Told("narrowed", refusal.request, refusal.reason),)
    return After(replace(progress, name_taken=taken), told, again=0.0)


def after_find_holder(progress: Progress, step: FindHolder, found: Finding, exchange: Exchange) -> After:
    """Of whom the target shows as having the name only the externalId counts: it is ours, if it is one of our users."""
    taken = progress.name_taken
    assert taken is not None
    if isinstance(found, Refused):
        return _set_aside(progress, taken)
    told = (Told(found.verdict, exchange.request),)
    listing = turn_page(progress.underway.listing, found.body, "userName", step.name)
    if listing.end is None and len(listing.found) < 2:
        return After(replace(progress, underway=replace(progress.underway, listing=listing)), told)
    progress = replace(progress, underway=Underway())
    if not listing.found and not taken.tried and progress.patient:  # given up meanwhile
        return After(replace(progress, name_taken=replace(taken, way="try")), told)
    owner = listing.found[0].get("externalId") if len(listing.found) == 1 else None
    if not isinstance(owner, str) or not 0 < len(owner) <= LONGEST or owner == progress.user:
        return replace(_set_aside(progress, taken), told=told)
    return After(replace(progress, name_taken=replace(taken, holder=owner)), told)


def after_await_name(progress: Progress, step: AwaitName, answer: NameAnswer) -> After:
    """Free, or not, or it is for the user to make way."""
    taken = progress.name_taken
    assert taken is not None
    match answer.way:
        case "try" if not taken.tried:
            return After(replace(progress, name_taken=replace(taken, way="try")))
        case "make way" if not step.made_way:
            return After(replace(progress, name_taken=replace(taken, way="make way")))
        case "try":  # our deliveries say that it is free, and the target that it isn't
            return _set_aside(progress, replace(taken, holder=None))
        case "left":
            return _set_aside(progress, taken, ", who has left, and keeps it")
        case "make way" | "wait" | "not ours":
            return _set_aside(progress, taken)
        case _:
            assert_never(answer.way)


def named(progress: Progress) -> Progress:
    """A userName was accepted: the one that is wanted, or a temporary one."""
    taken = progress.name_taken
    made_way = taken is not None and taken.way == "make way"
    return replace(progress, name_taken=replace(taken, way=None) if taken is not None and made_way else None)


def _set_aside(progress: Progress, taken: Taken, and_so: str = "") -> After:
    reason = taken.reason
    if taken.holder is not None:
        reason = f"userName belongs to the user with externalId {taken.holder}{and_so}"
    if is_temporary(name := (progress.held or {}).get("userName"), progress.user):
        reason = f"{reason}; until it is free they have a temporary one, {name}"
    what = None if progress.id is None else "userName"
    return After(progress, aside=SetAside(what, "ambiguous", reason, taken.refused, taken.holder))

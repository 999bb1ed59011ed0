"""Next step: what is to be done next for one user, from what is known now. A decider with no I/O, clock or asyncio.

Level-triggered: it plans from what the target holds to what is desired, sends the first operation, and plans again,
until nothing is left to do. Where the target holds exactly the state before the record, that is the record's own plan.

Rule 1: an answer that leaves open whether a write was applied leads to a read, never to the same write.
Rule 2: a request of the sink before us, or one of ours that wasn't answered, may still be in the air. A turn that
passes over such a record isn't told until the request must have landed or died, and the target was read again. A
membership, whose version is the group's and not the user's, is looked at under the group's lock before it is written.
Rule 3: nobody counts as revoked before the target, asked again, has said so.
Rule 4: one attribute that is refused doesn't hold the others: what was refused together goes out one by one.
Rule 5: a leaver waits for no group, no manager, and no attribute of theirs.
Rule 6: where the target has versions, no write goes out without the one that it rests on. The only exception is a
leaver whom no request with a version revokes (`revoke_forms.py`).
Rule 7: each turn ends: after so many requests it is set aside, to be tried again later.
Rule 8: nothing is told as delivered that the target hasn't shown: where an answer accepts a write and doesn't show it,
the user is read before the turn ends.
Rule 9: who never was in scope is named in no request, and neither is who was released, until a source says that they
leave. What was sent for them before is waited for. Whoever had made way for another's name gets their own first. Of who
was released the account is others' from then on: it is read when they are in scope again or leave, and is nobody's
manager until then.
"""

from typing import Final, assert_never, cast

from msgspec.structs import replace

from streamproc.core.fold.plan import is_left_alone, plan
from streamproc.core.records.operation import Create, Deactivate, Join, Leave, Operation, Patch, Reactivate
from streamproc.core.records.resource import REQUIRED, Resource, unlooked
from streamproc.core.scim import own_terms
from streamproc.core.scim.dialect import Dialect, create_body, expressible, member_body, patch_body, rests_on_read
from streamproc.core.scim.filter import resource_path
from streamproc.sink.decide.deliverable import deliverable
from streamproc.sink.decide.fates import finish
from streamproc.sink.decide.isolate_refused import next_batch, pick
from streamproc.sink.decide.items import Loops
from streamproc.sink.decide.looking import (
    ask_membership,
    find_group,
    find_holder,
    get_user,
    look_up,
    read,
    read_manager,
)
from streamproc.sink.decide.loops import recent, with_frozen
from streamproc.sink.decide.name_waits import PATIENCE, Claim, is_temporary, name_key, temporary_name
from streamproc.sink.decide.progress import Freshness, Progress
from streamproc.sink.decide.revoke_forms import revoke, version
from streamproc.sink.decide.seeding import is_seed
from streamproc.sink.decide.steps import (
    AskGuard,
    AwaitName,
    Confirm,
    EndSessions,
    FindManager,
    Finish,
    Glance,
    LockGroup,
    Moment,
    ScimRequest,
    SendMembership,
    SendUser,
    Settle,
    Step,
    Wait,
)
from streamproc.sink.decide.target import Target
from streamproc.sink.decide.underway import GroupLock, Taken

SESSION_TRIES: Final = 5
"""Times that the end of a leaver's sessions is asked for before it is told as failed: revoked they are by then."""
CORE: Final = (*REQUIRED, "externalId")
"""All that a user is created with where more was refused."""


def next_step(progress: Progress, target: Target, at: Moment) -> Step:
    """One thing at a time, so that newer work can be looked at in between."""
    if progress.parked is not None:
        return finish(progress, at.clock, progress.parked)
    progress = recent(_with_manager(progress, target), target.loops, at)
    step = _next(progress, target, at)
    if progress.exhausted and not isinstance(step, Finish) and not at.target_down:
        reason = progress.complaint or "the target accepts what is sent, and never shows it"
        return finish(progress, at.clock, progress.as_parked("stalled", f"no end in sight: {reason}", at.clock))
    return step


def _next(progress: Progress, target: Target, at: Moment) -> Step:
    if progress.wait_until is not None:
        return Wait(progress.wait_until)
    if (desired := _aim(progress, target.dialect)) is None:
        return finish(progress, at.clock)
    leaves = desired.get("active") is False
    in_between = is_temporary((progress.held or Resource()).get("userName"), progress.user)
    if not leaves and not in_between and is_left_alone(progress.record.desired):
        return _left_alone(progress, at)
    if (begun := _underway(progress, target)) is not None:
        return begun
    match progress.freshness:
        case Freshness.UNKNOWN:
            return look_up(progress)
        case Freshness.STALE:
            return read(progress, target, hurry=leaves)
        case Freshness.LAGGING:
            return Confirm(get_user(progress))
        case Freshness.ABSENT | Freshness.NOTED | Freshness.DOUBTED | Freshness.READ:
            pass
        case _:
            assert_never(progress.freshness)
    if progress.groups_unread and not leaves:
        return read(progress, target, hurry=False)
    held = progress.held_at_worst if leaves else progress.held
    if held is not None and not leaves and unlooked(held, desired):
        return read(progress, target, hurry=False)
    if not leaves:
        progress = with_frozen(progress, desired, target, at)
    operations = plan(held, deliverable(progress, desired))
    taken = progress.name_taken
    if taken is not None and not leaves and (taken.way == "make way" or (held is None and taken.way is None)):
        return _for_the_name(progress, target, taken, at)
    if operations:
        return _carry_out(progress, target, operations[0], at)
    if progress.groups_unread or (progress.unshown and not leaves):
        return read(progress, target, hurry=False)
    unread = progress.freshness is Freshness.DOUBTED or (progress.wrote and progress.freshness is not Freshness.READ)
    if leaves and progress.id is not None and unread:
        return Confirm(get_user(progress))
    if progress.held is None and not leaves and progress.lacking:
        return _incomplete(progress, at)
    if taken is not None and not leaves and taken.way is None and "userName" not in progress.aside:
        return _for_the_name(progress, target, taken, at)
    if (until := progress.unlanded) is not None:
        return Settle(until)
    if leaves and progress.looked and progress.id is not None and progress.held is not None:
        return _revoked(progress, target, progress.id, at)
    if leaves and progress.vanished and progress.wrote and progress.id is None:
        # Whom we wrote to is neither there by id nor found: they can't log in.
        return finish(replace(progress, read_back=at.clock), at.clock)
    return finish(progress, at.clock)


def _with_manager(progress: Progress, target: Target) -> Progress:
    """A manager who was delivered since they were set aside isn't any more; whom the target refused is. And whom the
    target showed by an id of which we didn't know yet whose it is, may be the one who is wanted.
    """
    wanted, held = progress.record.desired.get("manager"), progress.held
    if wanted and held is not None and (shown := held.get("manager")) and shown != wanted:
        known = own_terms.manager(wanted, target.manager_id(wanted), shown)
        progress = replace(progress, held=cast("Resource", {**held, "manager": known}))
    parked = progress.aside.get("manager")
    if parked is None or parked.status is not None or target.manager_id(str(parked.desired.get("manager"))) is None:
        return progress
    return replace(progress, aside={name: each for name, each in progress.aside.items() if name != "manager"})


def _aim(progress: Progress, dialect: Dialect) -> Resource | None:
    """What is desired. Of a record that regressed, only that somebody leaves, be it said by it or just before.

    None: it regressed, and nobody leaves.
    """
    desired = expressible(progress.record.desired, dialect)
    if not progress.turn.work.regressed or desired.get("active") is False:
        return desired
    for _, work in reversed(progress.turn.superseded):
        if work.leaves:
            return Resource(active=False)
        if not work.regressed:
            break
    return None


def _underway(progress: Progress, target: Target) -> Step | None:
    """The rest of something that was begun."""
    underway = progress.underway
    if underway.refusal is not None and underway.refusal.send.manager is not None:
        return read_manager(*underway.refusal.send.manager)
    if underway.lock is not None:
        return _with_lock(progress, target, underway.lock)
    if underway.asked:
        return ask_membership(progress, target, underway.asked[0])
    if underway.withheld:
        return read(progress, target, hurry=False)
    return None


# What is sent


def _carry_out(progress: Progress, target: Target, operation: Operation, at: Moment) -> Step:
    match operation:
        case Create():
            return _create(progress, target, operation, at)
        case Deactivate():
            if target.guarded and not progress.underway.guard_passed:
                return AskGuard()
            return revoke(progress, target)
        case Reactivate(changes) | Patch(changes):
            if progress.etag is None and target.versioned and progress.freshness is not Freshness.READ:
                return read(progress, target, hurry=False)  # the last answer told no ETag
            changes = next_batch(changes, progress.alone)
            rests = rests_on_read(changes, target.dialect) or is_seed(progress, changes)
            if rests and progress.freshness is not Freshness.READ:
                return read(progress, target, hurry=False)
            return _patch(progress, target, replace(operation, changes=changes), changes)
        case Join(group) | Leave(group):
            if not target.group(group).fresh:
                return find_group(progress, target, group, operation)
            return LockGroup(operation)
        case _:
            assert_never(operation)


def _create(progress: Progress, target: Target, operation: Create, at: Moment) -> Step:
    if progress.lacking:
        return _incomplete(progress, at)
    desired = deliverable(progress, progress.record.desired)
    if progress.bare:
        desired = pick(desired, CORE)
    manager = desired.get("manager")
    there = target.manager_id(manager) if manager else None
    if manager and there is None:
        return FindManager(manager)
    body = create_body(_referred(desired, there), target.dialect)
    request = ScimRequest("create", "POST", "/Users", body, None, progress.learned)
    return SendUser(request, operation, desired, (manager, there) if manager and there else None)


def _patch(
    progress: Progress, target: Target, operation: Reactivate | Patch, changes: Resource
) -> SendUser | FindManager:
    manager = changes.get("manager")
    manager_id = target.manager_id(manager) if manager else None
    if manager and manager_id is None:
        return FindManager(manager)
    body = patch_body(progress.held or Resource(), _referred(changes, manager_id), target.dialect, progress.body)
    if_match = version(progress, target, progress.etag)
    there = resource_path("Users", str(progress.id))
    request = ScimRequest("write", "PATCH", there, body, if_match, progress.learned)
    return SendUser(request, operation, changes, (manager, manager_id) if manager and manager_id else None)


def _referred(resource: Resource, manager_id: str | None) -> Resource:
    """The resource with the manager as the target's own id."""
    if manager_id is None:
        return resource
    referred = resource.copy()
    referred["manager"] = manager_id
    return referred


def _for_the_name(progress: Progress, target: Target, taken: Taken, at: Moment) -> Step:
    """Nothing else is left to write: whose is it, is it free, or is it for this user to make way?"""
    held, wanted = (progress.held or Resource()).get("userName"), progress.record.desired["userName"]
    if taken.way == "make way" and held is not None:
        changes = Resource(userName=temporary_name(held, progress.user))
        return _patch(progress, target, Patch(changes), changes)
    if taken.holder is None:
        return find_holder(progress, wanted)
    made_way = is_temporary(held, progress.user)
    until = at.ticks + (PATIENCE if progress.patient or made_way else 0.0)
    return AwaitName(Claim(name_key(held), name_key(wanted), taken.holder), made_way, until)


def _with_lock(progress: Progress, target: Target, lock: GroupLock) -> Glance | SendMembership:
    if not lock.looked:
        return Glance(get_user(progress))
    group = target.group(lock.change.group)
    body = member_body(str(progress.id), join=isinstance(lock.change, Join))
    rests_on = max(group.read, progress.learned)
    if_match = version(progress, target, group.etag)
    request = ScimRequest("group", "PATCH", resource_path("Groups", group.id), body, if_match, rests_on)
    return SendMembership(request, lock.change)


# How it ends


def _left_alone(progress: Progress, at: Moment) -> Settle | Finish:
    if (until := progress.unlanded) is not None:
        return Settle(until)
    # What others make of the account meanwhile isn't known.
    return finish(replace(progress, held=None, loops=Loops(let_go=progress.loops.let_go)), at.clock)


def _incomplete(progress: Progress, at: Moment) -> Finish:
    reason = f"can't be created before these are known: {', '.join(progress.lacking)}"
    return finish(progress, at.clock, progress.as_parked("incomplete", reason, at.clock))


def _revoked(progress: Progress, target: Target, user_id: str, at: Moment) -> EndSessions | Finish:
    """The target was asked, and says that the user is inactive: rule 3 is met."""
    read_back = at.clock if progress.read_back is None else progress.read_back
    ends = target.ends_sessions and (progress.wrote or progress.turn.work.drift is None)
    if ends and progress.sessions_ended is None and progress.session_tries < SESSION_TRIES:
        return EndSessions(user_id, read_back)
    return finish(replace(progress, read_back=read_back), at.clock)

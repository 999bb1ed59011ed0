"""Courier: brings one user's newest desired state to the target, by as many requests as it takes, and says how it went.

Level-triggered: it plans from what the target holds to what is desired, sends the first operation, and plans again,
until nothing is left to do. Where the target holds exactly the state before the record, that is the record's own plan.

Rule 1: an answer that leaves open whether a write was applied leads to a read, never to the same write.
Rule 2: a retry carries the newest desired state; it holds its user's lane, and nobody else's.
Rule 3: a request of the sink before us, or one of ours that wasn't answered, may still be in the air. A turn that
passes over such a record isn't told until the request must have landed or died, and the target was read again. A
membership, whose version is the group's and not the user's, is looked at under the group's lock before it is written.
Rule 4: nobody counts as revoked before the target, asked again, has said so.
Rule 5: one attribute that is refused doesn't hold the others: what was refused together goes out one by one.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, assert_never, cast

from streamproc.adapters.scim_http import PlatformHttp
from streamproc.core.delivery import Delivery, Outcome, Parked
from streamproc.core.dialect import Dialect, create_body, expressible, member_body, patch_body
from streamproc.core.lanes import Turn
from streamproc.core.plan import Create, Deactivate, Join, Leave, Operation, Patch, Reactivate, apply, plan
from streamproc.core.resource import ACCESS, REQUIRED, Resource, missing
from streamproc.core.verdict import PATIENCE as DENIALS
from streamproc.core.verdict import (
    Adopt,
    Answer,
    Asked,
    Deliver,
    Denied,
    Gone,
    Park,
    ReadBack,
    Refetch,
    Retry,
    backoff,
    describe,
    verdict,
)
from streamproc.core.wanted import wanted
from streamproc.services.asking import Asking, NewerWork, SetAside
from streamproc.services.journal import Journal
from streamproc.services.lookup import PATIENCE, Lookup, created, etag
from streamproc.services.trip import Trip, Work

REGRESSED: Final = "an earlier change is missing from this record's history"
CONFLICTS: Final = 10
"""Version conflicts in a row, at a version that doesn't change, after which it isn't the version that is refused."""
SESSION_TRIES: Final = 5
"""Times that the end of a leaver's sessions is asked for before it is told as failed: revoked they are by then."""

Guard = Callable[[Trip], Parked | None]
"""Asked before somebody is deactivated. Not None: not now, and why."""


class Courier:
    """See above. One for all users; `deliver` runs once per turn, many side by side.

    `platform`: where sessions are ended, None where they aren't.
    """

    def __init__(
        self,
        asking: Asking,
        dialect: Dialect,
        find_id: Callable[[str], str | None],
        guard: Guard = lambda _: None,
        platform: PlatformHttp | None = None,
    ) -> None:
        self._asking = asking
        self._times = asking.times
        self._dialect = dialect
        self._lookup = Lookup(asking, dialect, find_id)
        self._guard = guard
        self._platform = platform

    async def deliver(self, turn: Turn[Work], journal: Journal) -> tuple[Turn[Work], Delivery, list[Outcome]]:
        """Bring the turn to its fate. Returns the turn as it ended (a retry may have taken newer work on board).

        Raises PartitionLostError where the partition isn't ours any more.
        """
        trip = Trip(turn, wanted(turn.work.value), journal, self._times.now, self._asking.gate.ticket())
        if delivery := journal.delivery(turn.user):
            trip.id, trip.etag, trip.held = delivery.id, delivery.etag, delivery.held
            trip.contacted = delivery.id is not None
            trip.standing = delivery.standing
            self._recall(trip, delivery.parked)
        parked: Parked | None = None
        try:
            await self._converge(trip)
        except SetAside as aside:
            parked = aside.parked
        if parked is None and trip.turn.work.regressed:
            parked = trip.parked("regressed", REGRESSED)  # a leaver is let through, and stays parked
        return trip.turn, *trip.ended(parked or trip.sum_of_aside())

    def nudge(self, user: str) -> None:
        """Newer work of the user came in: don't let it wait."""
        self._asking.nudge(user)

    def _recall(self, trip: Trip, parked: Parked | None) -> None:
        """What was refused last time goes out alone, not to spoil the rest; and not at all, where only time passed."""
        if parked is None:
            return
        trip.since = parked.since
        trip.alone |= parked.attributes.keys()
        if trip.turn.work.told and not trip.turn.work.ordered:
            if parked.status == 403:
                trip.denied = DENIALS  # we were patient the first time
            for name, told in parked.attributes.items():
                code, _, reason = told.partition(": ")
                if code == "refused":
                    trip.set_aside(name, trip.parked("refused", reason))
                    trip.given_up.add(name)

    async def _converge(self, trip: Trip) -> None:
        done = False
        while not done:
            self._asking.newest(trip)
            with suppress(NewerWork):
                done = await self._step(trip)

    async def _step(self, trip: Trip) -> bool:
        """One thing at a time, so that newer work is looked at in between. True: nothing is left to do."""
        desired = self._aim(trip)
        leaver = desired.get("active") is False
        if not trip.contacted:
            await self._lookup.look_up(trip)
        elif trip.stale or (trip.partial and not leaver):
            await self._lookup.read(trip, hurry=leaver)
        elif trip.lagging and trip.misses < PATIENCE:
            trip.misses += 1
            await self._asking.wait(trip, backoff(trip.misses, self._times.jitter()))
            await self._lookup.confirm(trip)
        elif operations := plan(trip.held, trip.deliverable(desired)):
            if trip.lagging:
                trip.misses = 0  # written again, and then asked for as often
            await self._carry_out(trip, operations[0])
        elif trip.partial:
            await self._lookup.read(trip, hurry=False)
        elif leaver and trip.id is not None and trip.tried and not trip.current:
            await self._lookup.confirm(trip)
        elif trip.held is None and not leaver and (lacking := missing(desired)):
            raise SetAside(trip.parked("incomplete", _unknown(lacking)))
        elif not await self._settled(trip):
            return False
        else:
            if leaver and trip.looked and trip.id is not None and trip.held is not None:
                await self._revoked(trip)
            return True
        return False

    def _aim(self, trip: Trip) -> Resource:
        """What is desired. Of a record that regressed, only that somebody leaves, be it said by it or just before."""
        desired = expressible(trip.record.desired, self._dialect)
        if not trip.turn.work.regressed or desired.get("active") is False:
            return desired
        for _, work in reversed(trip.turn.superseded):
            if work.leaves:
                return Resource(active=False)
            if not work.regressed:
                break
        raise SetAside(trip.parked("regressed", REGRESSED))

    async def _settled(self, trip: Trip) -> bool:
        """Rule 3. False: it was waited for, or newer work came; look again."""
        ours = [seq for seq in trip.airborne if seq != trip.record.seq]
        landed = [trip.airborne[seq] for seq in ours]
        if not trip.settled and any(offset < trip.journal.until for offset, _ in trip.turn.superseded):
            landed.append(trip.journal.acquired + self._times.landed)
        if not landed:
            return True
        remaining = max(landed) - self._times.ticks()
        if remaining > 0 and await self._asking.rest(trip.user, remaining):
            return False
        trip.settled = True
        for seq in ours:
            del trip.airborne[seq]
        trip.forget()
        return False

    async def _revoked(self, trip: Trip) -> None:
        """The target was asked, and says that the user is inactive: rule 4 is met."""
        trip.read_back = self._times.now()
        if self._platform is None or trip.sessions_ended is not None:
            return
        for attempt in range(SESSION_TRIES):
            status = await self._asking.end_sessions(trip, self._platform)
            if status is not None and 200 <= status < 300:
                trip.sessions_ended = self._times.now()
                return
            if status in {400, 403, 404}:  # asking again won't help, and uses up the limit that leavers share
                break
            await self._times.pause(backoff(attempt, self._times.jitter()))
        reason = f"sessions weren't ended: {status or 'no answer'}"
        trip.journal.record([trip.outcome("retry", final=False, reason=reason, requests=[])])

    async def _carry_out(self, trip: Trip, operation: Operation) -> None:
        match operation:
            case Create():
                await self._create(trip, operation)
            case Deactivate():
                if (held := self._guard(trip)) is not None:
                    raise SetAside(held)
                await self._patch(trip, operation, Resource(active=False))
            case Reactivate(changes):
                changes = _portion(changes, trip.alone)
                await self._patch(trip, Reactivate(changes), changes)
            case Patch(changes):
                changes = _portion(changes, trip.alone)
                await self._patch(trip, Patch(changes), changes)
            case Join(group) | Leave(group):
                await self._member(trip, operation, group)
            case _:
                assert_never(operation)

    async def _create(self, trip: Trip, operation: Create) -> None:
        desired = trip.deliverable(trip.record.desired)
        if lacking := missing(trip.record.desired):
            raise SetAside(trip.parked("incomplete", _unknown(lacking)))
        if trip.bare:
            desired = _only(desired, {*REQUIRED, "externalId"})
        body = create_body(await self._lookup.referred(trip, desired), self._dialect)
        sent = self._times.ticks()
        answer = await self._asking.write(trip, "POST", "/Users", body, None, learned=trip.learned)
        if await self._accepted(trip, operation, "create", answer, sent):
            trip.id = created(answer)
            if trip.id is None:  # accepted, but as whom?
                self._in_the_air(trip, sent)
                trip.forget()
                trip.learn(holds=apply(None, operation, desired))
            elif self._lookup.readable(trip, answer.body):
                # A deleted user of that name comes back as the old record: plan on from what the answer says it holds.
                trip.held = self._lookup.parse(trip, answer.body)
                trip.learn(holds=trip.held)
            else:
                trip.stale = True
                trip.learn(holds=apply(None, operation, desired))

    async def _patch(self, trip: Trip, operation: Operation, changes: Resource) -> None:
        if trip.etag is None and self._lookup.versioned and not trip.current and not isinstance(operation, Deactivate):
            trip.stale = True  # the last answer told no ETag
            return
        referred = await self._lookup.referred(trip, changes)
        if changes.get("manager") and "manager" not in referred:
            return  # set aside: plan again without it
        body = patch_body(trip.held or Resource(), referred, self._dialect)
        sent = self._times.ticks()
        answer = await self._asking.write(trip, "PATCH", f"/Users/{trip.id}", body, trip.etag, learned=trip.learned)
        await self._accepted(trip, operation, "write", answer, sent)

    async def _member(self, trip: Trip, operation: Join | Leave, name: str) -> None:
        group = self._lookup.groups.get(name)
        join = isinstance(operation, Join)
        if unknown := await self._lookup.unknown_group(trip, name, join=join):
            trip.set_aside(f"group {name}", unknown)
            return
        async with self._asking.holding(trip, group.lock):
            if not group.known:
                return  # somebody else's change of it went wrong meanwhile: look again
            if trip.doubtful:  # rule 3: no version of the user's would tell
                if not await self._lookup.glance(trip):
                    trip.stale = True
                    return
                if join is (name in cast("dict[str, Any]", trip.held).get("groups", [])):
                    return
            sent = self._times.ticks()
            body = member_body(str(trip.id), join=join)
            learned = max(group.read, trip.learned)
            answer = await self._asking.write(trip, "PATCH", f"/Groups/{group.id}", body, group.etag, learned=learned)
            match verdict("group", answer, 0, 0.0):
                case Deliver():
                    group.etag, group.read = etag(answer), self._times.ticks()
                    renamed = answer.body.get("displayName", group.name) != group.name
                    group.known = group.etag is not None and not renamed
                case Retry() | Denied():
                    pass
                case _:
                    group.known = False
        await self._accepted(trip, operation, "group", answer, sent)

    async def _accepted(self, trip: Trip, operation: Operation, asked: Asked, answer: Answer, sent: float) -> bool:
        """Act on the answer to a write. True: it was accepted, and `held` says so."""
        request = trip.requests[-1]
        decided = self._asking.judge(asked, answer, trip.attempts)
        trip.tried |= isinstance(decided, Deliver | ReadBack)
        match decided:
            case Deliver():
                trip.attempts = trip.denied = 0
                trip.operations.append(operation.op)
                trip.held = apply(trip.held, operation, trip.record.desired)
                trip.acknowledged = request.answered
                trip.learn(holds=trip.held)
                if asked != "group":
                    trip.etag, trip.learned, trip.current = etag(answer), self._times.ticks(), False
                    self._lookup.versioned |= trip.etag is not None
                    # Alone, it asserted nothing again: plan on from what the target really has.
                    trip.stale |= isinstance(operation, Reactivate) and bool(trip.alone)
                return True
            case Retry(after):
                await self._asking.again(trip, "retry", request, describe(answer), after)
            case Denied(after, reason):
                if self._asking.gate.theirs(trip.denied):
                    await self._refused(trip, operation, reason, answer)
                else:
                    trip.denied += 1
                    await self._asking.again(trip, "retry", request, reason, after)
            case ReadBack(after):
                self._in_the_air(trip, sent)
                trip.forget()
                await self._asking.again(trip, "unknown", request, describe(answer), after)
            case Refetch():
                if asked == "write":
                    self._count_conflict(trip, operation, answer)
                after = backoff(trip.attempts, self._times.jitter()) if trip.attempts else 0.0
                trip.forget()
                await self._asking.again(trip, "conflict", request, describe(answer), after)
            case Adopt():
                self._in_the_air(trip, sent)
                trip.forget()  # a leaver who comes now is looked for first of all
                await self._asking.again(trip, "conflict", request, describe(answer), 0.0)
                await self._lookup.adopt(trip, answer)
            case Gone():
                if asked == "group":
                    trip.forget()  # it may be the member who is gone
                else:
                    trip.id, trip.contacted = None, False
                    request = trip.learn(absent=True)
                after = backoff(trip.attempts, self._times.jitter())
                await self._asking.again(trip, "missing", request, describe(answer), after)
            case Park(reason):
                await self._refused(trip, operation, reason, answer)
            case _:
                assert_never(decided)
        return False

    async def _refused(self, trip: Trip, operation: Operation, reason: str, answer: Answer) -> None:
        """Rule 5: narrow down until what is refused stands alone, and set that aside."""
        request = trip.requests[-1]
        parked = trip.parked("refused", reason, answer)
        match operation:
            case Join(group) | Leave(group):
                trip.set_aside(f"group {group}", parked)
            case _ if await self._lookup.manager_moved(trip):
                await self._asking.again(trip, "retry", request, reason, 0.0)
            case Create() if not trip.bare:
                trip.bare = True
                trip.alone |= set(trip.record.desired) - {*REQUIRED, "externalId"}
                await self._asking.again(trip, "narrowed", request, reason, 0.0)
            case Patch(changes) | Reactivate(changes) if len(changes) > 1:
                trip.alone |= set(changes)
                await self._asking.again(trip, "narrowed", request, reason, 0.0)
            case Patch(changes) | Reactivate(changes):
                name = next(iter(changes))
                if name in trip.aside:
                    trip.given_up.add(name)
                trip.set_aside(name, parked)
            case Create() | Deactivate():
                raise SetAside(parked)
            case _:
                assert_never(operation)

    def _in_the_air(self, trip: Trip, sent: float) -> None:
        trip.airborne[trip.record.seq] = sent + self._times.landed

    def _count_conflict(self, trip: Trip, operation: Operation, answer: Answer) -> None:
        """Where the version never changes, it isn't the version that is refused. A leaver is tried for ever."""
        before, times = trip.conflicts
        trip.conflicts = (trip.etag, times + 1 if before == trip.etag else 1)
        if trip.conflicts[1] > CONFLICTS and not isinstance(operation, Deactivate):
            raise SetAside(trip.parked("refused", describe(answer), answer))


def _portion(changes: Resource, alone: set[str]) -> Resource:
    """What of the changes goes into one request: all that may go together, and then each that goes alone.

    `active` first, then what gives or takes access, then the rest.
    """
    if not alone & changes.keys():
        return changes
    if together := _only(changes, changes.keys() - alone):
        return together
    first = next((name for name in ("active", *ACCESS) if name in changes), next(iter(changes)))
    return _only(changes, {first})


def _only(resource: Resource, names: set[str]) -> Resource:
    return cast("Resource", {name: value for name, value in resource.items() if name in names})


def _unknown(lacking: list[str]) -> str:
    return f"can't be created before these are known: {', '.join(lacking)}"

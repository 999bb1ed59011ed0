"""Writing: sends one operation of a user's plan, and acts on the answer. Its rules are those of `courier.py`."""

from collections.abc import Callable
from typing import Final, assert_never

from streamproc.core.fold.plan import apply
from streamproc.core.records.delivery import Parked
from streamproc.core.records.operation import Create, Deactivate, Join, Leave, Operation, Patch, Reactivate
from streamproc.core.records.resource import REQUIRED, Resource
from streamproc.core.scim.dialect import Dialect, create_body, member_body, patch_body
from streamproc.core.scim.response_body import created, etag
from streamproc.core.scim.response_policy import (
    Adopt,
    Deliver,
    Denied,
    Gone,
    Park,
    ReadBack,
    Refetch,
    RequestKind,
    Response,
    Retry,
    backoff,
    describe,
    response_action,
)
from streamproc.sink.decide.isolate_refused import next_batch, pick
from streamproc.sink.lookup import Lookup
from streamproc.sink.reconciliation import Reconciliation
from streamproc.sink.request_executor import RequestExecutor, SetAside

CONFLICTS: Final = 10
"""Version conflicts in a row, at a version that doesn't change, after which it isn't the version that is refused."""

Guard = Callable[[Reconciliation], Parked | None]
"""Asked before somebody is deactivated. Not None: not now, and why."""


class OperationSender:
    """See above."""

    def __init__(self, asking: RequestExecutor, dialect: Dialect, lookup: Lookup, guard: Guard) -> None:
        self._asking = asking
        self._times = asking.times
        self._dialect = dialect
        self._lookup = lookup
        self._guard = guard

    async def carry_out(self, trip: Reconciliation, operation: Operation) -> None:
        """Send it once. Raises SetAside where the whole turn is, NewerWork, and PartitionLostError."""
        match operation:
            case Create():
                await self._create(trip, operation)
            case Deactivate():
                if (held := self._guard(trip)) is not None:
                    raise SetAside(held)
                await self._patch(trip, operation, Resource(active=False))
            case Reactivate(changes):
                changes = next_batch(changes, trip.alone)
                await self._patch(trip, Reactivate(changes), changes)
            case Patch(changes):
                changes = next_batch(changes, trip.alone)
                await self._patch(trip, Patch(changes), changes)
            case Join(group) | Leave(group):
                await self._member(trip, operation, group)
            case _:
                assert_never(operation)

    async def _create(self, trip: Reconciliation, operation: Create) -> None:
        if (incomplete := trip.incomplete()) is not None:
            raise SetAside(incomplete)
        desired = trip.deliverable(trip.record.desired)
        if trip.bare:
            desired = pick(desired, {*REQUIRED, "externalId"})
        body = create_body(await self._lookup.managers.referred(trip, desired), self._dialect)
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

    async def _patch(self, trip: Reconciliation, operation: Operation, changes: Resource) -> None:
        if trip.etag is None and self._lookup.versioned and not trip.current and not isinstance(operation, Deactivate):
            trip.stale = True  # the last answer told no ETag
            return
        referred = await self._lookup.managers.referred(trip, changes)
        if changes.get("manager") and "manager" not in referred:
            return  # set aside: plan again without it
        body = patch_body(trip.held or Resource(), referred, self._dialect)
        sent = self._times.ticks()
        answer = await self._asking.write(trip, "PATCH", f"/Users/{trip.id}", body, trip.etag, learned=trip.learned)
        await self._accepted(trip, operation, "write", answer, sent)

    async def _member(self, trip: Reconciliation, operation: Join | Leave, name: str) -> None:
        group = self._lookup.groups.get(name)
        join = isinstance(operation, Join)
        if unknown := await self._lookup.groups.unknown(trip, name, join=join):
            trip.set_aside(f"group {name}", unknown)
            return
        async with self._asking.holding(trip, group.lock):
            if not group.known:
                return  # somebody else's change of it went wrong meanwhile: look again
            if trip.doubtful:  # rule 3: no version of the user's would tell
                if not await self._lookup.glance(trip):
                    trip.stale = True
                    return
                if join is (name in (trip.held or {}).get("groups", [])):
                    return
            sent = self._times.ticks()
            body = member_body(str(trip.id), join=join)
            learned = max(group.read, trip.learned)
            answer = await self._asking.write(trip, "PATCH", f"/Groups/{group.id}", body, group.etag, learned=learned)
            match response_action("group", answer, 0, 0.0):
                case Deliver():
                    group.etag, group.read = etag(answer), self._times.ticks()
                    renamed = answer.body.get("displayName", group.name) != group.name
                    group.known = group.etag is not None and not renamed
                case Retry() | Denied():
                    pass
                case _:
                    group.known = False
        await self._accepted(trip, operation, "group", answer, sent)

    async def _accepted(
        self, trip: Reconciliation, operation: Operation, asked: RequestKind, answer: Response, sent: float
    ) -> bool:
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

    async def _refused(self, trip: Reconciliation, operation: Operation, reason: str, answer: Response) -> None:
        """Rule 5: narrow down until what is refused stands alone, and set that aside."""
        request = trip.requests[-1]
        parked = trip.parked("refused", reason, answer)
        match operation:
            case Join(group) | Leave(group):
                trip.set_aside(f"group {group}", parked)
            case _ if await self._lookup.managers.moved(trip):
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

    def _in_the_air(self, trip: Reconciliation, sent: float) -> None:
        trip.airborne[trip.record.seq] = sent + self._times.landed

    def _count_conflict(self, trip: Reconciliation, operation: Operation, answer: Response) -> None:
        """Where the version never changes, it isn't the version that is refused. A leaver is tried for ever."""
        before, times = trip.conflicts
        trip.conflicts = (trip.etag, times + 1 if before == trip.etag else 1)
        if trip.conflicts[1] > CONFLICTS and not isinstance(operation, Deactivate):
            raise SetAside(trip.parked("refused", describe(answer), answer))

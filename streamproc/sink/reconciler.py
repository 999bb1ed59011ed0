"""Courier: brings one user's newest desired state to the target, by as many requests as it takes, and says how it went.

Level-triggered: it plans from what the target holds to what is desired, sends the first operation (`writing.py`), and
plans again, until nothing is left to do. Where the target holds exactly the state before the record, that is the
record's own plan.

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
from typing import Final

from streamproc.adapters.scim_http import PlatformHttp
from streamproc.core.fold.plan import plan
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.resource import Resource
from streamproc.core.scim.dialect import Dialect, expressible
from streamproc.core.scim.response_policy import PATIENCE as DENIALS
from streamproc.core.scim.response_policy import backoff
from streamproc.sink.decide.lanes import Turn
from streamproc.sink.delivery_store import DeliveryStore
from streamproc.sink.lookup import PATIENCE, Lookup
from streamproc.sink.operation_sender import Guard, OperationSender
from streamproc.sink.reconciliation import Reconciliation, Work
from streamproc.sink.request_executor import NewerWork, RequestExecutor, SetAside

REGRESSED: Final = "an earlier change is missing from this record's history"
SESSION_TRIES: Final = 5
"""Times that the end of a leaver's sessions is asked for before it is told as failed: revoked they are by then."""


class Reconciler:
    """See above. One for all users; `deliver` runs once per turn, many side by side.

    `platform`: where sessions are ended, None where they aren't.
    """

    def __init__(
        self,
        asking: RequestExecutor,
        dialect: Dialect,
        find_id: Callable[[str], str | None],
        guard: Guard = lambda _: None,
        platform: PlatformHttp | None = None,
    ) -> None:
        self._asking = asking
        self._times = asking.times
        self._dialect = dialect
        self._lookup = Lookup(asking, dialect, find_id)
        self._writing = OperationSender(asking, dialect, self._lookup, guard)
        self._platform = platform

    async def deliver(
        self, turn: Turn[Work], journal: DeliveryStore
    ) -> tuple[Turn[Work], DeliveredState, list[Outcome]]:
        """Bring the turn to its fate. Returns the turn as it ended (a retry may have taken newer work on board).

        Raises PartitionLostError where the partition isn't ours any more.
        """
        trip = Reconciliation(turn, journal, self._times.now, self._asking.gate.ticket())
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

    def _recall(self, trip: Reconciliation, parked: Parked | None) -> None:
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

    async def _converge(self, trip: Reconciliation) -> None:
        done = False
        while not done:
            self._asking.newest(trip)
            with suppress(NewerWork):
                done = await self._step(trip)

    async def _step(self, trip: Reconciliation) -> bool:
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
            await self._writing.carry_out(trip, operations[0])
        elif trip.partial:
            await self._lookup.read(trip, hurry=False)
        elif leaver and trip.id is not None and trip.tried and not trip.current:
            await self._lookup.confirm(trip)
        elif trip.held is None and not leaver and (incomplete := trip.incomplete()) is not None:
            raise SetAside(incomplete)
        elif await self._settled(trip):
            if leaver and trip.looked and trip.id is not None and trip.held is not None:
                await self._revoked(trip)
            return True
        return False

    def _aim(self, trip: Reconciliation) -> Resource:
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

    async def _settled(self, trip: Reconciliation) -> bool:
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

    async def _revoked(self, trip: Reconciliation) -> None:
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

"""Courier: brings one user's newest desired state to the target, by as many requests as it takes, and says how it went.

Level-triggered: it plans from what the target holds to what is desired, sends the first operation, and plans again,
until nothing is left to do. Where the target holds exactly the state before the record, that is the record's own plan.

Rule 1: nothing is written unless the journal confirmed that the partition is ours: after what the write rests on was
read, and not long ago.
Rule 2: an answer that leaves open whether a write was applied leads to a read, never to the same write.
Rule 3: a retry carries the newest desired state; it holds its user's lane, and nobody else's. A leaver ends any wait.
Rule 4: a request of the sink before us, or one of ours that wasn't answered, may still be in the air. A turn that
passes over such a record isn't told until the request must have landed or died, and the target was read again.
Rule 5: an answer that doesn't show what was asked for isn't an answer: nobody is absent because a proxy said so.
"""

import asyncio
import zlib
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, assert_never, cast

import orjson
import structlog

from streamproc.adapters.scim_http import ScimHttp, equals
from streamproc.core.delivery import Delivery, Outcome, Parked, Request, Verdict
from streamproc.core.dialect import Dialect, create_body, member_body, parse_user, patch_body
from streamproc.core.fold import Cause, UserRecord, decode
from streamproc.core.lanes import Lanes, Turn
from streamproc.core.plan import Create, Deactivate, Join, Leave, Operation, Patch, Reactivate, apply, plan
from streamproc.core.resource import Resource, missing
from streamproc.core.verdict import (
    Adopt,
    Answer,
    Asked,
    Deliver,
    Gone,
    Park,
    ReadBack,
    Refetch,
    Retry,
    backoff,
    describe,
    verdict,
)
from streamproc.services.groups import Group, Groups
from streamproc.services.journal import Journal

log = structlog.get_logger("streamproc.courier")

REGRESSED = "an earlier change is missing from this record's history"
LIST_ATTRIBUTES = "attributes=id,userName,externalId"
NO_MEMBERS = "excludedAttributes=members"
PATIENCE = 6
"""Times that the search index is asked again where it contradicts what the target otherwise says."""
CONFLICTS = 10
"""Version conflicts in a row, at a version that doesn't change, after which it isn't the version that is refused."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a lane carries of a record: enough to tell its fate, and the bytes to deliver from."""

    seq: int
    prev: int
    effect: str
    cause: Cause
    value: bytes
    regressed: bool = False
    told: bool = False
    """Its fate is in the log already; this is another attempt at what was set aside."""
    gap: int | None = None
    """Seq after which compaction removed records before this one."""


@dataclass(slots=True)
class _Trip:
    """One turn under way: what the target is known to hold, and what has been done so far."""

    turn: Turn[Work]
    record: UserRecord
    journal: Journal
    id: str | None = None
    etag: str | None = None
    held: Resource | None = None
    learned: float = 0.0
    """Ticks at which it was last learned what the target holds; 0: it is as the journal says."""
    stale: bool = False
    """What is held has to be read before anything is planned."""
    partial: bool = False
    """It was read in a hurry, without looking up groups."""
    settled: bool = False
    """Rule 4 is met as far as the sink before us is concerned."""
    airborne: dict[int, float] = field(default_factory=dict)
    """Rule 4 for our own: seq → ticks until which a request that wasn't answered may land."""
    looked: bool = False
    """Whether the target was asked, in this trip, what it holds."""
    current: bool = False
    """Whether it was asked after the last write."""
    contacted: bool = False
    tried: bool = False
    """Whether a write went out that was, or may have been, accepted."""
    attempts: int = 0
    misses: int = 0
    """Times that the search found somebody who wasn't there."""
    conflicts: tuple[str | None, int] = (None, 0)
    """The ETag that was refused last, and how many times in a row."""
    manager: tuple[str, str] | None = None
    """The manager in the last request: user ID, and the target's id."""
    requests: list[Request] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    aside: dict[str, Parked] = field(default_factory=dict)
    """Attributes set aside in this trip ("manager", "group NAME")."""


class _Set(Exception):  # noqa: N818 - control flow within this file
    """The whole turn is set aside."""

    def __init__(self, parked: Parked) -> None:
        super().__init__(parked.reason)
        self.parked = parked


class _Newer(Exception):  # noqa: N818 - control flow within this file
    """Newer work of the user came in while a GET had to be repeated: what it was for may not matter any more."""


class Courier:
    """See above. One for all users; `deliver` runs once per turn, many side by side."""

    def __init__(
        self,
        scim: ScimHttp,
        dialect: Dialect,
        lanes: Lanes[Work],
        clock: Callable[[], float],
        ticks: Callable[[], float],
        pause: Callable[[float], Coroutine[Any, Any, None]],
        jitter: Callable[[], float],
        find_id: Callable[[str], str | None],
        fresh: float,
        landed: float,
    ) -> None:
        self._scim = scim
        self._dialect = dialect
        self._lanes = lanes
        self._clock = clock
        self._ticks = ticks
        self._pause = pause
        self._jitter = jitter
        self._find_id = find_id
        self._fresh = fresh
        self._landed = landed
        self._resting: dict[str, asyncio.Event] = {}
        self._groups = Groups()
        self._managers: dict[str, str] = {}
        self._versioned = False
        """Whether the target has ETags."""

    async def deliver(self, turn: Turn[Work], journal: Journal) -> tuple[Turn[Work], Delivery, list[Outcome]]:
        """Bring the turn to its fate. Returns the turn as it ended (a retry may have taken newer work on board).

        Raises PartitionLostError where the partition isn't ours any more.
        """
        trip = _Trip(turn, decode(turn.work.value), journal)
        if delivery := journal.delivery(turn.user):
            trip.id, trip.etag, trip.held = delivery.id, delivery.etag, delivery.held
            trip.contacted = delivery.id is not None
        parked: Parked | None = None
        try:
            await self._converge(trip)
        except _Set as aside:
            parked = aside.parked
        if parked is None and trip.turn.work.regressed:
            parked = self._parked(trip, "regressed", REGRESSED)  # a leaver is let through, and stays parked
        if parked is None and trip.aside:
            first = next(iter(trip.aside.values()))
            parked = replace(first, attributes=sorted(trip.aside), desired=trip.record.desired)
        return trip.turn, self._delivery(trip, parked), self._fates(trip, parked)

    async def _converge(self, trip: _Trip) -> None:
        done = False
        while not done:
            self._newest(trip)
            with suppress(_Newer):
                done = await self._step(trip)

    async def _step(self, trip: _Trip) -> bool:
        """One thing at a time, so that newer work is looked at in between. True: nothing is left to do."""
        desired = self._aim(trip)
        leaver = desired.get("active") is False
        if not trip.contacted:
            await self._look_up(trip)
        elif trip.stale or (trip.partial and not leaver):
            await self._read(trip, hurry=leaver)
        elif operations := plan(trip.held, self._deliverable(trip, desired)):
            await self._carry_out(trip, operations[0])
        elif trip.partial:
            await self._read(trip, hurry=False)
        elif trip.held is None and not leaver and (lacking := missing(desired)):
            raise _Set(self._parked(trip, "incomplete", f"can't be created before these are known: {_list(lacking)}"))
        else:
            return await self._settled(trip)
        return False

    def _aim(self, trip: _Trip) -> Resource:
        """What is desired. Of a record that regressed, only that somebody leaves, be it said by it or just before."""
        desired = trip.record.desired
        if not trip.turn.work.regressed or desired.get("active") is False:
            return desired
        for _, work in reversed(trip.turn.superseded):
            before = decode(work.value).desired
            if before.get("active") is False:
                return Resource(active=False)
            if not work.regressed:
                break
        raise _Set(self._parked(trip, "regressed", REGRESSED))

    async def _settled(self, trip: _Trip) -> bool:
        """Rule 4. False: it was waited for, or newer work came; look again."""
        ours = [seq for seq in trip.airborne if seq != trip.record.seq]
        landed = [trip.airborne[seq] for seq in ours]
        if not trip.settled and any(offset < trip.journal.until for offset, _ in trip.turn.superseded):
            landed.append(trip.journal.acquired + self._landed)
        if not landed:
            return True
        remaining = max(landed) - self._ticks()
        if remaining > 0 and await self._rest(trip.turn.user, remaining):
            return False
        trip.settled = True
        for seq in ours:
            del trip.airborne[seq]
        self._forget(trip)
        return False

    async def _sure(self, trip: _Trip, learned: float) -> None:
        """Rule 1. Raises PartitionLostError."""
        confirmed = trip.journal.confirmed
        if confirmed < learned or self._ticks() - confirmed > self._fresh:
            await trip.journal.confirm()

    async def _rest(self, user: str, seconds: float) -> bool:
        """Wait; True: newer work of the user ended the wait."""
        woken = self._resting[user] = asyncio.Event()
        waits = [asyncio.ensure_future(self._pause(seconds)), asyncio.ensure_future(woken.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._resting[user]
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return woken.is_set()

    async def _wait(self, trip: _Trip, seconds: float) -> None:
        """Before a retry. A leaver doesn't wait for what went wrong with somebody who was to stay."""
        until = self._ticks() + seconds
        while (remaining := until - self._ticks()) > 0:
            if self._newest(trip) and trip.record.desired.get("active") is False:
                return
            if not await self._rest(trip.turn.user, remaining):
                return

    def nudge(self, user: str) -> None:
        """Newer work of the user came in: don't let it wait for rule 4."""
        if woken := self._resting.get(user):
            woken.set()

    def _newest(self, trip: _Trip) -> bool:
        """Take newer work on board. True: there was some."""
        newer = self._lanes.newest(trip.turn.user)
        if newer is None:
            return False
        trip.turn, trip.record = newer, decode(newer.work.value)
        trip.aside.clear()
        return True

    def _deliverable(self, trip: _Trip, desired: Resource) -> Resource:
        """What is desired, less what was set aside in this trip."""
        if not trip.aside:
            return desired
        held = cast("dict[str, Any]", trip.held or {})
        wanted = {name: value for name, value in cast("dict[str, Any]", desired).items() if name not in trip.aside}
        if "groups" in wanted:
            before = set(held.get("groups", []))
            aside = {name.removeprefix("group ") for name in trip.aside if name.startswith("group ")}
            wanted["groups"] = sorted((set(wanted["groups"]) - aside) | (before & aside))
        return cast("Resource", wanted)

    async def _carry_out(self, trip: _Trip, operation: Operation) -> None:
        match operation:
            case Create():
                await self._create(trip, operation)
            case Deactivate():
                await self._patch(trip, operation, Resource(active=False))
            case Reactivate(changes) | Patch(changes):
                await self._patch(trip, operation, changes)
            case Join(group) | Leave(group):
                await self._member(trip, operation, group)
            case _:
                assert_never(operation)

    async def _create(self, trip: _Trip, operation: Create) -> None:
        desired = trip.record.desired
        if lacking := missing(desired):
            raise _Set(self._parked(trip, "incomplete", f"can't be created before these are known: {_list(lacking)}"))
        body = create_body(await self._referred(trip, self._deliverable(trip, desired)), self._dialect)
        await self._sure(trip, trip.learned)  # a POST has no If-Match: be sure of the partition just before
        sent = self._ticks()
        answer = await self._ask(trip, "POST", "/Users", body)
        if await self._accepted(trip, operation, "create", answer, sent):
            trip.id = _created(answer)
            if trip.id is None:  # accepted, but as whom?
                self._in_the_air(trip, sent)
                self._forget(trip)
            elif self._readable(trip, answer.body):
                # A deleted user of that name comes back as the old record: plan on from what the answer says it holds.
                trip.held = self._parse(trip, answer.body)
            else:
                trip.stale = True

    async def _patch(self, trip: _Trip, operation: Operation, changes: Resource) -> None:
        if trip.etag is None and self._versioned and not trip.current and not isinstance(operation, Deactivate):
            trip.stale = True  # the last answer told no ETag
            return
        referred = await self._referred(trip, changes)
        if changes.get("manager") and "manager" not in referred:
            return  # set aside: plan again without it
        body = patch_body(trip.held or Resource(), referred, self._dialect)
        await self._sure(trip, trip.learned)
        sent = self._ticks()
        answer = await self._ask(trip, "PATCH", f"/Users/{trip.id}", body, trip.etag)
        await self._accepted(trip, operation, "write", answer, sent)

    async def _member(self, trip: _Trip, operation: Join | Leave, name: str) -> None:
        if trip.turn.offset < trip.journal.until and not trip.looked and not trip.tried:
            trip.stale = True  # the sink before us may have done it: no ETag of the user would tell
            return
        group = self._groups.get(name)
        join = isinstance(operation, Join)
        if unknown := await self._unknown_group(trip, name, join=join):
            trip.aside[f"group {name}"] = unknown
            return
        async with group.lock:
            if not group.known:
                return  # somebody else's change of it went wrong meanwhile: look again
            await self._sure(trip, group.read)
            sent = self._ticks()
            answer = await self._ask(
                trip, "PATCH", f"/Groups/{group.id}", member_body(str(trip.id), join=join), group.etag
            )
            match verdict("group", answer, 0, 0.0):
                case Deliver():
                    group.etag, group.read = _etag(answer), self._ticks()
                    renamed = answer.body.get("displayName", group.name) != group.name
                    group.known = group.etag is not None and not renamed
                case Retry():
                    pass
                case _:
                    group.known = False
        await self._accepted(trip, operation, "group", answer, sent)

    async def _accepted(self, trip: _Trip, operation: Operation, asked: Asked, answer: Answer, sent: float) -> bool:
        """Act on the answer to a write. True: it was accepted, and `held` says so."""
        request = trip.requests[-1]
        decided = verdict(asked, answer, trip.attempts, self._jitter())
        trip.tried |= isinstance(decided, Deliver | ReadBack)
        match decided:
            case Deliver():
                trip.attempts = 0
                trip.operations.append(operation.op)
                trip.held = apply(trip.held, operation, trip.record.desired)
                if asked != "group":
                    trip.etag, trip.learned, trip.current = _etag(answer), self._ticks(), False
                    self._versioned |= trip.etag is not None
                return True
            case Retry(after):
                await self._again(trip, "retry", request, describe(answer), after)
            case ReadBack(after):
                self._in_the_air(trip, sent)
                self._forget(trip)
                await self._again(trip, "unknown", request, describe(answer), after)
            case Refetch():
                if asked == "write":
                    self._count_conflict(trip, operation, answer)
                after = backoff(trip.attempts, self._jitter()) if trip.attempts else 0.0
                self._forget(trip)
                await self._again(trip, "conflict", request, describe(answer), after)
            case Adopt():
                self._in_the_air(trip, sent)
                await self._again(trip, "conflict", request, describe(answer), 0.0)
                await self._adopt(trip, answer)
            case Gone():
                if asked != "group":
                    trip.id, trip.contacted = None, False
                await self._again(trip, "missing", request, describe(answer), backoff(trip.attempts, self._jitter()))
            case Park(reason):
                if isinstance(operation, Join | Leave):
                    self._set_aside(trip, f"group {operation.group}", "refused", reason, answer)
                elif await self._manager_moved(trip):
                    await self._again(trip, "retry", request, reason, 0.0)
                else:
                    raise _Set(self._parked(trip, "refused", reason, answer))
            case _:
                assert_never(decided)
        return False

    def _in_the_air(self, trip: _Trip, sent: float) -> None:
        trip.airborne[trip.record.seq] = sent + self._landed

    def _count_conflict(self, trip: _Trip, operation: Operation, answer: Answer) -> None:
        """Where the version never changes, it isn't the version that is refused. A leaver is tried for ever."""
        etag, times = trip.conflicts
        trip.conflicts = (trip.etag, times + 1 if etag == trip.etag else 1)
        if trip.conflicts[1] > CONFLICTS and not isinstance(operation, Deactivate):
            raise _Set(self._parked(trip, "refused", describe(answer), answer))

    async def _again(self, trip: _Trip, verdict_: Verdict, request: Request, reason: str, after: float) -> None:
        """Tell of an attempt that wasn't the last, and wait."""
        trip.attempts += 1
        trip.requests.remove(request)
        trip.journal.record([self._outcome(trip, verdict_, final=False, reason=reason, requests=[request])])
        if trip.attempts in {5, 10} or trip.attempts % 50 == 0:
            log.warning(
                "still trying",
                partition=trip.turn.partition,
                seq=trip.record.seq,
                attempts=trip.attempts,
                status=request.status,
                correlation_id=request.correlation_id,
            )
        await self._wait(trip, after)

    def _forget(self, trip: _Trip) -> None:
        """What the target holds isn't known any more."""
        if trip.id is None:
            trip.contacted = False  # a create of unknown outcome: look it up
        else:
            trip.stale = True

    async def _look_up(self, trip: _Trip) -> None:
        """First contact: by `externalId`, then by `userName`; adopts whom it finds (RFC 7644 §3.4.2)."""
        found = await self._search(trip, "externalId", trip.turn.user)
        user_name = trip.record.desired.get("userName")
        if found is None and user_name:
            found = await self._search(trip, "userName", user_name)
            self._ours(trip, found)
        if found is None or trip.misses > PATIENCE:
            trip.id, trip.etag, trip.held, trip.contacted, trip.stale = None, None, None, True, False
            trip.learned = self._ticks()
            return
        trip.id = str(found["id"])
        trip.contacted = trip.stale = True
        await self._read(trip, hurry=self._aim(trip).get("active") is False)
        if trip.contacted:
            trip.journal.record([self._outcome(trip, "adopted", final=False, reason=None, requests=[])])
        else:  # the search index lags behind: whom it shows has been deleted
            trip.misses += 1
            await self._wait(trip, backoff(trip.misses, self._jitter()))

    def _ours(self, trip: _Trip, found: dict[str, Any] | None) -> None:
        other = found.get("externalId") if found else None
        if other and other != trip.turn.user:
            raise _Set(self._parked(trip, "ambiguous", f"userName belongs to the user with externalId {other}"))

    async def _adopt(self, trip: _Trip, refused: Answer) -> None:
        """A create found the userName taken. The search index may lag, so look more than once before giving up."""
        await self._look_up(trip)
        for asked in range(PATIENCE + 1):
            if trip.id is not None:
                return
            await self._pause(backoff(asked, self._jitter()))
            await self._look_up(trip)
        if trip.id is None:
            raise _Set(self._parked(trip, "ambiguous", "userName is taken, and can't be found", refused))

    async def _search(self, trip: _Trip, attribute: str, value: str) -> dict[str, Any] | None:
        answer = await self._get(trip, f"/Users?{equals(attribute, value)}&{LIST_ATTRIBUTES}", _is_list)
        found = [each for each in _resources(answer) if each.get("id") and _has(each, attribute, value)]
        if len(found) > 1:
            raise _Set(self._parked(trip, "ambiguous", f"{len(found)} users have this {attribute}"))
        return found[0] if found else None

    async def _read(self, trip: _Trip, *, hurry: bool) -> None:
        """What the target holds of the user now, with its ETag. `hurry`: don't wait for groups."""
        names = [name for name in self._group_names(trip) if not self._groups.get(name).id]
        if not hurry:
            for name in names:
                await self._unknown_group(trip, name, join=True)
        answer = await self._get(trip, f"/Users/{trip.id}", lambda body: self._readable(trip, body))
        trip.stale = False
        if answer is None:
            trip.id, trip.contacted = None, False
            return
        trip.held = self._parse(trip, answer.body)
        trip.etag = _etag(answer)
        self._versioned |= trip.etag is not None
        trip.partial = hurry and bool(names)
        trip.looked = trip.current = True
        trip.learned = self._ticks()

    async def _get(self, trip: _Trip, path: str, shows: Callable[[dict[str, Any]], bool]) -> Answer | None:
        """A GET, until it is answered by what it asked for. None: there is no such thing. Raises _Newer."""
        while True:
            turn = trip.turn
            answer = await self._ask(trip, "GET", path)
            decided = verdict("read", answer, trip.attempts, self._jitter())
            request = trip.requests.pop()
            if isinstance(decided, Deliver) and shows(answer.body):
                trip.journal.record([self._outcome(trip, "read", final=False, reason=None, requests=[request])])
                return answer
            if isinstance(decided, Gone):
                trip.journal.record([self._outcome(trip, "absent", final=False, reason=None, requests=[request])])
                return None
            trip.requests.append(request)
            if isinstance(decided, Park):
                raise _Set(self._parked(trip, "refused", decided.reason, answer))
            after = getattr(decided, "after", backoff(trip.attempts, self._jitter()))
            await self._again(trip, "retry", request, describe(answer), after)
            if self._newest(trip) or trip.turn is not turn:
                raise _Newer

    async def _unknown_group(self, trip: _Trip, name: str, *, join: bool) -> Parked | None:
        """Look the group up where its id or ETag isn't known. Not None: it can't be found, and why.

        Somebody who is to leave it does so under whatever name it has by now.
        """
        group = self._groups.get(name)
        if group.known:
            return None
        try:
            found = await self._find_group(trip, group, join=join)
        except _Set as refused:
            return refused.parked
        if found is None:
            return self._parked(trip, "unresolved", f"there is no group {name}")
        if not group.known:  # else somebody was quicker, and may have changed it since
            group.id, group.etag, group.read, group.known = str(found["id"]), _version(found), self._ticks(), True
        return None

    async def _find_group(self, trip: _Trip, group: Group, *, join: bool) -> dict[str, Any] | None:
        if group.id:  # by its id, since a search may show an older version
            answer = await self._get(trip, f"/Groups/{group.id}?{NO_MEMBERS}", lambda body: bool(body.get("id")))
            if answer is None:
                group.id = ""
            elif not join or _has(answer.body, "displayName", group.name):
                return answer.body
        answer = await self._get(trip, f"/Groups?{equals('displayName', group.name)}&{NO_MEMBERS}", _is_list)
        found = [each for each in _resources(answer) if each.get("id") and _has(each, "displayName", group.name)]
        return found[0] if len(found) == 1 else None

    def _group_names(self, trip: _Trip) -> list[str]:
        """Groups that we may have put the user into: those held, desired, and desired by what was passed over."""
        names = set((trip.held or {}).get("groups", [])) | set(trip.record.desired.get("groups", []))
        for _, work in trip.turn.superseded:
            names |= set(decode(work.value).desired.get("groups", []))
        return sorted(names)

    def _parse(self, trip: _Trip, body: dict[str, Any]) -> Resource:
        held = parse_user(body, self._dialect)
        names = self._groups.ids()
        ours = set(self._group_names(trip))
        members = (names.get(str(each.get("value"))) for each in body.get("groups") or ())
        held["groups"] = sorted(name for name in members if name in ours)
        manager = held.get("manager")
        if manager is not None:  # the target tells its own id; known states name the user ID
            wanted = trip.record.desired.get("manager")
            held["manager"] = wanted if wanted and self._managers.get(wanted) == manager else manager
        return held

    def _readable(self, trip: _Trip, body: dict[str, Any]) -> bool:
        """Whether it is a user, and can be understood."""
        try:
            self._parse(trip, body)
        except (AttributeError, KeyError, TypeError, ValueError):
            return False
        return bool(body.get("id"))

    async def _referred(self, trip: _Trip, resource: Resource) -> Resource:
        """The resource with the manager as the target's own id; without, and set aside, where it has no such user."""
        manager = resource.get("manager")
        trip.manager = None
        if not manager:
            return resource
        there = self._managers.get(manager) or self._find_id(manager) or await self._find_manager(trip, manager)
        referred = dict(resource)
        if there is None:
            del referred["manager"]
        else:
            trip.manager = (manager, there)
            self._managers[manager] = there
            referred["manager"] = there
        return cast("Resource", referred)

    async def _find_manager(self, trip: _Trip, manager: str) -> str | None:
        """The target's id of the manager. None: set aside."""
        try:
            found = await self._search(trip, "externalId", manager)
        except _Set as refused:
            trip.aside["manager"] = refused.parked
            return None
        if found is None:
            self._set_aside(trip, "manager", "unresolved", f"manager {manager} isn't in the target yet")
            return None
        return str(found["id"])

    async def _manager_moved(self, trip: _Trip) -> bool:
        """A refusal may be on account of a manager who was deleted, or made anew. True: plan again."""
        if trip.manager is None:
            return False
        manager, there = trip.manager
        now = await self._find_manager(trip, manager)
        if now is None:
            del self._managers[manager]
        else:
            self._managers[manager] = now
        return now != there

    async def _ask(
        self, trip: _Trip, method: str, path: str, body: dict[str, Any] | None = None, etag: str | None = None
    ) -> Answer:
        content = f"{method} {path} {etag}".encode() + (b"" if body is None else orjson.dumps(body))
        request_id = f"{trip.turn.partition}-{trip.record.seq}-{zlib.crc32(content):08x}"
        sent = self._now()
        answer = await self._scim.request(method, path, request_id, body, etag)
        trip.requests.append(
            Request(
                id=request_id,
                method=method,
                path=path,
                body=body,
                sent=sent,
                answered=self._now(),
                status=answer.status,
                correlation_id=answer.headers.get("inin-correlation-id"),
                error=answer.error,
            )
        )
        return answer

    def _set_aside(self, trip: _Trip, what: str, code: Any, reason: str, answer: Answer | None = None) -> None:
        trip.aside[what] = self._parked(trip, code, reason, answer)

    def _parked(self, trip: _Trip, code: Any, reason: str, answer: Answer | None = None) -> Parked:
        status = answer.status if answer else None
        correlation = answer.headers.get("inin-correlation-id") if answer else None
        return Parked(code, reason, status, correlation, [], trip.record.desired, self._now())

    def _delivery(self, trip: _Trip, parked: Parked | None) -> Delivery:
        held = trip.held if trip.id else None
        return Delivery(trip.turn.user, trip.record.seq, trip.id, trip.etag, held, parked, self._now())

    def _fates(self, trip: _Trip, parked: Parked | None) -> list[Outcome]:
        passed_over = [work for _, work in trip.turn.superseded if not work.told]
        outcomes = [self._told(trip, work, "superseded", since=work.gap) for work in passed_over]
        work = trip.turn.work
        if work.gap is not None:
            gone = replace(work, seq=work.prev, cause=None, effect="unknown")  # type: ignore[arg-type]
            outcomes.append(self._told(trip, gone, "superseded", since=work.gap))
        # The sink before us may have delivered it, and died before it could say so.
        delivered = trip.tried or (trip.looked and bool(trip.record.operations))
        whole = parked is not None and (not parked.attributes or not delivered)
        leaver = trip.record.desired.get("active") is False
        if work.regressed and parked is not None and parked.code == "regressed" and delivered and leaver:
            whole = False  # the leaver of a parked user was let through
        fate: Verdict = "parked" if whole else "delivered" if delivered else "no-op"
        if parked is not None:
            log.warning(
                "parked",
                partition=trip.turn.partition,
                seq=trip.record.seq,
                code=parked.code,
                status=parked.status,
                attributes=[name.split(" ")[0] for name in parked.attributes],
                correlation_id=parked.correlation_id,
            )
        reason = parked.reason if parked else "; ".join(trip.record.problems) or None
        final = self._outcome(trip, fate, final=not work.told, reason=reason, requests=trip.requests)
        return [*outcomes, final]

    def _told(self, trip: _Trip, work: Work, fate: Verdict, since: int | None) -> Outcome:
        return Outcome(trip.turn.user, work.seq, fate, True, self._now(), work.effect, work.cause, [], [], None, since)

    def _outcome(
        self, trip: _Trip, verdict_: Verdict, *, final: bool, reason: str | None, requests: list[Request]
    ) -> Outcome:
        return Outcome(
            user=trip.turn.user,
            seq=trip.record.seq,
            verdict=verdict_,
            final=final,
            at=self._now(),
            effect=trip.turn.work.effect,
            cause=trip.turn.work.cause,
            operations=list(trip.operations) if final else [],
            requests=requests,
            reason=reason,
        )

    def _now(self) -> int:
        return round(self._clock() * 1000)


def _quoted(version: str) -> str:
    """An ETag as If-Match wants it: the header is quoted, `meta.version` isn't (Genesys Cloud: `"56"`)."""
    return version if version.startswith(('"', "W/")) else f'"{version}"'


def _etag(answer: Answer) -> str | None:
    return answer.headers.get("etag") or _version(answer.body)


def _version(resource: dict[str, Any]) -> str | None:
    meta = resource.get("meta")
    version = meta.get("version") if isinstance(meta, dict) else None
    return _quoted(str(version)) if version else None


def _created(answer: Answer) -> str | None:
    """The id of the user that a POST made (RFC 7644 §3.3: in the body, and at the end of Location)."""
    return str(answer.body.get("id") or answer.headers.get("location", "").rstrip("/").rpartition("/")[2]) or None


def _is_list(body: dict[str, Any]) -> bool:
    """RFC 7644 §3.4.2: `Resources` may be missing where there are none."""
    found = body.get("Resources")
    if found is None:
        return body.get("totalResults") == 0
    return isinstance(found, list) and all(isinstance(each, dict) for each in found)


def _resources(answer: Answer | None) -> list[dict[str, Any]]:
    return (answer.body.get("Resources") or []) if answer else []


def _has(resource: dict[str, Any], attribute: str, value: str) -> bool:
    """Whether a search found what it was asked for: a server may pass over a filter. Only externalId is exact."""
    held = resource.get(attribute)
    if attribute == "externalId":
        return held in (None, value)
    return held is None or str(held).casefold() == value.casefold()


def _list(names: list[str]) -> str:
    return ", ".join(names)

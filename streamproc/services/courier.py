"""Courier: brings one user's newest desired state to the target, by as many requests as it takes, and says how it went.

Level-triggered: it plans from what the target holds to what is desired, sends the first operation, and plans again,
until nothing is left to do. Where the target holds exactly the state before the record, that is the record's own plan.

Rule 1: an ETag that was read is used only after the journal confirmed, after the read, that the partition is ours.
Rule 2: an answer that leaves open whether a write was applied leads to a read, never to the same write.
Rule 3: a retry carries the newest desired state; it holds its user's lane, and nobody else's.
Rule 4: a request of the sink before us may still be in the air. A turn that passes over records which that sink may
have sent isn't told until such a request must have landed or died, and the target was read again.
"""

import asyncio
import zlib
from collections.abc import Callable, Coroutine
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
from streamproc.services.groups import Groups
from streamproc.services.journal import Journal

log = structlog.get_logger("streamproc.courier")

REGRESSED = "an earlier change is missing from this record's history"
LIST_ATTRIBUTES = "attributes=id,userName,externalId"


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
    settled: bool = False
    """Rule 4 is met."""
    looked: bool = False
    """Whether the target was asked, in this trip, what it holds."""
    contacted: bool = False
    tried: bool = False
    """Whether a write went out."""
    attempts: int = 0
    requests: list[Request] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    aside: dict[str, Parked] = field(default_factory=dict)
    """Attributes set aside in this trip ("manager", "group NAME")."""


class _Set(Exception):  # noqa: N818 - control flow within this file
    """The whole turn is set aside."""

    def __init__(self, parked: Parked) -> None:
        super().__init__(parked.reason)
        self.parked = parked


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
        while True:
            self._newest(trip)
            desired = trip.record.desired
            if trip.turn.work.regressed and desired.get("active") is not False:
                raise _Set(self._parked(trip, "regressed", REGRESSED))
            if not trip.contacted:
                await self._look_up(trip)
                continue
            operations = plan(trip.held, self._deliverable(trip, desired))
            if not operations:
                if trip.held is None and desired.get("active") is not False and (lacking := missing(desired)):
                    raise _Set(
                        self._parked(
                            trip, "incomplete", f"can't be created before these are known: {', '.join(lacking)}"
                        )
                    )
                if await self._settled(trip):
                    return
                continue
            await self._carry_out(trip, operations[0])

    async def _settled(self, trip: _Trip) -> bool:
        """Rule 4. False: it was waited for, or newer work came; look again."""
        passed_over = (offset for offset, _ in trip.turn.superseded)
        remaining = trip.journal.acquired + self._landed - self._ticks()
        if trip.settled or not any(offset < trip.journal.until for offset in passed_over):
            return True
        if remaining > 0 and await self._rest(trip.turn.user, remaining):
            return False
        trip.settled = True
        await self._reread(trip)
        return False

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

    def nudge(self, user: str) -> None:
        """Newer work of the user came in: don't let it wait for rule 4."""
        if woken := self._resting.get(user):
            woken.set()

    def _newest(self, trip: _Trip) -> None:
        if newer := self._lanes.newest(trip.turn.user):
            trip.turn, trip.record = newer, decode(newer.work.value)
            trip.aside.clear()

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
            raise _Set(
                self._parked(trip, "incomplete", f"can't be created before these are known: {', '.join(lacking)}")
            )
        if self._ticks() - trip.journal.confirmed > self._fresh:
            await trip.journal.confirm()  # a POST has no If-Match: be sure of the partition just before
        body = create_body(await self._referred(trip, self._deliverable(trip, desired)), self._dialect)
        answer = await self._ask(trip, "POST", "/Users", body)
        if await self._accepted(trip, operation, "create", answer):
            trip.id = str(answer.body.get("id") or "")
            trip.contacted = bool(trip.id)
            # A deleted user of that name comes back as the old record: plan on from what the answer says it holds.
            trip.held = self._parse(trip, answer.body) if answer.body.get("id") else None

    async def _patch(self, trip: _Trip, operation: Operation, changes: Resource) -> None:
        referred = await self._referred(trip, changes)
        if changes.get("manager") and "manager" not in referred:
            return  # set aside: plan again without it
        body = patch_body(trip.held or Resource(), referred, self._dialect)
        answer = await self._ask(trip, "PATCH", f"/Users/{trip.id}", body, trip.etag)
        await self._accepted(trip, operation, "write", answer)

    async def _member(self, trip: _Trip, operation: Join | Leave, name: str) -> None:
        if trip.turn.offset < trip.journal.until and not trip.looked and not trip.tried:
            await self._read(trip)  # the sink before us may have done it: no ETag of the user would tell
            return
        group = self._groups.get(name)
        async with group.lock:
            if not await self._known_group(trip, name):
                self._set_aside(trip, f"group {name}", "unresolved", f"there is no group {name}")
                return
            if trip.journal.confirmed < group.read:
                await trip.journal.confirm()
            body = member_body(str(trip.id), join=isinstance(operation, Join))
            answer = await self._ask(trip, "PATCH", f"/Groups/{group.id}", body, group.etag)
            if answer.status is not None and answer.status < 300:
                group.etag = _etag(answer)
            else:
                group.etag, group.id = None, "" if answer.status == 404 else group.id
            group.read = self._ticks()
        await self._accepted(trip, operation, "group", answer)

    async def _accepted(self, trip: _Trip, operation: Operation, asked: Asked, answer: Answer) -> bool:
        """Act on the answer to a write. True: it was accepted, and `held` says so."""
        trip.tried = True
        request = trip.requests[-1]
        decided = verdict(asked, answer, trip.attempts, self._jitter())
        match decided:
            case Deliver():
                trip.attempts = 0
                trip.operations.append(operation.op)
                trip.held = apply(trip.held, operation, trip.record.desired)
                if asked != "group":
                    trip.etag = _etag(answer)
                return True
            case Retry(after):
                await self._again(trip, "retry", request, describe(answer), after)
            case ReadBack(after):
                await self._again(trip, "unknown", request, describe(answer), after)
                await self._reread(trip)
            case Refetch():
                after = backoff(trip.attempts, self._jitter()) if trip.attempts else 0.0
                await self._again(trip, "conflict", request, describe(answer), after)
                await self._reread(trip)
            case Adopt():
                await self._again(trip, "conflict", request, describe(answer), 0.0)
                await self._adopt(trip, answer)
            case Gone():
                await self._again(trip, "missing", request, describe(answer), backoff(trip.attempts, self._jitter()))
                if asked != "group":
                    trip.id, trip.contacted = None, False
            case Park(reason):
                if isinstance(operation, Join | Leave):
                    self._set_aside(trip, f"group {operation.group}", "refused", reason, answer)
                else:
                    raise _Set(self._parked(trip, "refused", reason, answer))
            case _:
                assert_never(decided)
        return False

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
        if after > 0:
            await self._pause(after)

    async def _reread(self, trip: _Trip) -> None:
        if trip.id is None:
            trip.contacted = False  # a create of unknown outcome: look it up
        else:
            await self._read(trip)

    async def _look_up(self, trip: _Trip) -> None:
        """First contact: by `externalId`, then by `userName`; adopts whom it finds (RFC 7644 §3.4.2)."""
        found = await self._search(trip, "externalId", trip.turn.user)
        user_name = trip.record.desired.get("userName")
        if found is None and user_name:
            found = await self._search(trip, "userName", user_name)
            self._ours(trip, found)
        if found is None:
            trip.id, trip.etag, trip.held, trip.contacted = None, None, None, True
            await trip.journal.confirm()
            return
        trip.id = str(found["id"])
        trip.contacted = True
        await self._read(trip)
        if trip.contacted:
            trip.journal.record([self._outcome(trip, "adopted", final=False, reason=None, requests=[])])

    def _ours(self, trip: _Trip, found: dict[str, Any] | None) -> None:
        other = found.get("externalId") if found else None
        if other and other != trip.turn.user:
            raise _Set(self._parked(trip, "ambiguous", f"userName belongs to the user with externalId {other}"))

    async def _adopt(self, trip: _Trip, refused: Answer) -> None:
        """A create found the userName taken. The search index may lag, so look more than once before giving up."""
        await self._look_up(trip)
        while trip.id is None:
            if trip.attempts > 6:
                raise _Set(self._parked(trip, "ambiguous", "userName is taken, and can't be found", refused))
            trip.attempts += 1
            await self._pause(backoff(trip.attempts, self._jitter()))
            await self._look_up(trip)

    async def _search(self, trip: _Trip, attribute: str, value: str) -> dict[str, Any] | None:
        body = await self._get(trip, f"/Users?{equals(attribute, value)}&{LIST_ATTRIBUTES}")
        found = [each for each in (body or {}).get("Resources") or () if each.get("id")]
        if len(found) > 1:
            raise _Set(self._parked(trip, "ambiguous", f"{len(found)} users have this {attribute}"))
        return found[0] if found else None

    async def _read(self, trip: _Trip) -> None:
        """What the target holds of the user now, with its ETag (rule 1)."""
        for name in self._group_names(trip):
            await self._known_group(trip, name)
        body = await self._get(trip, f"/Users/{trip.id}")
        if body is None:
            trip.id, trip.contacted = None, False
            return
        trip.held = self._parse(trip, body)
        trip.etag = body.get("meta", {}).get("version") and _quoted(str(body["meta"]["version"]))
        trip.looked = True
        await trip.journal.confirm()

    async def _get(self, trip: _Trip, path: str) -> dict[str, Any] | None:
        """A GET, until it is answered. None: there is no such thing."""
        while True:
            answer = await self._ask(trip, "GET", path)
            decided = verdict("read", answer, trip.attempts, self._jitter())
            request = trip.requests.pop()
            if isinstance(decided, Deliver):
                trip.journal.record([self._outcome(trip, "read", final=False, reason=None, requests=[request])])
                return answer.body
            if isinstance(decided, Gone):
                trip.journal.record([self._outcome(trip, "absent", final=False, reason=None, requests=[request])])
                return None
            if isinstance(decided, Park):
                trip.requests.append(request)
                raise _Set(self._parked(trip, "refused", decided.reason, answer))
            trip.requests.append(request)
            await self._again(trip, "retry", request, describe(answer), getattr(decided, "after", 1.0))

    async def _known_group(self, trip: _Trip, name: str) -> bool:
        """Look the group up, by name, where its id or ETag isn't known. False: not exactly one has the name."""
        group = self._groups.get(name)
        if group.id and group.etag is not None:
            return True
        body = await self._get(trip, f"/Groups?{equals('displayName', name)}&excludedAttributes=members")
        found = (body or {}).get("Resources") or []
        if len(found) != 1:
            return False
        group.id = str(found[0]["id"])
        version = found[0].get("meta", {}).get("version")
        group.etag, group.read = _quoted(str(version)) if version else None, self._ticks()
        return True

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

    async def _referred(self, trip: _Trip, resource: Resource) -> Resource:
        """The resource with the manager as the target's own id; without, and set aside, where it has no such user."""
        manager = resource.get("manager")
        if not manager:
            return resource
        there = self._managers.get(manager) or self._find_id(manager)
        if there is None:
            found = await self._search(trip, "externalId", manager)
            there = str(found["id"]) if found else None
        referred = dict(resource)
        if there is None:
            self._set_aside(trip, "manager", "unresolved", f"manager {manager} isn't in the target yet")
            del referred["manager"]
        else:
            self._managers[manager] = there
            referred["manager"] = there
        return cast("Resource", referred)

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
        outcomes = [self._told(trip, work, "superseded", since=work.gap) for _, work in trip.turn.superseded]
        work = trip.turn.work
        if work.gap is not None:
            gone = replace(work, seq=work.prev, cause=None, effect="unknown")  # type: ignore[arg-type]
            outcomes.append(self._told(trip, gone, "superseded", since=work.gap))
        # The sink before us may have delivered it, and died before it could say so.
        delivered = trip.tried or (trip.looked and bool(trip.record.operations))
        whole = parked is not None and (not parked.attributes or not delivered)
        if work.regressed and parked is not None and parked.code == "regressed" and delivered:
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
    if "etag" in answer.headers:
        return answer.headers["etag"]
    version = answer.body.get("meta", {}).get("version")
    return _quoted(str(version)) if version else None

"""Trip: one turn of one user under way, and how it is told: what is known, what was done, and in the end its fate."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from streamproc.core.records.delivery import DeliveredState, Parked, Standing
from streamproc.core.records.outcome import Fate, Outcome, Request, Verdict
from streamproc.core.records.resource import Resource, missing
from streamproc.core.records.user_record import Cause
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.desired_state import DesiredState
from streamproc.sink.decide.isolate_refused import without_refused
from streamproc.sink.decide.lanes import Turn
from streamproc.sink.delivery_store import DeliveryStore

log = structlog.get_logger("streamproc.courier")


@dataclass(frozen=True, slots=True)
class Work:
    """A record as a lane carries it."""

    record: DesiredState
    regressed: bool = False
    told: bool = False
    """Its fate is in the log already; this is another attempt at what was set aside."""
    ordered: bool = False
    """An operator wants it: neither the mass guard nor what was refused before stands in the way."""
    gap: int | None = None
    """Seq after which compaction removed records before this one."""

    @property
    def leaves(self) -> bool:
        """Whether it says that the user is inactive."""
        return self.record.desired.get("active") is False

    def condensed(self) -> "Work":
        """What has to be known of it once newer work has passed over it: its fate, if it leaves, and its groups."""
        return replace(self, record=self.record.condensed())


@dataclass(slots=True)
class Reconciliation:
    """One turn under way: what the target is known to hold, and what has been done so far."""

    turn: Turn[Work]
    journal: DeliveryStore
    clock: Callable[[], int]
    """ms since 1970"""
    ticket: int
    """Place in the order of arrival at the gate."""
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
    """Nothing that the sink before us sent can still land."""
    airborne: dict[int, float] = field(default_factory=dict)
    """The same for our own: seq → ticks until which a request that wasn't answered may land."""
    looked: bool = False
    """Whether the target was asked, in this trip, what it holds."""
    current: bool = False
    """Whether it was asked after the last write."""
    contacted: bool = False
    tried: bool = False
    """Whether a write went out that was, or may have been, accepted."""
    attempts: int = 0
    denied: int = 0
    """Times that what is wanted now was forbidden."""
    misses: int = 0
    """Times that the search found somebody who wasn't there."""
    conflicts: tuple[str | None, int] = (None, 0)
    """The ETag that was refused last, and how many times in a row."""
    manager: tuple[str, str] | None = None
    """The manager in the last request: user ID, and the target's id."""
    requests: list[Request] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    aside: dict[str, Parked] = field(default_factory=dict)
    """Attributes set aside in this trip ("manager", "title", "group NAME")."""
    given_up: set[str] = field(default_factory=set)
    """Attributes set aside of which not even less than before is taken."""
    alone: set[str] = field(default_factory=set)
    """Attributes that go out one by one, since together they were refused."""
    bare: bool = False
    """Create with nothing but what a user must have, since more was refused."""
    since: int | None = None
    """Seq since which something of this user has been set aside."""
    standing: Standing | None = None
    """What the mass guard says of the user's leaving."""
    acknowledged: int | None = None
    read_back: int | None = None
    sessions_ended: int | None = None

    @property
    def user(self) -> str:
        """User ID."""
        return self.turn.user

    @property
    def record(self) -> DesiredState:
        """The newest one."""
        return self.turn.work.record

    @property
    def leaver(self) -> bool:
        """Whether the newest state is inactive."""
        return self.record.desired.get("active") is False

    @property
    def lagging(self) -> bool:
        """Whether the target still shows as active whom it has acknowledged to be inactive."""
        last = next((each for each in reversed(self.operations) if each not in {"join", "leave"}), None)
        return self.current and last == "deactivate" and (self.held or {}).get("active") is not False

    @property
    def doubtful(self) -> bool:
        """Whether a request of the sink before us, or one of ours that wasn't answered, may have been applied."""
        oldest = self.turn.superseded[0][0] if self.turn.superseded else self.turn.offset
        return oldest < self.journal.until or bool(self.airborne)

    def deliverable(self, desired: Resource) -> Resource:
        """What is desired, less what was set aside in this trip."""
        return without_refused(desired, self.held, self.aside, self.given_up)

    def incomplete(self) -> Parked | None:
        """Not None: the user can't be created, since too little is known."""
        lacking = missing(self.record.desired)
        if not lacking:
            return None
        return self.parked("incomplete", f"can't be created before these are known: {', '.join(lacking)}")

    def group_names(self) -> list[str]:
        """Groups that we may have put the user into: those held, desired, and desired by what was passed over."""
        names = set((self.held or {}).get("groups", [])) | set(self.record.desired.get("groups", []))
        for _, work in self.turn.superseded:
            names |= set(work.record.desired.get("groups", []))
        return sorted(names)

    def learn(self, *, holds: Resource | None = None, absent: bool = False) -> Request:
        """The last request says what the target holds of the user. Returns it as it is told."""
        self.requests[-1] = replace(self.requests[-1], holds=holds, absent=absent)
        return self.requests[-1]

    def forget(self) -> None:
        """What the target holds isn't known any more."""
        if self.id is None:
            self.contacted = False  # a create of unknown outcome: look it up
        else:
            self.stale = True

    def parked(self, code: Any, reason: str, answer: Response | None = None) -> Parked:
        """The whole turn, or one attribute of it, set aside."""
        status = answer.status if answer else None
        correlation = answer.headers.get("inin-correlation-id") if answer else None
        since = self.record.seq if self.since is None else self.since
        return Parked(code, reason, status, correlation, {}, self.record.desired, self.clock(), since)

    def set_aside(self, what: str, parked: Parked) -> None:
        """One attribute is set aside: the others go on without it."""
        self.aside[what] = parked

    def sum_of_aside(self) -> Parked | None:
        """What was set aside, as one. What will be tried again by itself decides the code."""
        if not self.aside:
            return None
        first = next((each for each in self.aside.values() if each.code == "unresolved"), None)
        reasons = {name: each.told for name, each in sorted(self.aside.items())}
        return replace(first or next(iter(self.aside.values())), attributes=reasons, desired=self.record.desired)

    # How it is told

    def ended(self, parked: Parked | None) -> tuple[DeliveredState, list[Outcome]]:
        """Its delivery, and the fates of all that it stands for."""
        held = self.held if self.id else None
        standing = self.standing if self.leaver else None
        delivery = DeliveredState(self.user, self.record.seq, self.id, self.etag, held, parked, self.clock(), standing)
        return delivery, self._fates(parked)

    def outcome(
        self, verdict: Verdict, *, final: bool, reason: str | None, requests: list[Request], ended: bool = False
    ) -> Outcome:
        """One line of the audit log about the newest work. `ended`: it sums the trip up."""
        return Outcome(
            user=self.user,
            seq=self.record.seq,
            verdict=verdict,
            final=final,
            at=self.clock(),
            effect=self.record.effect,
            cause=self.record.cause,
            operations=list(self.operations) if ended else [],
            requests=requests,
            reason=reason,
            acknowledged=self.acknowledged if ended else None,
            read_back=self.read_back if ended else None,
            sessions_ended=self.sessions_ended if ended else None,
        )

    def _fates(self, parked: Parked | None) -> list[Outcome]:
        outcomes = [
            self._superseded(work.record.seq, work.record.effect, work.record.cause, work.gap)
            for _, work in self.turn.superseded
            if not work.told
        ]
        work = self.turn.work
        if work.gap is not None:
            outcomes.append(self._superseded(self.record.prev, "unknown", None, work.gap))
        reason = parked.reason if parked else "; ".join(self.record.problems) or None
        final = self.outcome(self._fate(parked), final=not work.told, reason=reason, requests=self.requests, ended=True)
        return [*outcomes, final]

    def _fate(self, parked: Parked | None) -> Fate:
        # The sink before us may have delivered it, and died before it could say so.
        delivered = self.tried or (self.looked and self.record.planned)
        if parked is not None:
            log.warning(
                "parked",
                partition=self.turn.partition,
                seq=self.record.seq,
                code=parked.code,
                status=parked.status,
                attributes=[name.split(" ")[0] for name in parked.attributes],
                correlation_id=parked.correlation_id,
            )
            whole = not parked.attributes or not delivered
            if self.turn.work.regressed and parked.code == "regressed" and delivered and self.leaver:
                whole = False  # the leaver of a parked user was let through
            if whole:
                return "held" if parked.code == "held" else "parked"
        if not delivered:
            return "no-op"
        return "revoked" if self.read_back is not None else "delivered"

    def _superseded(self, seq: int, effect: str, cause: Cause | None, since: int | None) -> Outcome:
        return Outcome(self.user, seq, "superseded", True, self.clock(), effect, cause, [], [], None, since)

"""Progress: how far one user's turn has come: what the target is known to hold, what was sent, and what was refused.

A value. `after` makes the next one of it, and nobody else does.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, cast

from msgspec import Struct, field
from msgspec.structs import replace

from streamproc.core.fold.plan import Urgency
from streamproc.core.records.delivery import Parked, Standing
from streamproc.core.records.outcome import Request
from streamproc.core.records.resource import Resource, missing
from streamproc.core.records.units import Millis
from streamproc.core.scim.response_body import same_id
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.desired_state import DesiredState, Work
from streamproc.sink.decide.items import Loops
from streamproc.sink.decide.lanes import Turn
from streamproc.sink.decide.predecessor import Predecessor
from streamproc.sink.decide.underway import NOT_FOUND, Adopting, Seeded, SetAside, Taken, Underway

PATIENCE: Final = 6
"""Times that a read, or the search index, is asked again where it contradicts what the target otherwise says."""
MOST: Final = 30
"""Requests for one leaver."""
FEW: Final = 20
EACH: Final = 5
"""Requests for anybody else, and for each of their groups."""
_ACCESS: Final = frozenset({"create", "reactivate", "deactivate"})
"""Operations that give or take access as a whole."""


class Freshness(Enum):
    """How fresh what we know of the user is. It decides what comes before anything is planned."""

    UNKNOWN = "unknown"
    """Never looked for, or gone by the id that we knew: look it up by name."""
    ABSENT = "absent"
    """Looked up, and not there."""
    STALE = "stale"
    """It may have been changed, by us or by others: read it."""
    NOTED = "noted"
    """As our last write left it, or as it was noted after an earlier turn: good enough to plan from."""
    DOUBTED = "doubted"
    """As it was noted after a turn that was set aside as a whole, perhaps after a write of unknown outcome: good enough
    to take a leaver's access by its version, but not to tell them that nothing is left to do, and for nobody else."""
    LAGGING = "lagging"
    """Read, but it shows as active whom the target has acknowledged to be inactive: ask again later."""
    READ = "read"
    """Read since our last write."""


class Written(Struct, frozen=True):
    """What was accepted of one attribute: how many times, and what was held before the first."""

    times: int
    before: Any


class Progress(Struct, frozen=True):
    """One turn of one user under way."""

    turn: Turn[Work]
    predecessor: Predecessor = Predecessor()

    # What the target is known to hold
    id: str | None = None
    claimed: bool = False
    """A search or the answer to a create told the id, and whose account it is hasn't been shown there yet."""
    given: str | None = None
    """Account that an operator gave to the user: it is theirs, whatever externalId it shows."""
    etag: str | None = None
    held: Resource | None = None
    body: dict[str, Any] | None = None
    """The user as the target showed them when they were read last, where all of it is to be written."""
    freshness: Freshness = Freshness.UNKNOWN
    groups_unread: bool = False
    """It was read in a hurry, without groups. Of its own, since a write after that read leaves groups unread."""
    learned: float = 0.0
    """Ticks at which it was last learned what the target holds; 0: it is as it was noted."""

    # What was done
    looked: bool = False
    """The target was asked in this turn what it holds. History, which no later write makes untrue."""
    wrote: bool = False
    """A write went out that was, or may have been, accepted. History as well."""
    requests: tuple[Request, ...] = ()
    """Requests that aren't in the outcomes log yet."""
    operations: tuple[str, ...] = ()
    """Names of the operations that the target accepted."""
    replaced: frozenset[str] = frozenset()
    """ETags of states that writes of this turn have replaced: a read that shows one of them lags behind."""
    deactivating: bool = False
    """A deactivation went out since access was given last, and its answer didn't tell whether it was applied."""
    airborne: Mapping[int, float] = field(default_factory=dict)
    """Seq to ticks until which a request of ours that wasn't answered may land."""
    vanished: bool = False
    """A write was answered as if the user weren't there, or left open: they are asked for by id, then looked up."""
    unshown: bool = False
    """Something was accepted by an answer that doesn't show it: it is read before it is told as delivered."""
    written: Mapping[str, Written] = field(default_factory=dict)
    """What was accepted of what is desired now, by attribute ("title", "group NAME")."""
    spelled: Mapping[str, Any] = field(default_factory=dict)
    """Attribute to the value by which the target shows what it holds there by our doing."""
    seeded: Seeded = Seeded()
    """What of policy `seed` has had a value, as far as it was noted: `seeding.seeded` tells all."""
    acknowledged: Millis | None = None
    read_back: Millis | None = None
    sessions_ended: Millis | None = None
    session_tries: int = 0

    # What went wrong
    attempts: int = 0
    """Since the last write that was accepted."""
    denied: int = 0
    """Times that what is desired now was forbidden."""
    misses: int = 0
    """Times that a read or a search contradicted what the target had said."""
    conflicts: tuple[str | None, int] = (None, 0)
    """The ETag that was refused last, and how many times in a row."""
    setbacks: Mapping[str, int] = field(default_factory=dict)
    """Writes in a row that came to nothing without being refused, of a group by its name, of the user as ""."""
    barren: int = 0
    """Attributes in a row that were set aside for setbacks."""
    exchanges: int = 0
    """Requests since the newest work came, while the target was well."""
    complaint: str | None = None
    """What the target said last of what went wrong."""
    troubles: int = 0
    """Attempts in a row that came to nothing while the target was well."""
    rereads: int = 0
    """Times that it was read again since what was accepted wasn't shown."""
    version_form: int = 0
    """How an ETag is told to the target: see `version_forms`."""
    form: int = 0
    """How a deactivation is sent: see `revoke_forms`."""
    wait_until: float | None = None
    """Ticks before which nothing is tried again."""
    parked: Parked | None = None
    """The whole turn is set aside."""
    aside: Mapping[str, Parked] = field(default_factory=dict)
    """Attributes set aside in this turn ("manager", "title", "group NAME")."""
    given_up: frozenset[str] = frozenset()
    """Attributes set aside of which not even less than before is taken."""
    alone: frozenset[str] = frozenset()
    """Attributes that go out one by one, since together they were refused."""
    bare: bool = False
    """Create with nothing but what a user must have, since more was refused. It is about what to send, not known."""
    since: int | None = None
    """Seq since which something of this user has been set aside."""
    standing: Standing | None = None
    """What the mass guard says of the user's leaving."""
    loops: Loops = Loops()
    """What goes to and fro."""

    underway: Underway = field(default_factory=Underway)
    adopting: Adopting | None = None
    taken: Adopting | None = None
    """The same of older work: somebody who leaves is looked for as long."""
    name_taken: Taken | None = None

    @property
    def user(self) -> str:
        """User ID."""
        return self.turn.user

    @property
    def record(self) -> DesiredState:
        """The newest one."""
        return self.turn.work.record

    @property
    def by_order(self) -> bool:
        """Whether the account is the one that an operator gave to the user, and no other that was found since."""
        return self.given is not None and same_id(self.id, self.given)

    @property
    def leaver(self) -> bool:
        """Whether the newest state is inactive."""
        return self.turn.work.leaves

    @property
    def patient(self) -> bool:
        """Whether it is worth more than one attempt: not where only time has passed since it came to nothing."""
        work = self.turn.work
        return work.ordered or not work.told or work.drift is not None

    @property
    def urgency(self) -> Urgency:
        """Of the turn's next request."""
        return Urgency.REVOKE if self.leaver else self.turn.urgency

    @property
    def ending(self) -> bool:
        """Whether its fate is settled, so that newer work has to wait for the next turn."""
        return self.parked is not None or self.read_back is not None

    @property
    def contradicted(self) -> bool:
        """Whether the last read shows as active whom the target has acknowledged to be inactive."""
        read = self.freshness in {Freshness.READ, Freshness.LAGGING}
        return read and self._last_operation == "deactivate" and (self.held or {}).get("active") is not False

    @property
    def deactivated(self) -> bool:
        """Whether the target has acknowledged that they are inactive, and nothing else since."""
        last = self._last_operation
        return last == "deactivate" or (last is None and (self.held or {}).get("active") is False)

    @property
    def held_at_worst(self) -> Resource | None:
        """What is held, taken for a leaver: with access, where the target acknowledged that after they had none.

        A read that lags behind must not make it look as if access that we gave were gone already. One that shows a
        version which is none of those before tells that a deactivation of ours was applied.
        """
        if self.deactivating and self.etag is not None and self.etag not in self.replaced:
            return self.held
        access = next((name for name in reversed(self.operations) if name in _ACCESS), None)
        if self.held is None or access in {None, "deactivate"}:
            return self.held
        return cast("Resource", {**self.held, "active": True})

    @property
    def _last_operation(self) -> str | None:
        return next((name for name in reversed(self.operations) if name not in {"join", "leave"}), None)

    @property
    def doubtful(self) -> bool:
        """Whether a request of the sink before us, or one of ours that wasn't answered, may have been applied."""
        return self.predecessor.had(self.turn) or bool(self.airborne)

    @property
    def unlanded(self) -> float | None:
        """Ticks until which something that was sent for what was passed over may land. None: nothing can."""
        times = [until for seq, until in self.airborne.items() if seq != self.record.seq]
        before = self.predecessor
        if before.lands is not None and before.had_older(self.turn):
            times.append(before.lands)
        return max(times, default=None)

    @property
    def group_names(self) -> list[str]:
        """Groups that we may have put the user into: those held, desired or written, also by what was passed over."""
        names = set((self.held or {}).get("groups", [])) | set(self.record.desired.get("groups", []))
        names |= {name.removeprefix("group ") for name in self.written if name.startswith("group ")}
        for _, work in self.turn.superseded:
            names |= set(work.record.desired.get("groups", []))
        return sorted(names)

    @property
    def exhausted(self) -> bool:
        """Whether it has cost more requests than it ever should. A leaver may take them all, each group some more."""
        return self.exchanges >= (MOST if self.leaver else FEW + EACH * len(self.group_names))

    @property
    def lacking(self) -> list[str]:
        """What has to be known before the user can be created."""
        return missing(self.record.desired)

    def as_parked(self, code: Any, reason: str, clock: Millis, response: Response | None = None) -> Parked:
        """The whole turn, or one attribute of it, set aside at `clock` (ms since 1970)."""
        if code == "stalled" and self.id is None and self.airborne:  # a leaver is looked for in earnest then
            code, reason = "ambiguous", f"perhaps created{NOT_FOUND}{reason}"
        status = response.status if response else None
        correlation = response.headers.get("inin-correlation-id") if response else None
        since = self.record.seq if self.since is None else self.since
        return Parked(code, reason, status, correlation, {}, self.record.desired, clock, since)

    def with_aside(self, aside: SetAside, clock: Millis) -> "Progress":
        """The whole turn is set aside, or one attribute: then the others go on without it."""
        parked = replace(self.as_parked(aside.code, aside.reason, clock, aside.response), holder=aside.holder)
        if aside.what is None:
            return replace(self, parked=parked)
        return replace(self, aside={**self.aside, aside.what: parked})

    def with_newer(self, turn: Turn[Work]) -> "Progress":
        """Newer work is on board: what was refused before may go now, and what was under way begins anew.

        A leaver doesn't wait for what went wrong with somebody who was to stay, and is looked for as long as a create
        would have been. Who comes back is asked for again where reads have lagged, not taken for there already.
        """
        zero = {"denied": 0, "barren": 0, "exchanges": 0, "troubles": 0, "rereads": 0, "form": 0}
        newer = replace(self, turn=turn, aside={}, given_up=frozenset(), underway=Underway(), written={}, setbacks={})
        newer = replace(newer, name_taken=None, loops=self.loops.anew(), **zero)
        if newer.leaver:
            absent = newer.freshness is Freshness.ABSENT  # before whatever we may have sent since
            freshness = Freshness.UNKNOWN if absent else newer.freshness
            return replace(newer, wait_until=None, freshness=freshness, adopting=newer.adopting or newer.taken)
        taken = newer.adopting or newer.taken
        if newer.contradicted:
            return replace(newer, adopting=None, taken=taken, misses=0, freshness=Freshness.LAGGING)
        if newer.freshness is Freshness.DOUBTED:
            return replace(newer, adopting=None, taken=taken, freshness=Freshness.STALE)
        return replace(newer, adopting=None, taken=taken)

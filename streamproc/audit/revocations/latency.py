"""How long leavers kept their access, and where the time went.

Rule 1: the clock starts when streamproc could first know: when the gateway had the event, or without a gateway when the
broker had it. For a leaver announced ahead of a date it starts at that date. The time that the source took before is
shown beside it.
Rule 2: the clock stops when the target, asked again, said that the user is inactive.
Rule 3: a hop is the time between two instants that follow each other; the time of an unknown instant goes to the next
hop. The instants come from several machines' clocks, so one that seems to lie before its predecessor counts as equal:
hops are never negative, and they add up to the total.
Rule 4: a leaver belongs to the period in which the clock stopped, or at whose end it still runs. So every leaver is in
a report, and counts as revoked in one period only.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, get_args

from streamproc.core.records.change_event import Effective

State: TypeAlias = Literal["revoked", "open", "kept", "withdrawn", "nothing", "missing"]
"""`open`: still has access. `kept`: keeps access by decision (rejected by an operator, or protected). `withdrawn`: the
sources said that the user is active again before access was revoked, or said anew what had been rejected. `nothing`:
the target knew no such active user. `missing`: the log has lost the outcome, since it has the outcome of a later event
of the user."""

Cause: TypeAlias = Literal["source", "scope", "suspension", "reactivation"]
"""What took access: a source's word that they are inactive, or, while no source says so, the mapping; or that somebody
had given it back in the target, against either."""
CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)

Hop: TypeAlias = Literal["take-in", "resolve", "fold", "queue", "target", "confirm"]
HOPS: Final[tuple[Hop, ...]] = get_args(Hop)

LIMIT: Final = 300.0
"""Seconds: the OpenID IPSIE draft's "within 5 minutes"."""


@dataclass(frozen=True, slots=True)
class Leaver:
    """One leaving of one user. Instants are ms since 1970, but for `source_time` and what `effective` holds."""

    user: str
    source: str
    partition: int
    seq: int
    """Offset in `identity.changes` of the event by which they left; -1: it was rejected before it came there."""
    source_time: int
    """The source's own time of the event, in µs since 1970."""
    effective: Effective | None
    """The date of leaving that the source gave, in µs since 1970."""
    received: int | None
    """By the gateway; None: the event came without it."""
    appended: int
    """To the raw topic."""
    changed: int | None
    """Appended to `identity.changes`; None: no event there says yet that the date has passed."""
    folded: int | None = None
    """Its record appended to `scim.operations`."""
    sent: int | None = None
    """The first request to deactivate."""
    acknowledged: int | None = None
    """The target's last acceptance of such a request."""
    read_back: int | None = None
    """The target, asked again, said that the user is inactive."""
    sessions_ended: int | None = None
    state: State = "open"
    stopped: int | None = None
    """When the state became other than open."""
    attempts: int = 0
    """Requests to deactivate."""
    reason: str | None = None
    """As the source stated it."""
    why: str = ""
    """What an open one waits for, or by whose decision one is kept."""
    cause: Cause = "source"

    @property
    def first_known(self) -> int:
        """When streamproc could first know of it."""
        return self.appended if self.received is None else self.received

    @property
    def left(self) -> int:
        """When they left, by the source: the date it gave, otherwise the time of its event."""
        return (self.source_time if self.effective is None else self.effective.at) // 1000

    @property
    def ahead(self) -> bool:
        """Whether the date was announced before it came."""
        return self.effective is not None and self.left > self.first_known

    @property
    def start(self) -> int:
        """When the clock starts (rule 1)."""
        return self.left if self.ahead else self.first_known

    def elapsed(self, end: int) -> int:
        """Milliseconds on the clock, until it stopped or, while it runs, until `end`."""
        return max(0, (end if self.stopped is None else self.stopped) - self.start)


def hops(leaver: Leaver) -> dict[Hop, int]:
    """Hop → ms, for each hop whose end is known (rule 3). Those of a revoked leaver add up to the time on the clock."""
    ends = (leaver.appended, leaver.changed, leaver.folded, leaver.sent, leaver.acknowledged, leaver.read_back)
    last = leaver.read_back
    took: dict[Hop, int] = {}
    at = leaver.start
    for hop, end in zip(HOPS, ends, strict=True):
        if end is not None:
            reached = max(at, end if last is None else min(end, last))
            took[hop] = reached - at
            at = reached
    return took


@dataclass(frozen=True, slots=True)
class Spread:
    """The spread of `n` durations in ms. Percentiles are by nearest rank: each is a value that was measured."""

    n: int
    p50: int | None
    p99: int | None
    maximum: int | None


def spread(values: Iterable[int]) -> Spread:
    """The spread of values, which may come in any order."""
    ordered = sorted(values)
    if not ordered:
        return Spread(0, None, None, None)
    return Spread(len(ordered), nearest_rank(ordered, 50), nearest_rank(ordered, 99), ordered[-1])


def nearest_rank(ordered: Sequence[int], percent: int) -> int:
    """The smallest value that `percent` of all don't exceed."""
    return ordered[max(1, -(-len(ordered) * percent // 100)) - 1]


@dataclass(frozen=True, slots=True)
class Part:
    """What one hop takes, over all who were revoked."""

    hop: Hop
    total: int
    """In ms."""
    share: float
    """Of all the time on their clocks, 0 to 1."""
    spread: Spread


@dataclass(frozen=True, slots=True)
class Line:
    """The leavers of one source, or of one cause."""

    source: str
    """Or the cause."""
    clock: Spread
    """Of those who were revoked."""
    states: dict[State, int]
    """How many leavers are in each state."""
    late: int
    """How many are over the limit, open ones too."""


@dataclass(frozen=True, slots=True)
class Report:
    """A period's leavers, and how long they kept access."""

    first: int
    """The period's first moment, in ms since 1970."""
    end: int
    """The moment after its last, in ms since 1970."""
    limit: int
    """In ms."""
    leavers: tuple[Leaver, ...]
    """Who waited longest comes first."""
    clock: Spread
    """Time on the clock of those who were revoked."""
    since_effective: Spread
    """The same, counted from when they left by the source."""
    since_appended: Spread
    """The same, counted from the raw topic's append, without those who were announced ahead of a date."""
    sessions: Spread
    """From read back until sessions were ended."""
    over_effective: int
    """How many values of `since_effective` are over the limit."""
    parts: tuple[Part, ...]
    lines: tuple[Line, ...]
    """By source."""
    causes: tuple[Line, ...]
    """By cause. Empty: a source's word was the cause of all."""
    late: tuple[Leaver, ...]
    """Who is over the limit, open ones too, the latest first."""

    def of(self, state: State) -> list[Leaver]:
        """The leavers in one state; who waited longest comes first."""
        return [leaver for leaver in self.leavers if leaver.state == state]

    @property
    def reactivated(self) -> list[Leaver]:
        """Who had access again because somebody gave it back in the target."""
        return [leaver for leaver in self.leavers if leaver.cause == "reactivation"]

    @property
    def breaches(self) -> list[Leaver]:
        """Who was revoked, but too late."""
        return [leaver for leaver in self.late if leaver.state == "revoked"]


def report(leavers: Iterable[Leaver], first: int, end: int, limit: int) -> Report:
    """The report of a period (rule 4), by all leavers up to `end` in any order. Moments and limit are in ms."""
    chosen = sorted(
        (_as_of(leaver, end) for leaver in leavers if _is_in_period(leaver, first, end)),
        key=lambda leaver: (-leaver.elapsed(end), leaver.user, leaver.partition, leaver.seq),
    )
    revoked = [leaver for leaver in chosen if leaver.state == "revoked"]
    late = tuple(leaver for leaver in chosen if leaver.state in {"revoked", "open"} and leaver.elapsed(end) > limit)
    effective = [_until_stopped(leaver, leaver.left) for leaver in revoked]
    return Report(
        first,
        end,
        limit,
        tuple(chosen),
        spread(leaver.elapsed(end) for leaver in revoked),
        spread(effective),
        spread(_until_stopped(leaver, leaver.appended) for leaver in revoked if not leaver.ahead),
        spread(
            max(0, leaver.sessions_ended - leaver.read_back)
            for leaver in revoked
            if leaver.sessions_ended is not None and leaver.read_back is not None
        ),
        sum(ms > limit for ms in effective),
        parts(revoked),
        tuple(_lines(lambda leaver: leaver.source, chosen, late, end)),
        tuple(_lines(lambda leaver: leaver.cause, chosen, late, end)) if _told_apart(chosen) else (),
        late,
    )


def _is_in_period(leaver: Leaver, first: int, end: int) -> bool:
    stopped = end if leaver.stopped is None else leaver.stopped
    return first <= stopped and (leaver.start < end or stopped < end)


def _as_of(leaver: Leaver, end: int) -> Leaver:
    """The leaver as of `end`: the machine that stopped the clock may have been ahead of it."""
    if leaver.stopped is None or leaver.stopped < end:
        return leaver
    return replace(
        leaver, state="open", stopped=None, read_back=None, sessions_ended=None, why="ended after the period"
    )


def parts(revoked: Iterable[Leaver]) -> tuple[Part, ...]:
    """The shares of all hops add up to 1, unless nobody took any time at all."""
    durations = [hops(leaver) for leaver in revoked]
    total = sum(sum(took.values()) for took in durations)
    all_parts: list[Part] = []
    for hop in HOPS:
        values = [took[hop] for took in durations if hop in took]
        all_parts.append(Part(hop, sum(values), sum(values) / total if total else 0.0, spread(values)))
    return tuple(all_parts)


def _told_apart(leavers: Iterable[Leaver]) -> bool:
    return any(leaver.cause != "source" for leaver in leavers)


def _lines(
    named: Callable[[Leaver], str], chosen: Sequence[Leaver], late: Sequence[Leaver], end: int
) -> Iterator[Line]:
    for name in sorted({named(leaver) for leaver in chosen}):
        leavers = [leaver for leaver in chosen if named(leaver) == name]
        states: dict[State, int] = {
            state: sum(leaver.state == state for leaver in leavers) for state in get_args(State)
        }
        clock = spread(leaver.elapsed(end) for leaver in leavers if leaver.state == "revoked")
        yield Line(name, clock, states, sum(named(leaver) == name for leaver in late))


def _until_stopped(leaver: Leaver, begin: int) -> int:
    """Milliseconds from `begin` until the clock stopped; 0 where a source's clock is ahead."""
    assert leaver.stopped is not None
    return max(0, leaver.stopped - begin)

"""Clock: how long leavers kept their access, and where the time went.

Rule 1: the clock starts when streamproc could first know: when the gateway had the event, or else when the broker had
it. Who was announced ahead of a date starts at that date. What the source took before is told beside it.
Rule 2: it stops when the target, asked again, said that the user is inactive.
Rule 3: a hop lies between two instants that follow each other; one that isn't known leaves its time to the next. The
instants come from several machines' clocks, so one that seems to lie before its predecessor counts as the same: hops
are never negative, and add up to the total.
Rule 4: a leaver belongs to the period in which the clock stopped, or runs at the period's end. So each is told, and
each is counted as revoked in one period only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, get_args

from streamproc.core.records.change_event import Effective

State: TypeAlias = Literal["revoked", "open", "kept", "withdrawn", "nothing", "missing"]
"""`open`: still has access. `kept`: keeps it by decision (rejected by an operator, or protected). `withdrawn`: the
sources said that they are active again before it was revoked. `nothing`: the target knew no such active user.
`missing`: the log has lost what became of it, since it tells what became of a later event of the user."""

Hop: TypeAlias = Literal["take-in", "resolve", "fold", "queue", "target", "confirm"]
HOPS: Final[tuple[Hop, ...]] = get_args(Hop)

LIMIT: Final = 300.0
"""Seconds: the OpenID IPSIE draft's "within 5 minutes"."""


@dataclass(frozen=True, slots=True)
class Leaver:
    """One leaving of one user. Times are ms since 1970, but for `told` and what `effective` holds (µs).

    `told`: the source's own time. `effective`: the date that it gave, None where it gave none. `received`: by the
    gateway. `appended`: to the raw topic. `changed`: appended to `identity.changes`; None: nothing there says yet that
    the date has passed. `stopped`: when it was no longer open. `why`: what an open one waits for, or by whose decision
    one is kept. `attempts`: requests to deactivate.
    """

    user: str
    source: str
    partition: int
    seq: int
    told: int
    effective: Effective | None
    received: int | None
    appended: int
    changed: int | None
    folded: int | None = None
    sent: int | None = None
    acknowledged: int | None = None
    read_back: int | None = None
    sessions_ended: int | None = None
    state: State = "open"
    stopped: int | None = None
    attempts: int = 0
    reason: str | None = None
    why: str = ""

    @property
    def known(self) -> int:
        """When streamproc could first know of it."""
        return self.appended if self.received is None else self.received

    @property
    def left(self) -> int:
        """When they left, by the source: its date, or else the time of its event."""
        return (self.told if self.effective is None else self.effective.at) // 1000

    @property
    def ahead(self) -> bool:
        """Whether it was announced ahead of its date."""
        return self.effective is not None and self.left > self.known

    @property
    def start(self) -> int:
        """When the clock starts (rule 1)."""
        return self.left if self.ahead else self.known

    def elapsed(self, end: int) -> int:
        """Time on the clock in ms, until it stopped or else until `end`."""
        return max(0, (end if self.stopped is None else self.stopped) - self.start)


def hops(leaver: Leaver) -> dict[Hop, int]:
    """Hop → ms, for each whose end is known (rule 3). Of one who was revoked they add up to the time on the clock."""
    ends = (leaver.appended, leaver.changed, leaver.folded, leaver.sent, leaver.acknowledged, leaver.read_back)
    last = leaver.read_back
    found: dict[Hop, int] = {}
    at = leaver.start
    for hop, end in zip(HOPS, ends, strict=True):
        if end is not None:
            reached = max(at, end if last is None else min(end, last))
            found[hop] = reached - at
            at = reached
    return found


@dataclass(frozen=True, slots=True)
class Spread:
    """Of `n` values; percentiles by nearest rank, so that each is a value that was really measured. ms."""

    n: int
    p50: int | None
    p99: int | None
    maximum: int | None


def spread(values: Iterable[int]) -> Spread:
    """In any order."""
    ordered = sorted(values)
    if not ordered:
        return Spread(0, None, None, None)
    return Spread(len(ordered), nearest_rank(ordered, 50), nearest_rank(ordered, 99), ordered[-1])


def nearest_rank(ordered: Sequence[int], percent: int) -> int:
    """The smallest value that `percent` of all don't exceed."""
    return ordered[max(1, -(-len(ordered) * percent // 100)) - 1]


@dataclass(frozen=True, slots=True)
class Part:
    """What one hop takes. `share` of all the time on the clocks of those who were revoked, 0 to 1."""

    hop: Hop
    total: int
    share: float
    spread: Spread


@dataclass(frozen=True, slots=True)
class Line:
    """One source's leavers. `states`: how many are in each. `late`: over the limit, open ones too."""

    source: str
    clock: Spread
    states: dict[State, int]
    late: int


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of a period, from `first` up to and without `end` (ms since 1970). `limit`: ms.

    `since_effective` counts from when they left by the source; `since_appended` from the raw topic's append, without
    those who were announced ahead of a date. `sessions`: from read back until sessions were ended. `late`: over the
    limit, open ones too, the latest first.
    """

    first: int
    end: int
    limit: int
    leavers: tuple[Leaver, ...]
    clock: Spread
    since_effective: Spread
    since_appended: Spread
    sessions: Spread
    over_effective: int
    parts: tuple[Part, ...]
    lines: tuple[Line, ...]
    late: tuple[Leaver, ...]

    def of(self, state: State) -> list[Leaver]:
        """Those in that state, who waited longest first."""
        return [each for each in self.leavers if each.state == state]

    @property
    def breaches(self) -> list[Leaver]:
        """Who was revoked, but too late."""
        return [each for each in self.late if each.state == "revoked"]


def report(leavers: Iterable[Leaver], first: int, end: int, limit: int) -> Report:
    """Of all leavers up to `end`, those of the period (rule 4). The order in which they come doesn't matter."""
    chosen = sorted(
        (_then(each, end) for each in leavers if _counts(each, first, end)),
        key=lambda each: (-each.elapsed(end), each.user, each.partition, each.seq),
    )
    revoked = [each for each in chosen if each.state == "revoked"]
    late = tuple(each for each in chosen if each.state in {"revoked", "open"} and each.elapsed(end) > limit)
    effective = [_since(each, each.left) for each in revoked]
    return Report(
        first,
        end,
        limit,
        tuple(chosen),
        spread(each.elapsed(end) for each in revoked),
        spread(effective),
        spread(_since(each, each.appended) for each in revoked if not each.ahead),
        spread(
            max(0, each.sessions_ended - each.read_back)
            for each in revoked
            if each.sessions_ended is not None and each.read_back is not None
        ),
        sum(each > limit for each in effective),
        parts(revoked),
        tuple(_line(source, chosen, late, end) for source in sorted({each.source for each in chosen})),
        late,
    )


def _counts(leaver: Leaver, first: int, end: int) -> bool:
    stopped = end if leaver.stopped is None else leaver.stopped
    return first <= stopped and (leaver.start < end or stopped < end)


def _then(leaver: Leaver, end: int) -> Leaver:
    """As it stood at `end`, where the clock of the machine that stopped it was past that."""
    if leaver.stopped is None or leaver.stopped < end:
        return leaver
    return replace(
        leaver, state="open", stopped=None, read_back=None, sessions_ended=None, why="ended after the period"
    )


def parts(revoked: Iterable[Leaver]) -> tuple[Part, ...]:
    """The shares of all hops add up to 1, unless nobody took any time at all."""
    taken = [hops(each) for each in revoked]
    whole = sum(sum(each.values()) for each in taken)
    found: list[Part] = []
    for hop in HOPS:
        values = [each[hop] for each in taken if hop in each]
        found.append(Part(hop, sum(values), sum(values) / whole if whole else 0.0, spread(values)))
    return tuple(found)


def _line(source: str, chosen: Sequence[Leaver], late: Sequence[Leaver], end: int) -> Line:
    mine = [each for each in chosen if each.source == source]
    states: dict[State, int] = {state: sum(each.state == state for each in mine) for state in get_args(State)}
    clock = spread(each.elapsed(end) for each in mine if each.state == "revoked")
    return Line(source, clock, states, sum(each.source == source for each in late))


def _since(leaver: Leaver, begin: int) -> int:
    """A source whose clock is ahead gives nothing below 0."""
    assert leaver.stopped is not None
    return max(0, leaver.stopped - begin)

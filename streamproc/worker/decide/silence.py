"""Silence: has a source said nothing for longer than it usually does? A decider with no I/O and no clock.

What is usual is learned by the hour of the week (UTC), so that nights and weekends are no alarm and a quiet Tuesday
morning is one. A gap lies between two moments at which something came; it counts for every hour that it touches.

Rule 1: an hour's usual gap is the longest that touched it, the most unusual week apart: a holiday, or an outage, of the
last weeks makes nobody deaf. The hours beside count too, as clocks are put forward and people are late.
Rule 2: a silence is too long from the first moment on at which it is longer than that hour's usual, and something. It
stays so until something comes, also in hours in which longer gaps are usual: a source that broke at noon is still
broken at night.
Rule 3: where a source has been heard for less than a week, nothing is usual yet, and no silence is too long.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from streamproc.core.records.units import Millis

SLOT: Final = 15 * 60 * 1000
"""ms; of the things that came within one, the first is remembered."""
HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY
HOURS: Final = 168
REMEMBERED: Final = 4 * WEEK
"""For how long what came is remembered."""
MORE: Final = 3.0
"""How many times the usual a silence may be: where things come by chance the longest gap is soon outdone,"""
UNSURE: Final = 3.5
"""the same where there were too few weeks to leave the most unusual one out."""
WEEKS: Final = 3
"""So many are enough."""


class Silence(NamedTuple):
    """One that is too long. `last`: when something came last; `since`: from when on it is too long."""

    last: Millis
    since: Millis
    limit: int
    """ms that it may be."""


class Usual:
    """What is usual of one source."""

    def __init__(self, allowed: Mapping[int, int]) -> None:
        """`allowed`: hour of the week → ms that a silence may be in it; of others nothing is known."""
        self._allowed = allowed

    def too_long(self, last: Millis, now: Millis) -> Silence | None:
        """Whether there is nothing since `last` that should be by `now` (rule 2)."""
        start = last
        while start < now:
            end = (start // HOUR + 1) * HOUR
            allowed = self._allowed.get(hour_of_week(start))
            if allowed is not None and last + allowed < min(end, now):
                return Silence(last, Millis(max(start, last + allowed)), allowed)
            start = Millis(end)
        return None


def usual_of(heard: Sequence[Millis]) -> Usual:
    """`heard`: when something came, ascending: the first in each slot in which something did."""
    if not heard or heard[-1] - heard[0] < WEEK:
        return Usual({})
    gaps: dict[int, dict[int, int]] = {}
    for begin, end in pairwise(heard):
        for number in range(begin // HOUR, end // HOUR + 1):
            longest = gaps.setdefault(number * HOUR % WEEK // HOUR, {})
            week = number * HOUR // WEEK
            longest[week] = max(longest.get(week, 0), end - begin)
    by_hour = {
        hour_of_week(Millis(number * HOUR)): _allowed(list(longest.values())) for number, longest in gaps.items()
    }
    return Usual({hour: max(by_hour.get((hour + by) % HOURS, 0) for by in (-1, 0, 1)) for hour in by_hour})


def _allowed(longest: Sequence[int]) -> int:
    """Rule 1, for one hour of the week. `longest`: the longest gap in each week."""
    if len(longest) >= WEEKS:
        return int(sorted(longest)[-2] * MORE) + SLOT
    return int(max(longest) * UNSURE) + SLOT


def limited(limit: float, last: Millis, now: Millis) -> Silence | None:
    """The same by a limit that is set, in seconds."""
    allowed = round(limit * 1000)
    return Silence(last, Millis(last + allowed), allowed) if now - last > allowed else None


def remembered(heard: Sequence[Millis], at: Millis) -> list[Millis]:
    """What is remembered after something came at `at`, which is no earlier than the rest."""
    kept = list(heard[bisect_left(heard, at - REMEMBERED) :])
    return kept if kept and kept[-1] // SLOT == at // SLOT else [*kept, at]


def hour_of_week(at: Millis) -> int:
    """0 to 167, in UTC."""
    return at % WEEK // HOUR

"""From when until when somebody works: HR systems' dates, as what holds now and what will hold.

Rule 1: access begins at the start of the first day and ends at the end of the last, both in the worker's zone.
Rule 2: what the source calls over is over, whatever its dates are.
Rule 3: where an end and a new start meet (a contractor becomes an employee), the start wins.
Rule 4: of what isn't understood only that counts which would hold whatever it was meant to say.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import product
from typing import Final

from streamproc.core.records.units import Micros
from streamproc.sources.lenient_json import ends, starts
from streamproc.sources.values.unread import UNREAD, Unread

LAG: Final = 24 * 3_600_000_000
"""µs. Workday counts days in Pacific time: in Melbourne a hire isn't active there for 17 to 19 hours of the first day
(learn.microsoft.com, "configure-workday-termination-lookahead"). So long the date counts, not the flag."""
_DAY: Final = timedelta(days=1)
_AGO: Final = date(1920, 1, 1)
_AHEAD: Final = date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Employment:
    """One employment, or one contract.

    A `first` on the day of `last` or later is a new start, and `last` belongs to the employment before. Or it is the
    first day of somebody who won't come: while that day lies ahead, `original` tells which.
    """

    zone: str
    """IANA."""
    first: date | None = None
    """First day of work."""
    last: date | None = None
    """Last day of work."""
    active: bool | None = None
    """Status now, by the source; None: it has none."""
    over: bool = False
    """Terminated."""
    rescinded: bool = False
    """The hire never happened."""
    original: date | None = None
    """First day of the very first employment."""
    unread: frozenset[str] = frozenset()
    """Fields that aren't understood; they have no value then."""

    @property
    def starts(self) -> Micros | None:
        """µs since 1970; None: not said, or rescinded."""
        return None if self.first is None or self.rescinded else starts(self.first, self.zone)

    @property
    def ends(self) -> Micros | None:
        """µs since 1970; None: not said."""
        return None if self.last is None else ends(self.last, self.zone)

    @property
    def renewed(self) -> bool:
        """Whether the dates mean an end and then a new start."""
        if self.first is None or self.last is None or self.first < self.last:
            return False
        return self.first > self.last or self.original != self.first  # else it is one day of work, or a no-show

    @property
    def doubtful(self) -> bool:
        """Whether a `first` after `last` may be that of somebody who won't come: nothing shows earlier work."""
        worked = self.original is not None and self.last is not None and self.original <= self.last
        return self.renewed and not self.active and not worked

    def judged(self, now: Micros) -> bool | Unread | None:
        """Whether access is due now (µs since 1970). None: the source doesn't say. UNREAD: it isn't understood."""
        answers = {meant.works(now) for meant in self._meant()} if self.unread else {self.works(now)}
        return answers.pop() if len(answers) == 1 else UNREAD

    def works(self, now: Micros) -> bool | None:
        """The same by what is understood alone."""
        if self.over or self.rescinded:
            return False
        start, end = self.starts, self.ends
        if end is not None and end <= now and not self.renewed:
            return False
        if start is not None and start > now:  # the contract before may go on until then
            return self.renewed and bool(self.active) and end is not None and end > now
        if self.active is False and self.doubtful:
            return False
        if self.active is False:
            return start is not None and now < start + LAG
        return True if start is not None or end is not None else self.active

    def _meant(self) -> Iterator["Employment"]:
        """Everything that may be meant by what isn't understood, as far as it makes a difference.

        But for today as the first day: a status that says no isn't excused by a date that can't be read.
        """
        near = (day + each * _DAY for day in (self.first, self.last) if day is not None for each in (-1, 0, 1))
        any_day = (None, _AGO, _AHEAD, *near)
        first, last, original = (
            any_day if name in self.unread else (day,)
            for name, day in (("first", self.first), ("last", self.last), ("original", self.original))
        )
        active, over, rescinded = (
            (True, False) if name in self.unread else (flag,)
            for name, flag in (("active", self.active), ("over", self.over), ("rescinded", self.rescinded))
        )
        for one in product(first, last, active, over, rescinded, original):
            meant = Employment(self.zone, one[0], one[1], one[2], bool(one[3]), bool(one[4]), one[5])
            # A word that isn't understood may say that somebody has left for good.
            yield replace(meant, over=True) if "active" in self.unread and not meant.active else meant

    def covers(self, day: date, now: Micros) -> bool:
        """Whether it includes a day that lies ahead, as far as is known now."""
        if self.unread or (self.coming(now) is None and not self.works(now)):
            return False
        if self.first is not None and self.last is not None and self.renewed:
            return day <= self.last or self.first <= day
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def leaving(self, now: Micros, firsts: Collection[date] = (), others: Iterable["Employment"] = ()) -> Micros | None:
        """When access ends, if that lies ahead: µs since 1970.

        None if the same person starts again then, on one of `firsts`, or continues in another employment.
        """
        end = self.ends
        if end is None or self.last is None or end <= now or self.over or self.rescinded:
            return None
        after = self.last + _DAY
        continues = any(day in (self.last, after) for day in (self.first if self.renewed else None, *firsts))
        return None if continues or any(other.covers(after, now) for other in others) else end

    def coming(self, now: Micros) -> Micros | None:
        """When access starts, if that lies ahead: µs since 1970. None if it is doubtful."""
        start = None if self.doubtful else self.starts
        return start if start is not None and start > now else None


def working(employments: Iterable[Employment], now: Micros) -> bool | Unread | None:
    """Whether a person works, by any of several employments; None: the source doesn't say."""
    answers = {employment.judged(now) for employment in employments}
    return next((answer for answer in (True, UNREAD, False) if answer in answers), None)

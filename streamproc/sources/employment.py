"""From when and until when somebody works: dates as HR systems state them, as what holds now and what will.

Rule 1: the first day begins access at its start, the last day ends it at its end, both in the worker's zone.
Rule 2: what the source says to be over is over, whatever its dates say.
Rule 3: where an end and a new start meet (a contractor becomes an employee), the start wins.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from streamproc.sources.lenient_json import ends, starts

LAG: Final = 24 * 3_600_000_000
"""µs. Workday counts days in Pacific time: in Melbourne a hire isn't active there for 17 to 19 hours of the first day
(learn.microsoft.com, "configure-workday-termination-lookahead"). So long the date counts, not the flag."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Employment:
    """One employment, or one contract. `first` and `last`: days that are worked; `zone`: IANA.

    `active`: what the source says of now, None if nothing. `over`: terminated. `rescinded`: the hire never happened.
    A `first` on the day of `last` or after it is a new start, and `last` belongs to what was before. Or it is that of
    somebody who won't come: while the day lies ahead, `original`, the very first day, tells which.
    """

    zone: str
    first: date | None = None
    last: date | None = None
    active: bool | None = None
    over: bool = False
    rescinded: bool = False
    original: date | None = None

    @property
    def starts(self) -> int | None:
        """µs since 1970; None: not said, or rescinded."""
        return None if self.first is None or self.rescinded else starts(self.first, self.zone)

    @property
    def ends(self) -> int | None:
        """µs since 1970; None: not said."""
        return None if self.last is None else ends(self.last, self.zone)

    @property
    def renewed(self) -> bool:
        """Whether the dates tell of an end and then a new start."""
        if self.first is None or self.last is None or self.first < self.last:
            return False
        return self.first > self.last or self.original != self.first  # else it is one day of work, or a no-show

    @property
    def doubtful(self) -> bool:
        """Whether a `first` after `last` may be that of somebody who won't come: nothing tells of work before."""
        worked = self.original is not None and self.last is not None and self.original <= self.last
        return self.renewed and not self.active and not worked

    def works(self, now: int) -> bool | None:
        """Whether access is due now (µs since 1970); None: the source doesn't say."""
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

    def covers(self, day: date, now: int) -> bool:
        """Whether it holds on a day that lies ahead, as far as is known now."""
        if self.coming(now) is None and not self.works(now):
            return False
        if self.first is not None and self.last is not None and self.renewed:
            return day <= self.last or self.first <= day
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def leaving(self, now: int, firsts: Collection[date] = (), others: Iterable["Employment"] = ()) -> int | None:
        """When access ends, if that lies ahead: µs since 1970.

        Not if the same person starts anew then, on one of `firsts`, or goes on in another employment.
        """
        end = self.ends
        if end is None or self.last is None or end <= now or self.over or self.rescinded:
            return None
        after = self.last + _DAY
        on = any(each in (self.last, after) for each in (self.first if self.renewed else None, *firsts))
        return None if on or any(each.covers(after, now) for each in others) else end

    def coming(self, now: int) -> int | None:
        """When access starts, if that lies ahead: µs since 1970. None if it is doubtful."""
        start = None if self.doubtful else self.starts
        return start if start is not None and start > now else None


def working(employments: Iterable[Employment], now: int) -> bool | None:
    """Whether a person works, by any of several employments; None: the source doesn't say."""
    said = {each.works(now) for each in employments}
    return True if True in said else False if False in said else None

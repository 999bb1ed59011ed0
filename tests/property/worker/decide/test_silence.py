"""When a source's silence is too long: by what was usual at that hour of the week, or by what is set."""

from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamproc.core.records.units import Millis
from streamproc.worker.decide.silence import (
    DAY,
    HOUR,
    MORE,
    REMEMBERED,
    SLOT,
    UNSURE,
    WEEK,
    limited,
    remembered,
    usual_of,
)

MINUTE = 60_000
START = Millis(2_900 * WEEK)
"""Any week."""


def heard(moments: list[int]) -> list[Millis]:
    """What is remembered of things that came at these moments, in order."""
    known: list[Millis] = []
    for moment in sorted(moments):
        known = remembered(known, Millis(START + moment))
    return known


PATTERNS = st.lists(st.integers(0, WEEK // SLOT - 1), min_size=1, max_size=30, unique=True)
"""Slots of a week in which something comes, each week."""


def weekly(pattern: list[int], weeks: int) -> list[Millis]:
    """The same, for some weeks."""
    return heard([week * WEEK + slot * SLOT for week in range(weeks) for slot in pattern])


@settings(deadline=None)
@given(PATTERNS, st.sampled_from([2, 3, 4]), st.data())
def test_what_goes_on_as_ever_is_no_alarm(pattern: list[int], weeks: int, data: st.DataObject) -> None:
    """Whatever the rhythm of a week is, nobody is woken while it stays the same."""
    known = weekly(pattern, weeks + 1)
    usual = usual_of(known)
    ahead = [Millis(START + (weeks + 1 + week) * WEEK + slot * SLOT) for week in range(3) for slot in sorted(pattern)]
    following = [known[-1], *ahead]
    at = data.draw(st.integers(1, len(following) - 1), label="gap")
    assert usual.too_long(following[at - 1], following[at]) is None


@settings(deadline=None)
@given(PATTERNS, st.integers(0, 3 * WEEK), st.integers(0, 3 * WEEK))
def test_once_too_long_it_stays_so_until_something_comes(pattern: list[int], one: int, other: int) -> None:
    """A source that broke at noon isn't well at night because nights are quiet."""
    known = weekly(pattern, 4)
    usual, last = usual_of(known), known[-1]
    sooner, later = sorted((Millis(last + one), Millis(last + other)))
    first = usual.too_long(last, sooner)
    if first is not None:
        assert usual.too_long(last, later) == first
        assert last < first.since < sooner
        assert usual.too_long(first.since, first.since) is None
        assert usual.too_long(last, first.since) is None


@settings(deadline=None)
@given(PATTERNS, st.sampled_from([2, 3, 4]))
def test_a_source_that_breaks_is_told_in_the_end(pattern: list[int], weeks: int) -> None:
    """At the latest when it has been silent for a little more than twice its longest gap."""
    known = weekly(pattern, weeks + 1)
    longest = max(end - begin for begin, end in pairwise(known))
    silence = usual_of(known).too_long(known[-1], Millis(known[-1] + int(longest * UNSURE) + 2 * SLOT))
    assert silence is not None


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, REMEMBERED), min_size=2, max_size=60), st.integers(0, WEEK - 1))
def test_less_than_a_week_teaches_nothing(moments: list[int], span: int) -> None:
    """A source that was connected on Monday isn't called broken on its first weekend."""
    known = heard([moment % (span + 1) for moment in moments])
    assert usual_of(known).too_long(known[-1], Millis(known[-1] + 10 * WEEK)) is None


@given(st.lists(st.integers(0, 9 * WEEK), min_size=1, max_size=100))
def test_memory_is_bounded(moments: list[int]) -> None:
    """Four weeks, and one moment of each quarter of an hour; the last one is always known to a slot."""
    known = heard(moments)
    last = START + max(moments)
    assert len({each // SLOT for each in known}) == len(known) <= REMEMBERED // SLOT + 2
    assert known == sorted(known)
    assert known[0] >= last - REMEMBERED - SLOT
    assert known[-1] // SLOT == last // SLOT


@given(st.integers(0, WEEK), st.integers(1, WEEK))
@example(262_143, 262_143)
def test_a_limit_that_is_set_is_all_that_counts(silent: int, limit: int) -> None:
    """To the millisecond, at any hour."""
    found = limited(limit / 1000, START, Millis(START + silent))
    assert (found is not None) == (silent > limit)
    assert found is None or (found.since, found.limit) == (START + limit, limit)


OFFICE = [day * DAY + 8 * HOUR + quarter * SLOT for day in range(5) for quarter in range(40)]
"""Five days of a week from 8 to 18, every quarter of an hour."""


def office(weeks: int, *, without: range = range(0)) -> list[Millis]:
    """Weeks of an office, some days of which are without anything."""
    moments = [week * WEEK + moment for week in range(weeks) for moment in OFFICE]
    return heard([moment for moment in moments if moment // DAY not in without])


def test_a_quiet_morning_is_told_and_a_quiet_night_is_not() -> None:
    """An office's source: on a workday after an hour, at the weekend not at all, after it on the first morning."""
    usual = usual_of(office(4))
    noon = Millis(START + 4 * WEEK + 1 * DAY + 12 * HOUR)
    silence = usual.too_long(noon, Millis(noon + 2 * HOUR))
    assert silence is not None
    assert silence.since - noon <= int(SLOT * MORE) + SLOT
    evening = Millis(START + 4 * WEEK + 4 * DAY + 18 * HOUR - SLOT)
    assert usual.too_long(evening, Millis(evening + 2 * DAY + 14 * HOUR)) is None
    monday = START + 5 * WEEK + 8 * HOUR
    told = usual.too_long(evening, Millis(monday + 3 * HOUR))
    assert told is not None
    assert monday < told.since <= monday + 2 * HOUR


def test_clocks_that_are_put_back_are_no_alarm() -> None:
    """Hours are UTC's, and the office comes an hour later than in all the weeks before."""
    evening = Millis(START + 4 * WEEK + 4 * DAY + 18 * HOUR - SLOT)
    monday = START + 5 * WEEK + 8 * HOUR
    assert usual_of(office(4)).too_long(evening, Millis(monday + HOUR + 3 * SLOT)) is None


def test_one_holiday_or_outage_of_the_last_weeks_makes_nobody_deaf() -> None:
    """A workday without anything is one week's; the next week such a day is told as soon as ever."""
    noon = Millis(START + 4 * WEEK + 1 * DAY + 12 * HOUR)
    silence = usual_of(office(4, without=range(15, 16))).too_long(noon, Millis(noon + HOUR))
    assert silence == usual_of(office(4)).too_long(noon, Millis(noon + HOUR))

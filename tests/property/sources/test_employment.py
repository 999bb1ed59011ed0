"""Employments of which something isn't understood: only that counts which holds whatever was meant."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.records.units import Micros
from streamproc.sources.employment import Employment, working
from streamproc.sources.values.unread import UNREAD

TODAY = date(2026, 11, 30)
NOW = Micros(1_796_000_000_000_000)
"""µs since 1970, on that day."""
days = st.none() | st.integers(-900, 900).map(lambda ahead: TODAY + timedelta(days=ahead))
flags = st.booleans()
employments = st.builds(
    Employment,
    zone=st.just("UTC"),
    first=days,
    last=days,
    active=st.none() | flags,
    over=flags,
    rescinded=flags,
    original=days,
)
FIELDS = ("first", "last", "original", "active", "over", "rescinded")
unreads = st.sets(st.sampled_from(FIELDS), min_size=1, max_size=3)


def without(meant: Employment, unread: set[str]) -> Employment:
    """The same as if these couldn't be read."""
    nothing = {name: False if name in {"over", "rescinded"} else None for name in unread}
    return replace(meant, unread=frozenset(unread), **nothing)  # type: ignore[arg-type]


@given(meant=employments, unread=unreads)
def test_what_is_judged_holds_whatever_was_meant(meant: Employment, unread: set[str]) -> None:
    """Access is never judged otherwise than it would be if everything were understood; or it isn't judged.

    But a status that says no isn't excused by a first day that can't be read.
    """
    if meant.active is None and "active" in unread:
        return  # something stood there
    judged = without(meant, unread).judged(NOW)
    no = judged is False and meant.active is False and "active" not in unread
    assert no or judged is UNREAD or judged is meant.judged(NOW)


@given(meant=employments)
def test_what_is_understood_is_judged(meant: Employment) -> None:
    """As it works."""
    assert meant.judged(NOW) is meant.works(NOW)


@given(meant=employments, unread=unreads)
def test_another_employment_that_works_is_enough(meant: Employment, unread: set[str]) -> None:
    """Somebody works by one that is understood, whatever another is; else nobody is taken for gone by that other."""
    going = Employment("UTC", first=TODAY - timedelta(days=30), active=True)
    left = Employment("UTC", active=False, over=True)
    doubtful = without(meant, unread)
    assert working([doubtful, going], NOW) is True
    if doubtful.judged(NOW) is UNREAD:
        assert working([doubtful, left], NOW) is UNREAD

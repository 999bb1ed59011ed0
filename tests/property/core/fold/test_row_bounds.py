"""However many rows a subject has, few are kept, and whoever was to be denied is denied."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.fold import effective_dating, row_bounds
from streamproc.core.fold.effective_dating import as_of
from streamproc.core.fold.facts import absorb
from streamproc.core.records.change_event import ChangeEvent, Effective, Fact, Origin, SourceFacts
from streamproc.core.records.fact_names import MORE
from streamproc.core.records.units import Micros, Millis

DAY = 86_400_000
NOW = 20_000 * DAY


def event(number: int, said: int, ahead: int | None, active: bool | None, cancels: int | None) -> ChangeEvent:
    """Said so many minutes after NOW, in the same order in the log or not; in force so many days after that."""
    order = (Micros((NOW + said * 60_000) * 1000), 0, f"e{number}")
    effective = None if ahead is None else Effective(Micros(order[0] + ahead * DAY * 1000), "", "UTC")
    attributes: dict[str, Fact] = {"active": active} if active is not None else {"job": "agent"}
    origin = Origin("events.hris", 0, number, Millis(NOW + 2_000_000 + number))
    return ChangeEvent(
        *("E1", "hris", "E1", f"e{number}", "change", order, attributes, origin),
        effective=effective,
        cancels=None if cancels is None else f"e{cancels}",
    )


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.none() | st.integers(1, 60),
        st.sampled_from((True, False, False, None)),
        st.none() | st.none() | st.integers(0, 40),
    ),
    min_size=5,
    max_size=40,
)


def absorbed(said: Sequence[tuple[int, int | None, bool | None, int | None]]) -> SourceFacts:
    """All of them, in the order in which they came."""
    facts: SourceFacts | None = None
    for number, each in enumerate(said):
        facts, _ = absorb(facts, event(number, *each), None)
    assert facts is not None
    return facts


@given(EVENTS)
@settings(max_examples=300)
def test_whoever_would_be_denied_is_denied(said: list[tuple[int, int | None, bool | None, int | None]]) -> None:
    """At every moment to come, whatever has given way; and no more is kept than may be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_bounds, "MOST", 4)
        few = absorbed(said)
        patch.setattr(effective_dating, "bounded", lambda rows, gone, _: (rows, gone))
        patch.setattr(effective_dating, "forgotten", lambda *_: False)
        every = absorbed(said)
    assert len(few.rows) <= 4
    assert len(few.gone) <= 4 + 3 + 1  # the mark of rows that gave way comes on top
    for day in range(70):
        at = Millis(NOW + DAY // 2 + day * DAY)
        if as_of(every, at)[0].get("active") is False:
            assert as_of(few, at)[0].get("active") is False


def test_an_end_nearby_isnt_lost_among_many_far_ahead() -> None:
    """A thousand ends in decades don't keep somebody in beyond tomorrow, and take them out no earlier."""
    facts = absorbed(
        [(0, None, True, None), *((n, 9_000 + n, False, None) for n in range(1, 1000)), (1, 1, False, None)]
    )
    assert len(facts.rows) <= row_bounds.MOST
    assert as_of(facts, Millis(NOW + DAY // 2))[0]["active"] is True
    assert as_of(facts, Millis(NOW + 2 * DAY))[0]["active"] is False
    assert MORE in facts.gone


def test_a_start_between_ends_that_became_one_ends_again() -> None:
    """Of many ends the first and the last count, whatever comes between them."""
    ends = [(n, 10 + n, False, None) for n in range(row_bounds.MOST + 1)]
    facts = absorbed([*ends, (60, 30, True, None)])
    assert len(facts.rows) <= row_bounds.MOST
    assert as_of(facts, Millis(NOW + 60 * DAY))[0]["active"] is False


def test_what_gave_way_doesnt_come_back() -> None:
    """A start that was dropped is heard once more, late; so is one of which nobody knows that it was cancelled."""
    starts = [(n, 10 + n, True, None) for n in range(100)]
    facts = absorbed([*starts, *((200 + n, None, None, n) for n in range(100))])
    again, _ = absorb(facts, event(1_000, 60, 20, True, None), None)
    assert (len(again.rows), again.rows) == (0, facts.rows)
    denied, _ = absorb(facts, event(1_001, 60, 20, False, None), None)
    assert len(denied.rows) == 1

"""What is wrong with a service, over time: conditions begin, last and end; one word says all of it."""

from collections.abc import Mapping
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.records.service_state import Condition
from streamproc.core.records.units import Millis
from streamproc.health.decide.conditions import Trouble, conditions, is_alive, is_ready, since, state_of

KINDS: st.SearchStrategy[Literal["blind", "degraded"]] = st.sampled_from(["blind", "degraded"])
TROUBLES = st.builds(
    Trouble,
    code=st.sampled_from(["lag", "silent", "gate_closed", "stuck"]),
    about=st.sampled_from(["", "okta", "hris"]),
    state=KINDS,
    reason=st.just("why"),
    grace=st.sampled_from([0.0, 30.0, 60.0]),
)
LOOKS = st.lists(st.tuples(st.integers(0, 100_000), st.lists(TROUBLES, max_size=5)), min_size=1, max_size=12)
"""How long after the one before, in ms, and what was wrong then."""


@given(LOOKS)
def test_a_condition_is_what_was_there_at_each_look_for_its_grace(looks: list[tuple[int, list[Trouble]]]) -> None:
    """Told is exactly what has been there without a break for long enough, since the look at which it began."""
    began: Mapping[tuple[str, str], Millis] = {}
    history: list[tuple[Millis, set[tuple[str, str]]]] = []
    now = Millis(1_000)
    for passed, troubles in looks:
        now = Millis(now + passed)
        history.append((now, {(each.code, each.about) for each in troubles}))
        began = since(began, troubles, now)
        told = conditions(troubles, began, now)
        assert len({(each.code, each.about) for each in told}) == len(told)
        expected = set()
        for trouble in troubles:
            key = trouble.code, trouble.about
            first = now
            for at, there in reversed(history):
                if key not in there:
                    break
                first = at
            if now - first >= trouble.grace * 1000:
                expected.add((*key, first))
        assert {(each.code, each.about, each.since) for each in told} == expected
        assert [each.state for each in told] == sorted((each.state for each in told), key="degraded blind".index)


@given(st.lists(TROUBLES, max_size=5), st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_clock_that_goes_back_makes_nothing_younger(troubles: list[Trouble], at: int, later: int) -> None:
    """What began can't begin later: a clock that was set back only moves the beginning back."""
    first = since({}, troubles, Millis(at))
    again = since(first, troubles, Millis(later))
    assert all(again[key] == min(at, later) for key in again)


@given(st.lists(TROUBLES, max_size=5))
def test_the_word_is_the_gravest_of_all_conditions(troubles: list[Trouble]) -> None:
    """`ok` says that nothing is wrong; a process that starts or has ended isn't judged by what it doesn't do."""
    told = conditions(troubles, since({}, troubles, Millis(0)), Millis(10**6))
    kinds = {each.state for each in told}
    state = state_of("running", told)
    assert state == ("degraded" if "degraded" in kinds else "blind" if kinds else "ok")
    assert is_ready(state) == ("degraded" not in kinds)
    assert state_of("starting", told) == "starting"
    assert not is_ready("starting")
    assert not is_ready(state_of("stopped", told))


def test_only_what_a_restart_mends_ends_a_life() -> None:
    """A target that is down, or a source that is silent, is no reason to restart a service."""
    wrong = [
        Condition("gate_closed", "target", "degraded", "", Millis(0)),
        Condition("lag", "t", "blind", "", Millis(0)),
    ]
    assert is_alive(wrong)
    assert not is_alive([*wrong, Condition("stuck", "reader", "degraded", "", Millis(0))])

"""The clock's arithmetic: percentiles, hops that add up, periods that share nobody, and no matter in which order."""

from dataclasses import replace
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.audit.revocations.latency import HOPS, Leaver, State, hops, nearest_rank, parts, report, spread
from streamproc.audit.revocations.query import leavers
from streamproc.core.records.change_event import Effective
from streamproc.core.records.units import Micros
from tests.support.leavers import DAY, Log

instants = st.integers(0, 10_000)
maybe = st.none() | instants
effectives = st.none() | instants.map(lambda at: Effective(Micros(at * 1000), "a day", "UTC"))


@st.composite
def left(draw: st.DrawFn) -> Leaver:
    """A leaver with any instants, in no order: clocks may disagree, and some may not be known."""
    effective = draw(effectives)
    leaver = Leaver(
        draw(st.sampled_from(["E1", "E2", "E3"])),
        draw(st.sampled_from(["hris", "okta"])),
        0,
        draw(st.integers(0, 1000)),
        draw(instants) * 1000,
        effective,
        draw(maybe),
        draw(instants),
        draw(maybe),
        draw(maybe),
        draw(maybe),
        draw(maybe),
    )
    state = draw(st.sampled_from(get_args(State)))
    if state in {"open", "kept"}:
        return replace(leaver, state=state)
    stopped = draw(instants)
    return replace(leaver, state=state, stopped=stopped, read_back=stopped if state == "revoked" else None)


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(1, 100))
def test_a_percentile_was_measured_and_is_the_least_that_does(values: list[int], percent: int) -> None:
    """Nearest rank: at least that share of all is at or below it, and less than that share below it."""
    found = nearest_rank(sorted(values), percent)
    assert found in values
    assert sum(each <= found for each in values) * 100 >= percent * len(values)
    assert sum(each < found for each in values) * 100 < percent * len(values)


@given(st.lists(st.integers(0, 10**9)), st.randoms(use_true_random=False))
def test_a_spread_doesnt_depend_on_the_order(values: list[int], random: Random) -> None:
    """Shuffled values spread the same, and p50 <= p99 <= maximum."""
    mixed = list(values)
    random.shuffle(mixed)
    found = spread(values)
    assert found == spread(mixed)
    assert found.n == len(values)
    if found.p50 is not None and found.p99 is not None:
        assert found.p50 <= found.p99 <= max(values) == found.maximum


@given(left())
def test_hops_are_never_negative_and_add_up(leaver: Leaver) -> None:
    """Whatever is missing, and whatever the clocks say: of who was revoked the hops are the time on the clock."""
    found = hops(leaver)
    assert all(each >= 0 for each in found.values())
    assert [each for each in HOPS if each in found] == list(found)
    if leaver.state == "revoked":
        assert sum(found.values()) == leaver.elapsed(20_000)


@given(st.lists(left()))
def test_shares_are_of_the_whole(several: list[Leaver]) -> None:
    """The shares of all hops add up to 1, or nobody took any time."""
    revoked = [each for each in several if each.state == "revoked"]
    found = parts(revoked)
    whole = sum(each.elapsed(0) for each in revoked)
    assert sum(each.total for each in found) == whole
    assert sum(each.share for each in found) == pytest.approx(1.0 if whole else 0.0)


@given(st.lists(left(), unique=True), st.randoms(use_true_random=False))
def test_a_report_doesnt_depend_on_the_order(several: list[Leaver], random: Random) -> None:
    """Shuffled leavers give the same report, row by row."""
    mixed = list(several)
    random.shuffle(mixed)
    assert report(several, 2_000, 8_000, 300) == report(mixed, 2_000, 8_000, 300)


@given(st.lists(left()), instants, instants, instants)
def test_periods_share_no_revocation_and_lose_nobody(several: list[Leaver], one: int, two: int, three: int) -> None:
    """Two periods that follow each other count each revocation once; who is open in the first isn't lost."""
    first, middle, end = sorted((one, two, three))
    whole, early, late = (
        report(several, first, end, 300),
        report(several, first, middle, 300),
        report(several, middle, end, 300),
    )
    assert early.clock.n + late.clock.n == whole.clock.n
    for each in several:
        if each.start < middle and (each.stopped is None or each.stopped >= middle) and first < middle:
            assert each.seq in {other.seq for other in early.of("open") + early.of("kept")}
    assert sum(line.late for line in whole.lines) == len(whole.late)
    assert sum(sum(line.states.values()) for line in whole.lines) == len(whole.leavers)


@given(st.lists(st.tuples(st.sampled_from(["E1", "E2"]), st.sampled_from([True, False, None])), max_size=12))
def test_each_turn_to_inactive_is_one_leaver(words: list[tuple[str, bool | None]]) -> None:
    """However sources go on saying it: who becomes inactive leaves once, until they are active again."""
    log, expected, standing = Log(), 0, dict[str, bool]()
    for number, (user, active) in enumerate(words):
        log.says(user, DAY + number * 1000, active)
        if active is not None:
            expected += active is False and standing.get(user) is not False
            standing[user] = active
    found = leavers(log.history, DAY + 86_400_000)
    assert len(found) == expected
    assert sum(each.state == "open" for each in found) == sum(active is False for active in standing.values())

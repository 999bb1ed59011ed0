"""What `streamproc status` makes of the states that it has read."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.records.service_state import Condition, ServiceState, State
from streamproc.core.records.units import Millis
from streamproc.health.decide.overview import MISSED, SILENT, Heard, Row, overview

SERVICES = ("worker", "sink", "reconcile")
NOW = Millis(1_000_000_000)
WRONG = Condition("gate_closed", "target", "degraded", "why", Millis(1))


def heard(
    service: str, instance: str, state: State, *, started: int = 0, at: int = NOW, wrong: tuple[Condition, ...] = ()
) -> Heard:
    """One."""
    return Heard(ServiceState(service, instance, "1", state, list(wrong), Millis(started), Millis(at)), Millis(at))


def seen(*states: Heard, expected: tuple[str, ...] = ()) -> list[tuple[str, str, bool]]:
    """Instance or service, how it is seen, and whether that is wrong; nothing of services that aren't in use."""
    return [
        (row.service if row.said is None else row.said.instance, row.seen, row.wrong)
        for row in overview(states, SERVICES, expected, NOW)
        if row.seen != "unheard" or row.wrong
    ]


HEARD = st.builds(
    heard,
    st.sampled_from(SERVICES),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(get_args(State)),
    started=st.integers(0, NOW),
    at=st.integers(0, NOW),
    wrong=st.sampled_from([(), (WRONG,)]),
)


@given(st.lists(HEARD, max_size=8, unique_by=lambda each: each.state.key), st.sets(st.sampled_from(SERVICES)))
def test_nothing_that_matters_is_left_out(states: list[Heard], expected: set[str]) -> None:
    """Each service has a row; who speaks has one, as it says; all is well only where all that has to be there is ok."""
    rows = overview(states, SERVICES, expected, NOW)
    assert {row.service for row in rows} == set(SERVICES)
    told = {row.said.key: row for row in rows if row.said is not None}
    for each in states:
        if each.state.state != "stopped" and NOW - each.at <= SILENT:
            assert told[each.state.key].seen == each.state.state
            assert told[each.state.key].wrong == (each.state.state != "ok") or each.state.state == "starting"
    if not any(row.wrong for row in rows):
        assert {row.service for row in rows if row.seen == "ok"} >= expected
        assert all(row.seen in {"ok", "stopped", "unheard", "starting"} for row in rows)


@given(HEARD, st.integers(0, 10 * SILENT))
def test_silence_is_wrong_whatever_was_said_last(last: Heard, later: int) -> None:
    """A process that was killed said nothing of it: from the third state that is missing on it is told."""
    (row,) = overview([last], [last.state.service], [], Millis(last.at + later))
    expected: Row = Row(row.service, row.seen, row.wrong, last.state, last.at)
    assert row == expected
    if last.state.state != "stopped":
        assert (row.seen == "silent") == (later > SILENT)
        assert row.wrong or row.seen == "ok"


def test_who_takes_a_dead_ones_place_ends_it() -> None:
    """A successor under another name was started after the last word; one that ran beside it all the time isn't one."""
    dead = heard("worker", "dead", "ok", started=1, at=NOW - 100_000)
    assert seen(dead, heard("worker", "new", "ok", started=NOW - 50_000)) == [("new", "ok", False)]
    beside = heard("worker", "beside", "ok", started=50)
    assert seen(dead, beside) == [("beside", "ok", False), ("dead", "silent", True)]
    assert seen(dead, heard("sink", "s", "ok", started=NOW - 50_000)) == [("dead", "silent", True), ("s", "ok", False)]


def test_who_was_stopped_on_purpose_is_missed_only_where_nobody_is_left() -> None:
    """Fewer workers are no trouble; none at all are, where there has to be one. Who failed is told in any case."""
    stopped = heard("worker", "one", "stopped", at=1)
    other = heard("worker", "two", "ok")
    assert seen(stopped, other, expected=("worker",)) == [("two", "ok", False)]
    assert seen(stopped, expected=("worker",)) == [("one", "stopped", True)]
    assert seen(stopped) == [("one", "stopped", False)]
    failed = heard("worker", "one", "stopped", at=1, wrong=(WRONG,))
    assert seen(failed, other) == [("one", "stopped", True), ("two", "ok", False)]


def test_nobody_is_missed_for_ever_where_others_work() -> None:
    """A worker that was killed because there were too many is forgotten after a day; the last one never is."""
    long_ago = heard("worker", "dead", "ok", started=1, at=NOW - MISSED - 1)
    assert seen(long_ago, heard("worker", "beside", "ok", started=0)) == [("beside", "ok", False)]
    assert seen(long_ago) == [("dead", "silent", True)]
    yesterday = heard("worker", "dead", "ok", started=1, at=NOW - MISSED)
    assert seen(yesterday, heard("worker", "beside", "ok")) == [("beside", "ok", False), ("dead", "silent", True)]


def test_a_spare_is_no_trouble_where_others_work() -> None:
    """Of more sinks than partitions some wait for ever; where all wait, nothing is done."""
    spare, other = heard("sink", "spare", "starting"), heard("sink", "two", "starting")
    assert seen(spare, heard("sink", "one", "ok")) == [("one", "ok", False), ("spare", "starting", False)]
    assert seen(spare, other) == [("spare", "starting", True), ("two", "starting", True)]


def test_a_service_that_has_to_be_there_is_missed() -> None:
    """Nobody ever heard of it, or no more: that isn't the same as nothing being wrong."""
    assert seen(expected=("sink",)) == [("sink", "unheard", True)]
    assert seen() == []

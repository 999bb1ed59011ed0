"""Several sinks on one token, against a model of the target's window, in virtual time."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.flow.rate_limit import MARGIN
from tests.support.rate_limit import LIMIT, SECONDS, Play, Window, waits


@pytest.mark.parametrize("latency", [0.01, 0.3, 2.0])
@pytest.mark.parametrize("sinks", [1, 2, 3])
def test_a_backlog_keeps_within_the_limit_and_uses_it(sinks: int, latency: float) -> None:
    """Sinks that share a token and never talk exceed the limit in no window but the first, and use 85 % of each."""
    play = Play(Window(), sinks, latency=latency)
    for sink in play.sinks:
        play.demand(sink, 0.0, 3000 // sinks)
    play.run()
    assert play.exceeded.keys() <= {0}
    assert all(0.85 * LIMIT <= count <= LIMIT for count in play.window.counts[1:-1])
    assert play.done / play.now >= 0.85 * LIMIT / SECONDS


def test_ten_thousand_requests_of_two_sinks() -> None:
    """The bench's case: 10,000 requests, two sinks, one token; the limit is never exceeded after the first window."""
    play = Play(Window(), 2)
    for sink in play.sinks:
        play.demand(sink, 0.0, 5000)
    play.run()
    assert play.done == 10_000
    assert play.exceeded.keys() <= {0}


@settings(max_examples=25)
@given(data=st.data())
def test_sinks_that_come_and_go_keep_within_the_limit(data: st.DataObject) -> None:
    """Whoever is busy when, and however the target rounds the seconds: the limit isn't exceeded, all gets done."""
    rounded = data.draw(st.sampled_from([math.ceil, math.floor, lambda left: math.ceil(left) + 1]))
    latency = data.draw(st.sampled_from([0.01, 0.3, 2.0]))
    play = Play(Window(rounded=rounded), data.draw(st.integers(1, 3)), latency=latency)
    wanted = 0
    for sink in play.sinks:
        play.demand(sink, 0.0)
        bursts = data.draw(st.lists(st.tuples(st.floats(0.0, 300.0), st.integers(1, 400)), max_size=4))
        leavers = data.draw(st.lists(st.tuples(st.floats(0.0, 300.0), st.integers(1, 5)), max_size=4))
        for at, count in bursts:
            play.demand(sink, at, count)
        for at, count in leavers:
            play.demand(sink, at, count, urgent=True)
        wanted += 1 + sum(count for _, count in bursts + leavers)
    play.run()
    assert play.done == wanted
    assert play.exceeded.keys() <= {0}


def saturated(reserve: float, leavers: int) -> list[float]:
    """Seconds that urgent requests wait which come at the end of a window that a backlog has used up."""
    play = Play(Window(), 1, reserve=reserve)
    play.demand(play.sinks[0], 0.0, 900)
    play.run(until=119.0)
    play.demand(play.sinks[0], play.window.begins + SECONDS - 0.5, leavers, urgent=True)
    play.run()
    return waits(play.sinks[0], urgent=True)


def test_the_reserve_lets_a_leaver_out_at_once() -> None:
    """At the end of a window that is used up, a leaver doesn't wait while the reserve lasts, and does without one."""
    reserved = int(LIMIT * (0.1 - MARGIN)) - 4  # the last few wait for each other's answers
    assert max(saturated(0.1, 10)) == 0.0
    assert max(saturated(0.1, reserved)) < 0.5
    assert max(saturated(0.0, 10)) > 0.4


def test_a_burst_of_few_never_waits_for_the_line() -> None:
    """A hundred changes at once, after a quiet minute, go out as fast as the connections carry them."""
    play = Play(Window(), 1, connections=100)
    play.demand(play.sinks[0], 0.0)
    play.demand(play.sinks[0], 100.0, 100)
    play.run()
    assert max(waits(play.sinks[0], urgent=False)) < 2 * play.latency


def test_what_comes_late_in_a_window_is_spread_over_the_rest() -> None:
    """Beyond half of the window requests go evenly: no gap is longer than the line's slope asks for."""
    play = Play(Window(), 1)
    play.demand(play.sinks[0], 0.0, 260)
    play.run()
    times = sorted(at + seconds for at, seconds in play.sinks[0].waited[False])
    assert times[130] < 5.0
    gaps = [later - earlier for earlier, later in pairwise(times[140:])]
    assert max(gaps) < 2.5 * SECONDS * 0.5 / (LIMIT * 0.9 * 0.5)


def test_a_sink_that_joins_gets_its_turn() -> None:
    """While another sink's backlog uses the window up, the few requests of a second one wait seconds, not minutes."""
    play = Play(Window(), 2)
    play.demand(play.sinks[0], 0.0, 2000)
    for at in range(130, 250, 10):
        play.demand(play.sinks[1], float(at))
    play.run()
    assert max(waits(play.sinks[1], urgent=False)) < 3.0
    assert play.exceeded.keys() <= {0}

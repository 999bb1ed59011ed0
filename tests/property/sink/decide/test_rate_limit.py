"""Pace against a model of the target's window, in virtual time: nobody sleeps.

`Window` counts as a token's fixed window does: it opens with the first request after the one before, refused requests
count too, and the seconds left are rounded. `Play` is what several sinks on one token do, each with its own view.
"""

import heapq
import math
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from streamproc.sink.decide.rate_limit import LOOK, MARGIN, RateLimiter

LIMIT: Final = 300
SECONDS: Final = 60.0


@dataclass(slots=True)
class Window:
    """The target's side."""

    limit: int = LIMIT
    seconds: float = SECONDS
    rounded: Callable[[float], int] = math.ceil
    begins: float = -math.inf
    count: int = 0
    counts: list[int] = field(default_factory=list)
    """Requests of each window so far."""

    def receive(self, now: float) -> tuple[int, dict[str, str]]:
        """Status and headers of the answer to a request that arrives."""
        if now >= self.begins + self.seconds:
            self.begins, self.count = now, 0
            self.counts.append(0)
        self.count += 1
        self.counts[-1] = self.count
        reset = self.rounded(self.begins + self.seconds - now)
        headers = {
            "inin-ratelimit-count": str(self.count),
            "inin-ratelimit-allowed": str(self.limit),
            "inin-ratelimit-reset": str(reset),
        }
        if self.count <= self.limit:
            return 200, headers
        return 429, headers | {"retry-after": str(reset)}


@dataclass(slots=True)
class Sink:
    """One sink: requests that wait, each as the time since when, and its connections."""

    pace: RateLimiter
    connections: int
    ordinary: deque[float] = field(default_factory=deque)
    urgent: deque[float] = field(default_factory=deque)
    busy: int = 0
    asks_at: float = math.inf
    """When it asks its pace again, unless an answer comes before."""
    waited: dict[bool, list[tuple[float, float]]] = field(default_factory=lambda: {False: [], True: []})
    """By urgency: (time of arrival, seconds until it was let out)."""


class Play:
    """Sinks, latency and window, moved from event to event."""

    def __init__(
        self,
        window: Window,
        sinks: int,
        *,
        connections: int = 16,
        latency: float = 0.2,
        reserve: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.window = window
        self.latency = latency
        self.random = random.Random(seed)
        self.sinks = [Sink(RateLimiter(reserve), connections) for _ in range(sinks)]
        self.now = 0.0
        self.exceeded: Counter[int] = Counter()
        """Refused requests by window, from 0."""
        self.done = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._ticket = 0

    def at(self, time: float, event: Callable[[], None]) -> None:
        self._ticket += 1
        heapq.heappush(self._events, (time, self._ticket, event))

    def demand(self, sink: Sink, time: float, count: int = 1, *, urgent: bool = False) -> None:
        """`count` requests that somebody wants to send from `time` on."""

        def arrive() -> None:
            (sink.urgent if urgent else sink.ordinary).extend([time] * count)
            self._pump(sink)

        self.at(time, arrive)

    def run(self, until: float = math.inf) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            assert self.now < 10_000.0, "somebody waits for ever"
            event()

    def _ask_again(self, sink: Sink) -> None:
        if self.now == sink.asks_at:  # else an answer came first
            self._pump(sink)

    def _pump(self, sink: Sink) -> None:
        sink.asks_at = math.inf
        while sink.busy < sink.connections and (sink.urgent or sink.ordinary):
            urgent = bool(sink.urgent)
            wait = sink.pace.wait(self.now, urgent=urgent)
            assert wait >= 0.0
            if wait > 0.0:
                sink.asks_at = self.now + wait
                self.at(sink.asks_at, lambda: self._ask_again(sink))
                return
            since = (sink.urgent if urgent else sink.ordinary).popleft()
            sink.waited[urgent].append((since, self.now - since))
            self._send(sink, since, urgent=urgent)

    def _send(self, sink: Sink, since: float, *, urgent: bool) -> None:
        sink.pace.sent(self.now)
        sink.busy += 1
        there, back = (self.latency * self.random.uniform(0.1, 0.9) for _ in range(2))

        def arrive() -> None:
            status, headers = self.window.receive(self.now)
            self.at(self.now + back, lambda: answer(status, headers))

        def answer(status: int, headers: dict[str, str]) -> None:
            sink.busy -= 1
            sink.pace.answered(self.now, status, headers)
            if status == 429:
                self.exceeded[len(self.window.counts) - 1] += 1
                (sink.urgent if urgent else sink.ordinary).appendleft(since)
            else:
                self.done += 1
            self._pump(sink)

        self.at(self.now + there, arrive)


class Lone(RuleBasedStateMachine):
    """One sink, whose requests arrive and are answered as late, and in whatever order, as it likes, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(limit=20)
        self.pace = RateLimiter()
        self.now = 0.0
        self.sent = 0
        self.arrived: list[tuple[int, dict[str, str]]] = []
        """By the number of its window: headers of each answer that isn't there yet."""
        self.heard = 0
        """The latest window that an answer told of."""
        self.closed = 0.0

    @rule(urgent=st.booleans(), count=st.integers(1, 8), arrive=st.booleans())
    def send(self, urgent: bool, count: int, arrive: bool) -> None:
        """Somebody wants to send, over ten connections; mostly it arrives at once."""
        for _ in range(count):
            if self.sent + len(self.arrived) < 10 and self.pace.wait(self.now, urgent=urgent) == 0.0:
                self.pace.sent(self.now)
                self.sent += 1
        if arrive:
            self.arrive(self.sent)

    @precondition(lambda self: self.sent)
    @rule(count=st.integers(1, 8))
    def arrive(self, count: int) -> None:
        """The target counts what has arrived; not one too many, once the pace knows of the limit."""
        for _ in range(min(count, self.sent)):
            self.sent -= 1
            status, headers = self.window.receive(self.now)
            self.arrived.append((len(self.window.counts), headers))
            assert status == 200

    @precondition(lambda self: self.arrived)
    @rule(data=st.data(), count=st.integers(1, 8))
    def answer(self, data: st.DataObject, count: int) -> None:
        """Answers come, in any order."""
        for _ in range(min(count, len(self.arrived))):
            window, headers = self.arrived.pop(data.draw(st.integers(0, len(self.arrived) - 1)))
            self.pace.answered(self.now, 200, headers)
            self.heard = max(self.heard, window)

    @precondition(lambda self: self.arrived and self.heard == len(self.window.counts))
    @rule()
    def lose(self) -> None:
        """An answer is lost, in a window of which another came; else only the reserve has room for it."""
        self.arrived.pop()
        self.pace.lost()

    @rule(seconds=st.one_of(st.floats(0.0, 2.0), st.floats(0.0, 90.0)))
    def pass_time(self, seconds: float) -> None:
        """Time goes on."""
        self.now += seconds

    @rule(seconds=st.integers(1, 30))
    def refuse(self, seconds: int) -> None:
        """Something else of the target's refuses a request."""
        if self.pace.wait(self.now) == 0.0:
            self.pace.sent(self.now)
            self.pace.answered(self.now, 429, {"retry-after": str(seconds)})
            self.closed = self.now + seconds

    @invariant()
    def a_closed_gate_is_closed_for_everybody(self) -> None:
        """Until Retry-After nobody sends, however urgent, and an urgent request never waits longer than another."""
        urgent, other = (self.pace.wait(self.now, urgent=urgent) for urgent in (True, False))
        assert 0.0 <= urgent <= other
        assert self.now >= self.closed or urgent == pytest.approx(self.closed - self.now)

    @invariant()
    def headroom_is_known_with_the_limit(self) -> None:
        """The figure for the metrics is there as soon as the target told its limit."""
        headroom = self.pace.headroom(self.now)
        assert (headroom is not None) == (self.heard > 0)
        assert headroom is None or 0 <= headroom <= self.window.limit

    def teardown(self) -> None:
        """When everything was answered or lost, whoever waits as told is let out within a window."""
        self.arrive(self.sent)
        while self.arrived:
            self.arrived.pop()
            self.pace.lost()
        since = self.now
        while (wait := self.pace.wait(self.now)) > 0.0:
            self.now += wait
            assert self.now <= since + SECONDS + 1.0


def test_pace_in_any_interleaving() -> None:
    """A lone sink never exceeds the limit that it knows, whatever is late or lost, and is never stuck."""
    run_state_machine_as_test(Lone, settings=settings(max_examples=60, stateful_step_count=40))


def waits(sink: Sink, *, urgent: bool, since: float = 0.0) -> list[float]:
    """Seconds that the requests which came from `since` on waited."""
    return [seconds for at, seconds in sink.waited[urgent] if at >= since]


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


def test_an_unknown_limit_is_not_waited_for() -> None:
    """A target that tells nothing of a limit, or nothing that makes sense, isn't slowed down."""
    pace = RateLimiter()
    said = {"inin-ratelimit-allowed": "0", "inin-ratelimit-count": "nan", "inin-ratelimit-reset": "-1"}
    for headers in ({}, said, dict.fromkeys(said, ""), dict.fromkeys(said, "inf")):
        for _ in range(500):
            pace.sent(0.0)
        pace.answered(0.0, 200, headers)
        assert pace.wait(0.0) == 0.0
    assert pace.headroom(0.0) is None


@pytest.mark.parametrize(
    ("headers", "text", "seconds"),
    [
        ({"retry-after": "42"}, "Retry the request in [7] seconds", 42.0),
        ({}, "Rate limit exceeded the maximum. Retry the request in [42] seconds", 42.0),
        ({"retry-after": "soon"}, "", 1.0),
        ({"retry-after": "86400"}, "", 300.0),
    ],
)
def test_a_429_closes_the_gate(headers: dict[str, str], text: str, seconds: float) -> None:
    """Everybody waits as long as the answer says, in a header or in its text, or else a second; never for hours."""
    pace = RateLimiter()
    pace.sent(10.0)
    pace.answered(10.0, 429, headers, text)
    assert [pace.wait(10.0, urgent=urgent) for urgent in (True, False)] == [seconds, seconds]
    assert pace.wait(10.0 + seconds) == 0.0


def told(count: int, reset: int = 60, limit: int = LIMIT) -> dict[str, str]:
    """Headers."""
    said = {"count": count, "allowed": limit, "reset": reset}
    return {f"inin-ratelimit-{name}": str(value) for name, value in said.items()}


def sent(pace: RateLimiter, now: float, *, urgent: bool = False) -> int:
    """How many may go out at once."""
    count = 0
    while pace.wait(now, urgent=urgent) == 0.0:
        pace.sent(now)
        count += 1
    return count


def asked(*headers: dict[str, str], now: float = 0.0, flying: int = 0) -> RateLimiter:
    """A pace that got these answers, and has more requests in flight."""
    pace = RateLimiter()
    for _ in range(len(headers) + flying):
        pace.sent(now)
    for each in headers:
        pace.answered(now, 200, each)
    return pace


def test_in_flight_and_lost_count_against_what_is_left() -> None:
    """Of 20 a line of 9 is open at first. One was counted; those in flight, or lost, may be counted any moment."""
    assert sent(asked(told(1, limit=20)), 0.0) == 8
    pace = asked(told(1, limit=20), flying=5)
    assert sent(pace, 0.0) == 3
    assert pace.wait(0.0) == LOOK
    assert pace.headroom(0.0) == 19 - 9
    for _ in range(8):
        pace.lost()
    assert pace.headroom(0.0) == 19 - 9
    assert sent(pace, 0.0) == 0
    pace = asked(told(1, limit=20), flying=18)
    assert pace.wait(2.0, urgent=True) == LOOK, "an answer may make room any moment"


def test_an_older_answer_takes_nothing_back() -> None:
    """Answers that overtake each other leave the highest count, and the longest that a 429 asked for."""
    pace = asked(told(50), told(3))
    assert pace.headroom(0.0) == 294 - 50
    for seconds in (42, 1):
        pace.sent(0.0)
        pace.answered(0.0, 429, told(51) | {"retry-after": str(seconds)})
    assert pace.wait(0.0) == 42.0


def test_after_a_silence_a_few_lead() -> None:
    """Others may have used the window meanwhile: three go, or six urgent ones, and the rest when one is answered."""
    for urgent, few in ((False, 3), (True, 6)):
        for now in (30.0, 60.0):
            pace = asked(told(1))
            assert sent(pace, now, urgent=urgent) == few
            pace.answered(now, 200, told(2, reset=60 - int(now) or 60))
            assert pace.wait(now, urgent=urgent) == 0.0


def test_leads_that_are_answered_late_do_not_shut_the_gate() -> None:
    """Answers of a window that is over tell nothing of the next, but who sent them may lead again."""
    pace = asked(told(1))
    assert sent(pace, 30.0) == 3
    for _ in range(3):
        pace.answered(60.2, 200, told(4, reset=1))
    assert sent(pace, 60.2) == 3


def test_another_sinks_part_is_left_to_it() -> None:
    """Who sees that half of the count is another's takes half of what is left in flight, and leaves the other half."""
    assert sent(asked(told(2), told(4)), 0.0) == 65  # of 135 - 4


def test_a_target_that_rounds_down_is_found_out() -> None:
    """It says 0 in the last second. Who takes it that the window is over asks once, and then waits that second."""
    pace = asked(told(294, reset=5))
    assert sent(pace, 5.0) == 1
    pace.answered(5.1, 200, told(295, reset=0))
    assert pace.wait(5.1, urgent=True) == pytest.approx(1.0)

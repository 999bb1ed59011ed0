"""One rate limiter, answer by answer, and in any interleaving; nobody sleeps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from streamproc.core.flow.rate_limit import LOOK, WINDOW, RateLimiter
from tests.support.rate_limit import LIMIT, SECONDS, Window


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
    pace.answered(10.0, 429, headers, {"message": text})
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


NUMBERS = ("", "0", "1", "300", "-1", "nan", "inf", "1e308", "9" * 400, "٣", "1_0", "x")


@given(
    said=st.lists(st.sampled_from(NUMBERS), min_size=3),
    status=st.sampled_from([200, 204, 400, 429, 503, None]),
)
def test_no_answer_keeps_leavers_waiting_beyond_a_window(said: list[str], status: int | None) -> None:
    """Whatever is told of the limit: a leaver waits two minutes at most, or for Retry-After."""
    pace = RateLimiter()
    for now in range(3):
        pace.sent(float(now))
        names = ("allowed", "count", "reset")
        headers = {f"inin-ratelimit-{name}": value for name, value in zip(names, said, strict=False)}
        pace.answered(float(now), status, headers)
        assert pace.wait(float(now), urgent=True) <= WINDOW + 1.0


def test_a_count_beyond_the_limit_of_an_answer_that_was_given_is_not_believed() -> None:
    """It did what it says that it won't do."""
    pace = RateLimiter()
    pace.sent(0.0)
    pace.answered(0.0, 200, told(10**9))
    assert pace.wait(0.0) == 0.0

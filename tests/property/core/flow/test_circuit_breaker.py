"""Health in any order of answers: one bad user isn't the target's trouble, and a target in trouble gets one probe."""

import math
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from streamproc.core.flow.circuit_breaker import ASKED_MOST, DOWN_AFTER, PROBE_FIRST, PROBE_MOST, CircuitBreaker

USERS: Final = ("ana", "ben", "cleo", "maya")
GOOD: Final = st.sampled_from((200, 201, 204, 400, 404, 409, 412, 413, 429))
BAD: Final = st.sampled_from((None, 401, 403, 500, 503, 504))


class Target(RuleBasedStateMachine):
    """Requests of several users, sent as the decider lets them, and answered well or badly."""

    def __init__(self) -> None:
        super().__init__()
        self.health = CircuitBreaker()
        self.now = 0.0
        self.flying: list[tuple[str, bool]] = []
        self.troubled: dict[bool, set[str]] = {False: set(), True: set()}

    @rule(seconds=st.floats(0.0, 20.0))
    def time_passes(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @rule(user=st.sampled_from(USERS), write=st.booleans())
    def send(self, user: str, write: bool) -> None:
        """Somebody wants to send; while the target is in trouble only one request is under way."""
        if self.health.wait(self.now) > 0:
            return
        down = self.health.down
        self.health.sent()
        self.flying.append((user, write))
        if down:
            assert math.isinf(self.health.wait(self.now))

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), status=GOOD)
    def good(self, data: st.DataObject, status: int) -> None:
        """An answer that only the request can be blamed for ends the trouble of its kind."""
        user, write = self._landed(data)
        self.troubled[False].clear()
        if write:
            self.troubled[True].clear()
        self.health.answered(user, write=write, status=status, now=self.now)
        assert self.health.wait(self.now) == 0

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), status=BAD)
    def bad(self, data: st.DataObject, status: int | None) -> None:
        """Trouble is counted by user; the next probe is some seconds away, and never more than the most."""
        user, write = self._landed(data)
        self.troubled[write].add(user)
        self.health.answered(user, write=write, status=status, now=self.now)
        if self.health.down:
            assert PROBE_FIRST - 1e-9 <= self.health.wait(self.now) <= PROBE_MOST + 1e-9  # a difference of two times

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def lost(self, data: st.DataObject) -> None:
        """A request that was given up doesn't block the next probe for ever."""
        self._landed(data)
        self.health.lost()
        assert self.health.wait(self.now) < math.inf

    def _landed(self, data: st.DataObject) -> tuple[str, bool]:
        return self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))

    @invariant()
    def down_means_several_in_a_row(self) -> None:
        """The target is in trouble when as many users as it takes are, with nothing good between, and only then."""
        assert self.health.down == any(len(users) >= DOWN_AFTER for users in self.troubled.values())
        if not self.health.down:
            assert self.health.wait(self.now) == 0


def test_health_in_any_order() -> None:
    """Whatever is answered in whatever order, one user's trouble is theirs, and the target's is everybody's."""
    run_state_machine_as_test(Target, settings=settings(max_examples=60, stateful_step_count=40))


def test_probes_become_rarer() -> None:
    """A target that stays dead is asked less and less often, up to a limit, and at once when it is back."""
    health = CircuitBreaker()
    for user in USERS[:DOWN_AFTER]:
        health.answered(user, write=True, status=503, now=0.0)
    now, waits = 0.0, []
    for _ in range(8):
        waits.append(health.wait(now))
        now += waits[-1]
        health.sent()
        health.answered("ana", write=True, status=None, now=now)
    assert waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0]
    health.sent()
    health.answered("ana", write=True, status=200, now=now)
    assert (health.down, health.wait(now), health.recoveries) == (False, 0.0, 1)


def test_a_target_that_is_down_can_ask_for_a_pause() -> None:
    """As long as it says, and a minute at most, since a leaver waits for it; one that isn't down can't."""
    for asked, wait in ((30.0, 30.0), (0.1, PROBE_FIRST), (3600.0, ASKED_MOST)):
        health = CircuitBreaker()
        for number, user in enumerate(USERS[:DOWN_AFTER]):
            health.answered(user, write=True, status=503, now=0.0, after=asked)
            assert health.wait(0.0) == (0.0 if number < DOWN_AFTER - 1 else wait)

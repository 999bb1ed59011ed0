"""429s to one user and to all, in virtual time: nobody sleeps, and nobody waits for somebody else's limit."""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.flow.rate_limit import RateLimiter
from streamproc.core.flow.too_many import ALL_AFTER, TooManyRequests
from tests.support.rate_limit import Window

RETRY_AFTER: Final = 3.0
Answer = tuple[int, dict[str, str]]


class Users:
    """Users who ask again and again, each one request at a time, over a gate of one sink, at a target of our making."""

    def __init__(self, answer: Callable[[str, float], Answer], users: list[str], *, latency: float = 0.05) -> None:
        self.pace = RateLimiter()
        self.answer = answer
        self.latency = latency
        self.now = 0.0
        self.served: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        for user in users:
            self._at(0.0, lambda user=user: self._ask(user))  # type: ignore[misc]

    def _at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), event))

    def _ask(self, user: str) -> None:
        if (wait := self.pace.wait(self.now, urgent=user.startswith("leaver"))) > 0:
            self._at(self.now + wait, lambda: self._ask(user))
            return
        self.pace.sent(self.now)
        self._at(self.now + self.latency, lambda: self._answered(user))

    def _answered(self, user: str) -> None:
        status, headers = self.answer(user, self.now)
        self.pace.answered(self.now, status, headers, {}, user)
        pause = float(headers.get("retry-after", "0")) if status == 429 else 0.0  # as the delivery decider waits
        (self.refused if status == 429 else self.served)[user] += 1
        self._at(self.now + pause, lambda: self._ask(user))

    def run(self, until: float) -> None:
        while self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()


def told(count: int, allowed: int = 300) -> dict[str, str]:
    return {"inin-ratelimit-count": str(count), "inin-ratelimit-allowed": str(allowed), "inin-ratelimit-reset": "30"}


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("refused", [1, 2, 4])
def test_users_who_are_always_refused_dont_slow_the_others(counted: bool, refused: int) -> None:
    """With the token's count low, or not told at all: the others go on at their own pace, whoever else waits."""
    always = {f"bad {n}" for n in range(refused)}

    def answer(user: str, now: float) -> Answer:
        headers = told(10) if counted else {}
        return (429, headers | {"retry-after": "3"}) if user in always else (200, headers)

    users = Users(answer, [*always, "ana", "ben", "leaver"], latency=1.0)
    users.run(300.0)
    assert min(users.served[name] for name in ("ana", "ben", "leaver")) > 250, "of 300 that one connection can have"
    assert all(users.refused[name] <= 300 / RETRY_AFTER + 1 for name in always)


@pytest.mark.parametrize("counted", [False, True])
def test_a_limit_of_all_is_kept(counted: bool) -> None:
    """A target that lets 20 a minute through and refuses the rest isn't hammered, whether it tells its count or not."""
    window = Window(limit=20)

    def answer(user: str, now: float) -> Answer:
        status, headers = window.receive(now)
        return status, headers if counted else {name: headers[name] for name in headers if name == "retry-after"}

    users = Users(answer, [f"user {n}" for n in range(16)])
    users.run(600.0)
    excess = sum(users.refused.values())
    assert sum(users.served.values()) >= 20 * 8, "but for what is kept for leavers"
    assert excess <= 10 * 16, "each connection finds out once a window at most"


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), bad=st.integers(0, 3), counted=st.booleans(), limit=st.integers(20, 200))
def test_both_at_once(seed: int, bad: int, counted: bool, limit: int) -> None:
    """Some are always refused beside a limit of all: the limit is used, and the excess stays small."""
    window, chance = Window(limit=limit), random.Random(seed)

    def answer(user: str, now: float) -> Answer:
        status, headers = window.receive(now)
        if status == 200 and user.startswith("bad"):
            status, headers = 429, headers | {"retry-after": str(chance.randint(1, 5))}
        return status, headers if counted else {name: headers[name] for name in headers if name == "retry-after"}

    users = Users(answer, [*(f"bad {n}" for n in range(bad)), *(f"user {n}" for n in range(8))])
    users.run(600.0)
    served = sum(users.served.values())
    hit = sum(users.refused[name] for name in users.refused if not name.startswith("bad"))
    always = sum(users.refused[name] for name in users.refused if name.startswith("bad"))
    assert served >= 10 * limit * 0.7 - always, "the limit is used"
    assert hit <= 11 * 11, "and kept: each connection finds out once a window at most"


def test_a_count_at_the_limit_is_everybodys() -> None:
    """The first 429 that shows it closes the gate, whoever it hits."""
    pace = RateLimiter()
    pace.sent(0.0)
    pace.answered(0.0, 429, told(300) | {"retry-after": "7"}, {}, "ana")
    assert pace.wait(0.0, urgent=True) == 7.0


def test_a_count_below_the_limit_is_the_users() -> None:
    """Nobody else waits, until several users in a row are refused so."""
    pace = RateLimiter()
    for number in range(ALL_AFTER):
        assert pace.wait(0.0) == 0.0
        pace.sent(0.0)
        pace.answered(0.0, 429, told(10) | {"retry-after": "7"}, {}, f"user {number}")
    assert pace.wait(0.0) == 7.0


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=60))
def test_without_a_count_somebody_new_is_always_everybodys(answers: list[tuple[str, bool]]) -> None:
    """Whoever was served last, and is refused now, may be the first to see a limit of all."""
    decider, last = TooManyRequests(), dict.fromkeys("abcd", True)
    for user, served in answers:
        if served:
            decider.served(user)
        elif last[user]:
            assert decider.hit(user, None, None)
        else:
            decider.hit(user, None, None)
        last[user] = served

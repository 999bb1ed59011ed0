"""Mass guard in any interleaving of events, retries, operators' commands and restarts.

The model is the list of all who were let through by the thresholds, and of each user what was last said.
"""

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from streamproc.core.records.change_event import Origin
from streamproc.core.records.delivery import Standing
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.sink.decide.mass_guard import Flow, GuardDecision, Hold, MassGuard, Protected, Rejected, Window

WINDOWS: Final = (Window(600.0, 3, 0.05), Window(3600.0, 6, 0.1))
SAFE: Final = "svc-safe"

users = st.sampled_from([*(f"p{number}" for number in range(15)), SAFE])
times = st.one_of(st.integers(0, 900), st.integers(0, 9000))
sources = st.sampled_from(["hris", "okta"])
reasons = st.sampled_from([None, "left"])
actives = st.integers(0, 120)


def cause(at: int, source: str = "hris", reason: str | None = None) -> Cause:
    """An event that was appended at `at`, in seconds."""
    return Cause(source, "event", Origin("events.hris", 0, 0, Millis(at * 1000)), reason)


def most_around(at: int, let: list[int], seconds: float) -> int:
    """How many of `let` the fullest position of a window holds that has `at` in it."""
    begins = [begin for begin in let if at - seconds < begin <= at]
    return max((sum(begin <= each < begin + seconds for each in let) for begin in begins), default=0)


class Sink(RuleBasedStateMachine):
    """A sink, its operators, and its restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, Standing] = {}
        """What is noted with each user's delivery."""
        self.guard = self._made()
        self.seq = 0
        self.said: dict[str, str] = {}
        self.asked: dict[str, tuple[int, Cause]] = {}
        self.through: list[tuple[str, Cause]] = []

    def _made(self) -> MassGuard:
        return MassGuard(WINDOWS, ["svc-*"], self.kept.values())

    def _ask(self, user: str, active: int) -> GuardDecision:
        ruling = self.guard.ask(user, *self.asked[user], active)
        if isinstance(ruling, Flow | Hold):
            self.kept[user] = ruling.standing
        return ruling

    @rule(user=users, at=times, source=sources, reason=reasons, active=actives)
    def leaves(self, user: str, at: int, source: str, reason: str | None, active: int) -> None:
        """A new event says that the user leaves, or leaves still."""
        self.seq += 1
        self.asked[user] = (self.seq, cause(at, source, reason))
        ruling = self._ask(user, active)
        if user == SAFE:
            assert ruling == Protected()
        elif self.said.get(user) in {"held", "rejected"}:
            self.said[user] = "held"
            assert isinstance(ruling, Hold)
            assert ruling.standing.seq == self.seq
        elif user in self.said:
            assert isinstance(ruling, Flow)
        else:
            self._looked_at(user, ruling, active)

    def _looked_at(self, user: str, ruling: GuardDecision, active: int) -> None:
        _, of = self.asked[user]
        at = of.origin.appended // 1000
        let = [each.origin.appended // 1000 for _, each in self.through]
        if isinstance(ruling, Flow):
            self.said[user] = "through"
            self.through.append((user, of))
            for window in WINDOWS:
                assert most_around(at, [*let, at], window.seconds) <= window.threshold(active)
        else:
            assert isinstance(ruling, Hold)
            self.said[user] = "held"
            alone = not any((of.source, of.reason, at // 60) == _key(each) for _, each in self.through)
            full = [
                window
                for window in WINDOWS
                if sum(abs(each - at) < window.seconds for each in let) >= window.threshold(active)
            ]
            assert full or not alone, "only a full window holds somebody whose cause is new"

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), active=actives)
    def asks_again(self, data: st.DataObject, active: int) -> None:
        """A retry of the same record, whatever the population is by now: what was said is said again."""
        user = data.draw(st.sampled_from(sorted(self.asked)))
        ruling = self._ask(user, active)
        expected = {"through": Flow, "released": Flow, "held": Hold, "rejected": Rejected, "protected": Protected}
        assert isinstance(ruling, expected[self.said.get(user, "protected")])

    @rule(user=users)
    def release(self, user: str) -> None:
        """An operator releases somebody, who may not be held at all."""
        known = self.guard.release(user)
        assert (known is not None) == (self.said.get(user) in {"held", "rejected"})
        if known is not None:
            self.said[user], self.kept[user] = "released", known

    @rule(user=users)
    def reject(self, user: str) -> None:
        """An operator rejects somebody, who may not be held at all."""
        known = self.guard.reject(user)
        assert (known is not None) == (self.said.get(user) == "held")
        if known is not None:
            self.said[user], self.kept[user] = "rejected", known

    @rule(user=users)
    def comes_back(self, user: str) -> None:
        """A newer event says that the user is active."""
        self.guard.forget(user)
        self.said.pop(user, None)
        self.asked.pop(user, None)
        self.kept.pop(user, None)

    @rule()
    def restart(self) -> None:
        """The sink starts again from what it kept: all but who was let through and came back."""
        self.guard = self._made()
        kept = [standing for standing in self.kept.values() if standing.said == "through"]
        assert {standing.user for standing in kept} == {user for user, said in self.said.items() if said == "through"}
        self.through = [(standing.user, standing.cause) for standing in kept]

    @invariant()
    def the_held_are_noted(self) -> None:
        """Whoever is held is noted as held, with the reason, until released, rejected or back."""
        held = {user: standing for user, standing in self.kept.items() if standing.said == "held"}
        assert held.keys() == {user for user, said in self.said.items() if said == "held"}
        assert all(standing.reason for standing in held.values())


def _key(of: Cause) -> tuple[str, str | None, int]:
    return of.source, of.reason, of.origin.appended // 60_000


def test_guard_in_any_interleaving() -> None:
    """No window, wherever it begins, lets more than its threshold through; held stays held, protected stays active."""
    run_state_machine_as_test(Sink, settings=settings(max_examples=60, stateful_step_count=40))


@given(
    leavers=st.lists(st.tuples(st.integers(0, 599), sources, reasons), max_size=40),
    count=st.integers(1, 10),
    data=st.data(),
)
def test_the_order_of_asking_lets_no_more_through(
    leavers: list[tuple[int, str, str | None]], count: int, data: st.DataObject
) -> None:
    """Of leavers within one window no order lets more than the threshold through, nor of one cause more than half."""
    guard = MassGuard([Window(600.0, count, 0.0)])
    let = []
    for number in data.draw(st.permutations(range(len(leavers)))):
        of = cause(*leavers[number])
        if isinstance(guard.ask(f"p{number}", 0, of, 0), Flow):
            let.append(_key(of))
    assert len(let) <= count
    assert all(let.count(key) <= max(1, (count + 1) // 2) for key in let)


@given(gaps=st.lists(st.integers(300, 2000), max_size=60), data=st.data())
def test_single_leavers_always_flow(gaps: list[int], data: st.DataObject) -> None:
    """At most one in five minutes, of whatever source, asked in any order: none is held at thresholds of 5 and 24."""
    times = [sum(gaps[:number]) for number in range(1, len(gaps) + 1)]
    guard = MassGuard([Window(600.0, 5, 0.0), Window(3600.0, 24, 0.0)])
    for at in data.draw(st.permutations(times)):
        assert isinstance(guard.ask(f"p{at}", 0, cause(at, data.draw(sources)), 0), Flow)

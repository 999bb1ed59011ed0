"""What is set aside goes on by itself, less and less often."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streamproc.core.records.control import Control
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.parked_work import RETRY_EVERY, ParkedWork

HOUR = 3600.0


class Store:
    """A partition with one user."""

    partition = 0
    caught_up = True

    def __init__(self, code: Any, *, active: bool) -> None:
        desired = Resource(userName="ana@example.com", active=active)
        aside = Parked(code, "because", None, None, {}, desired, Millis(0), since=7)
        self.state = DeliveredState("E1", 9, "a", None, None, aside, Millis(0))

    @property
    def parked(self) -> dict[str, str]:
        return {} if self.state.parked is None else {"E1": self.state.parked.code}

    def delivery(self, _: str) -> DeliveredState:
        return self.state


class Clock:
    """Looks every half a minute, and says when something was tried."""

    def __init__(self, store: Store) -> None:
        self.now = 0.0
        self.lanes: Lanes[Work] = Lanes()
        stores: Any = {0: store}
        self.work = ParkedWork(self.lanes, cast("Any", stores), lambda: Millis(round(self.now * 1000)), lambda _: None)

    def tried(self, seconds: float) -> list[float]:
        """Times at which an attempt began."""
        tried: list[float] = []
        end = self.now + seconds
        while self.now < end:
            self.now += RETRY_EVERY
            self.work.retry()
            if (turn := self.lanes.take()) is not None:
                tried.append(self.now)
                self.lanes.finish(turn)
        return tried


@pytest.mark.parametrize("code", ["unresolved", "stalled", "ambiguous"])
def test_what_may_go_by_itself_is_tried_less_and_less_often(code: str) -> None:
    """At once, after 30 s, 1, 2, 4, 8 minutes and so on, up to every half an hour."""
    clock = Clock(Store(code, active=True))
    assert clock.tried(HOUR) == [30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0]
    assert len(clock.tried(2 * HOUR)) == 4


@pytest.mark.parametrize("code", ["refused", "stalled", "ambiguous", "unresolved"])
def test_a_leaver_is_tried_every_ten_minutes_at_least(code: str) -> None:
    """Whatever they were set aside for by the target."""
    clock = Clock(Store(code, active=False))
    clock.tried(HOUR)
    assert len(clock.tried(HOUR)) == 6


@pytest.mark.parametrize(("code", "active"), [("refused", True), ("incomplete", True), ("held", False)])
def test_what_needs_somebody_waits_for_them(code: str, active: bool) -> None:
    """Time alone mends none of these."""
    assert Clock(Store(code, active=active)).tried(HOUR) == []


def test_what_is_set_aside_anew_begins_anew() -> None:
    """Another event's trouble isn't put off for that of an earlier one."""
    store = Store("stalled", active=True)
    clock = Clock(store)
    clock.tried(HOUR)
    assert store.state.parked is not None
    store.state = replace(store.state, parked=replace(store.state.parked, since=8))
    assert clock.tried(60.0) == [HOUR + 30.0, HOUR + 60.0]


def test_nobody_waits_once_the_target_is_back() -> None:
    """What was stalled while the target was in trouble is tried at the next look."""
    clock = Clock(Store("stalled", active=True))
    clock.tried(HOUR)
    clock.work.recovered()
    assert clock.tried(30.0) == [HOUR + 30.0]


def test_an_order_goes_with_the_turn_that_it_waits_for() -> None:
    """Its partition is another sink's by now, which reads it anew: here nothing of it is kept."""
    clock = Clock(Store("stalled", active=True))
    order: Any = SimpleNamespace(control=Control("1", "skip", "E1", 7, "Kim", "why", Millis(0)))
    clock.work.retry()
    clock.work.obey(cast("Any", Store("stalled", active=True)), order)
    assert clock.work._later
    clock.lanes.revoke(0)
    clock.work.retry()
    assert not clock.work._later

"""What a sink tells to be wrong with it."""

from typing import Any, cast

import pytest

from streamproc.core.flow.circuit_breaker import CircuitBreaker
from streamproc.core.flow.rate_limit import RateLimiter
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.units import Millis
from streamproc.core.scim.response_policy import Response
from streamproc.health.decide.conditions import Trouble
from streamproc.health.decide.stuck import AFTER
from streamproc.sink.decide.common_refusal import Asking, CommonRefusals
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.request_gate import RequestGate
from streamproc.sink.troubles import troubles
from tests.support.reconciler import InMemoryDeliveryStore

GOOD = Response(200, {}, {})


class Sink:
    """What there is to look at."""

    def __init__(self) -> None:
        self.now = 0.0
        self.idle = 0.0
        self.gate = RequestGate(RateLimiter(), CircuitBreaker(), lambda: self.now, self._never)
        self.refusals = CommonRefusals()
        self.store = InMemoryDeliveryStore(lambda: self.now, {}, 0)

    async def _never(self, _: float) -> None:
        raise AssertionError("nobody waits here")

    def assignment(self) -> set[Any]:
        """Nothing is read."""
        return set()

    def answered(self, answer: Response, *users: str) -> None:
        """The same for each."""
        for user in users:
            self.gate._let_out()
            self.gate.answered(user, answer, write=True)

    def parked(self, user: str, code: str, *, active: bool, attributes: dict[str, str] | None = None) -> None:
        """Somebody of whom something is set aside."""
        aside = Parked(cast("Any", code), "why", None, None, attributes or {}, {"active": active}, Millis(1))
        self.store.record([], DeliveredState(user, 1, "id", None, None, aside, Millis(1)))

    @property
    def wrong(self) -> list[Trouble]:
        """All of it."""
        consumer, stores = cast("Any", self), cast("Any", {0: self.store})
        lanes: Lanes[Any] = Lanes(lambda _: [])
        return troubles(self.gate, self.refusals, stores, lanes, consumer, self.idle, 100)

    @property
    def codes(self) -> list[tuple[str, str]]:
        """Code and about of each."""
        return [(each.code, each.about) for each in self.wrong]


def test_a_sink_that_works_has_no_trouble() -> None:
    """Answers come, nobody is set aside."""
    sink = Sink()
    sink.answered(GOOD, "ana", "ben")
    assert sink.codes == []


def test_a_gate_that_is_closed_says_why_and_for_how_long_it_may_be() -> None:
    """A pause by an operator, and a target in trouble, until it answers; what passes by itself has some time for it."""
    sink = Sink()
    sink.gate.stopped = True
    assert sink.codes == [("gate_closed", "paused")]
    assert "streamproc sink resume" in sink.wrong[0].reason
    sink.gate.stopped = False
    sink.answered(Response(503, {}, {}), "ana", "ben", "cho")
    (trouble,) = sink.wrong
    assert (trouble.code, trouble.about, trouble.state) == ("gate_closed", "target", "degraded")
    assert trouble.grace > 0
    sink.now += 60
    sink.answered(GOOD, "ana")
    assert sink.codes == []


def test_a_limit_that_is_over_is_no_trouble_though_nothing_was_asked_since() -> None:
    """The gate is looked at anew: nobody has to send something for it to open."""
    sink = Sink()
    sink.answered(Response(429, {"retry-after": "20"}, {}), "ana")
    assert sink.codes == [("gate_closed", "rate_limit")]
    sink.now += 30
    assert sink.codes == []


@pytest.mark.parametrize(
    ("code", "active", "attributes", "expected"),
    [
        ("refused", False, None, [("leavers_aside", "refused")]),
        ("stalled", False, None, [("leavers_aside", "refused")]),
        ("held", False, None, [("leavers_aside", "held")]),
        ("refused", True, None, []),
        ("refused", False, {"title": "refused"}, []),
        ("protected", False, None, []),
        ("rejected", False, None, []),
    ],
)
def test_leavers_who_may_have_access_are_told(
    code: str, active: bool, attributes: dict[str, str] | None, expected: list[tuple[str, str]]
) -> None:
    """By the target's fault, or because the guard waits for somebody; not where an operator has decided."""
    sink = Sink()
    sink.parked("ana", code, active=active, attributes=attributes)
    assert sink.codes == expected


def test_what_everybody_is_refused_is_told_in_our_words() -> None:
    """Not in the target's, which may name somebody."""
    sink = Sink()
    asking = Asking("create", narrowed=True)
    for user in ("ana", "ben", "cho"):
        sink.refusals.sent("create", user)
        sink.refusals.answered(asking, user, 400, "no licence for ana", 1.0)
    assert sink.codes == [("refused_to_all", "create")]
    assert "ana" not in sink.wrong[0].reason


def test_a_reader_that_stands_still_is_what_a_restart_mends() -> None:
    """After ten minutes: longer than anything that it waits for."""
    sink = Sink()
    sink.idle = AFTER
    assert sink.codes == []
    sink.idle = AFTER + 1
    assert sink.codes == [("stuck", "reader")]

"""Intake: how urgent a record is, by what is known of its user, and by what isn't."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from streamproc.core.fold.plan import Urgency
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.delivery_store import DeliveryStore
from streamproc.sink.intake import take_in

OUT = Resource(externalId="U1", displayName="U1", active=False)


class Sink:
    """One partition. U1 was delivered at seq 3, and is out."""

    def __init__(self, parked: Parked | None = None) -> None:
        self.lanes: Lanes[Work] = Lanes(condense=Work.condensed)
        self.store = DeliveryStore(0, "streamproc-sink", no_producer, lambda: None, lambda: 0.0)
        self.store.record([], DeliveredState("U1", 3, "a1", '"1"', OUT, parked, Millis(0)))
        self.store.saw("U1", 3)

    def comes(self, seq: int, prev: int, *, active: bool, user: str = "U1") -> Urgency:
        """A record, and how urgent what its user has waiting is then."""
        origin = {"topic": "events.hris", "partition": 0, "offset": seq, "appended": 0, "received": None}
        value = {
            "user": user,
            "seq": seq,
            "prev": prev,
            "effect": "changed",
            "cause": {"source": "hris", "event": f"e{seq}", "origin": origin, "reason": None},
            "desired": {**OUT, "externalId": user, "active": active},
            "operations": [],
            "problems": [],
        }
        message: Any = SimpleNamespace(key=user.encode(), value=orjson.dumps(value), offset=seq)
        assert take_in(message, self.store, self.lanes) == user
        turn = self.lanes.last(user)
        assert turn is not None
        return turn.urgency


def no_producer() -> Any:
    raise AssertionError("nothing is written here")


def test_who_is_out_and_stays_out_waits_with_those_of_whom_nothing_is_to_be_done() -> None:
    """A leaver whose manager changes doesn't stand before people who are still to lose their access."""
    sink = Sink()
    assert sink.comes(5, 3, active=False) is Urgency.NOTHING
    assert sink.comes(6, 5, active=False) is Urgency.NOTHING


def test_who_comes_back_and_leaves_again_before_it_is_noted_leaves_first() -> None:
    """A sink takes over: the one before may have let them in by the first of two records, and the second says that they
    leave. They lose their access before anybody else's change goes out.
    """
    sink = Sink()
    sink.comes(4, -1, active=True, user="U2")
    assert sink.comes(5, 3, active=True) is Urgency.ACTIVATE
    assert sink.comes(6, 5, active=False) is Urgency.REVOKE
    assert sink.comes(7, 6, active=False) is Urgency.REVOKE
    turn = sink.lanes.take(revocations=True)
    assert turn is not None
    assert (turn.user, turn.offset) == ("U1", 7)


def test_who_leaves_while_their_turn_lets_them_in_leaves_first() -> None:
    """The turn is at its end, and takes no newer work on board any more: what waits behind it is a revocation."""
    sink = Sink()
    sink.comes(5, 3, active=True)
    turn = sink.lanes.take()
    assert turn is not None
    sink.comes(6, 5, active=False)
    sink.store.record([], DeliveredState("U1", 5, "a1", '"2"', Resource(**{**OUT, "active": True}), None, Millis(0)))
    sink.lanes.finish(turn)
    assert sink.lanes.take(revocations=True) is not None


def test_a_leaver_before_whom_records_were_compacted_away_leaves_first() -> None:
    """One of those may have let them in again, by the sink before us."""
    assert Sink().comes(6, 5, active=False) is Urgency.REVOKE


@pytest.mark.parametrize(
    ("parked", "urgency"),
    [
        (Parked("stalled", "no answer", None, None, {}, Resource(active=True), Millis(0), 3), Urgency.REVOKE),
        (Parked("ambiguous", "no answer", 500, None, {}, Resource(active=True), Millis(0), 3), Urgency.REVOKE),
        (Parked("refused", "no", 400, None, {"title": "refused: no"}, OUT, Millis(0), 3), Urgency.NOTHING),
    ],
    ids=["stalled", "ambiguous", "a title"],
)
def test_a_leaver_whose_coming_back_was_set_aside_leaves_first(parked: Parked, urgency: Urgency) -> None:
    """A request whose outcome nobody knows may have let them in. One attribute that was refused tells nothing of it."""
    assert Sink(parked).comes(5, 3, active=False) is urgency

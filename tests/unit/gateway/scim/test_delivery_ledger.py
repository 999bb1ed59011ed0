"""What became of users, by links, deliveries and outcomes: whatever the order in which these are read."""

from collections.abc import Callable
from itertools import permutations
from typing import Any, Literal

import orjson
import pytest

from streamproc.core.records.change_event import Origin
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.link import Link
from streamproc.core.records.outcome import Outcome, Verdict
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.gateway.scim import delivery_ledger
from streamproc.gateway.scim.delivery import Delivery
from streamproc.gateway.scim.delivery_ledger import DeliveryLedger, standing

KIM = "okta/kim"
FORWARDS = "streamproc.forwarded"
Code = Literal["held", "refused", "protected", "unresolved"]


def linked(ledger: DeliveryLedger, heard: int, user: str | None = "e1", *, at: int = 1_000, live: bool = True) -> None:
    """The subject's link after its record at `heard` was taken in, which is forwarded at ten times that."""
    told = Origin("events.scim", 1, heard, Millis(at))
    link = Link(heard, "scim", KIM, Origin(FORWARDS, 3, heard * 10, Millis(at)), user=user, heard=(told,))
    ledger.take_link(f"scim/{KIM}".encode(), orjson.dumps(link), live=live)


def delivered(ledger: DeliveryLedger, seq: int, *, user: str = "e1", at: int = 2_000, **more: Any) -> None:
    """A delivery of the user."""
    ledger.take_delivery(user.encode(), orjson.dumps(a_delivery(seq, user=user, at=at, **more)))


def a_delivery(
    seq: int = 1, *, user: str = "e1", at: int = 2_000, active: bool | None = True, parked: Parked | None = None
) -> DeliveredState:
    """`active` None: there is no account."""
    held = None if active is None else Resource(userName="kim", active=active)
    return DeliveredState(user, seq, None if active is None else "G1", None, held, parked, Millis(at))


def set_aside(code: Code, attributes: dict[str, str] | None = None) -> Parked:
    """Something of a user's."""
    return Parked(code, "Name is taken", 409, None, attributes or {}, Resource(), Millis(5))


def told(
    ledger: DeliveryLedger, seq: int, heard: int, verdict: Verdict = "revoked", *, partition: int = 3, **more: Any
) -> None:
    """The outcome of the event that the record at `heard` led to."""
    cause = Cause("scim", f"{heard}/0", Origin(FORWARDS, partition, heard * 10, Millis(1_000)))
    read_back = Millis(3_000) if verdict == "revoked" else None
    outcome = Outcome("e1", seq, verdict, True, Millis(2_500), "changed", cause, [], [], read_back=read_back)
    fields = orjson.loads(orjson.dumps(outcome)) | more
    ledger.take_outcome(orjson.dumps(fields))


REVOKED = Delivery("revoked", Millis(3_000), None, "G1")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_revocation_is_told_in_whatever_order_the_topics_are_read(order: tuple[int, ...]) -> None:
    """The answer to a deactivation doesn't depend on which of three topics the gateway happens to read first."""
    ledger = DeliveryLedger()
    records: list[Callable[[], None]] = [
        lambda: linked(ledger, 7),
        lambda: delivered(ledger, 4, active=False),
        lambda: told(ledger, 4, 7),
    ]
    assert ledger.came_of(KIM, 7) is None
    for number in order:
        records[number]()
    assert ledger.came_of(KIM, 7) == REVOKED
    assert ledger.came_of(KIM, 8) is None
    assert ledger.of(KIM) == Delivery("revoked", Millis(2_000), None, "G1")


def test_another_record_of_the_same_user_is_no_proof() -> None:
    """A leaver isn't called revoked by the fate of an earlier change, of another connection's, or of an attempt."""
    ledger = DeliveryLedger()
    linked(ledger, 7)
    told(ledger, 3, 6)
    told(ledger, 4, 7, partition=2)
    told(ledger, 5, 7, final=False)
    told(ledger, 6, 7, cause=None)
    cause = {"source": "hris", "event": "7/0", "origin": orjson.loads(orjson.dumps(Origin(FORWARDS, 3, 1, Millis(1))))}
    told(ledger, 7, 7, cause=cause)
    told(ledger, 8, 7, cause=cause | {"source": "scim", "event": "unlink/7/0"})
    assert ledger.came_of(KIM, 7) is None


def test_what_was_superseded_has_the_fate_of_what_came_after() -> None:
    """Deactivated, and changed once more before it was sent: the answer waits for the one request that told both."""
    ledger = DeliveryLedger()
    linked(ledger, 8)
    told(ledger, 4, 7, "superseded")
    assert ledger.came_of(KIM, 7) is None
    told(ledger, 5, 8)
    delivered(ledger, 5, active=False)
    assert ledger.came_of(KIM, 7) == ledger.came_of(KIM, 8) == REVOKED


def test_what_the_target_holds_decides_where_nothing_was_sent() -> None:
    """A deactivation that changes nothing there is revoked if the user is inactive, and not if others keep them in."""
    for active, state in ((False, "revoked"), (True, "delivered"), (None, "absent")):
        ledger = DeliveryLedger()
        linked(ledger, 7)
        told(ledger, 4, 7, "no-op")
        delivered(ledger, 3, active=True)
        assert ledger.came_of(KIM, 7) is None
        delivered(ledger, 4, active=active)
        assert (found := ledger.came_of(KIM, 7)) is not None
        assert found.state == state


def test_who_is_nobody_is_told_at_once() -> None:
    """A deactivation of somebody without an anchor isn't waited for: it reaches nobody."""
    ledger = DeliveryLedger()
    linked(ledger, 6, None)
    assert ledger.came_of(KIM, 7) is None
    linked(ledger, 7, None)
    assert ledger.came_of(KIM, 7) == ledger.of(KIM) == ledger.settled(KIM) == Delivery("unlinked", Millis(1_000))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (a_delivery(), "delivered"),
        (a_delivery(active=False), "revoked"),
        (a_delivery(active=False, parked=set_aside("refused")), "revoked"),
        (a_delivery(active=None), "absent"),
        (a_delivery(active=None, parked=set_aside("refused", {"title": "x"})), "parked"),
        (a_delivery(parked=set_aside("refused")), "parked"),
        (a_delivery(parked=set_aside("refused", {"title": "x"})), "partial"),
        (a_delivery(parked=set_aside("held")), "held"),
        (a_delivery(parked=set_aside("protected")), "held"),
    ],
)
def test_how_a_user_stands_follows_from_the_last_delivery(state: DeliveredState, expected: str) -> None:
    """An administrator who asks sees the state, and why where something was set aside."""
    found = standing(state)
    assert (found.state, found.reason) == (expected, None if state.parked is None else state.parked.told)


def test_a_change_that_is_on_its_way_is_pending() -> None:
    """Who asks between a change and its delivery hears that it is pending, and then what came of it."""
    ledger = DeliveryLedger()
    linked(ledger, 6)
    assert ledger.of(KIM) == Delivery("pending", Millis(1_000))
    told(ledger, 3, 6, "delivered")
    delivered(ledger, 3)
    assert ledger.of(KIM) == ledger.settled(KIM) == Delivery("delivered", Millis(2_000), None, "G1")
    linked(ledger, 7, at=2_100)
    assert ledger.of(KIM) == Delivery("pending", Millis(2_100), None, "G1")
    assert ledger.settled(KIM) is None
    told(ledger, 4, 7)
    delivered(ledger, 4, at=2_200, active=False)
    assert ledger.of(KIM) == Delivery("revoked", Millis(2_200), None, "G1")


def test_after_a_start_what_was_delivered_since_is_not_pending() -> None:
    """A gateway that has just started tells by the times what waits for the sink; clocks may differ."""
    for at, state in ((1_000, "delivered"), (2_000 + delivery_ledger.SKEW, "delivered"), (200_000, "pending")):
        ledger = DeliveryLedger()
        linked(ledger, 6, at=at, live=False)
        delivered(ledger, 3)
        assert (found := ledger.of(KIM)) is not None
        assert found.state == state


def test_only_users_of_clients_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway's memory grows with those whom clients push, and not with everybody whom HR has."""
    monkeypatch.setattr(delivery_ledger, "MOST", 2)
    ledger = DeliveryLedger()
    for number in range(10):
        delivered(ledger, number, user=f"hr{number}")
    assert not ledger._users
    link = orjson.dumps(Link(1, "hris", "hr9", Origin(FORWARDS, 3, 1, Millis(1)), user="hr9"))
    assert not ledger.take_link(b"hris/hr9", link, live=True)
    linked(ledger, 6, "hr9")
    assert [*ledger._users] == ["hr9"]
    linked(ledger, 7, "hr8")
    assert [*ledger._users] == ["hr8"]
    ledger.take_delivery(b"hr8", None)
    assert ledger.of(KIM) == Delivery("pending", Millis(1_000))
    ledger.take_link(f"scim/{KIM}".encode(), None, live=True)
    assert ledger.of(KIM) is None
    assert not ledger._linked

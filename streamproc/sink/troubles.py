"""What is wrong with a sink now."""

from collections.abc import Iterator, Mapping
from typing import Final

from streamproc import telemetry
from streamproc.adapters.kafka.log import Consumer
from streamproc.core.records.control import HELD
from streamproc.health.decide.conditions import Trouble
from streamproc.health.decide.lag import lag_troubles
from streamproc.health.decide.stuck import stuck_troubles
from streamproc.sink.decide.common_refusal import CommonRefusals
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.delivery_store import DeliveryStore
from streamproc.sink.gate_watch import CAUSES, Closed
from streamproc.sink.request_gate import RequestGate

GATE_GRACE: Final = 30.0
"""Seconds that the gate may be closed: limits and short failures of the target pass by themselves."""


def troubles(
    gate: RequestGate,
    refusals: CommonRefusals,
    stores: Mapping[int, DeliveryStore],
    lanes: Lanes[Work],
    consumer: Consumer,
    idle: float,
    lag_limit: int,
) -> list[Trouble]:
    """All of it. `idle`: seconds since the reader had its last turn. `lag_limit`: records of a topic."""
    behind = telemetry.behind(consumer, lambda place: lanes.committable(place.partition))
    return [
        *gate_troubles(gate.look()),
        *refused_troubles(refusals.shared),
        *aside_troubles(stores),
        *lag_troubles(behind, lag_limit),
        *stuck_troubles("reader", idle),
    ]


def gate_troubles(closed: Closed | None) -> Iterator[Trouble]:
    """Nothing goes to the target."""
    if closed is not None:
        reason = f"no request goes out: {closed.because}. What to do: {CAUSES[closed.cause]}"
        yield Trouble("gate_closed", closed.cause, "degraded", reason, GATE_GRACE)


def refused_troubles(shared: Mapping[str, str]) -> Iterator[Trouble]:
    """Everybody is refused a kind of request. `shared`: kind → what the target answers."""
    for kind in sorted(shared):
        reason = (
            "the target refuses it to everybody, as the log says. Look at licences, the client's rights, the mapping"
        )
        yield Trouble("refused_to_all", kind, "degraded", reason)


def aside_troubles(stores: Mapping[int, DeliveryStore]) -> Iterator[Trouble]:
    """Leavers who may have access."""
    refused = held = 0
    for store in stores.values():
        for user, code in store.parked.items():
            held += code == "held"
            refused += code not in HELD and is_leaver(store, user)
    if refused:
        reason = f"the target didn't take the access of {refused} of them away: `streamproc parked list`"
        yield Trouble("leavers_aside", "refused", "degraded", reason)
    if held:
        reason = f"the mass guard holds {held} of them: `streamproc held list`, then release or reject"
        yield Trouble("leavers_aside", "held", "degraded", reason)


def is_leaver(store: DeliveryStore, user: str) -> bool:
    """Whether what is set aside of the user is the end of their access."""
    delivery = store.delivery(user)
    parked = delivery.parked if delivery is not None else None
    return parked is not None and not parked.attributes and parked.desired.get("active") is False

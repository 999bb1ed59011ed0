"""Metrics of the sink: what they say, from what it has in hand and from what it tells."""

from collections import Counter
from collections.abc import Iterable, Mapping

from streamproc import telemetry
from streamproc.adapters.kafka.log import Consumer
from streamproc.core.records.control import HELD
from streamproc.core.records.finding import is_look
from streamproc.core.records.outcome import Outcome
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.delivery_store import DeliveryStore
from streamproc.sink.gate_watch import CAUSES
from streamproc.sink.request_gate import RequestGate
from streamproc.sink.troubles import is_leaver


def gauge(
    lanes: Lanes[Work], gate: RequestGate, stores: Mapping[int, DeliveryStore], consumer: Consumer, now: float
) -> None:
    """Set the gauges. `now` in ticks."""
    for urgency, users in lanes.depth().items():
        telemetry.LANES.labels(urgency.name.lower()).set(users)
    telemetry.WAITING.set(len(gate))
    headroom = gate.rate_limiter.headroom(now)
    telemetry.HEADROOM.set(-1 if headroom is None else headroom)
    telemetry.TARGET_DOWN.set(gate.circuit_breaker.down)
    telemetry.PAUSED.set(gate.stopped)
    for cause in CAUSES:
        closed = gate.watch.closed
        telemetry.GATE_CLOSED.labels(cause).set(closed is not None and closed.cause == cause)
    aside = [(store, user, code) for store in stores.values() for user, code in store.parked.items()]
    codes = Counter(code for _, _, code in aside)
    telemetry.LEAVERS_ASIDE.set(sum(code not in HELD and is_leaver(store, user) for store, user, code in aside))
    telemetry.FROZEN.set(sum(len(store.frozen) for store in stores.values()))
    telemetry.ASIDE.clear()
    for code, users in codes.items():
        telemetry.ASIDE.labels(code).set(users)
    telemetry.lag(consumer, lambda partition: lanes.committable(partition.partition))


def count(outcomes: Iterable[Outcome]) -> None:
    """Fates, and the time that they took from the event's append on."""
    for outcome in outcomes:
        if outcome.final:
            telemetry.FATES.labels(outcome.verdict).inc()
        if outcome.cause is None or outcome.acknowledged is None or is_look(outcome.cause):
            continue
        begun = outcome.cause.origin.appended
        telemetry.DELIVERY.observe((outcome.acknowledged - begun) / 1000)
        if outcome.verdict != "revoked":
            continue
        instants = {name: getattr(outcome, name) for name in ("acknowledged", "read_back", "sessions_ended")}
        for name, at in instants.items():
            if at is not None:
                telemetry.REVOCATION.labels(name).observe((at - begun) / 1000)

"""Begin: a turn as it begins, with what was noted of the user after the last one."""

from typing import cast

from msgspec.structs import replace

from streamproc.core.records.control import HELD
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.scim.response_policy import PATIENCE as DENIALS
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.items import Loops
from streamproc.sink.decide.lanes import Turn
from streamproc.sink.decide.predecessor import Predecessor
from streamproc.sink.decide.progress import Freshness, Progress
from streamproc.sink.decide.revoke_forms import UNCONDITIONAL
from streamproc.sink.decide.underway import NOT_FOUND, Adopting, Seeded, SetAside


def begin(
    turn: Turn[Work], delivery: DeliveredState | None, predecessor: Predecessor, clock: Millis, noted: float = 0.0
) -> Progress:
    """A turn begins, with what was noted after the last one. `clock`: ms since 1970.

    `noted`: ticks at which that was, where it isn't in the log yet: what the last turn has read is as young then.
    """
    progress = Progress(turn, predecessor, learned=noted)
    if delivery is None:
        return progress
    held, freshness = _held(delivery, progress), freshness_of(delivery, looked_at=turn.work.drift is not None)
    if freshness is Freshness.DOUBTED and not progress.leaver:
        freshness = Freshness.STALE  # only a leaver doesn't wait for a read that may be refused once more
    progress = replace(
        progress,
        id=delivery.id,
        claimed=delivery.held is None,
        etag=delivery.etag,
        held=held,
        freshness=freshness,
        standing=delivery.standing,
        spelled=delivery.spelled,
        loops=Loops(held, delivery.rounds, delivery.frozen, delivery.let_go),
        seeded=Seeded(delivery.id, frozenset(delivery.seeded)),
    )
    return progress if delivery.parked is None else _recalled(progress, delivery.parked, clock)


def _held(delivery: DeliveredState, progress: Progress) -> Resource | None:
    """What was noted. Whether somebody is in who comes back, and was to leave and couldn't be brought out, isn't known:
    that they are active is written again.
    """
    held, parked = delivery.held, delivery.parked
    left = parked is not None and parked.code not in HELD and parked.desired.get("active") is False
    if held is None or not left or progress.leaver:
        return held
    return cast("Resource", {name: value for name, value in held.items() if name != "active"})


def freshness_of(delivery: DeliveredState, *, looked_at: bool = False) -> Freshness:
    """How fresh what was noted is. `looked_at`: others may have changed something since."""
    if delivery.id is None:
        return Freshness.UNKNOWN
    others = looked_at or "active" in delivery.frozen  # what others made of it since isn't known
    if delivery.held is None or others:  # or they were found, and couldn't be read
        return Freshness.STALE
    parked = delivery.parked
    if parked is not None and parked.code == "stalled":  # what was accepted may not have been shown
        return Freshness.STALE
    doubted = parked is not None and parked.code not in HELD and not parked.attributes
    return Freshness.DOUBTED if doubted else Freshness.NOTED


def _recalled(progress: Progress, parked: Parked, clock: Millis) -> Progress:
    """What was refused last time goes out alone, not to spoil the rest; and not at all, where only time passed."""
    progress = replace(progress, since=parked.since, alone=frozenset(parked.attributes))
    if progress.leaver and progress.id is None and parked.code == "ambiguous" and not parked.attributes:
        said = parked.reason.rpartition(NOT_FOUND)[2].removeprefix(str(parked.status)).strip()
        there = Response(parked.status, {"detail": said}, {})  # their name is taken, or they may have been created
        progress = replace(progress, adopting=Adopting(there))
    if not progress.turn.work.told or progress.turn.work.ordered:
        return progress
    known = progress.id is not None and progress.held is not None  # else nothing was sent yet, or it may be another's
    if progress.leaver and known and parked.code in {"refused", "stalled"}:
        progress = replace(progress, form=UNCONDITIONAL)
    if parked.status == 403:
        progress = replace(progress, denied=DENIALS)  # we were patient the first time
    for name, told in parked.attributes.items():
        code, _, reason = told.partition(": ")
        if code == "refused":
            progress = progress.with_aside(SetAside(name, "refused", reason), clock)
            progress = replace(progress, given_up=progress.given_up | {name})
    return progress

"""How a turn begins: with what is known after the last one, and no more."""

from typing import Any

import pytest

from streamproc.core.fold.plan import Urgency
from streamproc.core.records.change_event import Origin
from streamproc.core.records.delivery import DeliveredState, Parked, Standing
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.core.scim.dialect import GENESYS_DIALECT
from streamproc.sink.decide.after import after
from streamproc.sink.decide.begin import begin
from streamproc.sink.decide.desired_state import Work, retry_of
from streamproc.sink.decide.lanes import Turn
from streamproc.sink.decide.mass_guard import Hold
from streamproc.sink.decide.next_step import next_step
from streamproc.sink.decide.predecessor import Predecessor
from streamproc.sink.decide.progress import Freshness
from streamproc.sink.decide.revoke_forms import CONDITIONAL, UNCONDITIONAL
from streamproc.sink.decide.steps import AskGuard, Moment, Read
from streamproc.sink.decide.target import Target

LEFT = Resource(active=False)
CAUSE = Cause("streamproc", "retry", Origin("scim.operations", 0, -1, Millis(0)))


@pytest.mark.parametrize(
    ("code", "account", "held", "form"),
    [
        ("refused", "a1", Resource(active=True), UNCONDITIONAL),
        ("stalled", "a1", Resource(active=True), UNCONDITIONAL),
        ("refused", "a1", None, CONDITIONAL),
        ("ambiguous", None, LEFT, CONDITIONAL),
        ("stalled", None, LEFT, CONDITIONAL),
    ],
)
def test_a_leaver_goes_without_if_match_only_where_it_was_tried_with_one(
    code: Any, account: str | None, held: Resource | None, form: int
) -> None:
    """Whose account couldn't be found, or read, is deactivated in the form that overwrites nobody's newer word."""
    parked = Parked(code, "why", None, None, {}, LEFT, Millis(0), 7)
    delivery = DeliveredState("E1", 7, account, None, held, parked, Millis(0))
    work = Work(retry_of("E1", 7, LEFT, CAUSE), told=True)
    turn = Turn("E1", 0, -1, Urgency.REVOKE, work)
    assert begin(turn, delivery, Predecessor(), Millis(0)).form == form


def test_what_isnt_in_the_log_yet_is_as_young_as_it_was_noted() -> None:
    """The next write waits for the transaction that says that the partition is still ours."""
    turn = Turn("E1", 0, 8, Urgency.CHANGE, Work(retry_of("E1", 8, Resource(active=True), CAUSE)))
    delivery = DeliveredState("E1", 7, "a1", '"5"', Resource(active=True), None, Millis(0))
    assert begin(turn, delivery, Predecessor(), Millis(0), 12.5).learned == 12.5


def test_only_a_leaver_is_written_before_a_read_after_a_turn_that_was_set_aside() -> None:
    """A write before that may be unanswered: nobody is written blind, and no leaver waits for a read."""
    held, stays = Resource(active=True), Resource(active=True, title="Lead")
    parked = Parked("refused", "403 not.authorized", 403, None, {}, stays, Millis(0), 7)
    delivery = DeliveredState("E1", 7, "a1", '"5"', held, parked, Millis(0))
    leaves = Turn("E1", 0, 8, Urgency.REVOKE, Work(retry_of("E1", 8, LEFT, CAUSE)))
    back = Turn("E1", 0, 9, Urgency.CHANGE, Work(retry_of("E1", 9, stays, CAUSE)))
    begun = begin(leaves, delivery, Predecessor(), Millis(0))
    assert begun.freshness is Freshness.DOUBTED
    assert begun.with_newer(back).freshness is Freshness.STALE
    assert begin(back, delivery, Predecessor(), Millis(0)).freshness is Freshness.STALE


def test_who_is_held_was_read_where_what_is_noted_is_doubted() -> None:
    """What is noted with a hold may be all that is known for days: not what was before a write of unknown outcome."""
    parked = Parked("refused", "403 not.authorized", 403, None, {}, LEFT, Millis(0), 7)
    delivery = DeliveredState("E1", 7, "a1", '"5"', Resource(active=True), parked, Millis(0))
    leaves = Turn("E1", 0, 8, Urgency.REVOKE, Work(retry_of("E1", 8, LEFT, CAUSE)))
    target = Target(GENESYS_DIALECT, lambda _: None, 9.0, guarded=True)
    at = Moment(0.0, Millis(0), 0.0, target_down=False)
    progress = begin(leaves, delivery, Predecessor(), Millis(0))
    assert next_step(progress, target, at) == AskGuard()
    hold = Hold(Standing("E1", 8, "held", CAUSE, "many"))
    held = after(progress, AskGuard(), hold, target, at).progress
    assert held.parked is None
    assert isinstance(next_step(held, target, at), Read)

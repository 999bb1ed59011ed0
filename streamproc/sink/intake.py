"""Intake: a record of `scim.operations` becomes work of its user, unless it was told already."""

import structlog
from pydantic import ValidationError

from streamproc.adapters.kafka.foreign import STRANGE, TOMBSTONE, passed_over
from streamproc.adapters.kafka.log import ConsumerRecord
from streamproc.core.fold.plan import Urgency, pressing
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.user_record import FIRST
from streamproc.sink.decide.begin import freshness_of
from streamproc.sink.decide.desired_state import Work, decode_desired
from streamproc.sink.decide.lanes import Lanes, Turn
from streamproc.sink.decide.progress import Freshness
from streamproc.sink.delivery_store import DeliveryStore

log = structlog.get_logger("streamproc.sink")


def take_in(message: ConsumerRecord, store: DeliveryStore, lanes: Lanes[Work]) -> str | None:
    """Put it into the lanes. Returns the user of whom there is something new."""
    try:
        record = decode_desired(message.value or b"")
    except ValidationError:
        passed_over(message, STRANGE if message.value else TOMBSTONE, "a worker that starts appends it again")
        lanes.skip(store.partition, message.offset)
        store.touch()
        return None
    seen = store.seen(record.user)
    again = store.again.get(record.user) == message.offset
    if (seen is not None and record.seq <= seen) or (message.offset < store.told and not again):
        lanes.skip(store.partition, message.offset)  # a repeat, or told before a restart
        store.touch()
        return None
    regressed = store.parked.get(record.user) == "regressed"
    gap: int | None = None
    if seen is not None and record.prev < seen:
        regressed = True
        log.error(
            "record regressed: user is parked", partition=store.partition, seq=record.seq, prev=record.prev, seen=seen
        )
    elif not again and record.prev != (FIRST if seen is None else seen):
        gap = FIRST if seen is None else seen
    work = Work(record, regressed=regressed, told=again, gap=gap)
    known = store.delivery(record.user)
    certain = gap is None and _certain(known, lanes.last(record.user))
    pressure = pressing(known.held if known else None, record.desired, certain=certain)
    lanes.offer(Turn(record.user, store.partition, message.offset, pressure, work))
    store.saw(record.user, record.seq)
    return record.user


def _certain(known: DeliveredState | None, last: Turn[Work] | None) -> bool:
    """Whether somebody whose delivery says that they are out is out. `last`: their newest work before this.

    A turn that hasn't ended may have let them in again, and so may the sink before us, for a record that comes again.
    """
    if known is None or freshness_of(known) is not Freshness.NOTED:
        return False
    return last is None or (last.work.leaves and last.urgency is not Urgency.REVOKE)

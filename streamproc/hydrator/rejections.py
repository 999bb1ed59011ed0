"""What the hydrator can't get, as records for `events.rejected`."""

from collections.abc import Sequence

from streamproc.adapters.kafka.log import ConsumerRecord
from streamproc.core.records.producer_record import REJECTIONS, Record
from streamproc.core.records.rejected import Problem, encode_rejected
from streamproc.core.records.units import Millis


def rejection(trigger: ConsumerRecord, problems: Sequence[Problem], *, partial: bool = False) -> Record:
    """For `events.rejected`: a notification that can't be read, or of a subject that can't be fetched.

    `partial`: whom it names was fetched, and something else of it doesn't count.
    """
    address = (trigger.topic, trigger.partition, trigger.offset)
    rejected = encode_rejected(
        *address,
        trigger.timestamp,
        problems,
        key=trigger.key,
        value=trigger.value,
        headers=trigger.headers,
        partial=partial,
    )
    return Record(REJECTIONS, "/".join(map(str, address)).encode(), rejected, [])


def rejection_of_sync(source: str, reason: str, now: Millis, subject: bytes) -> Record:
    """The same of a subject that a synchronisation can't take in. `now`: ms since 1970."""
    problem = Problem("not_fetched", reason, subject.decode("utf-8", "replace"))
    rejected = encode_rejected(f"sync/{source}", -1, -1, now, [problem], key=subject)
    return Record(REJECTIONS, b"sync/%b/%b" % (source.encode(), subject), rejected, [])

"""Replay: a rejected input is taken up again, as an operator orders once it can be understood.

Rule 1: what is appended again is what lies in `events.rejected`, to the partition where it lay. An order only names it,
so it can bring nothing of its own into a source's topic.
Rule 2: its time stays when it was received first, so that it overtakes nothing that was said since. What had been
carried out of it comes again with the same ids and orders, and is a duplicate.
"""

from binascii import Error

from pydantic import ValidationError

from streamproc.core.errors import RejectedInputError
from streamproc.core.records.control import CONTROL, Control
from streamproc.core.records.headers import RECEIVED, REPLAY
from streamproc.core.records.rejected import REJECTED
from streamproc.core.records.units import micros_of
from streamproc.sources.replayable import irreplayable
from streamproc.worker.decide.routed import Again
from streamproc.worker.raw_record import RawRecord


def ordered_replay(value: bytes | None) -> Control | None:
    """The order in a control that asks for a replay; None: it is another one, or none at all."""
    try:
        control = CONTROL.validate_json(value or b"")
    except ValidationError:
        return None
    return control if control.action == "replay" else None


def replay(raw: RawRecord, control: Control, name: bytes | None, rejection: bytes | None) -> Again:
    """What an order, which is `raw`, appends again. `name`, `rejection`: key and value of the record that it names.

    Raises RejectedInputError where that isn't the input, or none that can be replayed.
    """
    if rejection is None or name is None or name != (control.input or "").encode():
        raise RejectedInputError("replay", "nothing of this name was rejected at this offset")
    try:
        rejected = REJECTED.validate_json(rejection)
        key, value, headers = rejected.bytes_of()
    except (ValidationError, Error):
        raise RejectedInputError("replay", "what it names isn't a rejection") from None
    if (why := irreplayable(rejected)) is not None:
        raise RejectedInputError("replay", why)
    marked = [(name_, content) for name_, content in headers if name_ != REPLAY]
    if all(name_ != RECEIVED for name_, _ in marked):
        marked.append((RECEIVED, str(micros_of(rejected.appended)).encode()))
    marked.append((REPLAY, b"%b %b" % (name, raw.address)))
    return Again(rejected.topic, rejected.partition, key or b"", value or b"", marked)

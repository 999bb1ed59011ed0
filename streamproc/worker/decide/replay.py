"""Replay: a rejected input is taken up again, as an operator orders once it can be understood.

Rule 1: what is appended again is what lies in `events.rejected`. An order only names it, so it can bring nothing of its
own. It goes into the worker's own topic, with those headers alone that were believed where it lay; a notification goes
to who fetches its subject.
Rule 2: its time stays when it was received first, so that it overtakes nothing that was said since. What had been
carried out of it comes again with the same ids and orders, and is a duplicate.
"""

from binascii import Error
from typing import Final

from pydantic import ValidationError

from streamproc.core.errors import RejectedInputError
from streamproc.core.records.believed_headers import Placed, believed
from streamproc.core.records.control import CONTROL, Control
from streamproc.core.records.headers import FORWARDED, OF, RECEIVED, REPLAY
from streamproc.core.records.producer_record import Record
from streamproc.core.records.rejected import REJECTED, Rejected
from streamproc.core.records.topic_names import FORWARDS, source_of
from streamproc.core.records.units import micros_of
from streamproc.sources.replayable import irreplayable
from streamproc.worker.raw_record import RawRecord


def ordered_replay(value: bytes | None) -> Control | None:
    """The order in a control that asks for a replay; None: it is another one, or none at all."""
    try:
        control = CONTROL.validate_json(value or b"")
    except ValidationError:
        return None
    return control if control.action == "replay" else None


def replay(raw: RawRecord, control: Control, name: bytes | None, rejection: bytes | None) -> Record:
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
    marked = _headers(rejected, key, dict(headers))
    marked[REPLAY] = b"%b %b" % (name, raw.address)
    topic = rejected.topic if rejected.topic.startswith(NOTIFICATIONS) else FORWARDS
    return Record(topic, key or b"", value or b"", [*marked.items()])


NOTIFICATIONS: Final = "notifications."


def _headers(rejected: Rejected, key: bytes | None, headers: dict[str, bytes]) -> dict[str, bytes]:
    """Those that count, and from where and when it is."""
    kept = believed(Placed(rejected.topic, key, rejected.appended), headers).headers
    kept.setdefault(RECEIVED, str(micros_of(rejected.appended)).encode())
    if rejected.topic.startswith(NOTIFICATIONS):
        return kept
    kept.setdefault(OF, source_of(rejected.topic).encode())
    place = f"{rejected.topic}/{rejected.partition}/{rejected.offset}/{rejected.appended}"
    kept.setdefault(FORWARDED, place.encode())
    return kept

"""One user of a SCIM client's, by itself, as `streamproc parse` shows it: what facts it has, and who it says it is.

The worker doesn't read so: what a write means rests on what the log held before it (`read.py`).
"""

from typing import Any

from streamproc.core.parsed_payload import Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.provider.normalise import normalise
from streamproc.core.provider.resource_types import USERS
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.records.change_event import Fact
from streamproc.core.records.fact_names import ACTIVE
from streamproc.sources.options import SourceOptions
from streamproc.sources.scim import values
from streamproc.sources.scim.anchors import ScimConnection, anchor_of

DEFAULTS = values.DEFAULTS


def elements(payload: Any) -> list[Any]:
    """Users come one by one."""
    return [payload]


def read(payload: Any, receipt: Receipt, options: SourceOptions) -> ParsedPayload:
    """What a user says who is written for the first time, in whatever dialect. Never raises on any JSON."""
    try:
        body = normalise(USERS, payload)
    except ScimError as error:
        return ParsedPayload(ignored=(Ignored("not_understood", error.detail or "no user (RFC 7643 §4.1)"),))
    said = values.touched(body.written, options, body.attributes) | {ACTIVE}
    reading = values.read(body.attributes, said, options)
    facts: dict[str, Fact] = {**reading.facts}
    facts.setdefault(ACTIVE, True)
    id_ = payload.get("id") if isinstance(payload.get("id"), str) else body.attributes["userName"]
    anchor = anchor_of(id_, body.attributes, ScimConnection("", options))
    unknown = (Ignored("unknown", "no schema knows it", id_, name) for name in body.ignored)
    event = SourceEvent(id_, "", "change", (receipt.received, 0, ""), facts, anchor)
    return ParsedPayload(events=(event,), ignored=(*reading.told(id_), *unknown))

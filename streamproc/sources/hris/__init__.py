"""Source `hris` as a whole: the contract for any producer, and vendors' envelopes. What is neither failed the contract.

A worker reads the contract straight from the record (`hris.parse`); this is for who doesn't have a record yet.
"""

from typing import Any, Final

import orjson

from streamproc.core.errors import RejectedInputError
from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import Origin
from streamproc.sources.hris import contract, vendors
from streamproc.sources.lenient_json import parsed
from streamproc.sources.options import SourceOptions

DEFAULTS: Final = vendors.DEFAULTS
elements: Final = vendors.elements


def read(payload: Any, taken: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What events of the contract, or vendors' hooks, say. `taken.headers`: a CloudEvent's, in Kafka's binding."""
    return parsed(one for each in elements(payload) for one in _read(each, taken, options))


def _read(element: Any, taken: Receipt, options: SourceOptions) -> tuple[SourceEvent | FetchRequest | Ignored, ...]:
    headers = {name: value.encode() for name, value in taken.headers.items()}
    try:
        told = contract.parse(orjson.dumps(element), headers, Origin("", 0, 0, taken.received // 1000))
    except (RejectedInputError, orjson.JSONEncodeError) as error:
        found = vendors.read(element, taken, options)
        if {each.code for each in found.ignored} != {"not_understood"}:
            return (*found.events, *found.notifications, *found.ignored)
        refused = error if isinstance(error, RejectedInputError) else None
        return (Ignored(refused.code, refused.detail) if refused else found.ignored[0],)
    return tuple(
        SourceEvent(
            subject=each.subject,
            event=each.event,
            kind="snapshot" if each.kind == "snapshot" else "change",
            order=each.order,
            attributes=each.attributes,
            anchor=each.user,
            effective=each.effective,
            row=each.row,
            cancels=each.cancels,
            reason=each.reason,
        )
        for each in told
    )

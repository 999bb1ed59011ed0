"""Source `hris`: the contract for any producer, and vendors' envelopes. What is neither fails by the contract.

A worker reads the contract from the record itself (`contract.parse`); this is for payloads that aren't records yet.
"""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from streamproc.core.errors import RejectedInputError
from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.units import millis_of
from streamproc.sources.hris import contract, people, vendors
from streamproc.sources.lenient_json import parsed, record
from streamproc.sources.options import SourceOptions
from streamproc.sources.pruned import pruned

DEFAULTS: Final = vendors.DEFAULTS
elements: Final = vendors.elements


def read(payload: Any, receipt: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What events of the contract, or vendors' hooks, say. `receipt.headers`: a CloudEvent's, in Kafka's binding."""
    return parsed(part for element in elements(payload) for part in _read(element, receipt, options))


def _read(element: Any, receipt: Receipt, options: SourceOptions) -> tuple[SourceEvent | FetchRequest | Ignored, ...]:
    if people.fits(record(element)):
        fetched = vendors.read(element, receipt, options)
        return (*fetched.events, *fetched.ignored)
    headers = {name: value.encode() for name, value in receipt.headers.items()}
    origin = Origin("", 0, 0, millis_of(receipt.received))
    try:
        changes = contract.parse(orjson.dumps(element), headers, origin)
    except (RejectedInputError, orjson.JSONEncodeError) as error:
        parsed_ = vendors.read(element, receipt, options)
        if vendors.recognised(element) or {part.code for part in parsed_.ignored} != {"not_understood"}:
            return (*parsed_.events, *parsed_.notifications, *parsed_.ignored)
        changes = contract.leaver(orjson.dumps(pruned(element)), headers, origin)
        if not isinstance(error, RejectedInputError):
            return (*_said(changes), *parsed_.ignored)
        return (*_said(changes), Ignored(error.code, error.detail, error.subject, error.field))
    return _said(changes)


def _said(changes: Iterable[ChangeEvent]) -> tuple[SourceEvent, ...]:
    return tuple(
        SourceEvent(
            subject=change.subject,
            event=change.event,
            kind="snapshot" if change.kind == "snapshot" else "change",
            order=change.order,
            attributes=change.attributes,
            anchor=change.user,
            effective=change.effective,
            row=change.row,
            cancels=change.cancels,
            reason=change.reason,
        )
        for change in changes
    )

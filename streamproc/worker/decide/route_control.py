"""Where a record of `streamproc.controls` goes: an operator's command, as far as it is one for the worker.

One about a subject goes in line with what its source says (`route_forwarded.py`); a mapping goes into every partition
of the log.
"""

from collections import abc

from pydantic import ValidationError

from streamproc.core.errors import MappingError, RejectedInputError
from streamproc.core.fold.mapping import Mapping
from streamproc.core.identity.resolve import normalised
from streamproc.core.records.change_event import ChangeEvent, NewMapping
from streamproc.core.records.control import CONTROL, IDENTITY, LONGEST, Control
from streamproc.core.records.headers import FORWARDED, KIND, OF
from streamproc.core.records.mapping_in_force import SOURCE
from streamproc.core.records.producer_record import Record
from streamproc.core.records.topic_names import FORWARDS
from streamproc.core.records.units import micros_of
from streamproc.core.text import unseen
from streamproc.sources import SOURCES
from streamproc.sources.mapping_authority import usable
from streamproc.sources.options import SourceOptions
from streamproc.worker.decide.route import with_problems
from streamproc.worker.decide.route_forwarded import ORDER
from streamproc.worker.decide.routed import EncodedEvent, Routed, encoded_event
from streamproc.worker.raw_record import RawRecord, heard


def route_control(raw: RawRecord, options: abc.Mapping[str, SourceOptions]) -> Routed:
    """What a command leads to here; nothing, where it is for the sink."""
    record, foreign = heard(raw)
    return with_problems(_routed(record, options), foreign)


def _routed(raw: RawRecord, options: abc.Mapping[str, SourceOptions]) -> Routed:
    try:
        control = CONTROL.validate_json(raw.value or b"")
        if control.action == "mapping":
            return Routed(mapping=_mapping_event(raw, control), command=control)
        if control.action == "drop":  # the operators' list shows it; there is nothing to do
            return Routed(command=control)
        if control.action in IDENTITY:
            return Routed(forwards=[_order(raw, control, options)])
    except ValidationError:
        return Routed(
            rejected=RejectedInputError("invalid", "not a control; only the commands of streamproc write here")
        )
    except RejectedInputError as error:
        return Routed(rejected=error)
    return Routed()


def mapping_in(value: bytes | None) -> Mapping | None:
    """The mapping that a command brings; None: none, or it is to be rejected."""
    try:
        control = CONTROL.validate_json(value or b"")
        if control.action == "mapping" and control.mapping is not None:
            return usable(control.mapping, "mapping")
    except (ValidationError, MappingError):
        pass
    return None


def _order(raw: RawRecord, control: Control, options: abc.Mapping[str, SourceOptions]) -> Record:
    source, _, subject = (control.subject or "").partition("/")
    if source not in SOURCES or not subject or options[source].anchor == "subject":
        raise RejectedInputError("subject", "no SOURCE/SUBJECT of a source whose subjects are linked")
    if control.action == "link" and (normalised(control.user or "") is None or unseen(subject)):
        raise RejectedInputError(
            "subject", "no id, or no user ID: empty, too long, or with characters that aren't seen"
        )
    headers = [(KIND, ORDER), (OF, source.encode()), (FORWARDED, raw.placed)]
    return Record(FORWARDS, subject.encode(), raw.value or b"", headers)


def _mapping_event(raw: RawRecord, control: Control) -> EncodedEvent:
    text = control.mapping
    if text is None or len(text.encode()) > LONGEST:
        raise RejectedInputError("mapping", f"no mapping, or one of more than {LONGEST} bytes")
    try:
        digest = usable(text, "the mapping in an order").digest
    except MappingError as error:
        raise RejectedInputError("mapping", str(error)) from None
    order = (micros_of(control.at), raw.offset, control.id)
    new = NewMapping(text, control.by)
    return encoded_event(
        ChangeEvent("", SOURCE, "", digest, "mapping", order, {}, raw.origin, control.reason, mapping=new)
    )

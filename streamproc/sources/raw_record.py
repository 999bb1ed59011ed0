"""A source's record → what it says: the value by the source's parser, and what the headers add.

Of our own headers only those are given here that are believed (`core/records/believed_headers.py`).
"""

from collections.abc import Mapping
from typing import Final

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.believed_headers import micros
from streamproc.core.records.change_event import GONE, Fact
from streamproc.core.records.fact_names import STARTS
from streamproc.core.records.headers import KIND, READ, RECEIVED, SUBJECT, UNREADABLE
from streamproc.core.records.units import Millis, micros_of, millis_of
from streamproc.sources import Read
from streamproc.sources.options import SourceOptions
from streamproc.sources.wire_format import json_of

HARMLESS: Final = frozenset({"type", "failed", "noise", "group", "lifecycle", "probe", "deleted_row"})
"""Codes of `Ignored` that need no attention. Somebody should look at all others."""


def parse_record(
    read: Read, options: SourceOptions, value: bytes | None, headers: Mapping[str, bytes], appended: Millis
) -> ParsedPayload:
    """What the record says. `headers`: of ours those that count. `appended`: ms since 1970, when the broker had it."""
    named = {name.lower(): (content or b"").decode("utf-8", "replace") for name, content in headers.items()}
    received = micros(headers.get(RECEIVED))
    receipt = Receipt(micros_of(appended) if received is None else received, micros(headers.get(READ)), named)
    if value is None and (why := named.get(UNREADABLE)) is not None:
        return ParsedPayload(ignored=(Ignored("unreadable", why),))
    if (kind := named.get(KIND)) in {"gone", "unlisted"}:
        return _absent(named.get(SUBJECT, ""), receipt, gone=kind == "gone")
    if kind == "due" and (subject := named.get(SUBJECT)):
        return ParsedPayload(
            notifications=(FetchRequest(subject, f"due/{receipt.received}", receipt.received, "a date has come"),)
        )
    payload = None if value is None else json_of(value, named)
    return ParsedPayload(ignored=(payload,)) if isinstance(payload, Ignored) else read(payload, receipt, options)


def received(headers: Mapping[str, bytes]) -> Millis | None:
    """When the gateway had the record, in ms since 1970; None: it didn't come through one."""
    received_at = micros(headers.get(RECEIVED))
    return None if received_at is None else millis_of(received_at)


def _absent(subject: str, receipt: Receipt, *, gone: bool) -> ParsedPayload:
    """The source was asked, and doesn't know the subject any more (`gone`): access ends, nothing else changes.

    Or it doesn't show the subject any more, like a report, which shows only some people: then only a start that lies
    ahead is taken back, since the hire may have been rescinded.
    """
    if not subject:
        return ParsedPayload(ignored=(Ignored("incomplete", "it doesn't say who is gone"),))
    read_at = receipt.received if receipt.read_at is None else receipt.read_at
    attributes: dict[str, Fact] = {"active": False, GONE: True} if gone else {}
    event, reason = (
        (f"gone/{read_at}", "gone from this source") if gone else (f"unlisted/{read_at}", "not listed any more")
    )
    return ParsedPayload(
        (SourceEvent(subject, event, "change", (read_at, 1, event), attributes, cancels=STARTS, reason=reason),)
    )

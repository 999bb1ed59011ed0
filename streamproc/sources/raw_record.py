"""A record of `events.<source>` → what it says: its value by the source's parser, and what its headers tell beside it.

Headers are the gateway's and the hydrator's; a record by another producer has none of them.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import GONE, Fact
from streamproc.core.records.fact_names import STARTS
from streamproc.core.records.headers import KIND, READ, RECEIVED, SUBJECT
from streamproc.sources import Read
from streamproc.sources.options import SourceOptions

HARMLESS: Final = frozenset({"type", "failed", "noise", "group", "lifecycle", "probe", "deleted_row"})
"""Codes of `Ignored` that are as they should be. Whatever else isn't understood is to be seen by somebody."""


def parse_record(
    read: Read, options: SourceOptions, value: bytes | None, headers: Mapping[str, bytes], appended: int
) -> ParsedPayload:
    """What the record says. `appended`: ms since 1970, when the broker had it."""
    named = {name.lower(): (content or b"").decode("utf-8", "replace") for name, content in headers.items()}
    received = _micros(named.get(RECEIVED))
    taken = Receipt(appended * 1000 if received is None else received, _micros(named.get(READ)), named)
    if (kind := named.get(KIND)) in {"gone", "unlisted"}:
        return _absent(named.get(SUBJECT, ""), taken, gone=kind == "gone")
    if kind == "due" and (subject := named.get(SUBJECT)):
        return ParsedPayload(
            notifications=(FetchRequest(subject, f"due/{taken.received}", taken.received, "a date has come"),)
        )
    payload = _payload(value)
    return ParsedPayload(ignored=(payload,)) if isinstance(payload, Ignored) else read(payload, taken, options)


def received(headers: Mapping[str, bytes]) -> int | None:
    """When the gateway had the record, in ms since 1970; None: it didn't come through one."""
    content = headers.get(RECEIVED)
    at = None if content is None else _micros(content.decode("ascii", "replace"))
    return None if at is None else at // 1000


def _payload(value: bytes | None) -> Any:
    if value is None:
        return None
    if value[:1] == b"\0":
        return Ignored("wire_format", "starts with byte 0: schema registry framing isn't JSON")
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return Ignored("not_json", "the value isn't JSON, or is nested too deeply")


def _absent(subject: str, taken: Receipt, *, gone: bool) -> ParsedPayload:
    """The source was asked, and doesn't know the subject any more: a word about access, and no other. Or it knows more
    people than it shows (a report): then only a start that lay ahead is taken back, a hire that was rescinded.
    """
    if not subject:
        return ParsedPayload(ignored=(Ignored("incomplete", "it doesn't say who is gone"),))
    at = taken.received if taken.read is None else taken.read
    said: dict[str, Fact] = {"active": False, GONE: True} if gone else {}
    event, reason = (f"gone/{at}", "gone from this source") if gone else (f"unlisted/{at}", "not listed any more")
    return ParsedPayload((SourceEvent(subject, event, "change", (at, 1, event), said, cancels=STARTS, reason=reason),))


def _micros(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 18 else None

"""From a request's body to records: one per event, in the body's order, with its original bytes.

Rule 1: a record's key is the source's own id of the person, so one person's events share a partition.
Rule 2: where a body is one event, it is the record's value. The elements of a list are encoded as JSON again: the same
values, but numbers and blanks may be written differently. `streamproc-body` is the hash of the complete body.
Rule 3: of an event that is too large for Kafka what is left without its long texts and lists is stored, if that says
that somebody has left. All that is refused of a body is told in one rejection.
Rule 4: no credentials are stored: of the headers only those in `KEPT` and CloudEvents' are.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import orjson

from streamproc.core.parsed_payload import Ignored, ParsedPayload, Receipt
from streamproc.core.records.fact_names import ACTIVE
from streamproc.core.records.headers import BODY, BY_GATEWAY, RECEIVED
from streamproc.core.records.producer_record import LARGEST, REJECTIONS, Headers, Record
from streamproc.core.records.rejected import encode_rejected
from streamproc.core.records.topic_names import intake_topic, notifications_topic
from streamproc.core.records.units import Micros, millis_of
from streamproc.sources import Source
from streamproc.sources.options import SourceOptions
from streamproc.sources.pruned import pruned
from streamproc.sources.suspected_leaver import may_deny
from streamproc.sources.wire_format import json_of

MOST: Final = 5_000
"""Events in one body; PingOne sends up to 500."""
SEARCHED: Final = 2 * MOST
"""Events of a longer body among which leavers are looked for: all others wait meanwhile."""
HEADER: Final = 1024
"""Characters of a CloudEvents header's value that are stored, once for a body; and of a key."""
REPEATED: Final = 128
"""Characters of a header's value that is stored with each event of a body."""
KEPT: Final = frozenset(
    {
        "client-request-id",
        "finch-event-id",
        "finch-timestamp",
        "request-id",
        "traceparent",
        "x-bamboohr-timestamp",
        "x-okta-request-id",
        "x-request-id",
    }
)
"""Headers by which a delivery can be found at its sender."""
BATCH: Final = "application/cloudevents-batch"
BINARY: Final = "ce-specversion"


@dataclass(frozen=True, slots=True)
class Intake:
    """An authenticated request."""

    source: str
    headers: Mapping[str, str]
    """By names in any case."""
    received: Micros
    """µs since 1970."""
    digest: str
    """SHA-256 of the body."""

    @staticmethod
    def of_body(source: str, headers: Mapping[str, str], body: bytes, received: Micros) -> "Intake":
        """With the body's digest."""
        return Intake(source, headers, received, hashlib.sha256(body).hexdigest())


def content_type(headers: Mapping[str, str]) -> str:
    """Without parameters, in lower case; "" where there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def form_to_json(intake: Intake, body: bytes) -> tuple[Intake, bytes]:
    """A form as JSON, each field a list: some HR vendors send forms. Other bodies stay as they are."""
    if content_type(intake.headers) != "application/x-www-form-urlencoded" or not body:
        return intake, body
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=1000)
    except ValueError:
        return intake, body
    headers = {name.lower(): value for name, value in intake.headers.items()} | {"content-type": "application/json"}
    return replace(intake, headers=headers), orjson.dumps(fields)


def decode(headers: Mapping[str, str], body: bytes) -> Any:
    """The payload, or an Ignored where the body isn't JSON. Without a content type it counts as JSON."""
    kind = content_type(headers)
    if kind not in {"", "application/json"} and not kind.endswith("+json"):
        return Ignored("content_type", "the content type isn't JSON")
    return json_of(body)


def to_records(
    source: Source, options: SourceOptions, intake: Intake, payload: Any, body: bytes | None
) -> tuple[list[Record], list[Ignored]]:
    """The records of a decoded body, and what in it has no meaning here (that is among the records, too).

    `body` None: the payload is only a part of the body, so every element is encoded again.
    """
    if isinstance(payload, Ignored):
        return [rejected(intake, body or b"", payload)], [payload]
    kind = intake.headers.get("content-type", "")
    if isinstance(payload, list) and content_type(intake.headers).startswith(BATCH):
        elements, kind = payload, "application/cloudevents+json"
    elif BINARY in intake.headers:
        elements = [payload]  # in binary mode the body is one event's data, whatever it looks like
    else:
        elements = source.elements(payload) or [payload]  # a body without events is stored, too
    one_event = body is not None and len(elements) == 1 and not isinstance(payload, list)
    headers = _stored_headers(intake, kind)
    receipt, encoded = Receipt(intake.received, headers=headers), _encoded(headers)
    records: list[Record] = []
    ignored: list[Ignored] = []
    refused: list[Ignored] = []
    lost = False
    if len(elements) > MOST:
        refused.append(Ignored("too_many", f"{len(elements)} events in one body; at most {MOST}, but for leavers"))
        saying = [each for each in elements if each and isinstance(each, dict)]
        leavers = [each for each in saying[:SEARCHED] if _leaves(source.read(each, receipt, options))]
        lost, elements = len(saying) > SEARCHED or len(leavers) > MOST, leavers[:MOST]
    for element in elements:
        value = _json(element) if body is None or not one_event else body if len(body) <= LARGEST else _too_large(body)
        if isinstance(value, Ignored):
            refused.append(value)
            less = pruned(element)
            value, parsed = _json(less), source.read(less, receipt, options)
            if isinstance(value, Ignored) or not (_leaves(parsed) or parsed.notifications):
                lost = True
                continue
        else:
            parsed = source.read(element, receipt, options)
        ignored += parsed.ignored
        records += _records(source.name, parsed, value, encoded)
    if refused:
        records.append(rejected(intake, body or b"", *refused, partial=bool(records), lost=lost))
    return records, refused + ignored


def rejected(intake: Intake, value: bytes, *why: Ignored, partial: bool = False, lost: bool = True) -> Record:
    """For `events.rejected`: what of a body can't become events, once. Its topic there is `gateway/SOURCE`, which has
    no offsets. `partial`: the rest became some. `lost`: somebody may have left by what didn't.
    """
    topic = f"gateway/{intake.source}"
    headers = _encoded(_stored_headers(intake, intake.headers.get("content-type", "")))
    problems = [each.problem for each in why]
    rejected_ = encode_rejected(
        topic,
        -1,
        -1,
        millis_of(intake.received),
        problems,
        value=value,
        headers=headers,
        partial=partial,
        denies=lost and may_deny(value),
    )
    return Record(REJECTIONS, f"{topic}/{intake.digest}".encode(), rejected_, [])


def _leaves(parsed: ParsedPayload) -> bool:
    """Whether it says that somebody has left."""
    return any(event.attributes.get(ACTIVE) is False for event in parsed.events)


def _records(source: str, parsed: ParsedPayload, value: bytes, headers: Headers) -> list[Record]:
    events, fetches, ignored = parsed.events, parsed.notifications, parsed.ignored
    records = []
    if events or ignored or not fetches:
        subjects = [
            *(event.subject for event in events),
            *(entry.subject for entry in ignored if entry.subject),
            source,
        ]
        records.append(Record(intake_topic(source), _key(subjects[0]), value, headers))
    if fetches:
        records.append(Record(notifications_topic(source), _key(fetches[0].subject), value, headers))
    return records


def _json(element: Any) -> bytes | Ignored:
    try:
        value = orjson.dumps(element)
    except orjson.JSONEncodeError:  # orjson encodes to a depth of 254, and decodes to 1024
        return Ignored("too_deep", "nested too deeply to be written by itself")
    return value if len(value) <= LARGEST else _too_large(value)


def _too_large(value: bytes) -> Ignored:
    return Ignored("too_large", f"{len(value)} bytes in one event; at most {LARGEST}")


def _key(subject: str) -> bytes:
    return subject[:HEADER].encode("utf-8", "replace")


def _stored_headers(intake: Intake, kind: str) -> dict[str, str]:
    """CloudEvents' binary mode has `ce-` in HTTP (percent-encoded) and `ce_` in Kafka (their two protocol bindings)."""
    stored = {
        RECEIVED: str(intake.received),
        BY_GATEWAY: intake.source,
        BODY: intake.digest,
    }
    if kind:
        stored["content-type"] = kind[:REPEATED]
    binary = BINARY in intake.headers
    for name, value in intake.headers.items():
        if (lower := name.lower()) in KEPT:
            stored[lower] = value[:REPEATED]
        elif binary and lower.startswith("ce-"):
            stored[f"ce_{lower[3:HEADER]}"] = unquote(value)[:HEADER]
    return stored


def _encoded(headers: Mapping[str, str]) -> Headers:
    return [(name, value.encode("utf-8", "replace")) for name, value in headers.items()]

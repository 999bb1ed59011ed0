"""From a request's body to records: one per event, in the body's order, with its original bytes.

Rule 1: a record's key is the source's own id of the person, so one person's events share a partition.
Rule 2: where a body holds one event, the record's value is the body itself. Of a list, each is written anew as JSON:
the same values, but numbers and blanks may be spelt differently. `streamproc-body` is the hash of the whole body.
Rule 3: nothing goes along that proves who sent it: of the headers only those that are named here.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import orjson

from streamproc.core.parsed_payload import Ignored, ParsedPayload, Receipt
from streamproc.core.records.producer_record import LARGEST, REJECTIONS, Headers, Record
from streamproc.core.records.rejected import Rejected
from streamproc.sources import Source
from streamproc.sources.options import SourceOptions

MOST: Final = 5_000
"""Events in one body; PingOne sends up to 500."""
HEADER: Final = 1024
"""Characters of a header that goes along."""
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
"""Headers that help to find a delivery again at its sender's."""
BATCH: Final = "application/cloudevents-batch"
BINARY: Final = "ce-specversion"


@dataclass(frozen=True, slots=True)
class Intake:
    """A request as received: `headers` by names in any case, `received` in µs since 1970, the body's `digest`."""

    source: str
    headers: Mapping[str, str]
    received: int
    digest: str


def intake(source: str, headers: Mapping[str, str], body: bytes, received: int) -> Intake:
    """For a body that is proven."""
    return Intake(source, headers, received, hashlib.sha256(body).hexdigest())


def content_type(headers: Mapping[str, str]) -> str:
    """Without parameters, in lower case; "" where none is said."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def form_to_json(of: Intake, body: bytes) -> tuple[Intake, bytes]:
    """A form as JSON, each field a list: some HR vendors send forms. What isn't one stays as it is."""
    if content_type(of.headers) != "application/x-www-form-urlencoded" or not body:
        return of, body
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=1000)
    except ValueError:
        return of, body
    headers = {name.lower(): value for name, value in of.headers.items()} | {"content-type": "application/json"}
    return replace(of, headers=headers), orjson.dumps(fields)


def decode(of: Intake, body: bytes) -> Any:
    """The payload, or an Ignored where the body isn't JSON. Without a content type it is taken for JSON."""
    kind = content_type(of.headers)
    if kind not in {"", "application/json"} and not kind.endswith("+json"):
        return Ignored("content_type", "the content type isn't JSON")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return Ignored("not_json", "the body isn't JSON, or is nested too deeply")


def to_records(
    source: Source, options: SourceOptions, of: Intake, payload: Any, body: bytes | None
) -> tuple[list[Record], list[Ignored]]:
    """The records of a decoded body, and what in it means nothing here (that is among the records, too).

    `body` None: the payload isn't all of the body, so every element is written anew.
    """
    if isinstance(payload, Ignored):
        return [rejected(of, body or b"", payload.code, payload.reason)], [payload]
    kind = of.headers.get("content-type", "")
    if isinstance(payload, list) and content_type(of.headers).startswith(BATCH):
        elements, kind = payload, "application/cloudevents+json"
    elif BINARY in of.headers:
        elements = [payload]  # in binary mode the body is one event's data, whatever it looks like
    else:
        elements = source.elements(payload) or [payload]  # nothing was said, and that is kept, too
    if len(elements) > MOST:
        many = Ignored("too_many", f"{len(elements)} events in one body; at most {MOST}")
        return [rejected(of, body or b"", many.code, many.reason)], [many]
    whole = body is not None and len(elements) == 1 and not isinstance(payload, list)
    told = _told(of, kind)
    taken, headers = Receipt(of.received, headers=told), _encoded(told)
    made: list[Record] = []
    ignored: list[Ignored] = []
    for element in elements:
        value = _written(element) if body is None or not whole else body if len(body) <= LARGEST else _large(body)
        if isinstance(value, Ignored):
            ignored.append(value)
            made.append(rejected(of, body or b"", value.code, value.reason))
            continue
        said = source.read(element, taken, options)
        ignored += said.ignored
        made += _records(source.name, said, value, headers)
    return made, ignored


def rejected(of: Intake, value: bytes, code: str, reason: str) -> Record:
    """What can't become events, for `events.rejected`: there its topic is `gateway/SOURCE`, which has no offsets."""
    told = Rejected(
        topic=f"gateway/{of.source}",
        partition=-1,
        offset=-1,
        appended=of.received // 1000,
        code=code,
        reason=reason,
        key=None,
        value=b64encode(value[:LARGEST]).decode(),
        headers=[
            (name, b64encode(content).decode())
            for name, content in _encoded(_told(of, of.headers.get("content-type", "")))
        ],
    )
    return Record(REJECTIONS, f"gateway/{of.source}/{of.digest}".encode(), orjson.dumps(told), [])


def _records(source: str, said: ParsedPayload, value: bytes, headers: Headers) -> list[Record]:
    events, notices, ignored = said.events, said.notifications, said.ignored
    made = []
    if events or ignored or not notices:
        subject = events[0].subject if events else next((each.subject for each in ignored if each.subject), source)
        made.append(Record(f"events.{source}", _key(subject), value, headers))
    if notices:
        made.append(Record(f"notifications.{source}", _key(notices[0].subject), value, headers))
    return made


def _written(element: Any) -> bytes | Ignored:
    try:
        value = orjson.dumps(element)
    except orjson.JSONEncodeError:  # it writes to a depth of 254, and reads to 1024
        return Ignored("too_deep", "nested too deeply to be written by itself")
    return value if len(value) <= LARGEST else _large(value)


def _large(value: bytes) -> Ignored:
    return Ignored("too_large", f"{len(value)} bytes in one event; at most {LARGEST}")


def _key(subject: str) -> bytes:
    return subject[:HEADER].encode("utf-8", "replace")


def _told(of: Intake, kind: str) -> dict[str, str]:
    """CloudEvents' binary mode has `ce-` in HTTP (percent-encoded) and `ce_` in Kafka (their two protocol bindings)."""
    told = {"streamproc-received": str(of.received), "streamproc-source": of.source, "streamproc-body": of.digest}
    if kind:
        told["content-type"] = kind[:HEADER]
    binary = BINARY in of.headers
    for name, value in of.headers.items():
        if (lower := name.lower()) in KEPT:
            told[lower] = value[:HEADER]
        elif binary and lower.startswith("ce-"):
            told[f"ce_{lower[3:HEADER]}"] = unquote(value)[:HEADER]
    return told


def _encoded(told: Mapping[str, str]) -> Headers:
    return [(name, value.encode("utf-8", "replace")) for name, value in told.items()]

"""Source `hris` against anything that a topic may hold: an event comes out, or a reason why not, and nothing else."""

import copy
import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamproc.core.errors import RejectedInputError
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import CHANGE_EVENT, ChangeEvent, Origin
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import decode, encode
from streamproc.sources.hris.contract import CLOUDEVENT_TYPES, MAX_BYTES, parse

ORIGIN = Origin("events.hris", 3, 17, Millis(1_772_500_000_000))  # 2026-03-03T01:06:40Z
SECRET = "p3rsonal-d4ta"
MAPPING = parse_mapping("""
[attributes]
title = "job"
manager = "manager"
[[copy]]
fact = "genesysQueue"
to = "skills"
""")


def event(**changes: Any) -> dict[str, Any]:
    """A valid event, with these fields instead; `...` leaves a field out."""
    whole = {
        "id": "hr-1",
        "type": "snapshot",
        "subject": "E1001",
        "time": "2026-03-02T09:00:00.250+01:00",
        "sequence": 7,
        "effective": "2026-03-01T00:00:00Z",
        "reason": "hired",
        "attributes": {
            "userName": "ana.ruiz@example.com",
            "displayName": "Ana Ruiz",
            "active": True,
            "email": None,
            "job": "Agent",
            "custom": {"genesysQueue": "Billing:4", "shift": ["early", 2, True, None], "seats": {"a": 1.5}},
        },
    }
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def parsed(body: object, headers: dict[str, bytes | None] | None = None) -> ChangeEvent:
    """The one ChangeEvent of a record."""
    value = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")
    (change,) = parse(value, headers or {}, ORIGIN)  # type: ignore[arg-type]
    return change


def reason(body: object, headers: dict[str, bytes | None] | None = None) -> str:
    """Why a record is rejected."""
    with pytest.raises(RejectedInputError) as rejected:
        parsed(body, headers)
    return str(rejected.value)


def attempted(value: bytes | None, headers: dict[str, bytes | None]) -> None:
    """The parser takes the record or gives a reason; what it raises otherwise fails the test.

    A reason is short and can be written to Kafka; what was accepted goes through Kafka and through the fold.
    """
    try:
        (change,) = parse(value, headers, ORIGIN)  # type: ignore[arg-type]
    except RejectedInputError as error:
        refusal = str(error)
    else:
        assert CHANGE_EVENT.validate_json(orjson.dumps(change)) == change
        record = fold(None, 0, change, MAPPING)
        assert decode(encode(record)) == record
        return
    assert len(refusal.encode()) < 1_000


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=5),
    st.text(st.characters(categories=["Cs", "Cc", "Zs"]), max_size=3),
    st.sampled_from(["", " ", "1.0", "change", "2026-03-02T09:00:00Z", "2026-03-02", "9999-12-31T23:59:59.9Z"]),
    st.sampled_from(["0001-01-01T00:00:00+23:59", "2026-03-02T09:00:60Z", "1772442000", "x" * 300, "é" * 1025]),
)
names = st.sampled_from(
    ["attributes", "custom", "data", "id", "job", "sequence", "source", "specversion", "subject", "time", "type"]
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)
header_names = st.sampled_from(
    ["content-type", "Content-Type", "ce_specversion", "ce_id", "CE_source", "ce_type", "ce_subject", "ce_time", "x"]
)
header_values = st.one_of(
    st.none(),
    st.binary(max_size=4),
    st.sampled_from(
        [b"1.0", b"application/json", b"application/cloudevents+json; charset=utf-8", b"\xff\xfe", b"/hris"]
    ),
    st.sampled_from([name.encode() for name in CLOUDEVENT_TYPES]),
)
headers = st.dictionaries(header_names, header_values, max_size=6)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid event, plain or as a CloudEvent, in which something is replaced, added, left out or cut off."""
    body = copy.deepcopy(draw(st.sampled_from([event(), structured(event())])))
    for _ in range(draw(st.integers(1, 3))):
        holder = body
        while (
            isinstance(inner := holder[draw(st.sampled_from(sorted(holder)))], dict) and inner and draw(st.booleans())
        ):
            holder = inner
        name = draw(st.sampled_from(sorted(holder)))
        match draw(st.sampled_from(["replace", "add", "remove"])):
            case "replace":
                holder[name] = draw(anything)
            case "add":
                holder[draw(st.text(max_size=3) | names)] = draw(anything)
            case _ if len(holder) > 1:
                del holder[name]
    value = json.dumps(body).encode()  # writes NaN, Infinity and lone surrogates, as careless producers do
    return value[: draw(st.integers(0, len(value)))] if draw(st.integers(0, 9)) == 0 else value


def structured(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The event as a structured CloudEvent."""
    inner = {name: body[name] for name in body if name not in {"id", "type", "subject", "time"}}
    whole = {
        "specversion": "1.0",
        "id": body["id"],
        "source": "/hris/emea",
        "type": f"streamproc.user.{body['type']}.v1",
        "subject": body["subject"],
        "time": body["time"],
        "datacontenttype": "application/json",
        "data": inner,
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


def binary(body: dict[str, Any]) -> tuple[bytes, dict[str, bytes | None]]:
    """The event as a binary CloudEvent: value and headers (Kafka Protocol Binding 1.0 §3.2)."""
    whole = structured(body)
    data = whole.pop("data")
    content_type = whole.pop("datacontenttype").encode()
    return orjson.dumps(data), {f"ce_{name}": value.encode() for name, value in whole.items()} | {
        "content-type": content_type
    }


@settings(max_examples=150)
@given(value=st.none() | st.binary(max_size=200), headers=headers)
@example(value=b"\0\0\0\0\x07{}", headers={})
@example(value=b"\xef\xbb\xbf{}", headers={})
@example(value=b"[" * 100_000, headers={})
@example(value=b'{"a":' * 1000 + b"1" + b"}" * 1000, headers={})
@example(value=b"9" * 100_000, headers={})
@example(value=b'{"id":"' + b"x" * 200_000 + b'"}', headers={})
@example(value=b'"\\ud800"', headers={})
@example(value=orjson.dumps(event(attributes={"x" * 200_000: 1})), headers={})
@example(value=orjson.dumps(event(attributes=event()["attributes"] | {"custom": {"x" * 200_000: 1}})), headers={})
def test_any_bytes_are_an_event_or_a_reason(value: bytes | None, headers: dict[str, bytes | None]) -> None:
    """No bytes and no headers make the parser raise anything but RejectedInputError."""
    attempted(value, headers)


@settings(max_examples=150)
@given(body=anything, headers=headers)
def test_any_json_is_an_event_or_a_reason(body: object, headers: dict[str, bytes | None]) -> None:
    """No JSON does either, whether or not a producer's library thinks that it is JSON."""
    attempted(json.dumps(body).encode(), headers)


@settings(max_examples=150)
@given(value=mutated(), headers=st.just({}) | headers)
def test_any_near_miss_is_an_event_or_a_reason(value: bytes, headers: dict[str, bytes | None]) -> None:
    """An event with mistakes in it is still an event that folds, or a reason."""
    attempted(value, headers)


@pytest.mark.parametrize("depth", [10, 300, 900, 1100])
def test_deep_nesting_is_a_reason(depth: int) -> None:
    """However deeply a value is nested it is refused, at the place where it was put."""
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        nested = opening * depth + "1" + closing * depth
        whole = json.dumps(event(attributes={"custom": {"a": "HERE"}})).replace('"HERE"', nested)
        assert reason(whole.encode()).startswith(("invalid: attributes.custom.a", "not_json: "))
        assert reason(nested.encode()).startswith(("invalid: ", "not_json: "))


@given(body=st.sampled_from([event(), event(type="change", attributes={"active": False}), event(sequence=...)]))
def test_cloudevents_say_the_same(body: dict[str, Any]) -> None:
    """Structured, with and without its content type, and binary, an event is the plain one, but for its id's source."""
    plain = parsed(body)
    expected = replace(plain, event="/hris/emea#hr-1", order=(*plain.order[:2], "/hris/emea#hr-1"))
    assert parsed(structured(body)) == expected
    for content_type in (b"application/cloudevents+json", b" Application/CloudEvents+JSON; charset=utf-8"):
        assert parsed(structured(body), {"Content-Type": content_type}) == expected
    value, given_headers = binary(body)
    assert parsed(value, given_headers) == expected
    assert parsed(value, {name.upper(): content for name, content in given_headers.items()}) == expected


@given(name=st.sampled_from(["userName", "displayName", "job", "department", "manager"]), where=st.integers(0, 3))
def test_a_reason_holds_no_personal_data(name: str, where: int) -> None:
    """Whatever is wrong, the reason names the field and never repeats a value: rejections are read by operators."""
    broken: list[dict[str, Any]] = [
        {"attributes": {"active": True, name: [SECRET]}},
        {"attributes": {"active": SECRET, name: SECRET}},
        {"attributes": {name: SECRET * 100}},
        {"time": SECRET, "attributes": {name: SECRET}},
    ]
    assert SECRET not in reason(event(type="change", **broken[where]))


def test_a_plain_event_is_told_in_full() -> None:
    """Every field of the contract arrives in the ChangeEvent; blanks around text are dropped, empty text is null."""
    given_event = event(attributes=event()["attributes"] | {"job": "  Agent ", "custom": {"desk": "  ", "floor": 4}})
    assert parsed(given_event) == ChangeEvent(
        user="E1001",
        source="hris",
        subject="E1001",
        event="hr-1",
        kind="snapshot",
        order=(Micros(1_772_438_400_250_000), 7, "hr-1"),
        attributes={
            "userName": "ana.ruiz@example.com",
            "displayName": "Ana Ruiz",
            "active": True,
            "email": None,
            "job": "Agent",
            "desk": None,
            "floor": 4,
        },
        origin=ORIGIN,
        reason="hired",
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": ...}, "invalid: id: Field required"),
        ({"id": ""}, "invalid: id: String should have at least 1 character"),
        ({"id": 7}, "invalid: id: Input should be a valid string"),
        ({"type": "leave"}, "invalid: type: Input should be 'snapshot' or 'change'"),
        ({"subject": "a\nb"}, "invalid: subject: String should match pattern"),
        ({"subject": "x" * 257}, "invalid: subject: String should have at most 256 characters"),
        ({"time": "2026-03-02T09:00:00"}, "invalid: time: Input should have timezone info"),
        ({"time": 1_772_442_000}, "invalid: time: Value error, expected an RFC 3339 timestamp with a zone"),
        ({"time": "1772442000"}, "invalid: time: Value error, expected an RFC 3339 timestamp with a zone"),
        ({"time": "2026-03-04T01:06:41Z"}, "time_ahead: time is more than 24 hours after the broker received"),
        ({"sequence": -1}, "invalid: sequence: Input should be greater than or equal to 0"),
        ({"sequence": 2**53}, "invalid: sequence: Input should be less than 9007199254740992"),
        ({"sequence": "7"}, "invalid: sequence: Input should be a valid integer"),
        ({"attributes": ...}, "invalid: attributes: Field required"),
        ({"attributes": {}}, "invalid: event: Value error, a snapshot must say userName, displayName, active"),
        ({"attributes": {}, "type": "change"}, "invalid: event: Value error, attributes are empty"),
        ({"attributes": {"active": None}}, "invalid: attributes.active: Input should be a valid boolean"),
        ({"attributes": {"active": "false"}}, "invalid: attributes.active: Input should be a valid boolean"),
        ({"attributes": {"active": 0}}, "invalid: attributes.active: Input should be a valid boolean"),
        ({"attributes": {"userName": " "}}, "invalid: attributes.userName: String should have at least 1 character"),
        (
            {"attributes": {"mobile": "+34"}},
            "invalid: attributes.mobile: the contract has no such attribute; put it into",
        ),
        ({"attributes": {"custom": {"a": {"b": {}}}}}, "invalid: attributes.custom.a"),
        (
            {"type": "change", "attributes": {"custom": {"active ": True}}},
            "invalid: event: Value error, custom.active is the name of a standard attribute",
        ),
        ({"tenant": "emea"}, "invalid: tenant: Extra inputs are not permitted"),
    ],
)
def test_each_mistake_has_its_reason(changes: dict[str, Any], expected: str) -> None:
    """A rejected event's reason begins with a code, names the field, and says what would do."""
    assert reason(event(**changes)).startswith(expected)


def test_what_isnt_json_has_its_reason() -> None:
    """No value, Avro, too many bytes and broken JSON are told apart."""
    with pytest.raises(RejectedInputError, match=r"^tombstone: .*a leaver is an event with active false"):
        parse(None, {}, ORIGIN)
    assert reason(b"\0\0\0\0\x07\x0cE1001").startswith("wire_format: the value is Avro or Protobuf, of schema 7")
    assert reason(b"\0\0\0\0\x07{}").startswith("invalid: ")
    assert reason(b'{"id": "hr-0006", "type": "snapsh').startswith("not_json: not JSON: ")
    assert reason(b" " * (MAX_BYTES + 1)) == f"too_large: {MAX_BYTES + 1} bytes; at most {MAX_BYTES}"
    assert reason(b" " * MAX_BYTES).startswith("not_json: ")
    assert reason([event()]).startswith("invalid: event: Input should be a valid dictionary")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"specversion": "0.3"}, "cloudevents_version: specversion isn't 1.0"),
        ({"specversion": 1.0}, "cloudevents_version: specversion isn't 1.0"),
        ({"type": "com.example.user"}, "cloudevents_type: type is none of streamproc.user.snapshot.v1, "),
        ({"type": ...}, "cloudevents_type: type is none of streamproc.user.snapshot.v1, "),
        ({"type": ["streamproc.user.snapshot.v1"]}, "cloudevents_type: type is none of "),
        ({"data": ...}, "cloudevents_data: data isn't a JSON object"),
        ({"data": "e30="}, "cloudevents_data: data isn't a JSON object"),
        ({"source": ...}, "cloudevents_source: source is missing"),
        ({"source": ""}, "cloudevents_source: source is missing"),
        ({"source": {"a": 1}}, "cloudevents_source: source is missing, or isn't text"),
        ({"id": ...}, "cloudevents_id: id is missing, or isn't text"),
        ({"subject": ...}, "invalid: subject: Field required"),
        ({"time": ...}, "invalid: time: Field required"),
    ],
)
def test_each_mistake_in_a_cloudevent_has_its_reason(changes: dict[str, Any], expected: str) -> None:
    """What is wrong with the envelope is told in CloudEvents' own words."""
    content_type: dict[str, bytes | None] = {"content-type": b"application/cloudevents+json"}
    assert reason(structured(event(), **changes), content_type).startswith(expected)


def test_a_batch_of_cloudevents_is_refused() -> None:
    """A record that holds several CloudEvents is told to come one by one, in either of its disguises."""
    batch: dict[str, bytes | None] = {"content-type": b"application/cloudevents-batch+json"}
    assert reason([structured(event())], batch).startswith("cloudevents_batch: ")
    content_type: dict[str, bytes | None] = {"content-type": b"application/cloudevents+json"}
    assert reason([structured(event())], content_type).startswith("invalid: event: ")


def test_microseconds_order_events() -> None:
    """Of two events in the same millisecond the later one by `time` is the later one, as the contract says."""
    earlier = parsed(event(id="b", sequence=0, time="2026-03-02T09:00:00.000100Z"))
    later = parsed(event(id="a", sequence=0, time="2026-03-02T09:00:00.000400Z"))
    assert earlier.order < later.order


def test_two_sources_may_use_the_same_id() -> None:
    """An id of a CloudEvent is unique only with its source, so equal ids of two sources are two events."""
    one, other = (parsed(structured(event(), source=source)) for source in ("/hris/emea", "/hris/apac"))
    assert one.event != other.event
    assert one.order != other.order

"""From an authenticated body to records: one per event, with its bytes, without credentials."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.parsed_payload import Ignored, ParsedPayload, Receipt
from streamproc.core.records.producer_record import LARGEST, REJECTIONS, Record
from streamproc.core.records.units import Micros
from streamproc.gateway.decide.to_records import KEPT, MOST, SEARCHED, Intake, decode, to_records
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions
from tests.support.gateway_requests import CLOUDEVENT, EVENT, NOW, OKTA


def records_of(
    source: str, payload: Any, headers: Mapping[str, str] | None = None
) -> tuple[list[Record], list[Ignored]]:
    """The records of a body."""
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    intake = Intake.of_body(source, {"content-type": "application/json"} | dict(headers or {}), body, Micros(NOW))
    return to_records(SOURCES[source], SOURCES[source].defaults, intake, decode(intake.headers, body), body)


def test_a_body_becomes_one_record_per_event_in_order() -> None:
    """Facts and what means nothing go to events, triggers to notifications, under the subject they name."""
    records, ignored = records_of("okta", OKTA)
    assert [(record.topic, record.key) for record in records] == [
        ("events.okta", b"00u0"),
        ("notifications.okta", b"00u1"),
        ("events.okta", b"00u2"),
    ]
    assert [orjson.loads(record.value) for record in records] == OKTA["data"]["events"]  # type: ignore[index]
    assert [part.code for part in ignored] == ["type"]


def test_one_event_alone_keeps_its_bytes() -> None:
    """What was signed or hashed can be checked again: the value is the body itself, envelope, blanks and all."""
    alone = {**OKTA, "data": {"events": OKTA["data"]["events"][:1]}}  # type: ignore[index]
    body = json.dumps(alone, indent=3).encode()
    ((record,), _) = records_of("okta", body)
    assert record.value == body
    assert dict(record.headers)["streamproc-body"] == hashlib.sha256(body).hexdigest().encode()


def test_headers_that_prove_or_arent_known_stay_behind() -> None:
    """Only named headers travel, and nobody outside can say when or for whom a record was received."""
    secret = {
        "authorization": "s3cret",
        "cookie": "s3cret",
        "finch-signature": "s3cret",
        "x-api-key": "s3cret",
        "x-unknown": "s3cret",
        "ce-id": "not a CloudEvent",
        "streamproc-received": "0",
    }
    ((record, *_), _) = records_of("okta", OKTA, secret | {"X-Okta-Request-Id": "r1"})
    assert record.headers == [
        ("streamproc-received", str(NOW).encode()),
        ("streamproc-source", b"okta"),
        ("streamproc-body", hashlib.sha256(orjson.dumps(OKTA)).hexdigest().encode()),
        ("content-type", b"application/json"),
        ("x-okta-request-id", b"r1"),
    ]


def test_cloudevents_keep_their_mode() -> None:
    """Binary and structured go on as their Kafka binding has them; a batch becomes structured ones."""
    context = {f"ce-{name}": str(value) for name, value in CLOUDEVENT.items() if name != "data"}
    ((binary,), ignored) = records_of("hris", CLOUDEVENT["data"], context | {"ce-source": "/hr%20emea"})
    assert (binary.key, ignored) == (b"E1001", [])
    assert dict(binary.headers)["ce_source"] == b"/hr emea"
    assert dict(binary.headers)["content-type"] == b"application/json"
    ((structured,), ignored) = records_of("hris", CLOUDEVENT, {"content-type": "application/cloudevents+json"})
    assert (structured.key, ignored) == (b"E1001", [])
    kind = {"content-type": "application/cloudevents-batch+json; charset=UTF-8"}
    for many in (1, 3):
        batch, ignored = records_of("hris", [CLOUDEVENT] * many, kind)
        assert [orjson.loads(record.value) for record in batch] == [CLOUDEVENT] * many
        assert {dict(record.headers)["content-type"] for record in batch} == {b"application/cloudevents+json"}
        assert ignored == []


def test_source_hris_reads_the_contract_and_vendors_alike() -> None:
    """One route takes both; what is neither is told in the contract's words, which its sender can act on."""
    source = SOURCES["hris"]
    vendor = {"type": "employee.updated", "data": {"companyId": "c", "employeeId": "7"}}
    parsed = source.read([EVENT, vendor, EVENT | {"subject": ""}, 7], Receipt(Micros(NOW)), source.defaults)
    assert [(event.subject, event.anchor, event.attributes) for event in parsed.events] == [
        ("E1001", "E1001", {"active": False})
    ]
    assert [fetch.subject for fetch in parsed.notifications] == ["7"]
    assert [part.code for part in parsed.ignored] == ["invalid", "invalid"]
    assert parsed.ignored[0].reason.startswith("subject: ")


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"{", {}, "not_json"),
        (b"", {}, "not_json"),
        (b"\xff", {}, "encoding"),
        (b"[" * 100_000, {}, "not_json"),
        (b"{}", {"content-type": "text/plain"}, "content_type"),
        (b"a=1", {"content-type": "application/x-www-form-urlencoded"}, "content_type"),
        (b"[" + b'{"a":' * 300 + b"1" + b"}" * 300 + b",1]", {}, "too_deep"),
        (b'["' + b"x" * LARGEST + b'",1]', {}, "too_large"),
        (orjson.dumps([1] * (MOST + 1)), {}, "too_many"),
    ],
    ids=["cut", "empty", "binary", "bottomless", "text", "form", "deep", "large", "many"],
)
def test_what_cant_be_kept_as_events_is_kept_as_it_came(body: bytes, headers: dict[str, str], code: str) -> None:
    """Its bytes lie in events.rejected with a reason, and what came beside it in the same body is still taken."""
    records, ignored = records_of("pingone", body, headers)
    (bad,) = [orjson.loads(record.value) for record in records if record.topic == "events.rejected"]
    assert (bad["topic"], bad["code"], ignored[0].code) == ("gateway/pingone", code, code)
    assert base64.b64decode(bad["value"]) == body[:LARGEST]
    assert len(records) == (2 if code in {"too_deep", "too_large"} else 1)


@settings(max_examples=30, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_kept(payload: Any) -> None:
    """Whatever is sent with the right proof ends in a record; keys and headers are never empty or wrong."""
    for source in SOURCES:
        records, _ = records_of(source, orjson.dumps(payload))
        assert all(record.key and record.value is not None for record in records)
        assert records


def _okta_user(number: int, status: str, **profile: Any) -> dict[str, Any]:
    created = {"created": "2024-01-01T00:00:00.000Z", "lastUpdated": "2026-11-29T17:00:00.000Z"}
    return {"id": f"00u{number}", "status": status, "profile": {"login": f"{number}@example.com", **profile}, **created}


@pytest.mark.parametrize("more", [{"photo": "x" * LARGEST}, {f"a{n}": "x" * 900 for n in range(1_500)}])
def test_a_leaver_who_is_too_large_leaves(more: dict[str, str]) -> None:
    """What is left without the long of it is taken in; the body is told once, and somebody else's word isn't taken."""
    body = orjson.dumps([_okta_user(1, "SUSPENDED", **more), _okta_user(2, "ACTIVE", **more), _okta_user(3, "ACTIVE")])
    records, ignored = records_of("okta", body)
    *taken, told = records
    assert [record.key for record in taken] == [b"00u1", b"00u3"]
    payload = orjson.loads(taken[0].value)
    (left,) = SOURCES["okta"].read(payload, Receipt(Micros(NOW)), SOURCES["okta"].defaults).events
    assert (left.subject, left.attributes["active"]) == ("00u1", False)
    rejected = orjson.loads(told.value)
    assert (told.topic, rejected["partial"], [each.code for each in ignored]) == (REJECTIONS, True, ["too_large"] * 2)
    assert max(len(record.value) for record in records) < 2_000_000


def test_of_too_many_events_the_leavers_are_taken() -> None:
    """Nobody keeps access because others came along."""
    users = [_okta_user(n, "ACTIVE") for n in range(MOST)]
    records, ignored = records_of("okta", orjson.dumps([*users, _okta_user(9_999, "DEPROVISIONED")]))
    assert [record.key for record in records[:-1]] == [b"00u9999"]
    rejected = orjson.loads(records[-1].value)
    assert (ignored[0].code, rejected["code"], rejected["denies"]) == ("too_many", "too_many", False)


def test_all_that_is_refused_of_a_body_is_told_once() -> None:
    """However many events of it are; a body is stored once."""
    deep = b'{"a":' * 300 + b"1" + b"}" * 300
    body = b"[" + b",".join([deep] * 400) + b',{"status":"SUSPENDED"}]'
    records, ignored = records_of("okta", body)
    assert len([record for record in records if record.topic == REJECTIONS]) == 1
    assert len([each for each in ignored if each.code == "too_deep"]) == 400
    assert sum(len(record.value) for record in records) < 2 * len(body)


def test_what_lies_beside_each_event_of_a_body_is_small() -> None:
    """A proven sender's request costs the log in proportion to its events, however long its headers are."""
    headers = dict.fromkeys(KEPT, "x" * 8000) | {"content-type": "application/json;" + "x" * 8000}
    records, _ = records_of("okta", [{"uuid": f"u-{number}"} for number in range(100)], headers)
    assert len(records) == 100
    assert all(sum(len(name) + len(value) for name, value in record.headers) < 1600 for record in records)


@pytest.mark.parametrize("source", sorted({*SOURCES} - {"scim"}))  # whose requests come one at a time
@pytest.mark.parametrize("element", [1, {}, {"a": 1}], ids=str)
def test_a_body_of_far_too_many_is_read_no_further_than_usual_ones(source: str, element: Any) -> None:
    """All other senders wait while one body is read: what isn't looked at is rejected, and told."""
    read = 0

    def counted(payload: Any, receipt: Receipt, options: SourceOptions) -> ParsedPayload:
        nonlocal read
        read += 1
        return SOURCES[source].read(payload, receipt, options)

    body = orjson.dumps([element] * 100_000)
    intake = Intake.of_body(source, {"content-type": "application/json"}, body, Micros(NOW))
    counting = replace(SOURCES[source], read=counted)
    records, ignored = to_records(counting, SOURCES[source].defaults, intake, orjson.loads(body), body)
    assert [record.topic for record in records] == ["events.rejected"]
    assert ignored[0].code == "too_many"
    assert read <= SEARCHED

"""What can't be understood is told: as a whole, or as a part beside what is carried out."""

import base64
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from streamproc import telemetry
from streamproc.core.errors import RejectedInputError
from streamproc.core.parsed_payload import Ignored, ParsedPayload, SourceEvent
from streamproc.core.records.rejected import MOST, REJECTED, Problem, encode_rejected
from streamproc.core.records.topic_names import FORWARDS, REJECTIONS
from streamproc.core.records.units import Micros, Millis
from streamproc.worker.decide import route
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.rejections import Rejections
from tests.service.worker.test_resolve import OPTIONS, Bench

UNREAD = Ignored("not_understood", "no date", "00u1", "job")
STRANGE = Ignored("not_understood", "no date", "00u2", "Kim Berg's column")


def says(monkeypatch: pytest.MonkeyPatch, *ignored: Ignored, events: bool = True) -> None:
    """Every record says that 00u1, who is E1, has a department, and this."""
    order = (Micros(1_790_000_000_000_000), 0, "e1")
    event = SourceEvent("00u1", "e1", "change", order, {"department": "Billing"}, anchor="E1")
    said = ParsedPayload((event,) if events else (), ignored=ignored)
    monkeypatch.setattr(route, "parse_record", lambda *_: said)


def count(source: str, code: str, field: str) -> float:
    """Of the metric."""
    return float(telemetry.REJECTED.labels(source, code, field)._value.get())


def told(bench: Bench) -> list[dict[str, Any]]:
    """What went to `events.rejected` in one round."""
    return [value for topic, _, value, _ in bench.sent() if topic == REJECTIONS]


def test_a_part_is_told_and_the_rest_carried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one round with the events: with subject and field, and the bytes as they came."""
    says(monkeypatch, UNREAD, STRANGE, Ignored("noise", "of no meaning", "00u1"))
    bench, before = Bench(), (count("okta", "not_understood", "job"), count("okta", "not_understood", "other"))
    with capture_logs() as lines:
        bench.take("okta", b'{"a": 1}', read="5")
    (changes, *_), (rejected, *rest) = zip(*[(t, v) for t, _, v, _ in sorted(bench.sent(), reverse=True)], strict=True)
    assert (changes, len(rest)) == (FORWARDS, 1)
    rejected = REJECTED.validate_python({**rest[0], "headers": [tuple(each) for each in rest[0]["headers"]]})
    assert rejected.partial
    assert (rejected.topic, rejected.offset) == ("events.okta", 1)
    assert rejected.problems == [
        Problem("not_understood", "no date", "00u1", "job"),
        Problem("not_understood", "no date", "00u2", "Kim Berg's column"),
    ]
    assert base64.b64decode(rejected.value or "") == b'{"a": 1}'
    assert rejected.headers == [("streamproc-read", "NQ==")]
    after = (count("okta", "not_understood", "job"), count("okta", "not_understood", "other"))
    assert after == (before[0] + 1, before[1] + 1), "a name that nobody configured is no label"
    (line,) = [line for line in lines if line["event"] == "not understood"]
    assert (line["code"], line["field"], line["n"]) == ("not_understood", "job", 2)
    assert "00u1" not in str(line)


def test_what_was_forwarded_tells_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who read the record first has told it."""
    says(monkeypatch, UNREAD)
    bench = Bench()
    bench.take("okta", b"{}")
    assert len([topic for topic, *_ in bench.hop() if topic == REJECTIONS]) == 1
    assert told(bench) == []


def test_what_is_rejected_as_a_whole_tells_all_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only the first thing."""
    says(monkeypatch, UNREAD, STRANGE, events=False)
    bench = Bench()
    with pytest.raises(RejectedInputError) as rejected:
        bench.take("okta", b"{}")
    raw = RawRecord("events.okta", 0, 7, Millis(5), None, b"{}", {})
    Rejections(bench.outbox, OPTIONS).reject(raw, rejected.value, bench.finish)
    (value,) = told(bench)
    assert (value["partial"], value["subject"], value["field"]) == (False, "00u1", "job")
    assert [each["subject"] for each in value["more"]] == ["00u2"]
    assert bench.done == 1


def test_what_is_wrong_here_is_told_with_what_else_couldnt_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the rest can't be carried out either, one rejection tells both."""
    says(monkeypatch, UNREAD)
    monkeypatch.setattr(route, "fitting_events", lambda _: raised(RejectedInputError("too_large", "more than fits")))
    bench = Bench()
    with pytest.raises(RejectedInputError, match=r"^too_large") as rejected:
        bench.take("hris", b"{}")
    assert [each.code for each in rejected.value.others] == ["not_understood"]
    assert told(bench) == []


def raised(error: Exception) -> list[Any]:
    """As if that had been computed."""
    raise error


def test_the_contract_names_subject_and_field() -> None:
    """As far as the event is JSON."""
    with pytest.raises(RejectedInputError) as rejected:
        Bench().take("hris", {"id": "1", "subject": "E1", "attributes": {"job": 7}, "time": "2026-01-01T00:00:00Z"})
    assert rejected.value.subject == "E1"
    assert rejected.value.field == "type"


@pytest.mark.parametrize("text", ["x", "\x01", "\U0001f600"])
def test_however_much_is_wrong_it_fits_into_a_record(text: str) -> None:
    """A broker takes 2 MiB; what is cut says so. A character may be six bytes of JSON."""
    problems = [Problem("c" * 20, text * 5000, f"{n}" + text * 5000, text * 5000) for n in range(MOST)]
    more = [Problem("c", "r", str(n)) for n in range(7)]
    huge, headers = b"x" * 2_000_000, [(text * 1000, b""), (text * 50_000, b""), ("h", b"x" * 2_000_000)]
    value = encode_rejected("t", 0, 0, Millis(0), [*problems, *more], key=huge, value=huge, headers=headers)
    assert len(value) < 2_000_000
    rejected = REJECTED.validate_json(value)
    assert rejected.cut
    assert len(rejected.problems) + rejected.untold == len({*problems, *more})


def test_older_records_are_read() -> None:
    """They have no subject, no field, and nothing beside."""
    old = {"topic": "t", "partition": 0, "offset": 1, "appended": 2, "code": "c", "reason": "r"}
    rejected = REJECTED.validate_json(orjson.dumps({**old, "key": None, "value": "e30=", "headers": [["a", "Yg=="]]}))
    assert rejected.problems == [Problem("c", "r")]
    assert (rejected.partial, rejected.cut) == (False, False)

"""Values: msgspec reads and writes them as pydantic and orjson do, down to the byte."""

from dataclasses import asdict, fields, replace
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import (
    CHANGE_EVENT,
    ChangeEvent,
    Move,
    Origin,
    SourceFacts,
    decode_event,
    encode_event,
)
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import USER_RECORD, UserRecord, UserState, decode, decode_state, encode
from streamproc.core.records.value import encode_sorted
from tests.support.events import histories

MAPPING = parse_mapping('[attributes]\ntitle = "job"\nphone = "hash"\n[[copy]]\nfact = "genesysRole"\nto = "roles"\n')
EVENT = ChangeEvent(
    "E1",
    "hris",
    "E1-a",
    "Zażółć",
    "link",
    (Micros(5), 0, "e"),
    {"job": "Agent", "level": 1.5, "names": ["a", None, 7, True], "levels": {"Spanish": 4}},
    Origin("events.hris", 0, 3, Millis(900), Millis(890)),
    "transfer",
    move=Move(
        "E2", None, SourceFacts("E1-a", Origin("events.hris", 0, 1, Millis(800)), (Micros(4), 0, "d"), {"job": "Clerk"})
    ),
)
VALUE = orjson.dumps(EVENT)
BITS = (
    *(b"", b'"', b"0", b"1", b"1.0", b"-0", b"1e3", b"1e16", b"1e999", b"NaN", b"-Infinity", b"true", b"null", b"{}"),
    *(b"[", b"]", b"{", b"}", b",", b" ", b"01", b"1.", b".5", b"18446744073709551616", b'"1"', b'"true"', b'"a":1,'),
    *(b"\\u0041", b"\\ud800", b"\\ud83d\\ude00", b"\\x", b"\x00", b"\x1f", b"\x7f", b"\xff", b"\xed\xa0\x80"),
    *(b'"user":"E2",', b'"new":"\xff",', b'"new":' + b"[" * 250 + b"]" * 250 + b","),
)
"""Put anywhere into an event, most of these make something else of it, or nothing."""

events = histories(most=3, dated=True).filter(bool) | st.just([EVENT])


def read_by_pydantic(value: bytes) -> ChangeEvent | None:
    """What the model alone makes of it."""
    try:
        return CHANGE_EVENT.validate_json(value)
    except ValidationError:
        return None


def same(value: bytes) -> None:
    """Whether it is an event, and which, down to the types of its facts."""
    expected = read_by_pydantic(value)
    if expected is None:
        with pytest.raises(ValidationError):
            decode_event(value)
    else:
        assert repr(decode_event(value)) == repr(expected)


@given(events)
def test_an_event_has_the_bytes_that_orjson_writes(history: list[ChangeEvent]) -> None:
    """With numbers, dates, rows and moves; and it is read back from them as it was."""
    for event in history:
        value = encode_event(event)
        assert value == orjson.dumps(event)
        assert repr(decode_event(value)) == repr(event)


@pytest.mark.parametrize("bit", BITS)
def test_wherever_something_is_put_into_an_event_it_is_read_as_pydantic_reads_it(bit: bytes) -> None:
    """At each place, and in place of each token: fields that nobody knows, other types, numbers that aren't any."""
    for at in range(len(VALUE)):
        if VALUE[at : at + 1] in b'{}[],:"' or VALUE[at - 1 : at] in b'{}[],:"':
            same(VALUE[:at] + bit + VALUE[at:])
            same(VALUE[:at] + bit + VALUE[at + 1 :])
            end = min(found for mark in b",]}" if (found := VALUE.find(mark, at)) >= 0)
            same(VALUE[:at] + bit + VALUE[end:])


@settings(max_examples=300)
@given(events.map(lambda history: orjson.dumps(history[0])), st.data())
def test_an_altered_event_is_read_as_pydantic_reads_it(value: bytes, data: st.DataObject) -> None:
    """Bytes that are left out, put in or exchanged anywhere."""
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(value)))
        until = at + data.draw(st.sampled_from([0, 0, 1, 1, 2, 4, 8]))
        value = value[:at] + data.draw(st.sampled_from(BITS)) + value[until:]
    same(value)


@given(histories(most=4, dated=True), histories(source="okta", subject="E1-b", most=3))
def test_a_record_has_the_bytes_that_orjson_writes(first: list[ChangeEvent], second: list[ChangeEvent]) -> None:
    """Keys sorted, whatever numbers its facts hold; what the fold goes on from is what the whole record says."""
    record: UserRecord | None = None
    for seq, event in enumerate(first + second):
        record = fold(record, seq, event, MAPPING)
        value = encode(record)
        assert value == orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
        known, state = decode(value), decode_state(value)
        assert known == record
        for name in UserState.__struct_fields__:
            assert getattr(state, name) == getattr(known, name)
        assert repr(state.facts) == repr(known.facts)  # 1 and true are equal, and aren't the same


@example(0.00001)
@example(9999999999999998.0)
@given(st.floats(-1e15, 1e15) | st.integers(-(2**63), 2**64 - 1) | st.text(st.characters(codec="utf-8")))
def test_numbers_and_words_have_the_bytes_that_orjson_writes(scalar: float | str) -> None:
    """Those that a value may hold outside of its facts, such as a proficiency."""
    assert encode_sorted({"a": scalar, str(scalar): None}) == orjson.dumps(
        {"a": scalar, str(scalar): None}, option=orjson.OPT_SORT_KEYS
    )


@pytest.mark.parametrize("number", [1e16, 2**64 - 1, [1e300], {"a": float("inf")}])
def test_facts_may_be_any_number_that_json_holds(number: Any) -> None:
    """They are written as ever: hashes of years ago are over such bytes."""
    event = replace(EVENT, attributes={"job": number}, kind="change", move=None)
    assert encode_event(event) == orjson.dumps(event)
    record = fold(None, 1, event, MAPPING)
    assert encode(record) == orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def test_a_number_beyond_64_bits_is_in_no_record() -> None:
    """No worker could write it, and so no replay folds it."""
    event = replace(EVENT, attributes={"job": 2**64}, kind="change", move=None)
    with pytest.raises(orjson.JSONEncodeError):
        fold(None, 1, event, MAPPING)


def test_what_a_later_version_adds_is_passed_over() -> None:
    """A worker that was set back to this version goes on from the records that it finds."""
    record = fold(None, 1, EVENT, MAPPING)
    value = encode(record).replace(b'"left":', b'"new":[1],"left":').replace(b'"user":', b'"new":{},"user":', 1)
    assert decode_state(value).facts == record.facts
    assert decode_event(VALUE.replace(b'"topic":', b'"new":1,"topic":')) == EVENT


def test_nobody_assigns_to_a_value() -> None:
    """Neither to one that was made here, nor to one that was read, be it by msgspec or by pydantic."""
    lax = CHANGE_EVENT.validate_json(VALUE.replace(b'"partition":0', b'"partition":"0"'))
    for event in (EVENT, decode_event(VALUE), lax):
        assert event == EVENT
        with pytest.raises(AttributeError):
            event.user = "E2"  # type: ignore[misc]
        with pytest.raises(AttributeError):
            event.origin.offset = 1  # type: ignore[misc]


def test_a_value_is_a_dataclass_to_others() -> None:
    """It is copied, listed and described as one."""
    assert replace(EVENT, user="E2").user == "E2"
    assert orjson.dumps(asdict(EVENT)) == VALUE
    assert [each.name for each in fields(Origin)] == ["topic", "partition", "offset", "appended", "received"]
    assert USER_RECORD.json_schema()["title"] == "UserRecord"

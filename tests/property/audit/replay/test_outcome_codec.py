"""What an outcome says is read from its bytes where it can be, and is never other than what it says read strictly."""

from typing import Any, get_args

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from streamproc.audit.replay import outcome_codec
from streamproc.audit.replay.outcome_codec import about, parse_outcome
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.outcome import OUTCOME, Attempt, Fate, Outcome, Request
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import Cause, encode
from streamproc.core.records.value import encode as encode_value
from streamproc.core.records.value import encode_sorted
from tests.support.resources import partial, words


def fits_64_bits(body: Any) -> bool:
    """Whether we could write it."""
    try:
        orjson.dumps(body)
    except orjson.JSONEncodeError:
        return False
    return True


VERDICTS = (*get_args(Fate), *get_args(Attempt))
instants = st.integers(0, 1 << 41)
maybe_instants = st.none() | instants
names = st.sampled_from(["E1", "hris", "streamproc", "Zażółć", 'a "quoted" one', ',"sent":1'])
origins = st.builds(Origin, names, st.integers(0, 99), instants, instants, maybe_instants)
causes = st.builds(Cause, names, names, origins, st.none() | names)
json = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats(allow_nan=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.just("sent"), inner, max_size=3),
    max_leaves=8,
)
bodies = st.none() | st.dictionaries(names | st.just("sent"), json, max_size=3)
requests = st.builds(
    Request,
    names,
    st.sampled_from(["GET", "POST", "PATCH"]),
    words,
    bodies.filter(fits_64_bits),
    instants,
    instants,
    st.sampled_from([None, 200, 409]),
    st.none() | names,
    st.none() | names,
    st.none() | partial,
    st.booleans(),
)
outcomes = st.builds(
    Outcome,
    names,
    instants,
    st.sampled_from(VERDICTS),
    st.booleans(),
    instants,
    st.sampled_from(["changed", "unchanged", "unknown"]),
    st.none() | causes,
    st.lists(st.sampled_from(["create", "patch"]), max_size=2),
    st.lists(requests, max_size=2),
    st.none() | names,
    maybe_instants,
    maybe_instants,
    maybe_instants,
    maybe_instants,
)


def strictly(value: bytes) -> Outcome | None:
    """The outcome, by the model alone."""
    try:
        said = OUTCOME.validate_json(value, strict=True)
    except ValidationError:
        return None
    return None if said.final and said.verdict not in get_args(Fate) else said


def same(value: bytes) -> None:
    """Whether it is an outcome, and all that is compared of it."""
    said, expected = parse_outcome(value), strictly(value)
    if expected is None:
        assert said is None
        return
    assert said is not None
    assert encode_sorted(said.outcome) == encode_sorted(expected)
    told = b'"effect":%b,"cause":%b,' % (encode_value(expected.effect), encode_value(expected.cause))
    assert said.about == (told if told in value else None)


@settings(max_examples=90)
@given(outcomes)
def test_an_outcome_as_we_write_it_says_the_same_as_read_strictly(outcome: Outcome) -> None:
    """With escapes, other alphabets, and what looks like one of our keys within a text or a body."""
    same(orjson.dumps(outcome))


WHOLE = orjson.dumps(
    Outcome(
        "E1",
        7,
        "delivered",
        True,
        Millis(1000),
        "changed",
        Cause("hris", "a", Origin("events.hris", 0, 3, Millis(900), Millis(890))),
        ["patch"],
        [
            Request("1", "GET", "/Users", None, Millis(1), Millis(2), 200, None, None, {"title": None, "active": True}),
            Request(
                "2",
                "PATCH",
                "/Users/1",
                {"a": [1.5, {"b": "c"}]},
                Millis(3),
                Millis(4),
                200,
                "x",
                None,
                {"skills": {"A": 4.0}},
            ),
        ],
        acknowledged=Millis(4),
    )
)
BITS = (
    *(b"", b'"', b"0", b"1", b"1.0", b"-0", b"1e3", b"1e999", b"NaN", b"true", b"null", b"[", b"]", b"{", b"}", b","),
    *(b" ", b"01", b"1.", b".5", b"+1", b"18446744073709551616", b'"1"', b'"a":1,', b',"a":1', b'"user":"E2",'),
    *(
        b',"seq":8',
        b"\\u0041",
        b"\\ud800",
        b"\\ud83d\\ude00",
        b"\\x",
        b"\x00",
        b"\x1f",
        b"\x7f",
        b"\xff",
        b"\xed\xa0\x80",
    ),
    *(
        b"\xc5\xbc",
        b'"skills":{"A":"x"},',
        b'"active":"true",',
        b'"requests":[],',
        b"[]",
        b"{}",
        b"[" * 250 + b"]" * 250,
    ),
)
"""Put anywhere into an outcome, most of these make something else of it, or nothing."""


@settings(max_examples=360)
@given(outcomes.map(orjson.dumps) | st.just(WHOLE), st.data())
def test_an_altered_outcome_is_one_only_if_it_is_strictly(value: bytes, data: st.DataObject) -> None:
    """Bytes that are left out, put in or exchanged anywhere: keys twice, other types, numbers that aren't any."""
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(value)))
        until = at + data.draw(st.sampled_from([0, 0, 1, 1, 2, 4, 8]))
        value = value[:at] + data.draw(st.sampled_from(BITS)) + value[until:]
    same(value)


@pytest.mark.parametrize("bit", BITS)
def test_wherever_something_is_put_into_an_outcome_it_is_read_strictly(bit: bytes) -> None:
    """At each place, and in place of each token."""
    for at in range(len(WHOLE)):
        if WHOLE[at : at + 1] in b'{}[],:"' or WHOLE[at - 1 : at] in b'{}[],:"':
            same(WHOLE[:at] + bit + WHOLE[at:])
            same(WHOLE[:at] + bit + WHOLE[at + 1 :])
            end = min(found for mark in b",]}" if (found := WHOLE.find(mark, at)) >= 0)
            same(WHOLE[:at] + bit + WHOLE[end:])


@example("Zażółć")
@given(words.filter(lambda word: '"' not in word and "\\" not in word))
def test_what_we_write_needs_no_second_look(word: str) -> None:
    """Else each line of the audit log takes four times as long, and only the clock would tell."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(outcome_codec, "OUTCOME", None)
        assert parse_outcome(WHOLE.replace(b"E1", word.encode())) is not None
        for verdict in get_args(Fate):
            outcome = Outcome(
                word, 0, verdict, True, Millis(0), "unchanged", Cause(word, word, Origin(word, 0, 0, Millis(0))), [], []
            )
            assert parse_outcome(orjson.dumps(outcome)) is not None


def test_a_record_has_effect_and_cause_as_its_outcome_has_them() -> None:
    """They are compared as bytes."""
    event = ChangeEvent(
        '"effect":"x","mapping":"',
        "hris",
        "1",
        '","mapping":"',
        "change",
        (Micros(1), 0, "a"),
        {},
        Origin("t", 0, 1, Millis(2)),
    )
    record = fold(None, 1, event, parse_mapping(""))
    expected = b'"effect":%b,"cause":%b,' % (orjson.dumps(record.effect), orjson.dumps(record.cause))
    assert about(encode(record)) == expected

"""What was encoded here and isn't decoded again: it makes no difference but to the time that it takes."""

from dataclasses import replace
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from streamproc.core.fold.decode_cache import LONGEST, DecodeCache
from streamproc.core.fold.fold import fold_encoded, fold_on
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import CHANGE_EVENT, ChangeEvent, Fact, Move, NewMapping, Origin
from tests.support.events import NOW, arrivals, histories

MAPPINGS = [
    parse_mapping(text)
    for text in (
        '[attributes]\ntitle = "job"\nphone = "hash"\n[[copy]]\nfact = "genesysQueue"\nto = "groups"\n',
        '[attributes]\ntitle = "job"\n[[copy]]\nfact = "genesysRole"\nto = "roles"\n[always]\nroles = ["employee"]\n',
    )
]

lossy: st.SearchStrategy[Fact] = st.sampled_from(
    [float("nan"), float("inf"), [1.5, float("-inf")], {"a": float("nan")}, cast("Fact", ("Agent", None))]
)
"""What comes back from JSON as something else."""

lives = st.tuples(
    histories(most=4, dated=True),
    histories(user="E2", most=3),
    histories(user="E3", most=2),
    histories(source="okta", subject="E1-b", most=3),
).flatmap(lambda some: arrivals([event for each in some for event in each], repeats=3))
"""Events of three users, and repeats of them, as they come."""


@st.composite
def strange(draw: st.DrawFn) -> list[ChangeEvent]:
    """Such a life, of which one event says what JSON can't."""
    events = draw(lives)
    at = draw(st.integers(0, len(events) - 1))
    events[at] = replace(events[at], attributes=events[at].attributes | {"job": draw(lossy)})
    return events


@settings(max_examples=30)
@given(events=lives | strange(), most=st.sampled_from([1, 2, 100]))
def test_an_event_is_what_its_bytes_say(events: list[ChangeEvent], most: int) -> None:
    """Down to the types, and whether it is still remembered or not."""
    decoded = DecodeCache(most)
    values = [orjson.dumps(event) for event in events]
    for event, value in zip(events, values, strict=True):
        decoded.said(value, event)
    for value in values:
        assert repr(decoded.event(value)) == repr(CHANGE_EVENT.validate_json(value))


@settings(max_examples=30)
@given(events=lives | strange(), most=st.sampled_from([1, 2, 100]), switches=st.sets(st.integers(0, 8), max_size=2))
def test_records_are_the_same_bytes(events: list[ChangeEvent], most: int, switches: set[int]) -> None:
    """As without anything remembered; also where another mapping has made other records in between."""
    decoded = DecodeCache(most)
    there: dict[str, bytes] = {}
    mapping = MAPPINGS[0]
    for seq, event in enumerate(events):
        if seq in switches:
            mapping = MAPPINGS[1] if mapping is MAPPINGS[0] else MAPPINGS[0]
            new = ChangeEvent("", "mapping", "", "m", "mapping", (0, 0, ""), {}, Origin("c", 0, seq, NOW))
            for user, held in there.items():
                there[user] = fold_encoded(held, 2 * seq, replace(new, user=user), mapping) or held
        value = orjson.dumps(event)
        decoded.said(value, event)
        known, user = there.get(event.user), event.user
        said = decoded.event(value)
        folded = fold_on(*decoded.record(user, known), 2 * seq + 1, said, mapping)
        assert folded is not None
        record, digest, there[user] = folded
        decoded.folded(user, there[user], record, digest, said)
        assert there[user] == fold_encoded(known, 2 * seq + 1, CHANGE_EVENT.validate_json(value), mapping)


def event(**changed: Any) -> ChangeEvent:
    """One that can be remembered, unless it is changed."""
    whole = ChangeEvent(
        "E1", "hris", "E1", "e", "change", (1, 0, "e"), {"job": "Agent"}, Origin("events.hris", 0, 0, 0)
    )
    return replace(whole, **changed)


def test_what_was_said_lately_is_not_decoded() -> None:
    """The very event, once; the newest are remembered, and long ones aren't."""
    decoded = DecodeCache(most=2)
    events = [event(event=f"e{number}") for number in range(5)]
    values = [orjson.dumps(each) for each in events]
    for each, value in zip(events, values, strict=True):
        decoded.said(value, each)
    assert [decoded.event(value) is each for each, value in zip(events, values, strict=True)] == [False, False] + [
        True
    ] * 3
    assert decoded.event(values[4]) is not events[4]
    long = event(reason="x" * LONGEST)
    decoded.said(orjson.dumps(long), long)
    assert decoded.event(orjson.dumps(long)) is not long


@pytest.mark.parametrize(
    "strange", [event(move=Move(None)), event(mapping=NewMapping("", "x")), event(attributes={"job": float("nan")})]
)
def test_what_json_cannot_say_is_decoded(strange: ChangeEvent) -> None:
    """And what carries others' facts, which may be such."""
    decoded = DecodeCache()
    decoded.said(orjson.dumps(strange), strange)
    assert decoded.event(orjson.dumps(strange)) is not strange


def test_a_record_is_not_decoded_while_it_is_the_newest() -> None:
    """Another worker may have folded meanwhile: then what the table holds counts."""
    decoded = DecodeCache()
    first = fold_on(None, "", 0, event(), MAPPINGS[0])
    assert first is not None
    record, digest, value = first
    decoded.folded("E1", value, record, digest, event())
    assert decoded.record("E1", bytes(bytearray(value)))[0] is record  # equal bytes, wherever they come from
    other = fold_encoded(value, 1, event(event="f", order=(2, 0, "f")), MAPPINGS[0])
    known, before = decoded.record("E1", other)
    assert known is not None
    assert (known.seq, before) == (1, known.hash)
    assert decoded.record("E2", None) == (None, "")
    with pytest.raises(ValidationError):
        decoded.event(b"{}")

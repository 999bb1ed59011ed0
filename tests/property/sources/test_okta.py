"""Source `okta` against anything that JSON can be, and its events in any order."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.fold.facts import absorb
from streamproc.core.parsed_payload import ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import CHANGE_EVENT, ChangeEvent, Fact, Origin, SourceFacts
from streamproc.core.records.units import Micros, Millis
from streamproc.sources import okta
from streamproc.sources.lenient_json import AHEAD
from tests.support.paths import PAYLOADS

TAKEN = Receipt(received=Micros(1_780_000_000_000_000))
WANTED = ("active", "genesysQueue", "group:Billing Agents", "group:Spanish Agents", "job", "userName")

words = ["", " ", "SUCCESS", "ACTIVE", "2026-03-02T09:00:00Z", "0001-01-01T00:00:00+23:59", "\ud800", "x" * 300, "7"]
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.sampled_from(words)
    | st.text(max_size=5)
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
"""JSON values, and a little more: what a careless producer's library takes for JSON."""


@cache
def _texts(source: str) -> dict[str, str]:
    return {path.stem: path.read_text("utf-8") for path in sorted((PAYLOADS / source).glob("*.json"))}


def fixtures(source: str) -> dict[str, Any]:
    """All constructed payloads of a source, by name; parsed anew, so that a test may change them."""
    return {name: json.loads(text) for name, text in _texts(source).items()}


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place inside a value: what holds it, and under which key or index."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in list(keys) for place in [(value, key), *places(value[key])]]


@st.composite
def mutated(draw: st.DrawFn, source: str) -> Any:
    """A constructed payload, or something inside it, in which things are replaced, emptied or left out."""
    payload: Any = json.loads(draw(st.sampled_from(list(_texts(source).values()))))
    for _ in range(draw(st.integers(1, 4))):
        if not (found := places(payload)):
            return payload
        holder, key = draw(st.sampled_from(found))
        match draw(st.sampled_from(["replace", "null", "remove", "enter"])):
            case "replace":
                holder[key] = draw(values)
            case "null":
                holder[key] = None
            case "remove":
                del holder[key]
            case _:
                payload = holder[key]
    return payload


def checked(read: Callable[[Any, Receipt], ParsedPayload], elements: Callable[[Any], list[Any]], payload: Any) -> None:
    """The payload is read, twice the same; each element ends as exactly one thing, also when it is read alone.

    Beside it stands only what couldn't be read, with subject and field.
    """
    parsed = read(payload, TAKEN)
    assert read(payload, TAKEN) == parsed
    alone = [read(element, TAKEN) for element in elements(payload)]
    for each in alone:
        parts = [part for part in each.ignored if part.field is None]
        assert len((*each.events, *each.notifications, *parts)) == 1
        assert all(part.subject is not None for part in each.ignored if part.field is not None)
    assert parsed == ParsedPayload(
        tuple(said for each in alone for said in each.events),
        tuple(notice for each in alone for notice in each.notifications),
        tuple(ignored for each in alone for ignored in each.ignored),
    )
    for said in parsed.events:
        assert said.subject == said.subject.strip() != ""
        assert said.order[0] <= TAKEN.received + AHEAD
        active = said.attributes.get("active", False)
        assert active is True or active is False
        assert said.kind == "change" or ("active" in said.attributes) is not ("active" in said.kept)
        assert not set(said.kept) & set(said.attributes)


def changed(said: SourceEvent, source: str, offset: int) -> ChangeEvent:
    """What was said, as an event of the log."""
    return ChangeEvent(
        user="E1001",
        source=source,
        subject=said.subject,
        event=said.event,
        kind=said.kind,
        order=said.order,
        attributes=said.attributes,
        kept=said.kept,
        origin=Origin(f"events.{source}", 0, offset, Millis(offset)),
    )


def ending(events: Sequence[SourceEvent], source: str) -> dict[str, Fact]:
    """The facts after these arrivals."""
    facts: SourceFacts | None = None
    for offset, said in enumerate(events):
        facts, _ = absorb(facts, changed(said, source, offset), WANTED)
    assert facts is not None
    return facts.values


@st.composite
def arrivals(draw: st.DrawFn, events: Sequence[SourceEvent]) -> list[SourceEvent]:
    """The events in any order, some of them again."""
    again = draw(st.lists(st.sampled_from(events), max_size=4))
    return draw(st.permutations([*events, *again]))


def life(read_at: int) -> tuple[SourceEvent, ...]:
    """Ana's whole life from the log, and her user as it was read at some moment in it."""
    found = fixtures("okta")
    return (
        okta.read(found["log"], TAKEN).events
        + okta.read(found["user"], Receipt(TAKEN.received, Micros(read_at))).events
    )


@given(payload=values)
def test_no_json_is_too_much(payload: Any) -> None:
    """Whatever comes, it is read or ignored, and never raises."""
    checked(okta.read, okta.elements, payload)


@given(payload=mutated("okta"))
def test_no_near_miss_is_too_much(payload: Any) -> None:
    """Nor does a payload in which things are missing, null or of another type."""
    checked(okta.read, okta.elements, payload)


@pytest.mark.parametrize("depth", [10, 900])
def test_no_depth_is_too_deep(depth: int) -> None:
    """Lists in lists and hooks in hooks are unfolded without recursion."""
    nested = hook = fixtures("okta")["hook"]
    for _ in range(depth):
        nested = {"data": {"events": [nested]}} if isinstance(nested, list) else [nested]
    assert okta.read(nested, TAKEN) == okta.read(hook, TAKEN)


def test_a_deep_user_is_read() -> None:
    """An attribute nested as deeply as JSON's reader allows is passed over, and the snapshot still has an id."""
    user = fixtures("okta")["user"] | {"deep": orjson.loads("[" * 1020 + "]" * 1020)}
    (event,) = okta.read(user, TAKEN).events
    assert event.event.startswith("sha256:")


@given(read_at=st.integers(1_772_300_000_000_000, 1_773_200_000_000_000), data=st.data())
def test_any_shuffle_with_repeats_ends_the_same(read_at: int, data: st.DataObject) -> None:
    """Hooks come in any order and twice: the facts are those of the log's own order, with the snapshot in its place."""
    told = life(read_at)
    in_order = sorted(told, key=lambda said: said.order)
    facts = ending(data.draw(arrivals(told)), "okta")
    assert facts == ending(in_order, "okta")
    deleted = in_order[-1].attributes.get("gone") is True
    assert facts["active"] is not deleted


def test_what_is_said_fits_into_the_log() -> None:
    """Everything that the constructed payloads say survives the log's own encoding."""
    for said in okta.read(list(fixtures("okta").values()), TAKEN).events:
        event = changed(said, "okta", 0)
        assert CHANGE_EVENT.validate_json(CHANGE_EVENT.dump_json(event)) == event

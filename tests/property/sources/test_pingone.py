"""Source `pingone` against anything that JSON can be, and its activities in any order."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.parsed_payload import Receipt, SourceEvent
from streamproc.core.records.change_event import CHANGE_EVENT
from streamproc.core.records.units import Micros
from streamproc.sources import pingone
from tests.property.sources.test_okta import TAKEN, arrivals, changed, checked, ending, fixtures, mutated, values


def life(read_at: int) -> tuple[SourceEvent, ...]:
    """Ana's whole life from the audit API, and her user as it was read at some moment in it."""
    found = fixtures("pingone")
    user = pingone.read(found["user"], Receipt(TAKEN.received, Micros(read_at)))
    return pingone.read(found["activities"], TAKEN).events + user.events


@given(payload=values)
def test_no_json_is_too_much(payload: Any) -> None:
    """Whatever comes, it is read or ignored, and never raises."""
    checked(pingone.read, pingone.elements, payload)


@given(payload=mutated("pingone"))
def test_no_near_miss_is_too_much(payload: Any) -> None:
    """Nor does a payload in which things are missing, null or of another type."""
    checked(pingone.read, pingone.elements, payload)


@pytest.mark.parametrize("depth", [10, 900])
def test_no_depth_is_too_deep(depth: int) -> None:
    """Lists in lists and pages in pages are unfolded without recursion."""
    nested = page = fixtures("pingone")["users"]
    for _ in range(depth):
        nested = {"_embedded": {"activities": [nested]}} if isinstance(nested, list) else [nested]
    assert pingone.read(nested, TAKEN) == pingone.read(page, TAKEN)


def test_a_deep_user_is_read() -> None:
    """An attribute nested as deeply as JSON's reader allows is passed over, and the snapshot still has an id."""
    user = fixtures("pingone")["user"] | {"deep": orjson.loads("[" * 1020 + "]" * 1020)}
    (event,) = pingone.read(user, TAKEN).events
    assert event.event.startswith("sha256:")


@given(read_at=st.integers(1_772_300_000_000_000, 1_773_200_000_000_000), data=st.data())
def test_any_shuffle_with_repeats_ends_the_same(read_at: int, data: st.DataObject) -> None:
    """Whole batches come again: the facts are those of `recordedAt`, with the snapshot in its place."""
    told = life(read_at)
    in_order = sorted(told, key=lambda said: said.order)
    facts = ending(data.draw(arrivals(told)), "pingone")
    assert facts == ending(in_order, "pingone")
    assert facts["active"] is (in_order[-1].kind == "snapshot")


def test_what_is_said_fits_into_the_log() -> None:
    """Everything that the constructed payloads say survives the log's own encoding."""
    for said in pingone.read(list(fixtures("pingone").values()), TAKEN).events:
        event = changed(said, "pingone", 0)
        assert CHANGE_EVENT.validate_json(CHANGE_EVENT.dump_json(event)) == event

"""HRIS vendors' envelopes against anything that JSON can be, and one person's events in any order."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import CHANGE_EVENT
from streamproc.sources.hris import vendors
from tests.property.sources.test_okta import TAKEN, arrivals, changed, ending, fixtures, mutated, values
from tests.support.consistent import consistent


def checked(payload: Any) -> None:
    """The payload is read, twice the same, as the concatenation of its elements; nothing vanishes."""
    found, alone = consistent(vendors, payload, TAKEN)
    assert all(each.events or each.notifications or each.ignored for each in alone)
    assert all(said.effective is None or said.effective.at > TAKEN.received for said in found.events)


@given(payload=values)
def test_no_json_is_too_much(payload: Any) -> None:
    """Whatever comes, it is read or ignored, and never raises."""
    checked(payload)


@given(payload=mutated("vendors"))
def test_no_near_miss_is_too_much(payload: Any) -> None:
    """Nor does a payload in which things are missing, null or of another type."""
    checked(payload)


@pytest.mark.parametrize("opening", ["[", '{"employees":', '{"data":'])
def test_no_depth_is_too_deep(opening: str) -> None:
    """As deep as JSON's reader allows."""
    closing = "]" if opening == "[" else "}"
    checked(orjson.loads(opening * 1000 + "1" + closing * 1000))


def life() -> list[SourceEvent]:
    """A JumpCloud user suspended, back, promoted, and suspended again, two of these within one millisecond."""
    event = fixtures("vendors")["jumpcloud"]
    told = [
        ("j-1", "00.100", "suspended", True),
        ("j-2", "00.200", "suspended", False),
        ("j-3", "00.300", "jobTitle", "Lead"),
        ("j-4", "00.400", "suspended", True),
        ("j-5", "00.400", "suspended", False),
    ]
    bodies = [
        event | {"id": name, "timestamp": f"2026-03-02T09:00:{at}Z", "changes": [{"field": field, "to": to}]}
        for name, at, field, to in told
    ]
    return list(vendors.read(bodies, TAKEN).events)


LIFE = life()


@given(data=st.data())
def test_any_shuffle_with_repeats_ends_the_same(data: st.DataObject) -> None:
    """Events come in any order and twice: the facts are those of their own order, and of a tie what takes away."""
    facts = ending(data.draw(arrivals(LIFE)), "hris")
    assert (facts["active"], facts["job"]) == (False, "Lead")


def test_what_is_said_fits_into_the_log() -> None:
    """Everything that the constructed payloads say survives the log's own encoding."""
    for said in vendors.read(list(fixtures("vendors").values()), TAKEN).events:
        event = changed(said, "hris", 0)
        assert CHANGE_EVENT.validate_json(CHANGE_EVENT.dump_json(event)) == event

"""Source `entra` against anything that JSON can be, and its events in any order."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.parsed_payload import ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import CHANGE_EVENT
from streamproc.core.records.units import Micros
from streamproc.sources import entra
from streamproc.sources.lenient_json import AHEAD
from tests.property.sources.test_okta import TAKEN, arrivals, changed, ending, fixtures, mutated, values


def checked(payload: Any) -> None:
    """The payload is read, twice the same; each element ends as something, and as the same when it is read alone."""
    parsed = entra.read(payload, TAKEN)
    assert entra.read(payload, TAKEN) == parsed
    alone = [entra.read(element, TAKEN) for element in entra.elements(payload)]
    assert ParsedPayload() not in alone
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


@given(payload=values)
def test_no_json_is_too_much(payload: Any) -> None:
    """Whatever comes, it is read or ignored, and never raises."""
    checked(payload)


@given(payload=mutated("entra"))
def test_no_near_miss_is_too_much(payload: Any) -> None:
    """Nor does a payload in which things are missing, null or of another type."""
    checked(payload)


@pytest.mark.parametrize("depth", [10, 900])
def test_no_depth_is_too_deep(depth: int) -> None:
    """Lists in lists and pages in pages are unfolded without recursion."""
    nested = body = fixtures("entra")["audit"]
    for number in range(depth):
        nested = [nested] if number % 2 else {"records": [nested]}
    assert entra.read(nested, TAKEN) == entra.read(body, TAKEN)


@given(read_at=st.integers(1_767_000_000_000_000, 1_777_000_000_000_000), data=st.data())
def test_any_shuffle_with_repeats_ends_the_same(read_at: int, data: st.DataObject) -> None:
    """Log and reads come in any order and twice: a snapshot from before a deletion doesn't undo it, a later one may."""
    found = fixtures("entra")
    told: list[SourceEvent] = list(entra.read(found["audit"], TAKEN).events)
    told.extend(entra.read(found["user"], Receipt(TAKEN.received, Micros(read_at))).events)
    in_order = sorted(told, key=lambda said: said.order)
    facts = ending(data.draw(arrivals(told)), "entra")
    assert facts == ending(in_order, "entra")
    assert facts["active"] is (in_order[-1].kind == "snapshot")


@given(items=st.lists(st.sampled_from(["hired", "removed", "moved"]), min_size=1, max_size=6), data=st.data())
def test_a_delta_page_may_be_cut_anywhere(items: list[str], data: st.DataObject) -> None:
    """One page or several, each read later than the one before, in any order of arrival: the last word counts."""
    words: dict[str, dict[str, Any]] = {
        "hired": {"id": "u", "accountEnabled": True, "jobTitle": "Agent"},
        "removed": {"id": "u", "@removed": {"reason": "changed"}},
        "moved": {"id": "u", "accountEnabled": True, "jobTitle": "Team Lead"},
    }
    cuts = sorted(data.draw(st.sets(st.integers(1, len(items)), max_size=3)) | {0, len(items)})
    pages = [
        {"@odata.deltaLink": "", "value": [words[word] for word in items[start:end]]} for start, end in pairwise(cuts)
    ]
    told = [
        said
        for number, page in enumerate(pages)
        for said in entra.read(page, Receipt(TAKEN.received, Micros(TAKEN.received - 9 + number))).events
    ]
    facts = ending(data.draw(arrivals(told)), "entra")
    assert facts["active"] is (items[-1] != "removed")


def test_what_is_said_fits_into_the_log() -> None:
    """Everything that the constructed payloads say survives the log's own encoding."""
    for said in entra.read(list(fixtures("entra").values()), TAKEN).events:
        event = changed(said, "entra", 0)
        assert CHANGE_EVENT.validate_json(CHANGE_EVENT.dump_json(event)) == event

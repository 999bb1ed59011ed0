"""Source `debezium` against anything that JSON can be, and its events in any order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.parsed_payload import ParsedPayload
from streamproc.core.records.change_event import CHANGE_EVENT
from streamproc.sources import debezium
from streamproc.sources.lenient_json import AHEAD
from tests.property.sources.test_okta import TAKEN, arrivals, changed, ending, fixtures, mutated, values


def checked(payload: Any) -> None:
    """The payload is read, twice the same; each element ends as something, and as the same when it is read alone."""
    parsed = debezium.read(payload, TAKEN)
    assert debezium.read(payload, TAKEN) == parsed
    alone = [debezium.read(element, TAKEN) for element in debezium.elements(payload)]
    assert ParsedPayload() not in alone
    assert parsed.events == tuple(said for each in alone for said in each.events)
    assert parsed.ignored == tuple(ignored for each in alone for ignored in each.ignored)
    for said in parsed.events:
        assert said.subject == said.subject.strip() != ""
        assert 0 < said.order[0] <= TAKEN.received + AHEAD
        assert 0 <= said.order[1] < 2**63
        assert debezium.UNAVAILABLE not in str(said.attributes)
        active = said.attributes.get("active")
        assert active is None or isinstance(active, bool)


@given(payload=values)
def test_no_json_is_too_much(payload: Any) -> None:
    """Whatever comes, it is read or ignored, and never raises."""
    checked(payload)


@given(payload=mutated("debezium"))
def test_no_near_miss_is_too_much(payload: Any) -> None:
    """Nor does a payload in which things are missing, null or of another type."""
    checked(payload)


@pytest.mark.parametrize("depth", [10, 900])
def test_no_depth_is_too_deep(depth: int) -> None:
    """Lists in lists are unfolded without recursion."""
    nested = life = fixtures("debezium")["life"]
    for _ in range(depth):
        nested = [nested]
    assert debezium.read(nested, TAKEN) == debezium.read(life, TAKEN)


@given(count=st.integers(1, 6), data=st.data())
def test_any_shuffle_with_repeats_ends_the_same(count: int, data: st.DataObject) -> None:
    """A connector repeats itself after a restart: the facts are those of the database's last change of the row."""
    told = debezium.read(fixtures("debezium")["life"][:count], TAKEN).events
    facts = ending(data.draw(arrivals(told)), "debezium")
    assert facts == ending(told, "debezium")
    assert {name: facts[name] for name in ("active", "job", "genesysQueue")} == {
        name: told[-1].attributes[name] for name in ("active", "job", "genesysQueue")
    }


def test_what_is_said_fits_into_the_log() -> None:
    """Everything that the constructed payloads say survives the log's own encoding."""
    for said in debezium.read(list(fixtures("debezium").values()), TAKEN).events:
        event = changed(said, "debezium", 0)
        assert CHANGE_EVENT.validate_json(CHANGE_EVENT.dump_json(event)) == event

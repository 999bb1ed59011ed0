"""Source `set` against anything that JSON can be, and one subject's tokens in any order."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import CHANGE_EVENT
from streamproc.sources import security_events as tokens
from tests.property.sources.test_okta import TAKEN, arrivals, changed, ending, fixtures, mutated, values
from tests.support.consistent import consistent


def checked(payload: Any) -> None:
    """The payload is read, twice the same, as the concatenation of its elements; nothing vanishes."""
    _, alone = consistent(tokens, payload, TAKEN)
    assert all(each.events or each.notifications or each.ignored for each in alone)


@given(payload=values)
def test_no_json_is_too_much(payload: Any) -> None:
    """Whatever comes, it is read or ignored, and never raises."""
    checked(payload)


@given(payload=mutated("set"))
def test_no_near_miss_is_too_much(payload: Any) -> None:
    """Nor does a payload in which things are missing, null or of another type."""
    checked(payload)


@pytest.mark.parametrize("opening", ["[", '{"sets":', '{"events":', '{"sub_id":', '{"urn:a:b":'])
def test_no_depth_is_too_deep(opening: str) -> None:
    """As deep as JSON's reader allows, alone and inside a token."""
    closing = "]" if opening == "[" else "}"
    deep = orjson.loads(opening * 1000 + "1" + closing * 1000)
    checked(deep)
    token = fixtures("set")["create_full"]
    checked(token | {"sub_id": deep})
    checked(token | {"events": {"urn:ietf:params:scim:event:prov:put:full": {"data": deep}}})


def life() -> list[SourceEvent]:
    """Ana created, changed, disabled and enabled, and gone from the feed."""
    return [said for payload in fixtures("set").values() for said in tokens.read(payload, TAKEN).events]


LIFE = life()


@given(data=st.data())
def test_any_shuffle_with_repeats_ends_the_same(data: st.DataObject) -> None:
    """Tokens come in any order and twice: the facts are those of the order in which they were issued."""
    facts = ending(data.draw(arrivals(LIFE)), "set")
    assert facts == ending(sorted(LIFE, key=lambda said: said.order), "set")
    assert (facts["active"], facts["job"]) == (True, "Team Lead")


def test_what_is_said_fits_into_the_log() -> None:
    """Everything that the constructed payloads say survives the log's own encoding."""
    for said in LIFE:
        event = changed(said, "set", 0)
        assert CHANGE_EVENT.validate_json(CHANGE_EVENT.dump_json(event)) == event

"""Text is normalised in one way, whichever source says it: what looks the same is the same."""

import json
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.parsed_payload import Receipt
from streamproc.core.records.change_event import Fact, Origin
from streamproc.core.records.units import Micros, Millis
from streamproc.sources import SOURCES
from streamproc.sources.hris import contract

marks = ["a", "é", "e\u0301", "Å", "\u212b", " ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u00ad", "\t", "\u202a"]
texts = st.lists(st.sampled_from(marks), max_size=12).map("".join)
RECEIPT: Final = Receipt(Micros(1_796_000_000_000_000))


def _contract(text: str) -> dict[str, Fact]:
    attributes = {"active": True, "department": text, "custom": {"team": text, "teams": [text, "x"], "by": {"a": text}}}
    event = {"id": "1", "type": "change", "subject": "E1", "time": "2026-11-29T08:00:00Z", "attributes": attributes}
    (said,) = contract.parse(json.dumps(event).encode(), {}, Origin("events.hris", 0, 0, Millis(1_796_000_000_000)))
    return said.attributes


def _read(source: str, payload: Any) -> dict[str, Fact]:
    return SOURCES[source].read(payload, RECEIPT, SOURCES[source].defaults).events[0].attributes


def _okta(text: str) -> dict[str, Fact]:
    own = {"team": text, "teams": [text, "x"], "by": {"a": text}}
    return _read("okta", {"id": "u1", "status": "ACTIVE", "profile": {"login": "a", "department": text, **own}})


def _pingone(text: str) -> dict[str, Fact]:
    own = {"team": text, "teams": [text, "x"], "by": {"a": text}}
    return _read("pingone", {"id": "u1", "username": "a", "enabled": True, "department": text, **own})


def _scim(text: str) -> dict[str, Fact]:
    data = {"userName": "a", "department": text, "team": text, "teams": [text, "x"], "by": {"a": text}}
    events = {"urn:ietf:params:scim:event:prov:create:full": {"data": data}}
    return _read("set", {"iss": "i", "sub_id": {"format": "opaque", "id": "u1"}, "events": events})


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


@pytest.mark.parametrize("says", [_contract, _okta, _pingone, _scim])
@given(text=texts)
def test_text_is_as_it_is_seen(says: Callable[[str], dict[str, Fact]], text: str) -> None:
    """Composed, trimmed, without marks that nobody sees; blank is none. All sources, and all shapes of a value."""
    attributes = says(text)
    seen = {each for name in ("department", "team", "teams", "by") for each in _texts(attributes[name])} - {"x"}
    assert len(seen) <= 1, "one text"
    for each in seen:
        assert each == unicodedata.normalize("NFC", each).strip() != ""
        assert not set(each) & set("\u00a0\u3000\u200b\ufeff\u00ad\t\u202a")
    assert (attributes["department"] is None) == (not seen)

"""One user of a SCIM client's, as `streamproc parse scim` shows it."""

from typing import Any

import pytest

from streamproc.core.parsed_payload import Receipt
from streamproc.core.records.units import Micros
from streamproc.sources.scim.payload import DEFAULTS, read
from tests.unit.sources.scim.heard import URN

RECEIPT = Receipt(Micros(1))


def test_a_user_shows_their_facts_and_who_they_are() -> None:
    """Whoever sets up a connection sees what the mapping will read, and that somebody has an anchor."""
    body = {"userName": "kim@x.com", "title": "Agent", "active": "True", "shoe": 41, URN: {"employeeNumber": "E1"}}
    parsed = read(body, RECEIPT, DEFAULTS)
    (event,) = parsed.events
    assert (event.subject, event.anchor, event.attributes["job"], event.attributes["active"]) == (
        "kim@x.com",
        "E1",
        "Agent",
        True,
    )
    assert [(each.code, each.field) for each in parsed.ignored] == [("unknown", "shoe")]


@pytest.mark.parametrize("payload", [None, [], 1, "x", {}, {"userName": ""}, {"userName": "k", "active": {"a": [{}]}}])
def test_what_is_no_user_is_told(payload: Any) -> None:
    """Whatever lies in the file, the answer says that it isn't one, or what of it isn't understood."""
    parsed = read(payload, RECEIPT, DEFAULTS)
    assert [each.code for each in parsed.ignored] == ["not_understood"]
    assert parsed.events == ()

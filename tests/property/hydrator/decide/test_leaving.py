"""An answer that is too large for a record still lets a leaver leave, and nobody in."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.parsed_payload import Receipt
from streamproc.core.records.producer_record import LARGEST
from streamproc.core.records.units import Micros
from streamproc.hydrator.decide.leaving import leaving
from streamproc.sources import SOURCES

READ_AT = Micros(1_796_000_000_000_000)
OKTA: dict[bool, dict[str, Any]] = {
    active: {"id": "00u1", "status": "ACTIVE" if active else "DEPROVISIONED", "profile": {"login": "ada@example.com"}}
    for active in (True, False)
}
ENTRA: dict[bool, dict[str, Any]] = {
    active: {"id": "e-1", "accountEnabled": active, "userPrincipalName": "ada@example.com"} for active in (True, False)
}
FILLED = st.sampled_from(
    [
        {"nick": "x" * 1_100_000},
        {"groups": [{"id": str(n), "profile": {"name": "x" * 50}} for n in range(20_000)]},
        {f"k{n}": "y" * 100 for n in range(12_000)},
        {"x" * 1_100_000: 1},
        {"deep": {"list": [{"text": "z" * 200}] * 10_000}},
    ]
)


@pytest.mark.parametrize(("source", "people"), [("okta", OKTA), ("entra", ENTRA)])
@given(filled=FILLED, active=st.booleans(), inside=st.booleans())
def test_who_leaves_leaves_whatever_they_wrote(
    source: str, people: dict[bool, dict[str, Any]], filled: dict[str, Any], active: bool, inside: bool
) -> None:
    """Whatever fills the answer, of a leaver that is taken which says so; of everybody else nothing."""
    person = dict(people[active])
    person = person | ({"more": filled} if inside else filled)
    body = orjson.dumps(person)
    assert len(body) > LARGEST
    slim = leaving(SOURCES[source], SOURCES[source].defaults, body, READ_AT, LARGEST)
    if active:
        assert slim is None
        return
    assert slim is not None
    assert len(slim) <= LARGEST
    events = SOURCES[source].read(orjson.loads(slim), Receipt(READ_AT, READ_AT), SOURCES[source].defaults).events
    assert [(each.subject, each.attributes["active"]) for each in events] == [(person["id"], False)]

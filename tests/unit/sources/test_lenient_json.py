"""Reading of times: whose clock counts."""

from dataclasses import replace

import pytest

from streamproc.core.parsed_payload import FetchRequest, Receipt, SourceEvent
from streamproc.core.records.units import Micros
from streamproc.sources import okta
from streamproc.sources.lenient_json import AHEAD, moment, parsed

NOON = Micros(1_780_000_000_000_000)


@pytest.mark.parametrize(
    ("source", "expected"),
    [(None, NOON), (NOON - 5, NOON - 5), (NOON + AHEAD, NOON + AHEAD), (NOON + AHEAD + 1, NOON)],
)
def test_the_sources_clock_counts_unless_it_is_far_ahead(source: Micros | None, expected: Micros) -> None:
    """A clock of ours that is a little behind changes no order; one of theirs that is far ahead makes nothing stale."""
    assert moment(source, NOON) == expected


def test_a_gateway_whose_clock_is_behind_doesnt_let_a_leaver_stay() -> None:
    """A user who was read as active before they were disabled ends disabled, whenever we think that the hook came."""
    deactivated = {"eventType": "user.lifecycle.deactivate", "uuid": "u", "published": "2026-03-02T10:00:05.000Z"}
    outcome = {"outcome": {"result": "SUCCESS"}, "target": [{"type": "User", "id": "1"}]}
    at = 1_772_445_605_000_000
    (leaves,) = okta.read(deactivated | outcome, Receipt(received=Micros(at - 4_000_000))).events
    (active,) = okta.read(
        {"id": "1", "status": "ACTIVE", "profile": {"login": "a"}}, Receipt(Micros(at), read_at=Micros(at - 2_000_000))
    ).events
    assert active.attributes["active"] is True
    assert leaves.order > active.order


def test_a_subject_in_which_something_isnt_seen_is_told_and_named_by_its_number() -> None:
    """It is nobody's id: neither facts nor a wish to be fetched come of it, and the rest of the payload counts."""
    said = SourceEvent("a\u202eb", "e", "change", (Micros(1), 0, "e"), {"active": True})
    found = parsed([said, FetchRequest("a\x00b", "e", Micros(1), "why"), replace(said, subject="ab")])
    assert ([each.subject for each in found.events], found.notifications) == (["ab"], ())
    assert [each.field for each in found.ignored] == ["subject", "subject"]
    assert ["U+202E" in found.ignored[0].reason, "U+0000" in found.ignored[1].reason] == [True, True]

"""People whom HR vendors' APIs answer about: nothing gives or takes access that wasn't understood."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.parsed_payload import Receipt
from streamproc.core.records.units import Micros
from streamproc.sources.hris import DEFAULTS, people, read
from streamproc.sources.hris.person_shapes import SHAPES

NOW = Micros(1_796_000_000_000_000)
"""2026-11-30."""
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["Active", "INACTIVE", "2026-01-31", "2027-01-31", "0000-00-00", "terminated", "N/A"]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=6), inside, max_size=3),
    max_leaves=6,
)
NAMES = sorted(
    {
        part.split(".")[0]
        for shape in SHAPES.values()
        for path in (shape.subject, shape.status, shape.last, *shape.facts.values())
        for part in path.split("|")
    }
    | {
        "terminated",
        "terminations",
        "jobs",
        "emails",
        "custom_fields",
        "custom_attributes",
        "/root/id",
        "/internal/status",
    }
)
TELL: dict[str, tuple[str, Any, Any]] = {
    "bamboohr": ("status", "Active", "Inactive"),
    "hibob": ("internal", {"status": "Active"}, {"status": "Inactive"}),
    "gusto": ("terminated", False, True),
    "merge": ("employment_status", "ACTIVE", "INACTIVE"),
}
"""Where a vendor's person says whether they work, and how."""


def _said(vendor: str, person: Any, employments: Any = ()) -> tuple[list[Any], list[Any]]:
    body = people.envelope(vendor, person, employments)
    parsed = read(body, Receipt(NOW, NOW), DEFAULTS)
    return [each.attributes["active"] for each in parsed.events if "active" in each.attributes], list(parsed.ignored)


@given(st.sampled_from(sorted(SHAPES)), st.dictionaries(st.sampled_from(NAMES), ODD), st.lists(ODD, max_size=2))
def test_no_person_breaks_the_reader(vendor: str, person: dict[str, Any], employments: list[Any]) -> None:
    """Whatever is where: events about one subject, or a word on what wasn't understood; and the same again."""
    assert _said(vendor, person, employments) == _said(vendor, person, employments)


@pytest.mark.parametrize("vendor", TELL)
@given(ODD)
def test_a_status_is_one_of_the_known_or_told(vendor: str, odd: Any) -> None:
    """Any other value at its place neither gives nor takes access, and somebody hears of it."""
    name, on, off = TELL[vendor]
    identities: dict[str, dict[str, Any]] = {"hibob": {"root": {"id": "7"}}, "gusto": {"uuid": "7"}}
    identity = identities.get(vendor, {"id": "7"})
    assert _said(vendor, identity | {name: on})[0] == [True]
    assert _said(vendor, identity | {name: off})[0] == [False]
    active, ignored = _said(vendor, identity | {name: {"status": odd} if vendor == "hibob" else odd})
    assert active or [each.field for each in ignored] == ["active"]
    if isinstance(odd, list | dict):
        assert active == []


@given(st.sampled_from(["bamboohr", "merge"]), ODD)
def test_a_last_day_is_a_date_or_told(vendor: str, odd: Any) -> None:
    """What isn't a date gives nobody access: who is active says so only with a last day that was understood."""
    name = {"bamboohr": "terminationDate", "merge": "termination_date"}[vendor]
    status, on, _ = TELL[vendor]
    active, ignored = _said(vendor, {"id": "7", status: on, name: odd})
    told = [each.field for each in ignored]
    assert (active == []) == (told == ["lastDayOfWork"])
    if isinstance(odd, list | dict | bool):
        assert active == []


def test_an_envelope_from_a_door_is_nobodys() -> None:
    """Only what the hydrator has read is a fetched person: what anybody sends in that shape is told."""
    parsed = read(people.envelope("bamboohr", {"id": "7", "status": "Active"}), Receipt(NOW), DEFAULTS)
    assert parsed.events == ()
    assert [each.code for each in parsed.ignored] == ["not_understood"]


def test_who_is_only_being_set_up_is_not_active() -> None:
    """Gusto calls them not terminated; without a first day that says nothing of access."""
    person = {"uuid": "7", "terminated": False, "onboarded": False, "jobs": []}
    active, ignored = _said("gusto", person)
    assert (active, [each.field for each in ignored]) == ([], ["active"])
    assert _said("gusto", {**person, "jobs": [{"primary": True, "hire_date": "2026-01-31"}]})[0] == [True]


def test_finchs_detailed_status_counts_where_it_says_that_somebody_has_left() -> None:
    """Whatever the flag beside it says."""
    employment = {"is_active": True, "employment_status": "terminated"}
    assert _said("finch", {"id": "7"}, [employment])[0] == [False]
    assert _said("finch", {"id": "7"}, [{**employment, "employment_status": "leave"}])[0] == [True]


def test_a_second_employment_lets_somebody_in_again() -> None:
    """Personio lists the newest first: an older one that ended locks nobody out, and ends nothing ahead."""
    ended = {"status": "INACTIVE", "employment_start_date": "2020-01-01", "employment_end_date": "2022-12-31"}
    again = {"status": "ACTIVE", "employment_start_date": "2024-01-01", "employment_end_date": None}
    assert _said("personio", {"id": "7"}, [again, ended])[0] == [True]
    assert _said("personio", {"id": "7"}, [{**again, "status": "INACTIVE"}, ended])[0] == [False]

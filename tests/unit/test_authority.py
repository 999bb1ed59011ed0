"""Authority: whose word counts where sources differ, and where one source has two subjects of a person."""

from typing import Any

import pytest

from streamproc.core.authority import view
from streamproc.core.errors import MappingError
from streamproc.core.events import Fact, Origin, SourceFacts
from streamproc.core.fold import fold
from streamproc.core.mapping import parse_mapping
from tests.unit.test_fold import _said


def told(said: dict[str, Fact], order: int = 1, **changes: Any) -> SourceFacts:
    """What a subject said in one snapshot."""
    return SourceFacts("s", Origin("t", 0, 0, 0), floor=(order, 0, "e"), values=said, **changes)


def test_the_first_source_in_the_list_with_a_value_counts() -> None:
    """Whatever it says later or earlier; null is no value, and who isn't in the list has no say."""
    facts = {
        "entra/x": told({"job": "Clerk", "department": "Care"}, order=9),
        "okta/o": told({"job": "Agent", "department": "Sales"}),
        "workday/w": told({"job": None, "department": None}),
    }
    authority = {"job": ["workday", "okta"], "department": ["workday"]}
    assert view(facts, authority=authority) == {"job": "Agent", "department": None}
    assert view(facts) == {"job": "Clerk", "department": "Care"}


def test_a_list_binds_a_single_source_too() -> None:
    """A source without a say in a fact doesn't give it where it is alone either."""
    facts = {"okta/o": told({"active": True, "job": "Agent"})}
    assert view(facts, authority={"active": ["workday"]}) == {"job": "Agent"}


def test_deny_wins_among_those_with_a_say() -> None:
    """One source in the list that says false is enough; one that isn't in the list can't deny, and can't give."""
    facts = {"entra/x": told({"active": False}), "okta/o": told({"active": True}), "workday/w": told({"active": True})}
    assert view(facts) == {"active": False}
    assert view(facts, authority={"active": ["workday", "okta"]}) == {"active": True}
    assert view(facts, authority={"active": ["okta", "entra"]}) == {"active": False}


def test_one_source_denies_only_when_all_its_subjects_do() -> None:
    """The closed contract of somebody who goes on as an employee doesn't disable them, however late it is told."""
    old, new = told({"active": False, "job": "Contractor", "desk": 1}, order=9), told({"active": True, "job": "Agent"})
    assert view({"workday/C/1": old, "workday/1": new}) == {"active": True, "job": "Agent"}
    closed = told({"active": False, "job": "Agent"})
    assert view({"workday/C/1": old, "workday/1": closed}) == {"active": False, "job": "Contractor", "desk": 1}
    silent = told({"active": None, "job": "Lead"}, order=10)
    assert view({"workday/C/1": old, "workday/1": silent}) == {"active": False, "job": "Lead"}


def test_who_left_leaves_nothing_behind() -> None:
    """What a subject that was split off had said has no value any more; without another voucher, access ends."""
    gone = told({"active": None, "job": None}, left=True)
    assert view({"okta/o": gone}) == {"active": False, "job": None}
    assert view({"okta/o": gone, "workday/w": told({"active": True})}) == {"active": True, "job": None}
    assert view({"okta/o": told({"job": None}, left=True)}) == {"job": None}


def test_authority_is_part_of_the_mapping() -> None:
    """It is in the digest, so that a record tells by which rules it came about, and the fold applies it."""
    plain = parse_mapping('[attributes]\nactive = "active"\n')
    listed = parse_mapping('[attributes]\nactive = "active"\n[authority]\nactive = ["workday"]\n')
    assert plain.digest != listed.digest
    assert fold(None, 1, _said(1, active=True), plain).desired.get("active") is True
    assert "active" not in fold(None, 1, _said(1, active=True), listed).desired


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('jobb = ["okta"]', "authority.jobb: nothing in this file reads"),
        ("active = []", "authority.active: List should"),
    ],
)
def test_a_mistake_in_authority_is_told(line: str, reason: str) -> None:
    """A fact that nothing reads, and a list of nobody, are mistakes: silence would give access or take it."""
    with pytest.raises(MappingError, match=reason):
        parse_mapping(f"[authority]\n{line}\n")

"""What only comes to something when one thing is said soon after the other. Which of it a history has, a focus says."""

from collections.abc import Mapping
from typing import Any, Final

from tests.simulation.mappings import OUT

OTHER: Final = "OTHER"
"""Stands for another user."""
OTHERS: Final = "OTHERS"
"""Stands for that one's userName."""
SEQUENCES: Final[dict[str, tuple[tuple[dict[str, Any], ...], ...]]] = {
    "releases": (
        ({"department": OUT}, {"department": "Care"}),
        ({"department": OUT}, {"active": False}),
        ({"active": False}, {"active": True, "department": OUT}),
        ({"active": True, "department": OUT}, {"active": False}, {"active": True, "department": "Care"}),
        ({"active": True, "department": "Care", "job": "Team Lead"}, {"department": OUT}),
        ({"active": False, "department": "Care"}, {"active": True}, {"department": OUT}),
    ),
    "namesakes": (
        ({"userName": OTHERS}, {"active": False}),
        ({"active": False}, {"active": True, "userName": OTHERS}),
        ({"userName": OTHERS, "manager": OTHER}, {"active": False}),
        ({"userName": OTHERS, "department": "Spanish Support"}, {"job": "Team Lead"}, {"department": OUT}),
        ({"active": False}, {"active": True, "userName": OTHERS, "manager": OTHER}),
    ),
    "refusals": (
        ({"manager": OTHER, "custom": {"genesysRole": "Wizard"}}, {"custom": {"genesysRole": None}}),
        ({"manager": OTHER, "custom": {"genesysRole": "Wizard"}}, {"active": False}, {"active": True}),
        ({"active": False}, {"active": True, "manager": OTHER, "custom": {"genesysRole": "Wizard"}}),
        ({"manager": OTHER, "custom": {"genesysLanguage": "Klingon"}}, {"department": OUT}),
    ),
}
"""Feature → what somebody is said to be, one after the other."""


def about(said: Mapping[str, Any], other: str) -> dict[str, Any]:
    """With the other user's name."""
    names = {OTHER: other, OTHERS: f"{other.lower()}@example.com"}
    return {name: names.get(value, value) if isinstance(value, str) else value for name, value in said.items()}

"""Histories: from one seed always the same, plain JSON, and with everything in them that can be on."""

import json
from collections import Counter
from random import Random
from typing import Any

import pytest

from tests.simulation.history import FEATURES, history
from tests.simulation.mappings import OUT, TEXTS
from tests.simulation.operator import KINDS
from tests.simulation.sequences import SEQUENCES


def steps_of(*features: str, seeds: int = 40) -> list[dict[str, Any]]:
    return [step for seed in range(seeds) for step in history(Random(seed), features)["steps"]]


def test_the_same_seed_is_the_same_history() -> None:
    """A failure that was found can be played again."""
    for seed in range(20):
        first, second = history(Random(seed)), history(Random(seed))
        assert json.dumps(first) == json.dumps(second)
        assert json.loads(json.dumps(first)) == first
        assert [step["at"] for step in first["steps"]] == sorted(step["at"] for step in first["steps"])


def test_each_feature_is_on_in_some_and_off_in_others() -> None:
    """Swarm testing: no feature hides another."""
    on = Counter(feature for seed in range(100) for feature in history(Random(seed))["features"])
    assert set(on) == set(FEATURES)
    assert all(10 < count < 80 for count in on.values()), on


@pytest.mark.parametrize(
    ("features", "kind", "action"),
    [
        (["rubbish"], "rubbish", None),
        (["mappings"], "mapping", None),
        (["accounts", "orders"], "order", "link"),
        (["accounts", "orders"], "order", "split"),
        (["pauses"], "order", "pause"),
        (["operators"], "order", "replay"),
        (["wave", "rejects"], "order", "reject"),
    ],
)
def test_what_is_on_happens(features: list[str], kind: str, action: str | None) -> None:
    """A feature without a step would be coverage by name only."""
    assert any((step["kind"], step.get("action")) == (kind, action) for step in steps_of(*features))
    assert not any((step["kind"], step.get("action")) == (kind, action) for step in steps_of())


def test_what_hr_says_can_be_late_dated_and_taken_back() -> None:
    """The words of one source come in all forms that the contract has."""
    said = [step["value"] for step in steps_of("dated", "cancels", "late", "twice") if step["kind"] == "say"]
    assert any("effective" in value for value in said)
    assert any("cancels" in value for value in said)
    assert len({value["id"] for value in said if value["subject"] == "U0"}) < len(said)
    assert {value["type"] for value in said} == {"snapshot", "change"}


def test_each_history_ends_with_an_operator_who_clears_up() -> None:
    """What was set aside is tried again, so that the end is the one that sources want."""
    for seed in range(20):
        told = history(Random(seed))
        assert [step["kind"] for step in told["steps"]][-3:] == ["sweep"] * 3
        assert {step["kind"] for step in told["steps"]} <= KINDS
        assert told["options"]["mapping"] in TEXTS


@pytest.mark.parametrize("feature", sorted(SEQUENCES))
def test_a_sequence_is_about_one_user_and_names_another(feature: str) -> None:
    """What stands for others in a sequence never comes into an event."""
    said = json.dumps([step["value"]["attributes"] for step in steps_of(feature) if step["kind"] == "say"])
    assert "OTHER" not in said
    assert any(name in said for name in ("Wizard", OUT, "u0@example.com"))

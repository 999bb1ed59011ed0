"""Contradictions in a mapping file: only what is certain, and nothing in the file that is shipped."""

from pathlib import Path

import pytest

import streamproc
from streamproc.core.fold.mapping import parse_mapping
from streamproc.mapping_preview.lint import Finding, Listed, Use, contradictions, unknown


def told(text: str) -> list[tuple[str, str]]:
    return [(each.where, each.text) for each in contradictions(parse_mapping(text))]


def test_the_shipped_mapping_has_none() -> None:
    """Nobody is warned of what they didn't write."""
    text = Path(streamproc.__file__).with_name("mapping.toml").read_text(encoding="utf-8")
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        (
            '[[rule]]\nwhen = { active = "true" }\nroles = ["A"]',
            "rule 1 (active = true)",
            "never matches: active is true or false, and no text",
        ),
        ('[[rule]]\nwhen = { job = "A" }', "rule 1 (job = A)", "gives nothing"),
        (
            '[[rule]]\nwhen = { job = "A" }\nroles = ["A"]\n' * 2,
            "rule 2 (job = A)",
            "says the same as rule 1",
        ),
        (
            '[[rule]]\nwhen = { job = "A" }\ntitle = "One"\n[[rule]]\nwhen = { job = "A" }\ntitle = "Two"',
            "rule 2 (job = A)",
            "title 'Two' always overrules 'One' of rule 1: both match the same people",
        ),
        ('[[copy]]\nfact = "f"\nto = "roles"\n' * 2, "copy 2 (f)", "says the same as copy 1"),
        (
            '[always]\nroles = ["employee"]',
            "always.roles",
            "nobody gets them: no copy and no rule gives roles, so none are owned",
        ),
        (
            (
                '[[rule]]\nwhen = { a = "x" }\nskills = { Spanish = 1.0 }\n'
                '[[rule]]\nwhen = { b = "x" }\nskills = { spanish = 2.0 }'
            ),
            "rule 2 (b = x)",
            "skill 'spanish' differs from 'Spanish' in rule 1 (a = x) only by case or spaces",
        ),
        ('[policy]\ntitle = "seed"', "policy.title", "has no effect: nothing in this file gives 'title'"),
        (
            '[policy]\nroles = "seed"\n[[copy]]\nfact = "f"\nto = "roles"',
            "policy.roles",
            (
                "roles that the target gives newcomers by itself count as theirs where none are known of them yet, "
                "unless [always] names them"
            ),
        ),
        (
            '[attributes]\ndivision = "division"\n[policy]\ndivision = "seed"',
            "policy.division",
            "newcomers of whom no division is known get one from the target, and that one counts as theirs",
        ),
    ],
)
def test_what_can_be_seen_in_the_file_alone(text: str, where: str, said: str) -> None:
    """Each is told with its place, once."""
    assert told(text) == [(where, said)]


def test_rules_that_never_match_really_never_do() -> None:
    """What is told of true and false is so; and a blank at an end of a rule is no difference."""
    mapping = parse_mapping(
        '[[rule]]\nwhen = { job = " Agent*" }\nroles = ["A"]\n[[rule]]\nwhen = { active = "*" }\nroles = ["B"]'
    )
    for value in ("Agent", " Agent", " Agent ", "  Agent x"):
        assert mapping.desire("E1", {"job": value, "active": True})[0]["roles"] == ["A"]


def test_names_of_the_target_decide() -> None:
    """Exact for all but groups; the nearest name is what was meant."""
    use = {"Spansih": Use(["rule 1"], 3)}
    assert list(unknown("skills", use, Listed({"Spanish"}))) == [
        Finding("error", "rule 1", "there is no skill 'Spansih'", "Spansih", "Spanish", 3)
    ]
    assert list(unknown("groups", {"queue": Use()}, Listed({"Queue"}, folded=True))) == []
    assert next(iter(unknown("skills", {"queue": Use()}, Listed({"Queue"})))).meant == "Queue"
    assert list(unknown("skills", {}, Listed(None, "denied"))) == []

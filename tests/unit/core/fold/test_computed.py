"""Expressions in the mapping: what is owned, what stays as it is, and what is told, where they have no result."""

from typing import Any

import pytest

from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import Fact, Origin, SourceFacts
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis

HELD = Resource(title="Clerk", roles=["Lead"], groups=["Sales"], externalIds={"teams": "a@example.com"})


def desired(text: str, facts: dict[str, Fact], before: Resource | None = HELD) -> tuple[dict[str, Any], list[str]]:
    """What is desired apart from the user ID, and the problems."""
    resource, problems = parse_mapping(text).desire("E1", facts, before)
    return {name: value for name, value in resource.items() if name != "externalId"}, problems


TITLE = """[attributes]\ntitle = { expr = 'upper(job) + " " + level' }\n"""


@pytest.mark.parametrize(
    ("facts", "title", "told"),
    [
        ({"job": "Agent", "level": "T1"}, "AGENT T1", []),
        ({"job": "Agent"}, "Clerk", ["title: level isn't known"]),
        ({}, ..., []),
        ({"job": None, "level": "T1"}, "Clerk", ...),
        ({"job": ["Agent"], "level": "T1"}, "Clerk", ...),
    ],
)
def test_an_attribute_whose_value_cant_be_said_stays(facts: dict[str, Fact], title: Any, told: Any) -> None:
    """It is told, unless nobody has said anything yet that it reads; no value of a fact is in what is told."""
    resource, problems = desired(TITLE, facts)
    assert resource.get("title", ...) == title
    assert problems == told if told is not ... else (len(problems) == 1 and "Agent" not in problems[0])


def test_a_value_that_is_none_empties() -> None:
    """As with a fact: a cleared phone clears, and what users always have stays as it is."""
    text = """[attributes]\ntitle = { expr = 'trim(job)' }\ndivision = { expr = 'trim(site)' }\n"""
    assert desired(text, {"job": None, "site": None}) == ({"title": None}, [])
    assert desired(text, {"job": " ", "site": ""}) == ({"title": None}, [])


def test_what_needs_no_fact_is_owned_at_once() -> None:
    """A value for those of whom nothing is said yet, and what everybody gets for whom nothing speaks against it."""
    text = """
[attributes]
title = { expr = 'coalesce(job, "Employee")' }
[[rule]]
if = 'coalesce(leave, "") != "Parental"'
groups = ["Everybody"]
skills = { Basics = 1.0 }
[[copy]]
expr = '["Agent"]'
to = "roles"
"""
    there = {"title": "Employee", "groups": ["Everybody"], "skills": {"Basics": 1.0}, "roles": ["Agent"]}
    assert desired(text, {}) == (there, [])
    assert desired(text, {"leave": "Parental"})[0] == {
        "title": "Employee",
        "groups": [],
        "skills": {},
        "roles": ["Agent"],
    }


BOTH = """[[rule]]\nwhen = { job = "*Agent" }\nif = 'level in ["T2", "T3"]'\ngroups = ["Experts"]\n"""


@pytest.mark.parametrize(
    ("facts", "groups", "told"),
    [
        ({"job": "Senior Agent", "level": "T2"}, ["Experts"], 0),
        ({"job": "Clerk", "level": "T2"}, [], 0),
        ({"job": "Senior Agent", "level": "T1"}, [], 0),
        ({"job": "Senior Agent", "level": None}, [], 0),
        ({"job": "Senior Agent"}, [], 0),
        ({"level": "T2"}, [], 0),
        ({"job": {"x": 1}, "level": "T2"}, ["Sales"], 1),
        ({"job": {"x": 1}, "level": "T1"}, [], 0),
    ],
)
def test_both_conditions_of_a_rule_have_to_hold(facts: dict[str, Fact], groups: list[str], told: int) -> None:
    """A no of one of them is enough, even where the other can't be read; what is only absent gives nothing."""
    resource, problems = desired(BOTH, facts)
    assert resource["groups"] == groups
    assert len(problems) == told


@pytest.mark.parametrize(
    ("level", "groups", "told"),
    [(3, ["Experts"], 0), (1, [], 0), (None, [], 0), ("T2", ["Sales"], 1), ([], ["Sales"], 1)],
)
def test_a_rule_that_cant_be_decided_takes_nothing_away(level: Fact, groups: list[str], told: int) -> None:
    """A value of another type changes nothing, and is told; one that isn't there is as good as a no."""
    resource, problems = desired("[[rule]]\nif = 'level > 2'\ngroups = ['Experts']\n", {"level": level})
    assert (resource["groups"], len(problems)) == (groups, told)
    assert all(each.startswith("rule 1: ") for each in problems)


@pytest.mark.parametrize(
    ("facts", "roles", "told"),
    [
        ({"teams": "Agent,Lead"}, ["Agent", "Lead"], []),
        ({"teams": None}, [], []),
        ({"teams": 7}, ["Lead"], ["copy 1: teams: "]),
        ({"teams": "N/A"}, ["Lead"], ["copy 1: expected names"]),
        ({}, ..., []),
    ],
)
def test_a_copy_that_cant_be_made_leaves_the_list(facts: dict[str, Fact], roles: Any, told: list[str]) -> None:
    """Null empties; what isn't as it should be leaves all of it as it was."""
    resource, problems = desired("""[[copy]]\nexpr = 'split(teams, ",")'\nto = "roles"\n""", facts)
    assert resource.get("roles", ...) == roles
    assert [problem[: len(part)] for problem, part in zip(problems, told, strict=True)] == told


def test_external_ids_are_each_by_itself() -> None:
    """One whose value can't be said stays, another follows; one of which nothing is known isn't owned."""
    text = """[externalIds]\nteams = { expr = 'lower(upn)' }\nphone = "number"\n"https://idp.example.com" = "sub"\n"""
    assert desired(text, {"upn": "Ana@example.com", "number": "1"}) == (
        {"externalIds": {"teams": "ana@example.com", "phone": "1"}},
        [],
    )
    resource, problems = desired(text, {"upn": 7, "number": None, "sub": ["x"]})
    assert resource == {"externalIds": {"teams": "a@example.com", "phone": None}}
    assert [problem.partition(":")[0] for problem in problems] == ["sub", "externalIds.teams"]
    assert parse_mapping(text).unread({"upn": 7}) == ["externalIds"]
    assert desired(text, {}) == ({}, [])


def test_a_login_that_is_computed_is_the_identity_providers() -> None:
    """Facts that make the userName are weighed as logins: who lets people log in comes before HR."""
    mapping = parse_mapping("""[attributes]\nuserName = { expr = 'lower(upn)' }\ntitle = "job"\n""")
    facts = {
        f"{source}/1": SourceFacts("1", Origin(f"events.{source}", 0, 0, Millis(1)), values={"upn": said, "job": said})
        for source, said in (("hris", "HR@example.com"), ("okta", "Okta@example.com"))
    }
    resource, _ = mapping.desire("E1", mapping.view(facts, Millis(2)))
    assert (resource["userName"], resource["title"]) == ("okta@example.com", "HR@example.com")


def test_facts_that_expressions_read_are_kept() -> None:
    """And no others: what a macro binds is none, and a group is one by its name."""
    mapping = parse_mapping("""
[scope]
who = 'inGroup("CC") && facts["cost center"] != "1"'
[[copy]]
expr = 'split(cefr, ",").map(l, before(l, "-"))'
to = "languages"
""")
    read = {"group:CC", "cost center", "cefr"}
    assert mapping.computed == read
    assert set(mapping.facts) == read | {"userName", "displayName", "active", "began", "gone"}


def test_more_names_than_can_be_meant_by_expression() -> None:
    """A list of an expression is bounded as one of a fact is."""
    names = ",".join(f"N{number}" for number in range(501))
    resource, problems = desired("""[[copy]]\nexpr = 'split(teams, ",")'\nto = "groups"\n""", {"teams": names})
    assert (resource["groups"], problems) == (["Sales"], ["groups: more than 500 names"])

"""The mapping with expressions: it reads what it says that it reads, and what was remembered is what would be found."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.fold import grants
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import Fact
from streamproc.core.records.resource import Resource
from tests.support.events import values

TEXT = """
[attributes]
displayName = { expr = 'coalesce(preferred, given) + " " + family' }
title = { expr = 'lookup("titles", job, job)' }
division = { expr = 'lookup("titles", site)' }
department = "department"
[externalIds]
teams = { expr = 'lower(given) + "@example.com"' }
phone = "number"
[[copy]]
expr = 'split(languages, ",").map(l, before(l, "-") + ":" + after(l, "-"))'
to = "languages"
[[copy]]
fact = "queue"
to = "groups"
[[rule]]
when = { job = "*Agent*" }
if = 'department != "Care" || inGroup("Agents")'
roles = ["Agent"]
title = "Agent"
[[rule]]
if = 'coalesce(leave, "") != "Parental" && size(site) > 2'
skills = { Billing = 3.0 }
groups = ["Billing"]
[tables.titles]
MAD = "Spain"
Agent = "Clerk"
"""
MAPPING = parse_mapping(TEXT)
NAMES = ("preferred", "given", "family", "job", "site", "department", "number", "languages", "queue", "leave")
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12).map("\u00b6".__add__),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
said = st.fixed_dictionaries(
    {}, optional=dict.fromkeys((*NAMES, "group:Agents", "unread"), values | st.sampled_from(["MAD", "es-3,en-2"]))
)
held = (
    st.just(
        Resource(
            displayName="Ana",
            title="Clerk",
            division="Home",
            externalIds={"teams": "a@example.com", "phone": "1"},
            roles=["Lead"],
            groups=["Sales"],
            skills={"Sales": 1.0},
            languages={"French": 2.0},
        )
    )
    | st.none()
)


@given(facts=said, before=held)
def test_what_it_reads_is_all_that_counts(facts: dict[str, Fact], before: Resource | None) -> None:
    """Facts that the mapping doesn't name change nothing; those that it names are kept, and are enough."""
    read = {name: value for name, value in facts.items() if name in MAPPING.facts}
    assert "unread" not in read
    assert MAPPING.desire("E1", facts, before) == MAPPING.desire("E1", read, before)


@given(histories=st.lists(said, min_size=2, max_size=8))
def test_what_is_remembered_is_what_would_be_found(histories: list[dict[str, Fact]]) -> None:
    """With a memory or without one, the same is desired, and the same problems are told."""
    remembering, forgetful = parse_mapping(TEXT), parse_mapping(TEXT)
    for facts in (*histories, *histories):
        forgetful.__dict__.pop("_grants", None)
        assert repr(remembering.desire("E1", facts)) == repr(forgetful.desire("E1", facts))
    assert len(remembering._grants._remembered) <= grants.REMEMBERED


@given(facts=said, before=held)
def test_what_cant_be_said_stays(facts: dict[str, Fact], before: Resource | None) -> None:
    """Whatever facts say: each attribute of which something can't be read is as it was, and that is told."""
    desired: dict[str, Any]
    desired, problems = MAPPING.desire("E1", facts, before)  # type: ignore[assignment]
    unread = MAPPING.unread(facts)
    was: dict[str, Any] = dict(before or {})
    for name in unread:
        if name != "externalIds":
            assert desired.get(name, ...) == was.get(name, ...)
    for authority in ("teams", "phone"):
        if any(problem.startswith((f"externalIds.{authority}:", "number:")) for problem in problems):
            here = desired.get("externalIds", {}).get(authority, ...)
            assert here == was.get("externalIds", {}).get(authority, ...) or authority == "teams"
    assert bool(problems) == bool(unread)


@given(facts=said)
def test_nobody_gets_what_no_line_gives(facts: dict[str, Fact]) -> None:
    """Levels are within the scale, lists are sorted, and nothing is owned that no line of the file names."""
    desired: dict[str, Any] = dict(MAPPING.desire("E1", facts)[0])
    owned = {"externalId", "externalIds", "displayName", "userName", "active", "title", "division", "department"}
    assert desired.keys() <= owned | {"roles", "groups", "skills", "languages"}
    assert all(0.0 <= level <= 5.0 for level in desired.get("languages", {}).values())
    assert desired.get("groups", []) == sorted(desired.get("groups", []))


@given(facts=st.dictionaries(st.sampled_from([*NAMES, "group:Agents"]), anything))
def test_whatever_facts_say_it_is_desired_or_told(facts: Any) -> None:
    """Nothing raises, and no value of a fact is in what is told: problems name facts."""
    _, problems = MAPPING.desire("E1", facts)
    assert not any("\u00b6" in problem for problem in problems)


def test_what_is_remembered_is_of_all_facts_that_were_read() -> None:
    """Two people whom a rule's `when` can't tell apart, and its `if` can."""
    mapping = parse_mapping("[attributes]\n[[rule]]\nwhen = { job = '*' }\nif = 'site == \"MAD\"'\nroles = ['R']\n")
    given = [mapping.desire("E1", {"job": "Agent", "site": site})[0].get("roles") for site in ("MAD", "BCN", "MAD")]
    assert given == [["R"], [], ["R"]]

"""The mapping: which facts become which attributes, what is owned, and what a mistake in the file is told as."""

from typing import Any

import pytest

from streamproc.core.fold.grants import MOST
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.fold.plan import plan
from streamproc.core.records.change_event import Fact
from streamproc.core.records.resource import STANDING, Resource
from streamproc.core.scim.dialect import GENESYS_DIALECT
from tests.support.paths import REPOSITORY

SHIPPED = REPOSITORY / "streamproc" / "mapping.toml"


def shipped() -> Mapping:
    """The mapping that is in force unless told otherwise."""
    return parse_mapping(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)


def desired(text: str, facts: dict[str, Fact]) -> dict[str, Any]:
    """What a mapping desires of facts in which it finds no problem, without the user ID."""
    resource, problems = parse_mapping(text).desire("E1", facts)
    assert problems == []
    return {name: value for name, value in resource.items() if name != "externalId"}


def copied(fact: Fact, to: str = "languages", **changes: object) -> tuple[Any, list[str]]:
    """What one [[copy]] makes of a fact (None: it says nothing), and the problems in it."""
    keys = "".join(f"{name} = {value}\n" for name, value in changes.items())
    mapping = parse_mapping(f'[[copy]]\nfact = "f"\nto = "{to}"\n{keys}')
    resource, problems = mapping.desire("E1", {"f": fact})
    return dict(resource).get(to), problems


def test_the_shipped_mapping_does_what_it_says() -> None:
    """Copies and rules of the shipped file come together; a list is sorted and holds each name once."""
    facts: dict[str, Fact] = {
        "userName": "ana@example.com",
        "displayName": "Ana",
        "active": True,
        "job": "Senior Agent",
        "department": "spanish support",
        "genesysQueue": "Billing",
        "genesysLanguage": "Spanish:2.5, English",
        "genesysRole": ["Trainer", "Agent"],
    }
    assert shipped().desire("E1", facts) == (
        {
            "externalId": "E1",
            "userName": "ana@example.com",
            "displayName": "Ana",
            "active": True,
            "title": "Senior Agent",
            "department": "spanish support",
            "roles": ["Agent", "Trainer", "employee"],
            "groups": ["Billing Queue", "Spanish Queue"],
            "skills": {"Billing": 3.0, "Spanish": 4.0},
            "languages": {"English": 3.0, "Spanish": 4.0},
        },
        [],
    )


def test_the_shipped_mapping_reads_only_what_it_names() -> None:
    """Facts outside the mapping aren't kept: they would be personal data that nobody needs."""
    assert shipped().facts == (
        "active",
        "began",
        "department",
        "displayName",
        "division",
        "employeeNumber",
        "genesysLanguage",
        "genesysQueue",
        "genesysRole",
        "gone",
        "job",
        "manager",
        "phone",
        "userName",
    )


def test_every_attribute_that_can_be_mapped_can_be_written() -> None:
    """The dialect knows a place for whatever a mapping may own, groups apart, and nothing else."""
    lines = set(shipped().file.attributes.__class__.model_fields)
    assert lines | {"externalId", "externalIds", "roles", "skills", "languages"} == GENESYS_DIALECT.places.keys()
    assert Resource.__annotations__.keys() == GENESYS_DIALECT.places.keys() | {"groups", *STANDING}


def test_unknown_facts_own_nothing() -> None:
    """Before anything is known but the user ID, nothing is owned but the user ID."""
    assert shipped().desire("E1", {}) == ({"externalId": "E1"}, [])


def test_null_owns_and_empties() -> None:
    """A fact that is known to have no value empties what it feeds, whether text, list or levels."""
    facts: dict[str, Fact] = {"job": None, "genesysQueue": None, "genesysLanguage": None}
    resource, problems = shipped().desire("E1", facts)
    assert resource == {
        "externalId": "E1",
        "title": None,
        "roles": ["employee"],
        "groups": [],
        "skills": {},
        "languages": {},
    }
    assert problems == []


def test_what_genesys_users_always_have_is_never_emptied() -> None:
    """That a source has no value for a name, `active` or the division means that the source doesn't say."""
    facts: dict[str, Fact] = dict.fromkeys(("userName", "displayName", "active", "division"))
    assert shipped().desire("E1", facts) == ({"externalId": "E1"}, [])


@pytest.mark.parametrize("value", ["false", "no", " ", 0, 1, [], ["x"], {}])
def test_a_doubtful_active_grants_and_takes_nothing(value: Fact) -> None:
    """Only true and false say anything of access; anything else is told as a problem and `active` isn't owned."""
    resource, problems = shipped().desire("E1", {"active": value})
    assert "active" not in resource
    assert problems == ["active: expected true or false"]
    assert plan(None, resource) == plan(Resource(externalId="E1", active=True), resource) == []


@pytest.mark.parametrize(
    ("value", "expected", "wrong"),
    [
        ("", None, False),
        (7, "7", False),
        (2.5, "2.5", False),
        (12417.0, "12417", False),
        (1e300, None, True),
        (None, None, False),
        (True, None, True),
        (["x"], None, True),
        ({"x": 1}, None, True),
    ],
)
def test_text_is_text(value: Fact, expected: str | None, wrong: bool) -> None:
    """A number becomes text; what can't be text is told and leaves the attribute as it is."""
    mapping = parse_mapping('[attributes]\ntitle = "job"')
    resource, problems = mapping.desire("E1", {"job": value}, Resource(title="Clerk"))
    assert resource["title"] == ("Clerk" if wrong else expected)
    assert problems == (["job: expected text"] if wrong else [])
    assert mapping.unread({"job": value}) == (["title"] if wrong else [])
    assert ("title" in mapping.desire("E1", {"job": value})[0]) is not wrong, "what was never known isn't owned"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Spanish", {"Spanish": 3.0}),
        (" Spanish : 4 ,, English,", {"English": 3.0, "Spanish": 4.0}),
        (["Spanish:0.5", "English", " "], {"English": 3.0, "Spanish": 0.5}),
        ({"Spanish": 5, "English": None, "French": "2"}, {"English": 3.0, "French": 2.0, "Spanish": 5.0}),
        ("Spanish:2, Spanish:4, Spanish:3", {"Spanish": 4.0}),
        ("Spanish:4; English", {"English": 3.0, "Spanish": 4.0}),
        ("Spanish:4\r\nEnglish\n", {"English": 3.0, "Spanish": 4.0}),
        ("Spanish\uff1a4\uff1bEnglish\u3001", {"English": 3.0, "Spanish": 4.0}),
        (["Spanish:4; English", "French\n"], {"English": 3.0, "French": 3.0, "Spanish": 4.0}),
        ("\ufeffSpan\u200bish\u00a0:\u00a04,  Atencio\u0301n", {"Atenci\u00f3n": 3.0, "Spanish": 4.0}),
        ("R&amp;D; Care", {"Care": 3.0, "R&amp;D": 3.0}),
        ("Spanish:4\tEnglish", {"English": 3.0, "Spanish": 4.0}),
        ('["Spanish:4", "English"]', {"English": 3.0, "Spanish": 4.0}),
        ('{"Spanish": 4, "English": null}', {"English": 3.0, "Spanish": 4.0}),
        ("[EN] Sales", {"[EN] Sales": 3.0}),
        ("", {}),
        ([], {}),
        ({}, {}),
        (None, {}),
    ],
)
def test_names_and_levels(value: Fact, expected: dict[str, float]) -> None:
    """Names come as text with separators, as a list or as an object; the better of two levels holds."""
    assert copied(value) == (expected, [])


SCALE = "f: a proficiency isn't within 0.0 to 5.0"
NAMES = "f: expected names"


@pytest.mark.parametrize("level", ["-0.1", "5.1", "nan", "inf", "high", "", "1e400", "4_0", "4/5"])
def test_a_level_outside_the_scale_is_told(level: str) -> None:
    """A proficiency that Genesys would refuse, or nobody can read, is told, and nothing is made of the rest alone."""
    expected = (None, [SCALE])
    assert copied(f"Spanish:{level}, English") == copied({"Spanish": level, "English": None}) == expected


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("Spanish:4,5, English", SCALE),
        ("Spanish:4|English:3", NAMES),
        ("Spanish | English", NAMES),
        ("Spanish=4, English", NAMES),
        ("\u2022 Spanish\n\u2022 English", NAMES),
        ("- Spanish\n- English", NAMES),
        ("Spanish<br>English", NAMES),
        ('["Spanish", ["English"]]', NAMES),
        ("Spanish:4; -", NAMES),
        ("Spanish:4; N/A", NAMES),
        ("null", NAMES),
        (";", NAMES),
        (":4", NAMES),
        ({"Spanish": True}, SCALE),
        ({"Spanish": 4, "": 1}, NAMES),
        ({"id": "5b1", "name": "Spanish"}, SCALE),
    ],
)
def test_what_isnt_surely_a_name_with_a_level_is_told(value: Fact, told: str) -> None:
    """A decimal comma, a separator or a mark of which we don't know, a placeholder, a structure."""
    assert copied(value) == (None, [told])


@pytest.mark.parametrize("value", [True, 7, 0.5, [1], [True, None], ["Agent", 7], {"Agent": True, "Boss": False}])
def test_what_holds_no_names_is_told(value: Fact) -> None:
    """A fact that should hold names and doesn't is told, and what isn't known isn't owned."""
    found, problems = copied(value, "roles")
    assert found is None
    assert problems in ([NAMES], [SCALE])


def test_what_cant_be_read_changes_nothing() -> None:
    """The attribute that it feeds stays as it is, rules and all; the others follow."""
    held = Resource(roles=["Agent"], languages={"Spanish": 4.0}, groups=["Billing Queue"], skills={}, active=True)
    facts: dict[str, Fact] = {"genesysLanguage": "Spanish:high", "department": "Spanish Support", "job": {"x": 1}}
    facts |= {"genesysQueue": "Claims", "genesysRole": None, "active": "yes"}
    resource, problems = shipped().desire("E1", facts, held)
    assert resource == {
        "externalId": "E1",
        "active": True,
        "department": "Spanish Support",
        "groups": ["Billing Queue"],
        "languages": {"Spanish": 4.0},
        "roles": ["Agent"],
        "skills": {"Claims": 3.0, "Spanish": 4.0},
    }
    assert sorted(problems) == [
        "active: expected true or false",
        "genesysLanguage: a proficiency isn't within 0.0 to 5.0",
        "job: expected text",
        "job: expected text",
    ]
    assert shipped().unread(facts) == ["active", "groups", "languages", "roles", "title"]


def test_copies_translate_and_wrap() -> None:
    """`values` translates a name before `template` wraps it; `level` is for names that say none."""
    assert copied("B, C", "groups", values='{ B = "Billing" }', template='"{} Queue"') == (
        ["Billing Queue", "C Queue"],
        [],
    )
    assert copied("A, B:1", level="4.5") == ({"A": 4.5, "B": 1.0}, [])


@pytest.mark.parametrize(
    ("when", "facts", "matches"),
    [
        ('{ job = "Agent" }', {"job": "agent"}, True),
        ('{ job = "Agent" }', {"job": " Agent "}, True),
        ('{ job = "Agent" }', {"job": "Agents"}, False),
        ('{ job = "*Agent*" }', {"job": "Senior\nAgents"}, True),
        ('{ job = "A.ent" }', {"job": "Agent"}, False),
        ('{ job = ["Lead", "*Supervisor"] }', {"job": "Night Supervisor"}, True),
        ('{ job = "Agent" }', {"job": ["Clerk", "Agent"]}, True),
        ('{ job = "Agent", department = "Care" }', {"job": "Agent", "department": "Care"}, True),
        ('{ job = "Agent", department = "Care" }', {"job": "Agent"}, False),
        ('{ job = "*" }', {"job": None}, False),
        ('{ job = "*" }', {}, False),
        ('{ job = " Agente  de Atenci\u00f3n" }', {"job": "AGENTE de Atencio\u0301n\u200b"}, True),
        ('{ job = "A" }', {"job": "\u00c4"}, False),
        ('{ "group:Atencio\u0301n" = "*" }', {"group:Atenci\u00f3n": "Atenci\u00f3n"}, True),
    ],
)
def test_when_a_rule_matches(when: str, facts: dict[str, Fact], matches: bool) -> None:
    """Every fact must match one whole pattern; `*` is the only wildcard, and null matches nothing."""
    found = desired(f'[[rule]]\nwhen = {when}\nroles = ["R"]\n', facts)
    assert ("R" in found.get("roles", [])) == matches


def test_a_rule_that_no_longer_matches_takes_back() -> None:
    """What a rule gave goes when it stops matching: role, group, skill, language and title; a division stays."""
    text = """
[[rule]]
when = { job = "*Lead" }
title = "Boss"
division = "Sales"
roles = ["Supervisor"]
groups = ["Supervisors"]
skills = { Coaching = 2.0 }
languages = { English = 1.0 }
"""
    lead, clerk = (desired(text, {"job": job}) for job in ("Team Lead", "Clerk"))
    assert lead == {
        "title": "Boss",
        "division": "Sales",
        "roles": ["Supervisor"],
        "groups": ["Supervisors"],
        "skills": {"Coaching": 2.0},
        "languages": {"English": 1.0},
    }
    assert clerk == {"title": None, "roles": [], "groups": [], "skills": {}, "languages": {}}


def test_a_rules_title_beats_the_copied_one() -> None:
    """Rules come after attributes; where none matches the copied value stands."""
    text = '[attributes]\ntitle = "job"\n[[rule]]\nwhen = { job = "TL" }\ntitle = "Team Lead"\n'
    assert desired(text, {"job": "TL"}) == {"title": "Team Lead"}
    assert desired(text, {"job": "Clerk"}) == {"title": "Clerk"}


def test_rules_add_up_in_any_order() -> None:
    """Two rules that give the same skill give the better proficiency, whichever stands first."""
    rules = [f'[[rule]]\nwhen = {{ job = "*" }}\nskills = {{ Billing = {level} }}\n' for level in ("2.0", "4.0")]
    for order in (rules, rules[::-1]):
        assert desired("".join(order), {"job": "x"}) == {"skills": {"Billing": 4.0}}


def test_always_needs_owned_roles() -> None:
    """[always] adds roles where something feeds roles, and owns none by itself."""
    assert desired('[always]\nroles = ["employee"]\n', {"job": "x"}) == {}
    text = '[always]\nroles = ["employee"]\n[[rule]]\nwhen = { job = "Agent" }\nroles = ["Agent"]\n'
    assert desired(text, {"job": "Clerk"}) == {"roles": ["employee"]}
    assert desired(text, {"department": "Care"}) == {}


def test_names_of_roles_may_hold_a_colon() -> None:
    """Only what has a proficiency is split at a colon: a role called "Sales: EMEA" is copied as it is."""
    mapping = parse_mapping('[[copy]]\nfact = "genesysRole"\nto = "roles"\n')
    assert mapping.desire("E1", {"genesysRole": "Sales: EMEA, Lead:2"})[0]["roles"] == ["Lead:2", "Sales: EMEA"]


def test_names_of_facts_compare_as_they_are_seen() -> None:
    """A mapping that is written decomposed reads what a source writes composed, and itself."""
    mapping = parse_mapping('[attributes]\ntitle = "a\u0301rea"\n[[copy]]\nfact = "a\u0301rea"\nto = "groups"\n')
    for name in ("\u00e1rea", "a\u0301rea"):
        assert name in mapping.facts
        assert mapping.desire("E1", {name: "Care"})[0] == {"externalId": "E1", "title": "Care", "groups": ["Care"]}


def test_numbers_match_rules() -> None:
    """A fact that a source sends as a number matches a rule that is written as text."""
    mapping = parse_mapping('[[rule]]\nwhen = { costCenter = "4711" }\nroles = ["Agent"]\n')
    assert mapping.desire("E1", {"costCenter": 4711})[0]["roles"] == ["Agent"]


def test_what_was_given_before_is_given_again_and_apart() -> None:
    """Facts that are equal but not the same aren't taken for each other, and what one user holds isn't another's."""
    mapping = parse_mapping('[[rule]]\nwhen = {floor = "1"}\nroles = ["first floor"]\n')
    for floor, roles in ((1, ["first floor"]), (True, []), (1.0, ["first floor"]), ("1", ["first floor"]), (None, [])):
        for user in ("E1", "E2"):
            desired, _ = mapping.desire(user, {"floor": floor})
            assert desired == {"externalId": user, "roles": roles}
            desired["roles"].append("altered")


def test_a_list_that_is_too_long_changes_nothing() -> None:
    """Each group is a request of its own; of more than can be meant the list stays as it was, and is told."""
    mapping = parse_mapping('[[copy]]\nfact = "genesysQueue"\nto = "groups"\n')
    before = Resource(groups=["Billing"])
    resource, problems = mapping.desire("E1", {"genesysQueue": [f"Q{number}" for number in range(MOST + 1)]}, before)
    assert (resource.get("groups"), problems) == (["Billing"], [f"groups: more than {MOST} names"])
    resource, problems = mapping.desire("E1", {"genesysQueue": [f"Q{number}" for number in range(MOST)]}, before)
    assert (len(resource.get("groups", [])), problems) == (MOST, [])

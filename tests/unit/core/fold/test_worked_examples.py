"""Mappings as people write them: each does with facts what its line says."""

from typing import Any

import pytest

from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.fold.scope import desire, standing
from streamproc.core.records.change_event import Fact
from streamproc.core.records.resource import Resource

Facts = dict[str, Fact]


def only(mapping: Mapping, facts: Facts, before: Resource | None = None) -> tuple[dict[str, Any], list[str]]:
    """What is desired apart from the user ID, and the problems."""
    desired, problems = desire(mapping, "E1", facts, before)
    return {name: value for name, value in desired.items() if name != "externalId"}, problems


@pytest.mark.parametrize(
    ("facts", "ours"),
    [
        ({"workerType": "Employee", "costCenter": "4711"}, True),
        ({"workerType": "Contractor", "costCenter": "4712"}, True),
        ({"workerType": "Contractor", "costCenter": "4713"}, False),
        ({"workerType": "Intern", "costCenter": "4711"}, False),
        ({"workerType": "Intern"}, False),
        ({"workerType": "Employee"}, None),
        ({"workerType": None, "costCenter": "4711"}, None),
    ],
)
def test_no_interns_and_contractors_by_cost_centre(facts: Facts, ours: bool | None) -> None:
    """A no beats what isn't known; what rests on a fact without a value is unknown, and lets nobody in."""
    mapping = parse_mapping("""[scope]\nwho = 'workerType != "Intern" && costCenter in ["4711", "4712"]'\n""")
    desired, problems = only(mapping, facts)
    assert ("scope" not in desired) is (ours is True)
    assert bool(problems) is (ours is None)


@pytest.mark.parametrize(("member", "ours"), [("Genesys Users", True), (None, False)])
def test_the_identity_providers_group(member: Fact, ours: bool) -> None:
    """Membership is a fact, and null is a plain no: who leaves the group is out."""
    mapping = parse_mapping("""[scope]\nwho = 'inGroup("Genesys Users")'\n""")
    facts: Facts = {"group:Genesys Users": member, "active": True}
    inside = Resource(externalId="E1", active=True)
    assert only(mapping, facts, inside) == ({"active": True} if ours else {"active": False, "scope": "left"}, [])
    assert only(mapping, facts)[0].get("scope") == (None if ours else "never")


@pytest.mark.parametrize(
    ("leave", "suspended"), [("Suspended", True), ("Garden leave", True), ("Parental", False), (None, False)]
)
def test_parental_leave_keeps_access(leave: Fact, suspended: bool) -> None:
    """Policy takes access for a time, and gives it back whole."""
    mapping = parse_mapping("""[suspend]\nwhen = 'coalesce(leave, "") in ["Suspended", "Garden leave"]'\n""")
    before = Resource(externalId="E1", active=True)
    assert only(mapping, {"active": True, "leave": leave}, before) == (
        {"active": False, "suspended": True} if suspended else {"active": True},
        [],
    )
    assert standing(mapping, {"active": True, "leave": leave}, before).suspended is suspended


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"givenName": "Analyn", "preferredName": "Ana", "familyName": "Ruiz"}, "Ruiz, Ana"),
        ({"givenName": "Analyn", "preferredName": None, "familyName": "Ruiz"}, "Ruiz, Analyn"),
        ({"givenName": "Analyn", "familyName": "Ruiz"}, "Ruiz, Analyn"),
    ],
)
def test_the_preferred_name_before_the_given_one(facts: Facts, expected: str) -> None:
    """The first that has a value."""
    mapping = parse_mapping(
        """[attributes]\ndisplayName = { expr = 'familyName + ", " + coalesce(preferredName, givenName)' }\n"""
    )
    assert only(mapping, facts) == ({"displayName": expected}, [])


def test_the_login_in_another_domain() -> None:
    """What stands before the @ of the identity provider's login."""
    mapping = parse_mapping("""[attributes]\nuserName = { expr = 'lower(before(upn, "@")) + "@cc.example.com"' }\n""")
    assert only(mapping, {"upn": "Ana.Ruiz@example.com"}) == ({"userName": "ana.ruiz@cc.example.com"}, [])


def test_the_phone_is_a_fact() -> None:
    """Numbers are made E.164 before the log: here they are copied."""
    mapping = parse_mapping('[attributes]\nphone = "workPhone"\n')
    assert only(mapping, {"workPhone": "+34911234567"}) == ({"phone": "+34911234567"}, [])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"site": "MAD", "country": "ES"}, "Madrid"),
        ({"site": "BCN", "country": "ES"}, "Spain"),
        ({"site": None, "country": "ES"}, "Spain"),
        ({"site": "BCN", "country": "FR"}, "Home"),
        ({"site": None, "country": None}, "Home"),
    ],
)
def test_the_division_by_site_then_by_country(facts: Facts, expected: str) -> None:
    """Where neither table has a row the division is left alone."""
    mapping = parse_mapping(
        """[attributes]\ndivision = { expr = 'coalesce(lookup("division", site), lookup("country", country))' }\n"""
        '[tables.division]\nMAD = "Madrid"\n[tables.country]\nES = "Spain"\n'
    )
    desired, _ = only(mapping, facts, Resource(externalId="E1", division="Home"))
    assert desired.get("division", "Home") == expected


@pytest.mark.parametrize(
    ("said", "expected", "told"),
    [("03/11/2026", "2026-11-03", False), (None, None, False), ("11-03-2026", "2020-01-01", True)],
)
def test_the_day_of_hire_as_its_source_writes_it(said: Fact, expected: str | None, told: bool) -> None:
    """A day becomes ISO 8601; one that isn't written like that changes nothing, and is told."""
    mapping = parse_mapping("""[attributes]\nhired = { expr = 'date(hireDate, "DD/MM/YYYY")' }\n""")
    desired, problems = only(mapping, {"hireDate": said}, Resource(externalId="E1", hired="2020-01-01"))
    assert desired["hired"] == expected
    assert bool(problems) is told


def test_by_job_code_and_out_of_the_queue_while_on_leave() -> None:
    """A rule gives by job code, and takes back while somebody is on parental leave; other rules go on."""
    mapping = parse_mapping("""
[[rule]]
if = 'like(jobCode, "CC-ES-*") && coalesce(leave, "") != "Parental"'
skills = { Spanish = 4.0, Billing = 3.0 }
groups = ["Spanish Queue"]
[[rule]]
when = { jobCode = "CC-*" }
roles = ["Agent"]
""")
    there = {"skills": {"Billing": 3.0, "Spanish": 4.0}, "groups": ["Spanish Queue"], "roles": ["Agent"]}
    away: dict[str, Any] = {"skills": {}, "groups": [], "roles": ["Agent"]}
    assert only(mapping, {"jobCode": "cc-es-1", "leave": None}) == (there, [])
    assert only(mapping, {"jobCode": "CC-ES-1"}) == (there, [])
    assert only(mapping, {"jobCode": "CC-ES-1", "leave": "Parental"}) == (away, [])
    assert only(mapping, {"jobCode": "CC-PT-1", "leave": None}) == (away, [])
    assert only(mapping, {"jobCode": None}) == ({"skills": {}, "groups": [], "roles": []}, [])


LANGUAGES = """
[[copy]]
expr = 'split(cefr, ",").map(l, lookup("language", before(l, "-"), "") + ":" + lookup("level", after(l, "-"), "3"))'
to = "languages"
[tables.language]
es = "Spanish"
en = "English"
[tables.level]
B2 = "3"
C1 = "5"
"""


@pytest.mark.parametrize(
    ("cefr", "expected", "told"),
    [
        ("es-C1,en-B2", {"English": 3.0, "Spanish": 5.0}, False),
        ("es-C1,en-A1", {"English": 3.0, "Spanish": 5.0}, False),
        (None, {}, False),
        ("es-C1,xx-B2", {"French": 1.0}, True),
        (7, {"French": 1.0}, True),
    ],
)
def test_levels_of_the_european_framework(cefr: Fact, expected: dict[str, float], told: bool) -> None:
    """Codes become names with levels; null empties; of what has no name the list stays as it is, and that is told."""
    desired, problems = only(parse_mapping(LANGUAGES), {"cefr": cefr}, Resource(languages={"French": 1.0}))
    assert desired["languages"] == expected
    assert bool(problems) is told

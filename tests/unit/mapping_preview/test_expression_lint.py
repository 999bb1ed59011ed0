"""`mapping check` of expressions: names that they give, conditions that decide nothing, and scopes without effect."""

import pytest

from streamproc.core.fold.mapping import parse_mapping
from streamproc.mapping_preview.attribute_usage import MOST
from streamproc.mapping_preview.lint import (
    Finding,
    Listed,
    contradictions,
    ineffective,
    parted,
    unheard,
    unknown,
    unsent,
    uses,
)
from streamproc.mapping_preview.run import surveyed
from tests.support.pasts import Past, recalled
from tests.unit.mapping_preview.test_whatif import hired

GIVING = """
[attributes]
division = { expr = 'coalesce(lookup("division", site), country == "ES" ? "Spain" : "Rest")' }
[tables.division]
MAD = "Iberia"
[tables.language]
es = "Spanish:4"
en = "English"
[[copy]]
expr = 'languages.map(l, lookup("language", l, "Other"))'
to = "languages"
[[copy]]
fact = "queues"
to = "skills"
separators = ",|"
whole = ["Sales, Inbound"]
"""


def told(text: str) -> list[tuple[str, str]]:
    return [(each.where, each.text) for each in contradictions(parse_mapping(text))]


def test_names_that_expressions_give_are_compared_with_the_target() -> None:
    """Texts in the expression and in tables, with levels taken off; and names that hold a separator."""
    used = uses(parse_mapping(GIVING), None)
    assert sorted(used["divisions"]) == ["Iberia", "Rest", "Spain"]
    assert sorted(used["languages"]) == ["English", "Other", "Spanish"]
    assert list(used["skills"]) == ["Sales, Inbound"]
    findings = list(unknown("languages", used["languages"], Listed({"Spanish", "english", "Other"})))
    assert findings == [
        Finding(
            "error",
            """copy 1 (languages.map(l, lookup("language", l, "Other")))""",
            "there is no language 'English'",
            "English",
            "english",
        )
    ]


@pytest.mark.parametrize(
    ("name", "listed", "meant"),
    [
        ("Kundendienst", "kunden-dienst", "kunden-dienst"),
        ("Español", "Espanol", "Espanol"),
        ("Sales  EU", "sales eu", "sales eu"),
        ("Billing", "Marketing", None),
    ],
)
def test_did_you_mean_what_differs_by_case_spaces_or_marks(name: str, listed: str, meant: str | None) -> None:
    """A person reads them as one name; the target doesn't."""
    used = uses(parse_mapping(f'[[rule]]\nwhen = {{ a = "x" }}\nskills = {{ "{name}" = 1.0 }}\n'), None)["skills"]
    (finding,) = unknown("skills", used, Listed({listed}))
    assert finding.meant == meant


def test_names_of_the_target_that_hold_a_separator_are_told() -> None:
    """They would be taken for two; those that the file names whole aren't."""
    file = parse_mapping(GIVING).file
    findings = list(parted("skills", file, Listed({"Sales, Inbound", "Care | Night", "Billing"})))
    assert [(each.where, each.name) for each in findings] == [("copy 2 (queues)", "Care | Night")]
    assert not list(parted("languages", file, Listed({"English, US"})))


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("[scope]\nwho = 'true'", "scope.who", "takes in everybody: true reads no fact"),
        (
            "[scope]\nwho = 'a == \"x\" && 1 > 2'",
            "scope.who",
            "takes in nobody: 1 > 2 reads no fact, and isn't true",
        ),
        (
            '[suspend]\nwhen = \'"x" == "y"\'',
            "suspend.when",
            'suspends nobody: "x" == "y" reads no fact, and isn\'t true',
        ),
        (
            '[[rule]]\nif = \'a == "x" && true\'\nroles = ["R"]',
            "rule 1",
            "true reads no fact, and decides nothing",
        ),
        ("[tables.site]\nMAD = 'Spain'", "tables.site", "no expression looks into it"),
    ],
)
def test_what_decides_nothing_is_told(text: str, where: str, said: str) -> None:
    """Each with its place, once."""
    assert told(text) == [(where, said)]


def test_rules_with_other_conditions_dont_contradict_each_other() -> None:
    """The same `when`, and another `if`: they match other people."""
    rule = '[[rule]]\nwhen = { job = "A" }\nif = \'site == "%s"\'\ntitle = "%s"\n'
    assert told(rule % ("M", "One") + rule % ("B", "Two")) == []
    (again,) = told(rule % ("M", "One") + rule % ("M", "Two"))
    assert again == (
        'rule 2 (job = A and site == "M")',
        "title 'Two' always overrules 'One' of rule 1: both match the same people",
    )


def company() -> Past:
    """Two in Care, and one whom nobody takes in; one has left."""
    past = Past("[attributes]\n")
    hired(past, "E1")
    hired(past, "E2")
    hired(past, "E3", department="Warehouse")
    hired(past, "E4")
    past.say("E4", active=False)
    return past


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ('department == "Care"', None),
        ('department in ["Care", "Warehouse"]', "has no effect: it takes in all 3 who are active"),
        ('department == "Caer"', "takes in nobody of 3 who are active"),
    ],
)
def test_a_scope_without_effect_is_told(who: str, said: str | None) -> None:
    """By those who were heard of: everybody or nobody isn't what a scope is for."""
    text = f"[scope]\nwho = '{who}'\n"
    survey = surveyed(recalled(company()), text, "new.toml", None, lambda _: None)
    assert [each.text for each in ineffective(parse_mapping(text), survey)] == ([] if said is None else [said])


def test_facts_that_only_an_expression_reads_are_looked_for_in_the_events() -> None:
    """With the place in the file, and what was probably meant."""
    text = '[scope]\nwho = \'Department == "Care" || inGroup("Genesys Users")\'\n'
    survey = surveyed(recalled(company()), text, "new.toml", None, lambda _: None)
    found = {each.name: (each.where, each.meant) for each in unsent(parse_mapping(text), survey)}
    assert found == {"Department": ("scope.who", "department"), "group:Genesys Users": ("scope.who", None)}
    assert all("nobody comes in or goes out" in each.text for each in unsent(parse_mapping(text), survey))


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('department == "care"', [("care", "Care")]),
        ('coalesce(department, "") in ["Care", "Ware house"]', [("Ware house", "Warehouse")]),
        ('"Warehous" != department', [("Warehous", "Warehouse")]),
        ('department == "Legal" || department == "Care"', []),
        ('like(department, "care*") || job == ""', []),
    ],
)
def test_a_value_that_no_event_ever_gave_is_told_where_it_is_nearly_one(
    condition: str, said: list[tuple[str, str]]
) -> None:
    """With what was probably meant; what is merely rare, or new, is nothing to tell."""
    text = f"[scope]\nwho = '{condition}'\n"
    survey = surveyed(recalled(company()), text, "new.toml", None, lambda _: None)
    found = [(each.name, each.meant) for each in unheard(parse_mapping(text), survey)]
    assert found == said
    if said:
        (finding,) = unheard(parse_mapping(text), survey)
        assert (finding.severity, finding.where) == ("warning", "scope.who")


def test_of_a_fact_with_very_many_values_nothing_is_guessed() -> None:
    """Of logins, say, each text is near another one."""
    past = Past("[attributes]\n")
    for number in range(MOST + 2):
        past.say(f"E{number}", login=f"somebody-{number}")
    text = "[scope]\nwho = 'login == \"somebody-x\"'\n"
    survey = surveyed(recalled(past), text, "new.toml", None, lambda _: None)
    assert not list(unheard(parse_mapping(text), survey))


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("[attributes]\ntitle = 'coalesce(job, role)'", "attributes.title", "is taken for the name of a fact"),
        ("[[rule]]\nwhen = { 'job == \"a\"' = '*' }\nroles = ['x']", "rule 1", "is taken for the name of a fact"),
        ("[attributes]\nuserName = { expr = '\"a@example.com\"' }", "attributes.userName", "the same for everybody"),
        ("[externalIds]\nteams = { expr = '\"a\"' }", "externalIds.teams", "the same for everybody"),
        ("[scope]\nwho = 'day > date(\"2026-13-01\")'", "scope.who", 'date("2026-13-01") has no result'),
        ("[[rule]]\nif = 'lookup(\"t\", job) == \"a\"'\nroles = ['x']\n[tables.t]", "tables.t", "has no rows"),
        ("[[rule]]\nwhen = { job = [] }\nroles = ['x']", "rule 1 (job = )", "never matches: job is to be nothing"),
        ("[[rule]]\nwhen = { job = '^A.*$' }\nroles = ['x']", "rule 1 (job = ^A.*$)", "only * stands for anything"),
    ],
)
def test_what_cant_be_meant_is_told(text: str, where: str, what: str) -> None:
    """An expression in quotes alone, one value for all, a date that there isn't, a table without rows, no pattern."""
    found = told(text)
    assert [place for place, words in found if what in words] == [where], found


def test_odd_names_of_facts_are_names() -> None:
    """Names with blanks, signs, dots and parentheses come from HR systems."""
    names = ("Cost (EUR)", "cost center", "Name/First", "user.name", "job-title", "R&D", "a|b", "Work (phone)")
    assert told("".join(f"[[copy]]\nfact = '{name}'\nto = 'skills'\n" for name in names)) == []
    assert told('[scope]\nwho = \'facts["a + b"] == "x"\'') == []

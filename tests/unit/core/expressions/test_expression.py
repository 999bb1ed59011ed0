"""Expressions as mappings use them."""

import gc

import pytest

from streamproc.core.expressions.expression import Expression, Gives, Unknown, compile_expression
from streamproc.core.expressions.problems import ExpressionError
from streamproc.core.records.change_event import Fact
from streamproc.core.records.unread_fact import unread_fact

TABLES = {
    "division": {"MAD": "Spain"},
    "country": {"PT": "Portugal"},
    "language": {"es": "Spanish", "en": "English"},
    "level": {"C1": "5", "B2": "4"},
}


def made(text: str, gives: Gives = "text", *, blank_is_absent: bool = False) -> Expression:
    """With the tables above."""
    return compile_expression(text, gives, tables=TABLES, blank_is_absent=blank_is_absent)


@pytest.mark.parametrize(
    ("text", "gives", "facts", "value"),
    [
        ('workerType != "Intern" && cost in ["4711"]', "truth", {"workerType": "Temp", "cost": "4711"}, True),
        ('inGroup("Genesys Users")', "truth", {"group:Genesys Users": "Genesys Users"}, True),
        ('inGroup("Genesys Users")', "truth", {"group:Genesys Users": None}, False),
        ('coalesce(leave,"") in ["Suspended","Garden leave"]', "truth", {"leave": None}, False),
        ('coalesce(leave,"") in ["Suspended","Garden leave"]', "truth", {}, False),
        ('family + ", " + coalesce(preferred, given)', "text", {"family": "Roe", "given": "Jo"}, "Roe, Jo"),
        ('lower(before(upn, "@")) + "@cc.example.com"', "text", {"upn": "Jo.Roe@example.com"}, "jo.roe@cc.example.com"),
        ('coalesce(lookup("division", site), lookup("country", country))', "text", {"site": "MAD"}, "Spain"),
        ('coalesce(lookup("division", site), lookup("country", country))', "text", {"country": "PT"}, "Portugal"),
        ('date(hireDate, "DD/MM/YYYY")', "text", {"hireDate": "31/01/2026"}, "2026-01-31"),
        ('like(jobCode, "CC-ES-*") && coalesce(leave,"") != "Parental"', "truth", {"jobCode": "cc-es-2"}, True),
        (
            'split(cefr, ",").map(l, lookup("language", before(l,"-"), "") + ":" + lookup("level", after(l,"-"), "3"))',
            "texts",
            {"cefr": "es-C1,en-A1"},
            ["Spanish:5", "English:3"],
        ),
    ],
)
def test_people_get_what_an_expression_says(text: str, gives: Gives, facts: dict[str, Fact], value: Fact) -> None:
    """What people write in mappings gives what they mean."""
    assert made(text, gives).evaluate(facts) == value


def test_what_isnt_known_gives_nothing() -> None:
    """A fact that is absent is told by its name, and apart from one that isn't as it should be."""
    expression = made('lower(upn) + "@" + domain')
    assert expression.evaluate({"domain": "x"}) == Unknown("upn isn't known", frozenset({"upn"}), absent=True)
    assert expression.evaluate({"upn": 3, "domain": "x"}) == Unknown(
        "upn: expected text", frozenset({"upn"}), absent=False
    )


@pytest.mark.parametrize(
    ("text", "column"),
    [("a ==", 5), ("lower()", 1), ('a && lower(b) + "x"', 6), ("a - b", 3), ('lookup("site", a) == "x"', 8)],
)
def test_what_cant_be_read_is_told_with_its_column(text: str, column: int) -> None:
    """Whoever writes a mapping learns where an expression is wrong before anybody is folded by it."""
    with pytest.raises(ExpressionError, match=f"^column {column}: ") as raised:
        made(text, "truth")
    assert raised.value.column == column


def test_a_blank_fact_counts_as_absent_where_that_is_asked() -> None:
    """An empty column decides nothing about anybody; that somebody is in no group is known."""
    text = 'department != "Sales" && !inGroup("Guests")'
    facts: dict[str, Fact] = {"department": None, "group:Guests": None}
    assert made(text, "truth").evaluate(facts) is True
    unknown = made(text, "truth", blank_is_absent=True).evaluate(facts)
    assert unknown == Unknown("department has no value", frozenset({"department"}), absent=True)


def test_a_fact_that_nobody_can_read_has_no_value() -> None:
    """A telephone number that isn't one gives no text and equals nothing; why is told in the words of every record."""
    facts = {"phone": unread_fact("number"), "mobile": "+34600000000"}
    told = "phone: not a telephone number that can be dialled from abroad, or not one alone"
    for text, gives in (
        ("phone", "text"),
        ("phone", "texts"),
        ('phone != "x"', "truth"),
        ("size(phone) == 1", "truth"),
    ):
        assert made(text, gives).evaluate(facts) == Unknown(told, frozenset({"phone"}), absent=False)  # type: ignore[arg-type]
    assert made("coalesce(phone, mobile)").evaluate(facts) == "+34600000000"


@pytest.mark.parametrize(
    "text", ['a == "x" && b == "y"', 'lower(n) == "x" || a', 'l.all(e, lower(e) == "x")', "lower(n) == a", "a ? b : c"]
)
def test_unknown_values_leave_nothing_to_the_garbage_collector(text: str) -> None:
    """The worker and audits run it rarely, since what they fold has no cycles; so nothing may be left here either."""
    expression = made(text, "truth")
    facts: dict[str, Fact] = {"n": 1, "l": [1, 2]}
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            assert isinstance(expression.evaluate(facts), Unknown)
        assert gc.collect() == 0
    finally:
        gc.enable()

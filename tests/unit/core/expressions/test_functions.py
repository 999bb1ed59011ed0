"""What each function gives."""

from typing import Any

import pytest

from streamproc.core.expressions.expression import Unknown, compile_expression
from streamproc.core.expressions.functions import FUNCTIONS
from streamproc.core.expressions.problems import ExpressionError

TABLES = {"division": {"MAD": "Spain"}}


def given(text: str, **facts: Any) -> Any:
    """The value as a text or a list of them; None: null; "unknown"."""
    value = compile_expression(
        text, "texts" if text.startswith(("split", "distinct")) else "text", tables=TABLES
    ).evaluate(facts)
    return "unknown" if isinstance(value, Unknown) else value


def holds(text: str, **facts: Any) -> Any:
    """The same of what is true or false."""
    value = compile_expression(text, "truth", tables=TABLES).evaluate(facts)
    return "unknown" if isinstance(value, Unknown) else value


@pytest.mark.parametrize(
    ("call", "x", "value"),
    [
        ("lower(x)", "ÄÑ İstanbul ΑΣ Ж", "äñ i\u0307stanbul ασ ж"),
        ("upper(x)", "straße Łódź", "STRASSE ŁÓDŹ"),
        ("title(x)", "o'NEIL-SMITH king's dell'acqua (dr.jean)", "O'Neil-Smith King's Dell'Acqua (Dr.Jean)"),
        ("trim(x)", "\u00a0 a  b\t\n", "a  b"),
        ('before(x, "@")', "jo@x@y", "jo"),
        ('before(x, "@")', "jo", "jo"),
        ('after(x, "@")', "jo@x@y", "x@y"),
        ('after(x, "@")', "jo", ""),
        ("left(x, 2)", "日本語", "日本"),
        ("left(x, 0)", "a", ""),
        ('replace(x, "-", "")', "4-7-11", "4711"),
        ('split(x, ",")', " a, b ,,c", ["a", "b", "c"]),
        ('split(x, ";")', "", []),
        ('join(x, " ")', ["a", None, "", "b", 3], "a b 3"),
        ('join(x, ", ")', [], ""),
        ("distinct(x)", ["b", "a", "b"], ["b", "a"]),
        ("text(x)", 4711, "4711"),
        ("text(x)", 4711.0, "4711"),
        ("text(x)", 0.5, "0.5"),
        ("text(x)", True, "true"),
        ("text(number(x) + 1)", " 41 ", "42"),
        ("text(number(x))", "-2.50", "-2.5"),
        ("number(x)", "1,5", "unknown"),
        ("number(x)", "٣", "unknown"),
        ("ascii(x)", "Łukasz Ærø Þór’s Müller–Şen", "Lukasz AEro Thor's Muller-Sen"),
        ('ascii(x, "de")', "Müller Ägir ß", "Mueller Aegir ss"),
        ('ascii(x, "da")', "Åse Søren", "Aase Soeren"),
        ("ascii(x)", "Жанна", "unknown"),
        ("slug(x)", " O'Neil, Zoë (Contact  Centre) ", "oneil-zoe-contact-centre"),
        ('slug(x, "de")', "Jürgen Groß", "juergen-gross"),
        ("slug(x)", "!?", ""),
        ("date(x)", "2026-02-03", "2026-02-03"),
        ("date(x)", "2026-02-03T23:00:00.000-07:00", "2026-02-03"),
        ("date(x)", "3.2.2026", "unknown"),
        ('date(x, "D.M.YYYY")', "3.2.2026", "2026-02-03"),
        ('date(x, "DD-MMM-YYYY")', "03-FEB-2026", "2026-02-03"),
        ('date(x, "DD-MMM-YYYY")', "03-XYZ-2026", "unknown"),
        ('date(x, "DD/MM/YYYY")', "30/02/2026", "unknown"),
        ('date(x, "YYYYMMDD")', "20260203", "2026-02-03"),
        ('lookup("division", x)', "MAD", "Spain"),
        ('lookup("division", x)', "mad", "unknown"),
        ('lookup("division", x, "Home")', "LIS", "Home"),
        ('lookup("division", x, y)', "LIS", "unknown"),
        ('coalesce(x, "b")', "", "b"),
        ('coalesce(x, "b")', 0, "0"),
        ("coalesce(y, x)", "", ""),
        ("coalesce(x, y)", None, "unknown"),
        ('coalesce(lower(x), "b")', 3, "b"),
        ("text(size(x))", "日本", "2"),
        ("lower(x)", 3, "unknown"),
        ('before(x, "@")', ["a@b"], "unknown"),
    ],
)
def test_a_function_gives_what_it_is_for(call: str, x: Any, value: Any) -> None:
    """As its description in README says."""
    assert given(call, x=x) == value


@pytest.mark.parametrize(
    ("call", "x", "value"),
    [
        ('like(x, "Contact Center*")', "contact center agent", True),
        ('like(x, "contact center")', "Contact Center Agent", False),
        ('like(x, "*ES*1")', "cc-es-11", True),
        ('like(x, "a*a")', "a", False),
        ('like(x, "*")', "", False),
        ('like(x, "ÄÖ*")', "äöü", True),
        ('like(x, "47*")', 4711, True),
        ('like(x, "b*")', ["a", "bc"], True),
        ('like(x, "*")', None, False),
        ('like(x, "*")', True, False),
        ('like(x, "*")', {"a": 1}, "unknown"),
        ('like(x, "a.c")', "abc", False),
        ('x.contains("b")', "abc", True),
        ('x.startsWith("a")', None, "unknown"),
        ('x.endsWith("c")', "abc", True),
        ("size(x) == 2", ["a", "b"], True),
        ("x.size() == 0", None, "unknown"),
    ],
)
def test_a_question_has_its_answer(call: str, x: Any, value: Any) -> None:
    """`like` is as `when` is: case doesn't matter, one of a list is enough, null is as nothing."""
    assert holds(call, x=x) == value


@pytest.mark.parametrize("name", sorted(FUNCTIONS[1].keys() - {"like", "size"}))
def test_null_is_passed_on(name: str) -> None:
    """What a source clears is cleared in the target as well, whatever is made of it."""
    rest = {"before": '"a"', "after": '"a"', "left": "1", "replace": '"a", "b"', "split": '"a"', "join": '"a"'}.get(
        name
    )
    gives = "texts" if name in {"split", "distinct"} else "text"
    expression = compile_expression(f"{name}(x, {rest})" if rest else f"{name}(x)", gives)  # type: ignore[arg-type]
    assert expression.evaluate({"x": None}) is None


@pytest.mark.parametrize(
    ("value", "known"), [("Agents", True), (True, True), (None, False), (False, False), ("absent", "unknown")]
)
def test_a_group_is_known_by_its_fact(value: Any, known: Any) -> None:
    """Who left a group has null for it; of whom no source has told it, nothing is known."""
    facts = {} if value == "absent" else {"group:Agents": value}
    expression = compile_expression('inGroup("Agents")', "truth")
    assert expression.reads == {"group:Agents"}
    said = expression.evaluate(facts)
    assert ("unknown" if isinstance(said, Unknown) else said) == known


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ('before(x, "")', "a separator has at least one character"),
        ('replace(x, "", "a")', "what is replaced has at least one character"),
        ("left(x, -1)", "expected a number of characters"),
        ('ascii(x, "xx")', "the language of ascii"),
        ('date(x, "DD.MM.YY")', "the form of a date has"),
        ('date(x, "DD.MM.DD")', "the form of a date has"),
        ("date(x, y)", "the second argument of date must be a literal"),
        ("lookup(x, y)", "the name of a table must be a literal text"),
        ('lookup("site", y)', r"there is no table site in this file \(there: division\)"),
        ("inGroup(x)", "the name of a group must be a literal text"),
        ("left(x, 1.5)", "expected a whole number, this is a number with a point"),
        ("upper(1)", "expected text, this is a whole number"),
        ("join(x)", "join takes 2 arguments, not 1"),
        ("date(x, y, z)", "date takes 1 to 2 arguments, not 3"),
        ("coalesce()", "coalesce takes 1 or more arguments, not 0"),
        ("contains(x, y)", r"there is no function contains of this form; write x.contains\(y\)"),
        ("x.lower()", r"there is no function lower of this form; write lower\(x\)"),
        ("matches(x, y)", "there is no function matches"),
        ("phone(x)", "there is no function phone"),
    ],
)
def test_a_call_that_cant_be_right_is_refused_when_it_is_loaded(call: str, what: str) -> None:
    """Nobody is folded by an expression that can only fail."""
    with pytest.raises(ExpressionError, match=f"^column [0-9]+: {what}"):
        given(call)


def test_arguments_that_come_from_facts_are_looked_at_when_they_are_there() -> None:
    """A separator may be a fact; one that is no text, or empty, makes the call unknown."""
    assert given("before(x, y)", x="a-b", y="-") == "a"
    assert [given("before(x, y)", x="a-b", y=y) for y in ("", None, 3, ["-"])] == ["unknown"] * 4


def test_what_grows_too_long_is_unknown() -> None:
    """A text has at most 4,096 characters, a list 1,000 elements, whichever way they were made."""
    long = "a" * 4_096
    assert given("x", x=long) == long
    for call in ('x + "a"', 'replace(x, "a", "bb")', 'join([x, x], "")', "upper(x)"):
        assert given(call, x=long.replace("a", "ß") if call == "upper(x)" else long) == "unknown"
    assert given("x", x=long + "a") == "unknown"
    assert given('split(x, ",")', x="a," * 1_001) == "unknown"
    assert len(given('split(x, ",")', x="a," * 1_000)) == 1_000
    assert given("distinct(x)", x=["a"] * 1_001) == "unknown"


def test_long_texts_in_lists_and_maps_count_as_well() -> None:
    """Whatever holds them."""
    long = "a" * 4_097
    assert [
        given(call, x=x)
        for call, x in (("x[0]", ["a", long]), ("x.a", {"a": "b", "c": long}), ("x.a", {"a": "b", long: "c"}))
    ] == ["unknown"] * 3
    assert given("x.a", x={"a": "b"}) == "b"

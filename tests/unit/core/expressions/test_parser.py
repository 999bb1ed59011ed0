"""What can be written, what can't, and what is known of it before there are facts."""

from typing import Any

import pytest

from streamproc.core.expressions.expression import Gives, Unknown, compile_expression
from streamproc.core.expressions.problems import ExpressionError

TABLES = {"division": {"MAD": "Spain", "LIS": "Portugal"}, "empty": dict[str, str]()}


def value(text: str, gives: Gives = "text", **facts: Any) -> Any:
    """Of an expression."""
    return compile_expression(text, gives, tables=TABLES).evaluate(facts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"a\"\\\n\x41\u00e9\U0001F600\101"', 'a"\\\nAé\U0001f600A'),
        ("'it\\'s'", "it's"),
        (r'r"\d" + R' + r"'\'", "\\d\\"),
        ('"""a\n"b" """', 'a\n"b" '),
        ("'''a''b'''", "a''b"),
        ("\"\" + ''", ""),
        ("text(0x1F + -1)", "30"),
        ("text(1e3 + .5)", "1000.5"),
        ("text(-9223372036854775808)", "-9223372036854775808"),
        ('x // what it is\n  + "b"', "ab"),
        ('x == "a" ? "first" : x == "b" ? "second" : "other"', "first"),
        ('facts.x + facts["x"]', "aa"),
        ('facts["cost center"]', "4711"),
        ("m.k", "v"),
        ('m["k"] + l[1]', "vb"),
        ('!!(x == "a") && !false ? "yes" : "no"', "yes"),
        ('"b" in l && !("z" in l) && "k" in m ? "yes" : "no"', "yes"),
        ('has(facts.x) && !has(facts.y) && has(m.k) && !has(m.z) && has(facts["x"]) ? "yes" : "no"', "yes"),
        ('l.exists(x, x == "b") && l.all(y, size(y) == 1) ? "yes" : "no"', "yes"),
        ('join(l.filter(e, e > "a").map(e, e + x), "")', "ba"),
        ('join(l.map(e, e != "a", upper(e)), "")', "B"),
        ('join(l.map(a, join(l.map(b, a + b), "")), " ")', "aaab babb"),
        ("join([x, x,], x)", "aaa"),
        ('"e\u0301" == "é" ? x : "no"', "a"),
    ],
)
def test_what_is_written_is_read_as_cel_reads_it(text: str, expected: str) -> None:
    """Literals, names, operators and macros; accents are one with their letters, however they were typed."""
    facts: dict[str, Any] = {"x": "a", "m": {"k": "v"}, "l": ["a", "b"], "cost center": "4711"}
    assert compile_expression(text, "text").evaluate(facts) == expected


@pytest.mark.parametrize(
    ("text", "what", "column"),
    [
        ("", "expected a value", 1),
        ("x x", "expected the end of the expression, found x", 3),
        ("(x", r"expected '\)'", 3),
        ("[x, , y]", "expected a value, found ,", 5),
        ("lower(x,)", r"expected a value, found \)", 9),
        ('"abc', "this text doesn't end", 1),
        (r'"\q"', "there is no such escape in a text", 1),
        (r'"\ud800"', "there is no such escape in a text", 1),
        ("x = y", "'=' isn't part of the language", 3),
        ("x - y", "there is no subtraction", 3),
        ("-x", "there is no subtraction", 1),
        ("x * y", r"'\*' isn't part of the language", 3),
        ("x % y", "'%' isn't part of the language", 3),
        ("{'a': x}", "'{' isn't part of the language", 1),
        ("é", r"'\\xe9' isn't part of the language", 1),
        ("1u", "expected a number", 1),
        ("b'a'", "expected the end of the expression, found 'a'", 2),
        ("9223372036854775808", "this number is too large", 1),
        ("1e999", "this number is too large", 1),
        ("if", r'if is a word of the language; a fact of this name is facts\["if"\]', 1),
        ("facts", r'write facts\["name"\] or facts.name', 1),
        ("facts[x]", "the name of a fact must be a literal text", 7),
        ("has(x)", r"has\(\) takes facts.name, or a field of a map", 5),
        ("l.map(true, x)", "true is a word of the language", 7),
        ("l.map(a, l.map(b, l.map(c, c)))", "more than 2 macros within each other", 19),
        ("x.y z", "expected the end of the expression, found z", 5),
        ("x ? y", "expected ':'", 6),
        ('x +\n  -"a"', "there is no subtraction", 3),
    ],
)
def test_what_isnt_the_language_is_refused_at_its_place(text: str, what: str, column: int) -> None:
    """The error says what is wrong, where, and what to write instead where that is known."""
    with pytest.raises(ExpressionError, match=rf"column [0-9]+: {what}") as raised:
        value(text)
    assert raised.value.column == column
    assert raised.value.line == 1 + text.count("\n")


@pytest.mark.parametrize(
    ("text", "gives", "what"),
    [
        ('x == "a"', "text", "expected text, this gives true or false"),
        ("lower(x)", "truth", "expected true or false, this gives text"),
        ("size(x)", "texts", "expected texts, this gives a whole number"),
        ('size(x) == "1"', "truth", "a whole number can't be compared with text"),
        ("[x] < [x]", "truth", "a list can't be compared with a list"),
        ('x in "abc"', "truth", "expected a list, this is text"),
        ('x && "a"', "truth", "expected true or false, this is text"),
        ("!null", "truth", "expected true or false, this is null"),
        ('size(x) + "a"', "text", "a whole number and text can't be added"),
        ("1 + 1.5", "text", "a number with a point and a whole number can't be added"),
        ('x ? "a" : 1', "text", "gives a whole number or text"),
        ('"a".map(c, c)', "texts", "expected a list, this is text"),
        ('l.filter(e, "a")', "texts", "expected true or false, this is text"),
        ("lower(x)[0]", "text", "expected a list, this is text"),
    ],
)
def test_kinds_that_cant_go_together_are_refused(text: str, gives: Gives, what: str) -> None:
    """What can only fail is told to who writes it, not to everybody who is folded by it."""
    with pytest.raises(ExpressionError, match=what):
        compile_expression(text, gives)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ('a == "x" && (b || inGroup("G  H"))', {"a", "b", "group:G H"}),
        ('facts["cost  center"] + facts.b', {"cost center", "b"}),
        ("l.exists(e, e == f)", {"l", "f"}),
        ("l.map(l, l + x)", {"l", "x"}),
        ("e.exists(e, e)", {"e"}),
        ("has(facts.a) || coalesce(b, c).contains(d)", {"a", "b", "c", "d"}),
        ('lookup("division", a, b)', {"a", "b"}),
        ("false && a", {"a"}),
        ("title == lower(size)", {"title", "size"}),
    ],
)
def test_the_facts_that_are_read_are_known(text: str, reads: set[str]) -> None:
    """What macros bind is no fact; a function's name may be a fact's as well."""
    gives: Gives = "texts" if "map" in text else "text" if text.startswith(("facts", "lookup")) else "truth"
    assert compile_expression(text, gives, tables=TABLES).reads == reads


@pytest.mark.parametrize(
    ("text", "literals"),
    [
        ('x == "a" ? "Spain" : coalesce(y, "Home")', {"Spain", "Home"}),
        ('lookup("division", x)', {"Spain", "Portugal"}),
        ('lookup("empty", x, "Home")', {"Home"}),
        ('["A", lookup("division", x)] + ["B"]', {"A", "B", "Spain", "Portugal"}),
        ('l.map(e, e == "x", "Y")', {"Y"}),
        ('["A", "B"].filter(e, e == x)', {"A", "B"}),
        ('distinct(["A", x])', {"A"}),
        ('lower("A") + "b"', set[str]()),
    ],
)
def test_the_texts_that_it_can_give_are_known(text: str, literals: set[str]) -> None:
    """They can be compared with what the target has before anybody gets them; what is only asked for isn't one."""
    assert compile_expression(text, "texts", tables=TABLES).literals == literals


def test_clauses_are_what_the_outermost_and_joins() -> None:
    """Each with its own words, whichever way they are put in parentheses; without one it is the whole."""
    expression = compile_expression('a == "x" && ((b || c)\n && like(d, "e*")) && e in ["f"]', "truth")
    assert [clause.text for clause in expression.clauses] == ['a == "x"', "b || c", 'like(d, "e*")', 'e in ["f"]']
    assert [sorted(clause.reads) for clause in expression.clauses] == [["a"], ["b", "c"], ["d"], ["e"]]
    alone = compile_expression("a || b && c", "truth")
    assert alone.clauses == (alone,)


@pytest.mark.parametrize(
    "text", ["x" * 2_001, "(" * 40 + "x" + ")" * 40, "lower(" * 33 + "x" + ")" * 33, "x" + "[0]" * 33]
)
def test_what_is_written_is_bounded(text: str) -> None:
    """2,000 characters and 32 levels, so that reading and evaluating end, wherever a file comes from."""
    with pytest.raises(ExpressionError, match=r"at most 2,000 characters|more than 32 levels"):
        compile_expression(text, "text")
    assert value("(" * 32 + "x" + ")" * 32, x="a") == "a"
    assert value(" + ".join(["x"] * 400), x="a") == "a" * 400


def test_another_version_of_the_language_is_refused() -> None:
    """A file for a newer release isn't read by the rules of this one."""
    with pytest.raises(ExpressionError, match=r"functions = 2 isn't known here, only 1: a newer release has it"):
        compile_expression("x", "text", functions=2)


@pytest.mark.parametrize(
    ("text", "gives", "reason"),
    [
        (
            'x + "a" == "b" || y == "c"',
            "truth",
            "x: expected two texts, two lists or two numbers of one kind; y isn't known",
        ),
        ("y && y", "truth", "y isn't known"),
        ("x && y", "truth", "x: expected true or false; y isn't known"),
        ("x", "truth", "x: expected true or false"),
        ("x == 2 ? x : y", "text", "y isn't known"),
        ("x ? x : y", "text", "x: expected true or false"),
        ("x < y", "truth", "y isn't known"),
        ('x < "a"', "truth", "x: expected two texts or two numbers"),
        ("l.map(e, e + 1)", "texts", "l: expected two texts, two lists or two numbers of one kind"),
        ("l.filter(e, e)", "texts", "l: expected true or false"),
        ("x.map(e, e)", "texts", "x: expected a list"),
        ("l[3]", "text", "l: there is no such place in a list"),
        ("m.z", "text", "m: there is no such key"),
        ("m.k[0]", "text", "m: expected a list or a map"),
        ("l[m.k]", "text", "l, m: expected a whole number"),
        ("l", "text", "l: expected text"),
        ("[x]", "texts", "x: expected texts"),
        ("has(l.z)", "truth", "l: expected a map"),
        ('lookup("division", x)', "text", "x: expected text"),
        ('lookup("division", m.k)', "text", "m: there is no row for it in table division"),
        ("l.map(a, l.map(b, l.size() + 0))", "texts", "l: expected texts"),
        ("9223372036854775807 + x", "text", "x: a number that is too large"),
    ],
)
def test_why_there_is_no_value_is_told_without_values(text: str, gives: Gives, reason: str) -> None:
    """Facts are named, each reason once; what they say stays out of records and logs."""
    unknown = compile_expression(text, gives, tables=TABLES).evaluate({"x": 1, "m": {"k": "SECRET"}, "l": ["SECRET"]})
    assert isinstance(unknown, Unknown)
    assert unknown.reason == reason
    assert unknown.absent is (reason == "y isn't known")


def test_an_evaluation_has_so_many_steps_at_most() -> None:
    """What goes through too much is unknown, also where something else would have absorbed an error."""
    many = [str(number) for number in range(300)]
    for text in ("l.all(a, l.exists(b, a == b))", "true && (l.all(a, l.exists(b, a == b)) || true)"):
        unknown = value(text, "truth", l=many)
        assert unknown == Unknown("takes more than 20,000 steps", frozenset({"l"}), absent=False)
    assert value("l.all(a, l.exists(b, a == b))", "truth", l=many[:50]) is True

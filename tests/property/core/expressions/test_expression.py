"""What holds for all expressions and all facts."""

import random
import time
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.expressions.expression import Expression, Gives, Unknown, compile_expression
from streamproc.core.expressions.problems import ExpressionError
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import Fact
from streamproc.core.text import plain
from tests.judges import random_own
from tests.judges.random_cel import FACTS, Case, case
from tests.judges.random_own import TABLES

TOKENS: Final = (
    *("&&", "||", "!", "==", "!=", "<", ">=", "in", "?", ":", "+", "-", ".", ",", "(", ")", "[", "]", "{", "%"),
    *(
        "true",
        "null",
        "0",
        "1.5",
        "9223372036854775808",
        '"a"',
        "'b",
        'r"\\"',
        "'\\ud800'",
        "facts",
        'facts["t1"]',
        "t1",
        "has(",
    ),
    *(
        "size(",
        "lower(",
        "coalesce(",
        'inGroup("a")',
        'lookup("places",',
        ".map(",
        ".exists(e,",
        "e",
        "for",
        "//",
        "\n",
        "é",
    ),
)
KINDS: Final[tuple[Gives, ...]] = ("truth", "text", "texts")
SEEDS: Final = st.integers(0, 2**32)


def compiled(text: str, gives: Gives, *, blank_is_absent: bool = False) -> Expression | None:
    """None: it can't be read."""
    try:
        return compile_expression(text, gives, tables=TABLES, blank_is_absent=blank_is_absent)
    except ExpressionError:
        return None


def any_of(seed: int, *, lenient: bool = True) -> tuple[list[Expression], Case]:
    """A random one, for each of what it may be for, as far as it can be read; with blank facts as absent or not."""
    made = random_own.case(random.Random(seed), lenient=lenient)
    found = [compiled(made.text, gives, blank_is_absent=seed % 2 == 0) for gives in KINDS]
    return [each for each in found if each is not None], made


@given(st.lists(st.sampled_from(TOKENS), max_size=25), SEEDS)
def test_no_text_and_no_facts_raise_anything_else(tokens: list[str], seed: int) -> None:
    """What is written in a mapping can be read or is refused in words; what can be read has a value or is unknown."""
    facts = case(random.Random(seed)).facts
    for gives in KINDS:
        if (expression := compiled(" ".join(tokens), gives)) is not None:
            expression.evaluate(facts)


@settings(max_examples=150)
@given(SEEDS)
def test_an_expression_depends_on_the_facts_that_it_names_alone(seed: int) -> None:
    """Facts that aren't read can't change anything: they needn't be kept, and what a macro binds is none of them."""
    expressions, (_, facts) = any_of(seed)
    for expression in expressions:
        kept = {name: value for name, value in facts.items() if name in expression.reads}
        assert expression.evaluate(kept) == expression.evaluate(facts)
        assert expression.reads <= {*FACTS, "k", "cost center", "group:Agents", "group:Night Shift"}


@settings(max_examples=150)
@given(SEEDS)
def test_evaluating_twice_gives_the_same_and_changes_no_fact(seed: int) -> None:
    """Facts are never changed, and nothing is kept from one evaluation to the next."""
    expressions, (_, facts) = any_of(seed)
    for expression in expressions:
        before = repr(facts)
        assert repr(expression.evaluate(facts)) == repr(expression.evaluate(facts))
        assert repr(facts) == before


@settings(max_examples=150)
@given(SEEDS, st.data())
def test_what_isnt_known_decides_nothing(seed: int, data: st.DataObject) -> None:
    """Without `coalesce` and `has`, taking facts away leaves a value as it is or makes it unknown, never another."""
    expressions, (_, facts) = any_of(seed, lenient=False)
    gone = data.draw(st.sets(st.sampled_from(sorted(facts))))
    fewer = {name: value for name, value in facts.items() if name not in gone}
    for expression in expressions:
        value, without = expression.evaluate(facts), expression.evaluate(fewer)
        assert isinstance(without, Unknown) or without == value


@settings(max_examples=150)
@given(SEEDS)
def test_a_blank_fact_is_as_good_as_none(seed: int) -> None:
    """Where blank counts as absent, leaving out what is null changes no value, but for groups, where null is a no."""
    expressions, (_, facts) = any_of(seed)
    filled = {name: value for name, value in facts.items() if value is not None or name.startswith("group:")}
    for expression in [each for each in expressions if each._compiler.blank_is_absent]:
        value, same = expression.evaluate(facts), expression.evaluate(filled)
        assert (
            isinstance(value, Unknown) and isinstance(same, Unknown) and value.absent == same.absent
        ) or value == same


@settings(max_examples=150)
@given(SEEDS)
def test_absent_means_that_nothing_is_wrong(seed: int) -> None:
    """Whose expression only waits for facts is told for which; these are absent, or null where that counts."""
    expressions, (_, facts) = any_of(seed)
    for expression in expressions:
        value = expression.evaluate(facts)
        if isinstance(value, Unknown) and value.absent:
            assert value.facts
            assert all(facts.get(name) is None for name in value.facts)
            assert all(name in value.reason for name in value.facts)
        if isinstance(value, Unknown):
            assert value.facts <= expression.reads


@settings(max_examples=150)
@given(SEEDS)
def test_clauses_decide_what_the_whole_decides(seed: int) -> None:
    """A false clause makes the whole false, all true ones make it true, and their texts say what the whole says."""
    chance = random.Random(seed)
    whole = " && ".join(f"({random_own.case(chance).text})" for _ in range(chance.randint(1, 3)))
    facts = random_own.case(chance).facts
    if (expression := compiled(whole, "truth")) is None:
        return
    values = [clause.evaluate(facts) for clause in expression.clauses]
    value = expression.evaluate(facts)
    if False in values:
        assert value is False
    else:
        assert (value is True) is all(each is True for each in values)
    assert frozenset().union(*(clause.reads for clause in expression.clauses)) == expression.reads
    again = compiled(" && ".join(f"({clause.text})" for clause in expression.clauses), "truth")
    assert again is not None
    assert again.evaluate(facts) == value


@given(
    st.text("ab*. +Ää", max_size=6),
    st.one_of(st.none(), st.booleans(), st.integers(-99, 99), st.text("ab Ää.+", max_size=8), st.lists(st.text("abÄ"))),
)
def test_like_says_what_a_rule_says(pattern: str, value: Fact) -> None:
    """`like(x, p)` is true for whom `when = { x = p }` is, so rules can be written either way."""
    pattern, value = plain(pattern), plain(value) if isinstance(value, str) else value
    mapping = parse_mapping(f'[[rule]]\nwhen = {{ x = {pattern!r} }}\ntitle = "T"')
    expression = compile_expression(f"like(x, {pattern!r})", "truth")
    by_rule, _ = mapping.desire("U1", {"x": value})
    assert expression.evaluate({"x": value}) is (by_rule.get("title") == "T")


LONG: Final = "ä" * 4_096
TEXTS: Final = ["ab" * 2_040 + str(number) for number in range(1_000)]
MANY: Final = [f"name {number}" for number in range(1_000)]
HEAVY: Final = (
    "l.map(x, l.map(y, x + y))",
    "m.exists(x, m.exists(y, lower(x) == y))",
    "m.all(x, m.all(y, x in m || y in m))",
    "m.filter(x, m.map(y, y) == m)",
    "m.map(x, slug(t + x))",
    "l.map(x, slug(x))",
    'l.map(x, replace(x, "a", "ä"))',
    'l.exists(x, like(x, "*b*a*b*a*c"))',
    "m.exists(x, m.exists(y, before(x, y) == after(y, x)))",
    "l.exists(x, m.exists(y, x.contains(y)))",
    "l.exists(x, l.exists(y, x + y == t))",
    "l.exists(x, l.exists(y, x == y + y))",
    "l.exists(x, join(m, x) == t)",
    "l.all(x, m.all(y, left(x, size(y)) < y))",
    'like(t, "*ä*ä*ä*ä*ä*b")',
    'l.exists(x, like(l, "*b*a*b*a*c"))',
    "size(distinct(m + m + m))",
    'join(m, " ") + join(m, t)',
    "[m, m, m] == [m, m, m]",
    'm.map(x, m.map(y, replace(x, "n", y)))',
    " || ".join(["slug(t) == t"] * 60),
    " || ".join(['title(upper(lower(t))) == ""'] * 60),
    " || ".join(['like(t, "*ä*ä*ä*ä*ö")'] * 60),
    " || ".join(["null in m"] * 150),
    " || ".join(['"x" in l'] * 150),
    " || ".join(['split(t, "ä") == split(t, "b")'] * 50),
    " + ".join(["t"] * 400),
    " + ".join(["m"] * 400),
    " || ".join(["m == m + []"] * 100),
    " || ".join(["x1"] * 300),
    f"m.all(x, {' || '.join(f'x{number}' for number in range(200))})",
    f"m.exists(x, m.exists(y, {' && '.join(['x1'] * 200)}))",
    f"m.map(x, coalesce({', '.join(['x1'] * 200)}, x))",
    f"m.map(x, coalesce({', '.join(['l[5000]'] * 100)}, x))",
    "m.all(x, m.all(y, x.map(z, z)))",
    f"m.exists(x, {' || '.join(['lower(m) == x'] * 60)})",
    f"{'[' * 30}m{']' * 30} == [m]",
)


@pytest.mark.parametrize("text", HEAVY)
def test_no_expression_takes_long(text: str) -> None:
    """A few ms of CPU time, for the longest texts and lists there are; then it is unknown.

    Without a bound some of these take minutes: 100 ms leaves room for a busy machine.
    """
    facts: dict[str, Any] = {"t": LONG, "l": TEXTS, "m": MANY}
    for gives in KINDS:
        if (expression := compiled(text, gives)) is not None:
            assert min(_cpu_ms(expression, facts) for _ in range(5)) <= 100


def _cpu_ms(expression: Expression, facts: dict[str, Fact]) -> float:
    begun = time.process_time()
    expression.evaluate(facts)
    return (time.process_time() - begun) * 1000

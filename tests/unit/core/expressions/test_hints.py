"""What an error says to those who bring another language along."""

import pytest

from streamproc.core.expressions.expression import compile_expression
from streamproc.core.expressions.problems import ExpressionError


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('job = "a"', "write =="),
        ('job == "a" & b', "write &&"),
        ("job == \u201ca\u201d", "straight quotes"),
        ("job\u00a0== 1", "type it again"),
        ("${job} == 1", "by its name alone"),
        ('job == "a" and b', "found and; write &&"),
        ('job == "a" OR b', "found OR; write ||"),
        ('job starts with "a"', 'write x.startsWith("a")'),
        ('job <> "a"', "found >; write !="),
        ('job in ("a", "b")', "found ,; a list stands in [ ]"),
        ("exists(job)", "write has(facts.x)"),
        ("not b", "write !x"),
        ("job not in [1]", "write !x, or !(x in y)"),
        ('job like "a*"', 'write like(x, "a*")'),
        ("cost center == 1", 'facts["cost center"]'),
        ('group:Agents == "x"', 'facts["cost center"]'),
        ("cost-center == 1", 'facts["a-b"]'),
        ("day > 2026-01-01", "dates stand in quotes"),
        ("b == True", "column 6: write true; "),
        ("b != None", "column 6: write null; "),
        ('startswith(job, "a")', "did you mean startsWith?"),
        ('ingroup("a")', "did you mean inGroup?"),
        ('job.like("a")', "write like(x)"),
        ('job.lower() == "a"', "write lower(x)"),
        ('concat(job, "a") == "a"', "together with +"),
        ("isEmpty(job)", 'write coalesce(x, "") == ""'),
        ("day < now()", "there is no clock"),
    ],
)
def test_an_error_says_what_to_write(text: str, told: str) -> None:
    """With the column, as ever."""
    with pytest.raises(ExpressionError) as error:
        compile_expression(text, "truth")
    assert told in str(error.value)


@pytest.mark.parametrize("text", ["x ^ y", "frobnicate(x)", "(x", "x ==", "x )", "[x, , y]"])
def test_where_nothing_is_known_no_hint_is_made_up(text: str) -> None:
    """A guess would lead astray."""
    with pytest.raises(ExpressionError) as error:
        compile_expression(text, "truth")
    assert ";" not in str(error.value)


def test_a_fact_may_be_called_like_a_constant() -> None:
    """It is only written in full then."""
    assert compile_expression('facts["None"] == "x"', "truth").evaluate({"None": "x"}) is True

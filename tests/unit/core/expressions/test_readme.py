"""The language's page says what the language does."""

import re

from streamproc.core.expressions.expression import compile_expression
from streamproc.core.expressions.functions import FUNCTIONS
from tests.support.paths import REPOSITORY

PAGE = (REPOSITORY / "streamproc/core/expressions/README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`.*?) \| .* \|(.*?)\|(.*?)\|$", PAGE.split("\n## Functions\n")[1], re.MULTILINE)


def test_every_function_has_a_line() -> None:
    """Whoever looks for a function finds all of version 1, and none that there isn't."""
    named = {name for row, _, _ in ROWS for name in re.findall(r"`(\w+)\(", row)}
    assert named == FUNCTIONS[1].keys() | {"coalesce", "lookup", "inGroup"}


def test_the_examples_give_what_they_say() -> None:
    """Each is evaluated as it stands there."""
    examples = [(example.strip(" `"), value.strip(" `")) for _, example, value in ROWS if example.strip()]
    assert len(examples) > 15
    for example, value in examples:
        assert compile_expression(example, "text").evaluate({}) == value, example

"""What expressions have given under `functions = 1`, they give for ever: old records are recomputed by them."""

import hashlib
from typing import Any

import orjson
import pytest

from streamproc.core.expressions import letters
from streamproc.core.expressions.expression import Unknown, compile_expression
from tests.support.paths import REPOSITORY

FILE = REPOSITORY / "tests/fixtures/expressions/functions_1.jsonl"
HEAD, *LINES = [orjson.loads(line) for line in FILE.read_bytes().splitlines()]


def test_every_result_is_as_it_was() -> None:
    """Values, and the reasons that stand in records; on every release of Python. A repair is another number."""
    for line in LINES:
        made = compile_expression(
            line["text"], line["gives"], tables=HEAD["tables"], blank_is_absent=line.get("blank", False)
        ).evaluate(line["facts"])
        said: Any = {"value": made}
        if isinstance(made, Unknown):
            said = {"unknown": made.reason, "absent": made.absent}
        assert said == {name: line[name] for name in said}, line


def test_nobody_changes_what_was() -> None:
    """The file is what version 1 gave on the day that it was made; a later version has one of its own."""
    digest = "e2e29e2086b371aafade7f808a5b857dfb329f426bedb8b111373c6932b7cd35"
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    ("table", "digest"),
    [
        (letters.LOWER, "f95ec903e5117f58e0cdd118ba8b7e302e3ce1ba7a96d1384bb62b9f4bcae942"),
        (letters.UPPER, "ced7f7749711684b864c606e01b3b3e1e9414a1dbae736f27748b3b8fa4f471c"),
        (letters.ASCII, "fc2d1221a3292a38d60aacfefec17f210858be2050d2f8ef29a25605719b63db"),
    ],
    ids=["lower", "upper", "ascii"],
)
def test_the_tables_of_letters_are_those_of_version_1(table: dict[int, str], digest: str) -> None:
    """Whatever Unicode adds, the letters of old records keep their case and their spelling."""
    assert letters.digest(table) == digest

"""Both CELs of PyPI judge our part of the language: `python -m tests.judges.cel [--count N] [--seed N] [--cases DIR]`.

Random expressions with random facts are evaluated by all three: values must be equal, types among them, and where one
has an error the others must have one. Where the two differ, C++'s judges alone: Rust's counts the bytes of a text where
the specification counts characters, takes no 0.0 for a place in a list, and adds a map to a list. `--cases` takes the
folder `tests/simple/testdata` of a clone of https://github.com/cel-expr/cel-spec, whose cases of our part are judges as
well. Exit code 1 at any difference.
"""

import argparse
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

import cel
from cel_expr_python import cel as google

from streamproc.core.expressions.compiler import Compiler
from streamproc.core.expressions.functions import FUNCTIONS
from streamproc.core.expressions.operators import STEPS
from streamproc.core.expressions.parser import NESTED, parse
from streamproc.core.expressions.problems import ExpressionError, FailedError
from tests.judges import cel_cases
from tests.judges.random_cel import FACTS, Case, case

ERROR: Final = "error"
"""In the place of a value; no value is this object."""
REFUSED: Final = "refused"
"""Not compiled."""


class Difference(NamedTuple):
    """What the three said of a case."""

    case: Case
    ours: Any
    rust: Any
    cpp: Any


_ENV: Final = google.NewEnv(variables=dict.fromkeys((*FACTS, "facts"), google.Type.DYN))


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    """All variables: facts by their names, where these are identifiers, and all of them as a map."""
    return {name: facts[name] for name in FACTS if name in facts} | {"facts": facts}


def ours(text: str, facts: dict[str, Any]) -> Any:
    """Of the language alone: a value, ERROR or REFUSED."""
    try:
        piece = Compiler(text, FUNCTIONS[1], {}, blank_is_absent=False).piece(parse(text))
    except ExpressionError:
        return REFUSED
    try:
        return piece.step(facts, [STEPS, *[None] * NESTED])
    except (FailedError, KeyError):
        return ERROR


def rust(text: str, facts: dict[str, Any]) -> Any:
    """By common-expression-language."""
    try:
        return cel.compile(text).execute(_known(facts))
    except ValueError as error:
        return REFUSED if "parse" in str(error).lower() else ERROR
    except Exception:  # noqa: BLE001 - whatever it raises is its error
        return ERROR


def cpp(text: str, facts: dict[str, Any], *, checked: bool = True) -> Any:
    """By cel-expr-python; `checked`: with its types."""
    try:
        compiled = _ENV.compile(text, disable_check=not checked)
    except Exception:  # noqa: BLE001
        return REFUSED
    try:
        value = compiled.eval(data=_known(facts))
    except Exception:  # noqa: BLE001
        return ERROR
    return ERROR if value.type() == google.Type.ERROR else value.plain_value()


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same type, all the way down."""
    if one is ERROR or other is ERROR or one is REFUSED or other is REFUSED:
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


def _is_read(text: str) -> bool:
    """Whether the text itself is in order, so that only the kinds of its values aren't."""
    try:
        parse(text)
    except ExpressionError:
        return False
    return True


def judged(each: Case) -> tuple[str, Difference | None]:
    """What came out of it, in a word, and the difference if there is one."""
    said = Difference(each, ours(*each), rust(*each), cpp(*each))
    if said.cpp is REFUSED:
        if said.ours is REFUSED:
            return "types refused by all", None
        said = said._replace(cpp=cpp(*each, checked=False))
    if said.ours is REFUSED:  # kinds that can't go together: for others an error as soon as it counts
        return "kinds refused by us", None if said.cpp is ERROR or _is_read(each.text) else said
    if not same(said.ours, said.cpp):
        return "different", said
    if not same(said.ours, said.rust):
        return "Rust alone differs", None
    return "errors" if said.ours is ERROR else "values", None


def main() -> int:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--cases", type=Path)
    options.add_argument("--show", type=int, default=20)
    given = options.parse_args()
    chance, kinds, shown = random.Random(given.seed), Counter[str](), 0
    for _ in range(given.count):
        kind, difference = judged(case(chance))
        kinds[kind if difference is None else "DIFFERENT"] += 1
        if difference is not None and shown < given.show:
            shown += 1
            print(f"{difference.case.text}\n    {difference.case.facts}")
            print(f"    ours {difference.ours!r}, Rust {difference.rust!r}, C++ {difference.cpp!r}")
    print(f"{given.count:,} random expressions: {dict(kinds.most_common())}")
    failures = 0
    if given.cases is not None:
        failures = cel_cases.judge(given.cases)
    return 1 if kinds["DIFFERENT"] or failures else 0


if __name__ == "__main__":
    sys.exit(main())

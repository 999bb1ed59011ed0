"""Mutants of the expressions."""

from typing import Final

from tests.judges.mutant import Mutant

_UNIT: Final = ("tests/unit/core/expressions",)
_PROPERTY: Final = ("tests/property/core/expressions/test_expression.py",)
_CEL: Final = ("tests/contract/test_cel.py",)

_MISTAKES: Final = (
    (
        "a bound name counts as a fact",
        "pieces.py",
        "return NOTHING.union(*(piece.reads for piece in pieces))",
        'return NOTHING.union(*(piece.reads for piece in pieces), ["e"])',
        _UNIT,
    ),
    (
        "unknown = false in && and ||",
        "compiler.py",
        "                    raise error\n",
        "                    pass\n",
        _PROPERTY,
    ),
    (
        "one element's error is forgotten",
        "loops.py",
        "                raise error\n",
        "                pass\n",
        _CEL,
    ),
    (
        "&& doesn't absorb errors",
        "compiler.py",
        "                    error = absorbed(run, other, error)\n                    continue\n",
        "                    raise\n",
        _CEL,
    ),
    ("unknown lookups read nothing of else", "calls.py", "reads_of([key, *others])", "key.reads", _UNIT),
    ("loops read nothing within", "compiler.py", "reads = reads_of([of, *inner])", "reads = of.reads", _UNIT),
    (
        "one absent fact excuses what is wrong",
        "problems.py",
        "self.absent and other.absent",
        "self.absent or other.absent",
        _UNIT,
    ),
    (
        "a blank fact isn't absent",
        "pieces.py",
        "frozenset([name]), absent=True)",
        "frozenset([name]), absent=False)",
        _UNIT,
    ),
    (
        "null is absent always",
        "compiler.py",
        "read_filled(name) if self.blank_is_absent and",
        "read_filled(name) if",
        _UNIT,
    ),
    ("1 is true", "operators.py", "        return one is other\n", "        return bool(one == other)\n", _UNIT),
    (
        "no steps are counted",
        "operators.py",
        "    run[0] -= steps\n",
        "",
        ("tests/unit/core/expressions/test_parser.py",),
    ),
    (
        "long texts cost nothing",
        "calls.py",
        "return len(value) // _CHARACTERS if len(value) > _SHORT else 0",
        "return 0",
        _PROPERTY,
    ),
    (
        "coalesce takes an empty text",
        "calls.py",
        'if value is not None and value != "":',
        "if value is not None:",
        _UNIT,
    ),
    ("coalesce ends with null", "calls.py", "return last(facts, run)\n", "return None\n", _UNIT),
    ("who left a group is in it", "calls.py", "return value is not None and value is not False", "return True", _UNIT),
    ("case matters to like", "functions.py", "        text = letters.lower(text)\n", "", _UNIT),
    ("Python's lower case", "letters.py", "return text.translate(LOWER)", "return text.lower()", _UNIT),
    ("accents that were typed apart", "expression.py", 'unicodedata.normalize("NFC", text)', "text", _UNIT),
    ("an unknown version is read by ours", "expression.py", "FUNCTIONS.get(functions)", "FUNCTIONS[1]", _UNIT),
    (
        "clauses in parentheses are one",
        "parser.py",
        "part.parts if isinstance(part, Logic) and part.sign == sign else [part]",
        "[part]",
        _UNIT,
    ),
    ("reasons tell values", "pieces.py", 'where = ", ".join(sorted(reads))', "where = str(odd)", _UNIT),
    ("a map's long texts count as short", "pieces.py", "(*value, *value.values())", "(*value,)", _UNIT),
    ("text and list may be compared", "comparisons.py", "    return same and (", "    return True or (", _UNIT),
)

MUTANTS: Final = tuple(
    Mutant(name, f"streamproc/core/expressions/{file}", right, wrong, tests)
    for name, file, right, wrong, tests in _MISTAKES
)

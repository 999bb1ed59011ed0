"""Mistakes in what the mapping makes of expressions."""

from typing import Final

from tests.judges.mutant import Mutant

FOLD: Final = "streamproc/core/fold"
OF_COMPUTED: Final = ("tests/unit/core/fold/test_computed.py", "tests/unit/core/fold/test_worked_examples.py")
OF_THE_FILE: Final = ("tests/unit/core/fold/test_mapping_file.py",)

MUTANTS: Final = (
    Mutant(
        "the version of the expressions isn't in the digest",
        f"{FOLD}/mapping.py",
        "model_dump_json(exclude_defaults=True)",
        'model_dump_json(exclude_defaults=True, exclude={"functions"})',
        OF_THE_FILE,
    ),
    Mutant(
        "defaults are in the digest",
        f"{FOLD}/mapping.py",
        "model_dump_json(exclude_defaults=True)",
        "model_dump_json()",
        ("tests/unit/core/fold/test_committed_history.py",),
    ),
    Mutant(
        "any version is taken for the one that is known",
        f"{FOLD}/mapping_file.py",
        "if functions not in FUNCTIONS:",
        "if False:",
        OF_THE_FILE,
    ),
    Mutant(
        "a mistake is told without its place",
        f"{FOLD}/computed.py",
        'raise MappingError(f"{place}: {error}")',
        'raise MappingError(f"{error}")',
        OF_THE_FILE,
    ),
    Mutant(
        "an attribute whose value can't be said is emptied",
        f"{FOLD}/attribute_lines.py",
        'problems.append(f"{self._told_as}{name}: {said.reason}")\n                    unread.append(name)',
        'problems.append(f"{self._told_as}{name}: {said.reason}")\n                    wanted[name] = None',
        OF_COMPUTED,
    ),
    Mutant(
        "an attribute is told before anything is known",
        f"{FOLD}/attribute_lines.py",
        "if not expression.reads or not expression.reads.isdisjoint(facts):",
        "if True:",
        OF_COMPUTED,
    ),
    Mutant(
        "an external id whose value can't be said is lost",
        f"{FOLD}/mapping.py",
        "_keep(ids, unread, (before or {}).get(EXTERNAL_IDS, {}))",
        "_keep(ids, unread, {})",
        OF_COMPUTED,
    ),
    Mutant(
        "what can't be decided takes away",
        f"{FOLD}/grants.py",
        "    raise UnreadError(value.reason)\n\n\ndef _pattern",
        "    return None\n\n\ndef _pattern",
        OF_COMPUTED,
    ),
    Mutant(
        "what has no value is told",
        f"{FOLD}/grants.py",
        "if value.facts and all(fact_of(facts, name) is None for name in value.facts):",
        "if value.absent:",
        OF_COMPUTED,
    ),
    Mutant(
        "`if` is enough",
        f"{FOLD}/grants.py",
        "if not matches(pattern, fact_of(facts, fact)):\n                    return False, []",
        "if not matches(pattern, fact_of(facts, fact)):\n                    continue",
        OF_COMPUTED,
    ),
    Mutant(
        "facts that expressions read aren't kept",
        f"{FOLD}/mapping.py",
        "            *self.computed,\n",
        "",
        OF_COMPUTED,
    ),
    Mutant(
        "a computed login is HR's",
        f"{FOLD}/mapping.py",
        'tuple(sorted(self.expressions[value_place("attributes", "userName")].reads))',
        "()",
        OF_COMPUTED,
    ),
    Mutant(
        "what is remembered is of other facts",
        f"{FOLD}/grants.py",
        "feeds.setdefault(target, set()).update(condition.reads)",
        "feeds.setdefault(target, set()).update(condition.patterns)",
        ("tests/property/core/fold/test_mapping.py",),
    ),
    Mutant(
        "1 is remembered as true",
        f"{FOLD}/grants.py",
        "read = (read, kinds)",
        "pass",
        ("tests/unit/core/fold/test_mapping.py",),
    ),
)

"""Mistakes in what sources say, and in what people are shown."""

from typing import Final

from tests.judges.mutant import Mutant

DIRECTORIES: Final = "streamproc/hydrator/directories"
OF_ASSIGNMENT: Final = ("tests/unit/sources/test_assignment.py", "tests/service/hydrator/test_assignment.py")
OF_SCOPE: Final = ("tests/unit/core/fold/test_scope.py", "tests/property/core/fold/test_scope.py")
PHONES: Final = "streamproc/sources/values/phones.py"
OF_PHONES: Final = ("tests/unit/sources/values/test_phones.py",)
SETTLED: Final = "streamproc/sources/settled.py"
OF_SETTLED: Final = ("tests/unit/sources/test_settled.py",)

MUTANTS: Final = (
    Mutant(
        "blank counts groups",
        "streamproc/core/expressions/compiler.py",
        "if self.blank_is_absent and not name.startswith(GROUP) else",
        "if self.blank_is_absent else",
        OF_SCOPE,
    ),
    Mutant(
        "blank counts groups that are asked for by has",
        "streamproc/core/expressions/compiler.py",
        "if self.blank_is_absent and not name.startswith(GROUP):",
        "if self.blank_is_absent:",
        OF_SCOPE,
    ),
    Mutant(
        "a leaver is held for what the mapping says",
        "streamproc/sink/mass_guard.py",
        "if not withheld and self._was_withheld(progress):",
        "if False:",
        ("tests/service/sink/test_reconciler_scope.py",),
    ),
    Mutant(
        "a leaver counts with those whom the mapping drops",
        "streamproc/sink/mass_guard.py",
        "if not work.leaves or (by_mapping(work.record.desired) and not withheld):",
        "if not work.leaves:",
        ("tests/service/sink/test_reconciler_scope.py",),
    ),
    Mutant(
        "a number has to be assigned (is_valid)",
        PHONES,
        "phonenumbers.is_possible_number_with_reason(read) != ValidationResult.IS_POSSIBLE",
        "not phonenumbers.is_valid_number(read)",
        OF_PHONES,
    ),
    Mutant(
        "a number without its area code will do",
        PHONES,
        "phonenumbers.is_possible_number_with_reason(read) != ValidationResult.IS_POSSIBLE",
        "not phonenumbers.is_possible_number(read)",
        OF_PHONES,
    ),
    Mutant("the first of two numbers is taken", PHONES, "if len(parts) > 1 or", "if", OF_PHONES),
    Mutant("an extension is a number", PHONES, "LEAST: Final = 6", "LEAST: Final = 1", OF_PHONES),
    Mutant(
        "the library strips (0) alone",
        PHONES,
        '{number, _AT_HOME.sub("", number)} if abroad',
        "{number} if abroad",
        OF_PHONES,
    ),
    Mutant(
        "a region that wasn't told is the option's next",
        SETTLED,
        "return earlier[name] if name in earlier else known(name)",
        "return earlier.get(name)",
        OF_SETTLED,
    ),
    Mutant(
        "a region that isn't one is the option's next",
        SETTLED,
        "return code if code in REGIONS else None",
        "if code in REGIONS:\n                return code",
        OF_SETTLED,
    ),
    Mutant(
        "what isn't a number is sent as it is written",
        SETTLED,
        'or unread_fact("region" if placeless else "number")',
        "or written",
        OF_SETTLED,
    ),
    Mutant(
        "whatif counts from what would have been",
        "streamproc/mapping_preview/whatif.py",
        "return *desire(self._new, user, seen, was), standing(self._new, seen, was)",
        "return *desire(self._new, user, seen, here.would), standing(self._new, seen, here.would)",
        ("tests/unit/mapping_preview/test_whatif_scope.py",),
    ),
    Mutant(
        "a number that is named needn't be so",
        "streamproc/operators/mapping_rollout.py",
        "counts[name] == said for",
        "counts[name] <= said for",
        ("tests/unit/operators/test_mapping_rollout.py",),
    ),
    Mutant(
        "who leaves while suspended is no leaver",
        "streamproc/audit/revocations/leavers.py",
        'overtakes = cause == "source" and user in self._withheld and active is False',
        "overtakes = False",
        ("tests/unit/audit/revocations/test_causes.py",),
    ),
    Mutant(
        "a text that begins as an expression names it stays whole",
        "streamproc/audit/evidence/looked_for.py",
        "if text.casefold() in self._whole:",
        "if any(each and text.casefold().startswith(each) for each in self._whole):",
        ("tests/unit/audit/evidence/test_expressed.py",),
    ),
    Mutant(
        "a hash may hold what parts",
        "streamproc/audit/evidence/looked_for.py",
        "if not any(each.casefold() in hashed for each in self._parting):",
        "if hashed:",
        ("tests/unit/audit/evidence/test_expressed.py",),
    ),
    Mutant(
        "a hidden value may be another to a condition",
        "streamproc/audit/evidence/expressed.py",
        "for each in self.conditions):",
        "for each in ()):",
        ("tests/unit/audit/evidence/test_expressed.py",),
    ),
    Mutant(
        "not answered = not assigned",
        "streamproc/sources/assignment.py",
        'reading.take(ASSIGNED, UNREAD, "assignment")',
        'reading.take(ASSIGNED, "no", "assignment")',
        OF_ASSIGNMENT,
    ),
    Mutant(
        "what a leaver isn't asked has no value",
        "streamproc/sources/assignment.py",
        "return (ASSIGNED,)",
        "return ()",
        OF_ASSIGNMENT,
    ),
    Mutant(
        "a 404 of an application that isn't there = not assigned",
        f"{DIRECTORIES}/okta.py",
        "if self._seen is None or answer.read_at - self._seen > SEEN:",
        "if False:",
        OF_ASSIGNMENT,
    ),
    Mutant(
        "open to everybody = everybody is assigned",
        "streamproc/sources/pingone.py",
        "if admitted is None or not isinstance(groups, list):\n        return UNREAD",
        "if admitted is None or not isinstance(groups, list):\n        return True",
        OF_ASSIGNMENT,
    ),
    Mutant(
        "a question that fails is forgotten",
        f"{DIRECTORIES}/assignment.py",
        "self._owed[subject] = None",
        "pass",
        OF_ASSIGNMENT,
    ),
    Mutant(
        "who was unassigned at Entra isn't read again",
        f"{DIRECTORIES}/entra_assignments.py",
        "moved |= now ^ frozenset(ones)",
        "moved |= now - frozenset(ones)",
        ("tests/property/hydrator/directories/test_entra_assignments.py",),
    ),
    Mutant(
        "who was assigned at Entra for a moment stays so",
        f"{DIRECTORIES}/entra_assignments.py",
        "self._moved |= now ^ self._list",
        "pass",
        ("tests/property/hydrator/directories/test_entra_assignments.py",),
    ),
    Mutant(
        "whoever leaves a group of Entra's keeps it",
        "streamproc/sources/entra/__init__.py",
        "all_=every)",
        "all_=False)",
        ("tests/unit/sources/test_entra.py",),
    ),
    Mutant(
        "groups that may not be read any more are left",
        "streamproc/sources/entra/__init__.py",
        "_HIDDEN if every and name is None else name",
        "name",
        ("tests/unit/sources/test_entra.py",),
    ),
)

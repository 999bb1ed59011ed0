"""Mistakes in what the doctor finds: a fault that isn't named, or one that isn't there."""

from typing import Final

from tests.judges.mutant import Mutant

PERMISSIONS: Final = ("tests/property/doctor/test_permissions.py", "tests/unit/doctor/test_role.py")
MUTANTS: Final = (
    Mutant(
        "a `*` in the place of an action allows nothing",
        "streamproc/doctor/permissions.py",
        "and not self.actions.isdisjoint({action, EVERYWHERE})",
        "and not self.actions.isdisjoint({action})",
        ("tests/unit/doctor/test_granted.py",),
    ),
    Mutant(
        "the lines that need a permission of a list are left out",
        "streamproc/doctor/permissions.py",
        "found.setdefault(kind, []).append(rule_place(number, rule))",
        "found.setdefault(kind, [])",
        PERMISSIONS,
    ),
    Mutant(
        "what is never needed is no matter where `*` allows it",
        "streamproc/doctor/permissions.py",
        "if any(policy.allows(name) for policy in of_role):",
        "if any(name in policy.names for policy in of_role):",
        PERMISSIONS,
    ),
    Mutant(
        "one division with the role is enough",
        "streamproc/doctor/permissions.py",
        "for division in {*held.divisions} - there:",
        "for division in {*held.divisions} - {*held.divisions}:",
        PERMISSIONS,
    ),
    Mutant(
        "an answer about our client that can't be read is taken for no rights at all",
        "streamproc/doctor/permissions.py",
        "        if policies and not allowed:",
        "        if False:",
        ("tests/unit/doctor/test_granted.py",),
    ),
    Mutant(
        "a clock is taken for wrong by what an answer took",
        "streamproc/doctor/clocks.py",
        "return max(0.0, told - after) or min(0.0, told + within - before)",
        "return max(0.0, told - before) or min(0.0, told + within - after)",
        ("tests/unit/doctor/test_clocks.py",),
    ),
    Mutant(
        "a hook that is switched off will do",
        "streamproc/doctor/sources.py",
        "if any(not hook.wrong for hook in ours):",
        "if ours:",
        ("tests/unit/doctor/test_sources.py",),
    ),
    Mutant(
        "hosts of two regions fit together",
        "streamproc/doctor/target.py",
        "if len(set(regions.values())) > 1:",
        "if len(set(regions.values())) > 2:",
        ("tests/unit/doctor/test_target.py",),
    ),
    Mutant(
        "a check that fails hides the others",
        "streamproc/doctor/examination.py",
        "    except Exception as error:  # the others are still worth reading",
        "    except KeyboardInterrupt as error:  # the others are still worth reading",
        ("tests/unit/doctor/test_examination.py",),
    ),
)

"""Mistakes in what is ours to write, and in when a seed has had its value."""

from typing import Final

from tests.judges.mutant import Mutant

FOLD: Final = "streamproc/core/fold"
SINK: Final = "streamproc/sink/decide"
OF_POLICY: Final = ("tests/property/core/fold/test_policy.py",)
OF_LIVES: Final = ("tests/property/sink/decide/test_policy.py",)
OF_THE_SINK: Final = ("tests/service/sink/test_reconciler_policy.py",)
OF_THE_FILE: Final = ("tests/unit/core/fold/test_mapping_file.py",)

MUTANTS: Final = (
    Mutant(
        "what is observed is written",
        f"{FOLD}/policy.py",
        'or policy == "observe" or',
        "or",
        OF_POLICY,
    ),
    Mutant(
        "a seed is written again",
        f"{FOLD}/policy.py",
        'policy == "seed" and name in had',
        "False",
        OF_POLICY,
    ),
    Mutant(
        "a seed takes people out of groups",
        f"{FOLD}/policy.py",
        '*held.get("groups", []), *(',
        "*(",
        OF_POLICY,
    ),
    Mutant(
        "what was cleared hasn't had a value",
        f"{FOLD}/policy.py",
        "names = set(before)",
        "names = set[str]()",
        OF_POLICY,
    ),
    Mutant(
        "what everybody has counts as roles that somebody chose",
        f"{FOLD}/policy.py",
        "and not _lacks(value, ours, name)",
        "",
        OF_POLICY,
    ),
    Mutant(
        "one group is all groups",
        f"{FOLD}/policy.py",
        "if ours and all(",
        "if ours and any(",
        OF_POLICY,
    ),
    Mutant(
        "access can be given away",
        f"{FOLD}/mapping_file.py",
        'active: Literal["own"] = "own"',
        'active: Policy = "own"',
        OF_THE_FILE,
    ),
    Mutant(
        "policies are no part of the record",
        f"{FOLD}/mapping.py",
        "if named := [name for name in names if name in wanted]:",
        "if named := []:",
        OF_POLICY,
    ),
    Mutant(
        "the fold's plan doesn't know of policies",
        f"{FOLD}/plan.py",
        "desired = writable(desired, desired, valued(known or Resource(), desired), known)",
        "pass",
        OF_POLICY,
    ),
    Mutant(
        "the sink forgets between two turns what has had a value",
        f"{SINK}/begin.py",
        "seeded=Seeded(delivery.id, frozenset(delivery.seeded)),",
        "",
        OF_THE_SINK,
    ),
    Mutant(
        "a restart forgets it",
        f"{SINK}/fates.py",
        "seeded=sorted(seeded(progress) if progress.id else progress.seeded.names),",
        "",
        OF_THE_SINK,
    ),
    Mutant(
        "a new account is the old one",
        f"{SINK}/after.py",
        "seeded=Seeded() if step.operation == Create() else progress.seeded,",
        "",
        OF_LIVES,
    ),
    Mutant(
        "a seed goes out without looking",
        f"{SINK}/next_step.py",
        "or is_seed(progress, changes)",
        "",
        OF_LIVES,
    ),
    Mutant(
        "what a read shows counts only while it is held",
        f"{SINK}/after_read.py",
        "read = with_seeded(read, user.held)",
        "pass",
        OF_LIVES,
    ),
    Mutant(
        "what an answer shows counts only while it is held",
        f"{SINK}/after_write.py",
        "return progress if user is None else with_seeded(progress, user.held)",
        "return progress",
        OF_LIVES,
    ),
    Mutant(
        "the target's own division is somebody's choice",
        f"{SINK}/seeding.py",
        "unsettled = progress.alone & GIVEN",
        "unsettled = frozenset[str]()",
        OF_THE_SINK,
    ),
    Mutant(
        "a seed that was refused and then written is written again",
        f"{SINK}/after_write.py",
        "alone=progress.alone - settled(progress, step.resource),",
        "",
        OF_LIVES,
    ),
    Mutant(
        "of a moment it isn't told whose an attribute was",
        "streamproc/audit/asof/target_state.py",
        "self.valued[name] = min(answered, self.valued.get(name, answered))",
        "pass",
        ("tests/unit/audit/asof/test_policies.py",),
    ),
)

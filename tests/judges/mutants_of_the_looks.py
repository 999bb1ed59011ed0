"""Mutants of how the sink puts right what others changed, and takes over accounts by order."""

from typing import Final

from tests.judges.mutant import Mutant

LOOKS: Final = ("tests/service/sink/test_looks.py",)
ADOPTION: Final = ("tests/service/sink/test_adoption.py",)

MUTANTS: Final = (
    Mutant(
        "a look plans from what was noted",
        "streamproc/sink/decide/begin.py",
        "looked_at=turn.work.drift is not None",
        "looked_at=False",
        LOOKS,
    ),
    Mutant(
        "an older record is written again",
        "streamproc/sink/decide/looks.py",
        "    if delivery is None or not delivery.seq == seen == record.seq:",
        "    if delivery is None:",
        LOOKS,
    ),
    Mutant(
        "another user's record counts",
        "streamproc/sink/decide/looks.py",
        "(record.user, record.seq) != (each.user, each.seq)",
        "record.seq != each.seq",
        LOOKS,
    ),
    Mutant(
        "who isn't ours is looked at",
        "streamproc/sink/decide/looks.py",
        " or is_left_alone(record.desired):",
        ":",
        LOOKS,
    ),
    Mutant(
        "the guard is asked again about whom it holds",
        "streamproc/sink/decide/looks.py",
        "parked.code in HELD or not (parked.attributes or leaves)",
        "not (parked.attributes or leaves)",
        LOOKS,
    ),
    Mutant(
        "what is only observed is looked at",
        "streamproc/sink/decide/looks.py",
        "for each in finding.differences if each.repaired]",
        "for each in finding.differences]",
        LOOKS,
    ),
    Mutant(
        "a flood takes all lanes",
        "streamproc/sink/finding_follower.py",
        "AT_ONCE: Final = 8",
        "AT_ONCE: Final = 8000",
        LOOKS,
    ),
    Mutant(
        "a look doesn't wait for what the sink before has done",
        "streamproc/sink/finding_follower.py",
        "        return store is not None and store.caught_up",
        "        return store is not None",
        LOOKS,
    ),
    Mutant(
        "a look tells the record's plan again",
        "streamproc/sink/decide/desired_state.py",
        'effect="unchanged", planned=False, problems=_NONE)',
        'effect="unchanged", problems=_NONE)',
        LOOKS,
    ),
    Mutant(
        "each look ends sessions",
        "streamproc/sink/decide/next_step.py",
        "(progress.wrote or progress.turn.work.drift is None)",
        "True",
        LOOKS,
    ),
    Mutant(
        "another user's account is given away",
        "streamproc/sink/decide/adoption.py",
        "    if holder is not None:",
        "    if False:",
        ADOPTION,
    ),
    Mutant(
        "somebody gets a second account",
        "streamproc/sink/decide/adoption.py",
        'progress.held is not None and not same_id(progress.id or "", account)',
        "False",
        ADOPTION,
    ),
    Mutant(
        "an account that isn't there is made",
        "streamproc/sink/decide/after_read.py",
        "        if progress.by_order and progress.claimed:",
        "        if False:",
        ADOPTION,
    ),
    Mutant(
        "whoever it is marked as counts for more than the order",
        "streamproc/sink/decide/after_read.py",
        "    if progress.by_order:",
        "    if False:",
        ADOPTION,
    ),
)

"""Mistakes in what the sink knows of other users: their accounts as managers, and their names."""

from typing import Final

from tests.judges.mutant import Mutant

DECIDE: Final = "streamproc/sink/decide"
WAITS: Final = f"{DECIDE}/name_waits.py"
DELIVERED: Final = "streamproc/sink/delivered_users.py"
OF_WAITS: Final = ("tests/unit/sink/decide/test_name_waits.py",)
OF_NAMES: Final = ("tests/service/sink/test_reconciler_names.py",)
OF_SINKS: Final = ("tests/service/sink/test_names_of_two_sinks.py",)
OF_MANAGERS: Final = ("tests/service/sink/test_reconciler_unresolved.py", "tests/service/sink/test_delivered_users.py")

MUTANTS: Final = (
    Mutant(
        "what was noted of whom we release stays true",
        f"{DECIDE}/next_step.py",
        "replace(progress, held=None, loops=",
        "replace(progress, loops=",
        ("tests/service/sink/test_reconciler_scope.py",),
    ),
    Mutant(
        "a manager whose account wasn't shown to be theirs is named",
        DELIVERED,
        "return delivery.id if delivery.held is not None else None",
        "return delivery.id",
        OF_MANAGERS,
    ),
    Mutant(
        "a manager who is delivered meanwhile stays set aside",
        f"{DECIDE}/next_step.py",
        "if parked is None or parked.status is not None or target",
        "if True or target",
        OF_MANAGERS,
    ),
    Mutant(
        "a manager who is there already is written again",
        f"{DECIDE}/next_step.py",
        "if wanted and held is not None and (shown := held.get",
        "if False and (shown := held.get",
        OF_MANAGERS,
    ),
    Mutant(
        "who waits for another sink's user isn't told",
        DELIVERED,
        "self._tell(user, waits=False)",
        "pass",
        OF_MANAGERS,
    ),
    Mutant(
        "a new name of somebody is nothing new",
        DELIVERED,
        "(now.id, now.claim.name) != (before.id, before.claim.name)",
        "now.id != before.id",
        OF_SINKS,
    ),
    Mutant(
        "who waits at another sink is seen only where their own holder is asked for",
        DELIVERED,
        "            self._follow(now.claim.holder)\n",
        "",
        OF_SINKS,
    ),
    Mutant(
        "a circle that another sink closes isn't seen",
        DELIVERED,
        "self._tell(user, waits=True)",
        "pass",
        OF_SINKS,
    ),
    Mutant(
        "nobody makes way",
        WAITS,
        'return "make way" if self.chosen(user) == user else "wait"',
        'return "wait"',
        OF_NAMES,
    ),
    Mutant(
        "everybody makes way whose name is another's",
        WAITS,
        'return "make way" if self.chosen(user) == user else "wait"',
        'return "make way"',
        OF_NAMES,
    ),
    Mutant(
        "a name that was given up while it was set aside isn't tried",
        WAITS,
        'return user if self.way(user) == "try" else self.chosen(user)',
        "return self.chosen(user)",
        OF_WAITS,
    ),
    Mutant(
        "who waits for a circle makes way as well",
        WAITS,
        "return min(list(seen)[seen[user] :]) if user in seen else None",
        "return min(seen) if user in seen else None",
        OF_WAITS,
    ),
    Mutant(
        "who made way makes way again",
        f"{DECIDE}/after_name.py",
        'case "make way" if not step.made_way:',
        'case "make way":',
        ("tests/property/sink/decide/test_names_taken.py",),
    ),
    Mutant(
        "who has left is waited for",
        WAITS,
        "if holder.left:",
        "if False:",
        OF_NAMES,
    ),
    Mutant(
        "who isn't ours is waited for",
        WAITS,
        "if holder.name is None:",
        "if False:",
        OF_NAMES,
    ),
    Mutant(
        "who made way isn't told to other sinks before the time is over",
        WAITS,
        "if made_way and not self.behind(user):",
        "if False:",
        OF_SINKS,
    ),
    Mutant(
        "a name that the target refuses is tried for ever",
        f"{DECIDE}/after_name.py",
        'tried=before.way == "try")',
        "tried=False)",
        ("tests/property/sink/decide/test_names_taken.py", *OF_NAMES),
    ),
    Mutant(
        "a name holds up the rest",
        f"{DECIDE}/deliverable.py",
        "kept = progress.name_taken is not None and progress.name_taken.way is None",
        "kept = False",
        OF_NAMES,
    ),
)

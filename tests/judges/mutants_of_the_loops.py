"""Mistakes in what is made of changes that go to and fro."""

from typing import Final

from tests.judges.mutant import Mutant

DECIDE: Final = "streamproc/sink/decide"
SERVICE: Final = ("tests/service/sink/test_loops.py",)
SINKS: Final = ("tests/service/sink/test_loops_of_sinks.py",)
ITEMS: Final = ("tests/property/sink/decide/test_items.py",)

MUTANTS: Final = (
    Mutant(
        "a leaver stays for what is frozen",
        f"{DECIDE}/items.py",
        'if not names or desired.get("active") is False:',
        "if not names:",
        SERVICE,
    ),
    Mutant(
        "frozen access is believed as it was noted",
        f"{DECIDE}/begin.py",
        'looked_at or "active" in delivery.frozen',
        "looked_at",
        SERVICE,
    ),
    Mutant(
        "taking access away counts",
        f"{DECIDE}/loops.py",
        'or (name == "active" and value is not True)',
        "",
        SERVICE,
    ),
    Mutant(
        "what others wrote counts for nothing",
        f"{DECIDE}/loops.py",
        "return there is None or not same_id(held, there)",
        "return False",
        SERVICE,
    ),
    Mutant(
        "events that go to and fro count for nothing",
        f"{DECIDE}/loops.py",
        "back = theirs is True or any(same(wrote, once) for each in before for once in (each.wrote, each.found))",
        "back = theirs is True",
        SERVICE,
    ),
    Mutant(
        "every change counts",
        f"{DECIDE}/loops.py",
        "back = theirs is True or any(same(wrote, once) for each in before for once in (each.wrote, each.found))",
        "back = theirs is not None",
        SERVICE,
    ),
    Mutant(
        "the window has no end",
        f"{DECIDE}/loops.py",
        "kept = {name: [each for each in every if each.at > since]",
        "kept = {name: [*every]",
        SERVICE,
    ),
    Mutant(
        "one write too many",
        f"{DECIDE}/loops.py",
        "if each.back and counts.get(name, 0) >= most and",
        "if each.back and counts.get(name, 0) > most and",
        SERVICE,
    ),
    Mutant(
        "what the target never shows counts",
        f"{DECIDE}/effect.py",
        "    progress = without_effect(progress, name)\n",
        "",
        SERVICE,
    ),
    Mutant(
        "an account that others delete is created for ever",
        f"{DECIDE}/loops.py",
        'if progress.held is None and name != "active":',
        "if progress.held is None:",
        SERVICE,
    ),
    Mutant(
        "what is frozen is written",
        f"{DECIDE}/deliverable.py",
        "desired = as_held(desired, progress.held, progress.loops.frozen)",
        "",
        SERVICE,
    ),
    Mutant(
        "a list is frozen whole",
        f"{DECIDE}/items.py",
        "left = {name: value for name, value in wanted.items() if name not in mine}",
        "left = {}",
        ITEMS,
    ),
    Mutant(
        "whoever is created anew lacks what was frozen",
        f"{DECIDE}/items.py",
        'if name != "active" or name not in names})',
        "if name not in names})",
        ITEMS,
    ),
    Mutant(
        "an order is obeyed again and again",
        f"{DECIDE}/loops.py",
        "if offset <= delivery.let_go:",
        "if False:",
        SINKS,
    ),
    Mutant(
        "an order lets everything go",
        f"{DECIDE}/loops.py",
        "if order.attribute not in {None, name}}",
        "if False}",
        SINKS,
    ),
    Mutant(
        "what is let go waits for somebody",
        "streamproc/sink/parked_work.py",
        'if thawed.parked is not None and thawed.parked.code == "stalled":',
        "if False:",
        SINKS,
    ),
)

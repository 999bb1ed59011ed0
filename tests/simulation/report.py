"""The report: which invariants were exercised, which of the decider's transitions taken, which faults injected."""

from collections import Counter, defaultdict
from typing import Any, Final

from tests.simulation.session import Session
from tests.simulation.transitions import listed

KINDS: Final = {
    "invariant": "Invariants, and how often each was put to the test",
    "fault": "Faults that were injected, by kind",
    "pair": "Pairs of a fault and the state of the turn that it hit",
    "step": "Steps of the histories, by kind",
    "feature": "Seeds in which a feature was on",
    "ended": "Services that ended, and of what",
}
"""First word of a count, and what the counts with it tell. What begins otherwise is told under the last heading."""


def as_text(session: Session) -> str:
    """For people."""
    rate, memory = session.seeds_a_minute, session.memory
    lines = [
        f"{session.played:,} seeds, {rate:,.0f} a minute; {session.virtual / 3600:,.1f} virtual hours",
        f"{session.failures} failed",
        f"slowest: seed {session.slowest[1]}, {session.slowest[0]:.2f} s",
        f"memory of a process that plays: {memory[0]} MB in its first hundred runs, {memory[1]} MB at most",
        "",
    ]
    groups = _grouped(session.counts)
    for pair, number in groups.get("pair", {}).items():
        groups.setdefault("fault", Counter())[pair.partition(" @ ")[0]] += number
    for kind, title in KINDS.items():
        lines += _table(title, groups.pop(kind, Counter()))
    taken = groups.pop("transition", Counter())
    plain, hostile = listed("plain") | (taken.keys() - listed("hostile")), listed("hostile")
    lines += _table(f"Transitions of the delivery decider: {len(plain & taken.keys())} of {len(plain)} taken", taken)
    lines += ["Never taken:", *_indented(sorted(plain - taken.keys())), ""]
    lines += [f"Of those that take a hostile target: {len(hostile & taken.keys())} of {len(hostile)}", ""]
    if unlisted := sorted(taken.keys() - plain.intersection(listed()) - hostile):
        lines += ["Taken, and not in transitions.txt (python -m tests.simulation.reachable):", *_indented(unlisted), ""]
    rest = Counter({f"{kind} {name}": number for kind, group in groups.items() for name, number in group.items()})
    return "\n".join([*lines, *_table("Whatever else was counted", rest)]) + "\n"


def as_json(session: Session) -> dict[str, Any]:
    """For programs."""
    taken = _grouped(session.counts).get("transition", Counter())
    every = listed("plain") | (taken.keys() - listed("hostile"))
    return {
        "seeds": session.played,
        "seeds_a_minute": round(session.seeds_a_minute),
        "virtual_seconds": round(session.virtual),
        "memory": session.memory,
        "counts": dict(sorted(session.counts.items())),
        "transitions": {"all": len(every), "taken": len(every & taken.keys()), "never": sorted(every - taken.keys())},
        "failed": {
            kind: {"seeds": failed.seeds, "first": [each.what for each in failed.first.failures]}
            for kind, failed in session.failed.items()
        },
    }


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _grouped(counts: Counter[str]) -> dict[str, Counter[str]]:
    groups: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, number in counts.items():
        kind, _, rest = name.partition(" ")
        groups[kind][rest] = number
    return dict(groups)


def _table(title: str, counts: Counter[str]) -> list[str]:
    if not counts:
        return []
    return [title, *(f"  {number:>10,}  {name}" for name, number in sorted(counts.items())), ""]

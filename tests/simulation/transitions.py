"""Transitions of the delivery decider: in which state a turn was, which step was next, and which state came of it.

A state is named after what `next_step` looks at first. All transitions that can be are in `transitions.txt`, as
`tests.simulation.reachable` finds them; those that a simulated sink takes are counted by a wrapper around the decider,
which the product doesn't know.
"""

from collections import Counter
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, Literal

from streamproc.core.fold.plan import is_left_alone
from streamproc.core.records.operation import Create
from streamproc.sink import reconciler
from streamproc.sink.decide.name_waits import is_temporary
from streamproc.sink.decide.progress import Freshness, Progress
from streamproc.sink.decide.steps import Finish, LookUp, SendMembership, SendUser, Step
from streamproc.testing.process import CURRENT, Process

Group = Literal["plain", "hostile"]
LIST: Final = Path(__file__).with_name("transitions.txt")
SEARCHING: Final = frozenset({Freshness.UNKNOWN, Freshness.STALE, Freshness.LAGGING})
"""Something is asked before anything is planned."""
STATE: ContextVar[str] = ContextVar("STATE")
"""Of the turn in which something runs: its state, and its step."""


def state_of(progress: Progress) -> str:
    """Of a turn: whether they leave, and what comes first."""
    return f"{'leaves' if progress.leaver else 'stays'}, {_first(progress)}"


def _first(progress: Progress) -> str:
    underway = progress.underway
    if progress.parked is not None:
        return "set aside"
    if progress.wait_until is not None:
        return "waits"
    name = (progress.held or {}).get("userName")
    if not progress.leaver and is_left_alone(progress.record.desired) and not is_temporary(name, progress.user):
        return "left alone"
    if underway.refusal is not None:
        return "manager doubted"
    if underway.lock is not None:
        return "locked and looked" if underway.lock.looked else "locked"
    if underway.asked:
        return "groups asked"
    if progress.name_taken is not None and progress.freshness not in SEARCHING:
        return "name taken"
    return progress.freshness.value


def step_name(step: Step) -> str:
    """Of a step; a write by its operation."""
    match step:
        case SendUser(operation=Create()):
            return "create"
        case SendUser(operation=operation) | SendMembership(operation=operation):
            return operation.op
        case LookUp(attribute=attribute):
            return f"look up {attribute}"
        case _:
            return type(step).__name__


def end_of(step: Finish) -> str:
    """The state that a turn ends in: its fate."""
    return f"told as {step.outcomes[-1].verdict}"


def transition(before: str, step: str, to: str) -> str:
    """As it is listed."""
    return f"{before} | {step} | {to}"


def listed(group: Group | None = None) -> frozenset[str]:
    """All that can be. `plain`: those that lost requests, refusals, and edits by others lead to. `hostile`: those that
    take a target which tells something else than it holds, people who delete, or a log that has lost a record.
    """
    groups: dict[str, set[str]] = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            found = groups.setdefault(line.strip("[]"), set())
        elif line and not line.startswith("#"):
            found.add(line)
    return frozenset().union(*(lines for name, lines in groups.items() if group in {None, name}))


class Recorder:
    """Counts the transitions of one run. Everything is by user and by the sink's view of the target."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """By name, as `Played.counts` has them."""
        self._turns: dict[tuple[Process | None, str], tuple[Any, str, str]] = {}
        """By process and user: the newest work, state and step."""

    def reset(self) -> None:
        """Another run begins."""
        self.counts.clear()
        self._turns.clear()

    def states(self, process: str) -> list[str]:
        """Of all turns in the hands of the process of that name: what hits it hits them."""
        turns = [(holder, turn) for (holder, _), turn in self._turns.items() if holder is not None]
        held = (turn for holder, turn in turns if holder.name == process and holder.state != "dead")
        return sorted(f"{state}: {step}" for _, state, step in held)

    def begun(self, progress: Progress) -> None:
        """A turn begins."""
        state = state_of(progress)
        self._turns[CURRENT.get(None), progress.user] = (progress.turn, state, "begin")
        self._count("(none)", "begin", state)

    def next(self, progress: Progress, step: Step) -> None:
        """A step was decided. Between the last one and this one newer work may have come on board."""
        key, state, name = (CURRENT.get(None), progress.user), state_of(progress), step_name(step)
        before = self._turns.get(key)
        if before is not None and before[0] is not progress.turn:
            self._count(before[1], "newer", state)
        STATE.set(f"{state}: {name}")
        if isinstance(step, Finish):
            self._turns.pop(key, None)
            self._count(state, name, end_of(step))
        else:
            self._turns[key] = (progress.turn, state, name)

    def answered(self, before: Progress, step: Step, after: Progress) -> None:
        """A step was answered."""
        name, state = step_name(step), state_of(after)
        self._turns[CURRENT.get(None), after.user] = (after.turn, state, name)
        self._count(state_of(before), name, state)

    def _count(self, before: str, step: str, to: str) -> None:
        self.counts[f"transition {before} | {step} | {to}"] += 1


RECORDER: Final = Recorder()
"""Of the run that this process is playing."""


def doing() -> str:
    """What runs at the moment: a turn's state and step, or else which kind of process."""
    if state := STATE.get(""):
        return state
    process = CURRENT.get(None)
    return "nobody" if process is None else process.name.rstrip("0123456789")


def install() -> None:
    """From now on the sinks of this process are looked at. Once is enough."""
    decider: Mapping[str, Any] = {name: getattr(reconciler, name) for name in ("begin", "next_step", "after")}
    begin, next_step, after = decider.values()
    if hasattr(next_step, "looked_at"):
        return

    def looking_begin(*arguments: Any) -> Any:
        progress = begin(*arguments)
        RECORDER.begun(progress)
        return progress

    def looking_next_step(progress: Progress, target: Any, at: Any) -> Any:
        step = next_step(progress, target, at)
        RECORDER.next(progress, step)
        return step

    def looking_after(progress: Progress, step: Any, answer: Any, target: Any, at: Any) -> Any:
        result = after(progress, step, answer, target, at)
        RECORDER.answered(progress, step, result.progress)
        return result

    vars(looking_next_step)["looked_at"] = True
    vars(reconciler).update(begin=looking_begin, next_step=looking_next_step, after=looking_after)

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
from streamproc.testing.process import CURRENT

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
        self._turns: dict[tuple[int, str], tuple[Any, Any, str, str]] = {}
        """The sink's target (kept, so that its id isn't another's), turn, process and state."""

    def reset(self) -> None:
        """Another run begins."""
        self.counts.clear()
        self._turns.clear()

    def states(self, process: str) -> list[str]:
        """Of all turns in the process's hands, as it is killed or paused."""
        return sorted(state for _, _, name, state in self._turns.values() if name == process)

    def killed(self, process: str) -> None:
        """Its turns are nobody's."""
        self._turns = {key: turn for key, turn in self._turns.items() if turn[2] != process}

    def begun(self, progress: Progress) -> None:
        """A turn begins."""
        self._count("(none)", "begin", state_of(progress))

    def next(self, progress: Progress, target: object, step: Step) -> None:
        """A step was decided."""
        key, state = (id(target), progress.user), state_of(progress)
        before = self._turns.get(key)
        if before is not None and before[1] is not progress.turn:
            self._count(before[3].partition(":")[0], "newer", state)
        name = step_name(step)
        doing = f"{state}: {name}"
        STATE.set(doing)
        if isinstance(step, Finish):
            self._turns.pop(key, None)
            self._count(state, name, end_of(step))
        elif before is None or before[1] is not progress.turn or before[3] != doing:
            self._turns[key] = (target, progress.turn, _process(), doing)

    def answered(self, before: Progress, step: Step, after: Progress) -> None:
        """A step was answered."""
        self._count(state_of(before), step_name(step), state_of(after))

    def _count(self, before: str, step: str, to: str) -> None:
        self.counts[f"transition {before} | {step} | {to}"] += 1


RECORDER: Final = Recorder()
"""Of the run that this process is playing."""


def doing() -> str:
    """What runs at the moment: a turn's state and step, or else which kind of process."""
    return STATE.get(None) or _process().rstrip("0123456789-")


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
        RECORDER.next(progress, target, step)
        return step

    def looking_after(progress: Progress, step: Any, answer: Any, target: Any, at: Any) -> Any:
        result = after(progress, step, answer, target, at)
        RECORDER.answered(progress, step, result.progress)
        return result

    vars(looking_next_step)["looked_at"] = True
    vars(reconciler).update(begin=looking_begin, next_step=looking_next_step, after=looking_after)


def _process() -> str:
    process = CURRENT.get(None)
    return "" if process is None else process.name

"""One state of a service, from what is wrong with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from streamproc.core.records.service_state import Condition, State
from streamproc.core.records.units import Millis

Phase: TypeAlias = Literal["starting", "running", "stopped"]
"""Of a process: from `running` on it does its work."""
Since: TypeAlias = Mapping[tuple[str, str], Millis]
"""Code and about → when it was seen first; in ms since 1970."""

STUCK: Final = "stuck"
"""Code of what only a restart mends."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong now. `code`, `about`: words of ours, no personal data; together they name it."""

    code: str
    about: str
    state: Literal["blind", "degraded"]
    reason: str
    """What is wrong, and what to do."""
    grace: float = 0.0
    """Seconds that it has to last before it counts: what passes by itself wakes nobody."""


def since(before: Since, troubles: Iterable[Trouble], now: Millis) -> dict[tuple[str, str], Millis]:
    """When each that is there now began. What was over in between begins anew."""
    return {key: min(before.get(key, now), now) for trouble in troubles if (key := (trouble.code, trouble.about))}


def conditions(troubles: Iterable[Trouble], began: Since, now: Millis) -> list[Condition]:
    """Those that have lasted, the gravest first, then by code and about. `began`: of each of them."""
    told = {
        (trouble.code, trouble.about): Condition(trouble.code, trouble.about, trouble.state, trouble.reason, at)
        for trouble in troubles
        if now - (at := began[trouble.code, trouble.about]) >= trouble.grace * 1000
    }
    return sorted(told.values(), key=lambda each: (each.state != "degraded", each.code, each.about))


def state_of(phase: Phase, told: Sequence[Condition]) -> State:
    """All of it in a word. Who doesn't work yet, or no more, isn't asked what is wrong."""
    if phase != "running":
        return phase
    if not told:
        return "ok"
    return "degraded" if any(condition.state == "degraded" for condition in told) else "blind"


def is_alive(told: Iterable[Condition]) -> bool:
    """False: only a restart mends it."""
    return all(condition.code != STUCK for condition in told)


def is_ready(state: State) -> bool:
    """Whether it does all of its work. Who is blind does: there may be more of it than it sees."""
    return state in {"ok", "blind"}

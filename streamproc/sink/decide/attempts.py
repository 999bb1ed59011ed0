"""Attempts: what comes of one that wasn't the last, and what an answer to a read comes to."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from streamproc.core.flow.circuit_breaker import PROBE_FIRST
from streamproc.core.records.delivery import Parked
from streamproc.core.records.outcome import Outcome, Request, Verdict
from streamproc.core.scim.response_policy import (
    PATIENCE,
    Deliver,
    Denied,
    Gone,
    Park,
    backoff,
    describe,
    response_action,
)
from streamproc.sink.decide.fates import attempt
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.steps import Exchange, Moment
from streamproc.sink.decide.target import Learned


@dataclass(frozen=True, slots=True)
class After:
    """What comes of a step: the progress, lines for the outcomes log, and what is known of the target from now on."""

    progress: Progress
    lines: tuple[Outcome, ...] = ()
    learned: tuple[Learned, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """The answer shows what was asked for."""

    body: dict[str, Any]
    verdict: Verdict = "read"


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such thing."""

    body: None = None
    verdict: Verdict = "absent"


@dataclass(frozen=True, slots=True)
class Refused:
    """The target won't answer it. `progress`: with the request, which is told in the end."""

    progress: Progress
    parked: Parked


@dataclass(frozen=True, slots=True)
class Postponed:
    """It has to be asked again."""

    after: After


Finding: TypeAlias = Shown | Missing | Refused | Postponed


def finding(progress: Progress, exchange: Exchange, shows: Callable[[dict[str, Any]], bool], at: Moment) -> Finding:
    """What an answer to a read comes to. One that doesn't show what was asked for isn't an answer: nobody is absent
    because a proxy said so.
    """
    response, request = exchange.response, exchange.request
    action = response_action("read", response, progress.attempts, at.jitter)
    if isinstance(action, Deliver) and shows(response.body):
        return Shown(response.body)
    if isinstance(action, Gone):
        return Missing()
    if isinstance(action, Park) or (isinstance(action, Denied) and is_theirs(progress, at)):
        refused = progress.as_parked("refused", action.reason, at.clock, response)
        return Refused(replace(progress, requests=(*progress.requests, request)), refused)
    seconds = getattr(action, "after", backoff(progress.attempts, at.jitter))
    progress = replace(progress, denied=progress.denied + isinstance(action, Denied))
    return Postponed(try_again(progress, request, "retry", describe(response), seconds, at))


def is_theirs(progress: Progress, at: Moment) -> bool:
    """Whether a denial is to be put down to what was asked for, and not to our rights as a whole."""
    return progress.denied >= PATIENCE and not at.target_down


def try_again(progress: Progress, request: Request, verdict: Verdict, reason: str, seconds: float, at: Moment) -> After:
    """Tell of an attempt that wasn't the last, and wait.

    With the target down it is the gate that waits: a wait of one's own would go on when everybody else goes on.
    """
    if at.target_down:
        seconds = min(seconds, PROBE_FIRST)
    progress = replace(
        progress,
        attempts=progress.attempts + 1,
        requests=tuple(other for other in progress.requests if other is not request),
        wait_until=at.ticks + seconds if seconds > 0 else None,
    )
    return After(progress, (attempt(progress, verdict, at.clock, reason, request),))
